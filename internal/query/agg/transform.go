package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// transform appends the document that a one-to-one stage makes of d.
type transform func(dst []byte, d bsonx.Doc, c *expr.Context) ([]byte, error)

// transformer is a one-to-one stage, which can be part of an update.
type transformer interface {
	apply(dst []byte, d bsonx.Doc, c *expr.Context) ([]byte, error)
}

// mapIterator runs a transform over its input.
type mapIterator struct {
	in  Iterator
	c   *expr.Context
	fn  transform
	buf []byte
	sticky
}

func newMapIterator(in Iterator, c *expr.Context, fn transform) *mapIterator {
	return &mapIterator{in: in, c: c, fn: fn}
}

func (it *mapIterator) Close() error { return it.in.Close() }

func (it *mapIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	d, ok, err := it.in.Next(ctx)
	if !ok || err != nil {
		return it.end(err)
	}
	if it.buf, err = it.fn(it.buf[:0], d, it.c); err != nil {
		return it.end(err)
	}
	return it.buf, true, nil
}
