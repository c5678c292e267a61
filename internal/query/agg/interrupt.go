package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// interrupt lets expressions see the end of the context of the call of Next that evaluates
// them, however long one evaluation takes. It holds a context only during such a call.
type interrupt struct{ ctx context.Context }

func (i *interrupt) check() error {
	if i.ctx == nil || i.ctx.Err() == nil {
		return nil
	}
	return context.Cause(i.ctx)
}

// context returns a new evaluation context for one stage of the run.
func (r *run) context(s *expr.Scope) *expr.Context {
	if r.interrupt == nil {
		r.interrupt = &interrupt{}
	}
	c := s.NewContext()
	c.Check = r.interrupt.check
	return c
}

// interruptible is the last iterator of a run whose stages evaluate expressions.
type interruptible struct {
	Iterator
	*interrupt
}

func (it *interruptible) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	it.ctx = ctx
	d, ok, err := it.Iterator.Next(ctx)
	it.ctx = nil
	return d, ok, err
}
