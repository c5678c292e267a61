package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// matchStage is $match.
type matchStage struct {
	scope  *expr.Scope
	filter *match.Filter
}

func parseMatch(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(15959, "the match filter must be an expression in an object")
	}
	return compileMatch(arg.Doc(), p.scope)
}

func compileMatch(filter bsonx.Doc, scope *expr.Scope) (*matchStage, error) {
	f, err := match.CompileFor(match.Pipeline, filter, scope)
	if err != nil {
		return nil, err
	}
	return &matchStage{scope, f}, nil
}

func (s *matchStage) node() node { return newNode("$match", bsonx.Document(s.filter.Source()), s) }

// and returns the conjunction with a later $match.
func (s *matchStage) and(t *matchStage) (*matchStage, error) {
	switch {
	case s.filter.Empty():
		return t, nil
	case t.filter.Empty():
		return s, nil
	}
	both := bsonx.MakeArray(bsonx.Document(s.filter.Source()), bsonx.Document(t.filter.Source()))
	return compileMatch(bsonx.NewBuilder(nil).Value("$and", both).Build(), s.scope)
}

func (s *matchStage) deps(d *Deps) bool {
	if !match.Paths(s.filter.Root(), d.add, d.expr) {
		d.whole()
	}
	return false
}

func (s *matchStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	it := &matchIterator{Iterator: in, filter: s.filter}
	if s.filter.NeedsContext() {
		it.c = r.context(s.scope)
	}
	return it, nil
}

type matchIterator struct {
	Iterator
	filter *match.Filter
	c      *expr.Context
}

func (it *matchIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	for {
		d, ok, err := it.Iterator.Next(ctx)
		if !ok || err != nil {
			return nil, false, err
		}
		ok, err = it.filter.Match(d, it.c)
		if err != nil {
			return nil, false, err
		}
		if ok {
			return d, true, nil
		}
	}
}
