package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// limitStage is $limit.
type limitStage struct{ n int64 }

func parseLimit(_ *parser, arg bsonx.Value) (stage, error) {
	n, err := parseCount("$limit", 5107201, arg)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, mongoerr.New(15958, "the limit must be positive")
	}
	return &limitStage{n}, nil
}

// parseCount reads the argument of $limit and $skip.
func parseCount(name string, code mongoerr.Code, arg bsonx.Value) (int64, error) {
	problem := ""
	n, ok := expr.Integer(arg)
	switch {
	case !arg.IsNumber():
		problem = "Expected a number"
	case !ok:
		problem = "Expected an integer"
	case n < 0:
		problem = "Expected a non-negative number"
	default:
		return n, nil
	}
	return 0, mongoerr.New(code, "invalid argument to %s stage: %s in: %s: %s", name, problem, name, bsonx.Format(arg))
}

func (s *limitStage) deps(*Deps) bool { return false }

func (s *limitStage) open(_ context.Context, _ *run, in Iterator) (Iterator, error) {
	return &limitIterator{Iterator: in, left: s.n}, nil
}

type limitIterator struct {
	Iterator
	left int64
}

func (it *limitIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.left <= 0 {
		return nil, false, nil
	}
	d, ok, err := it.Iterator.Next(ctx)
	if !ok || err != nil {
		return nil, false, err
	}
	it.left--
	return d, true, nil
}

// skipStage is $skip.
type skipStage struct{ n int64 }

func parseSkip(_ *parser, arg bsonx.Value) (stage, error) {
	n, err := parseCount("$skip", 5107200, arg)
	return &skipStage{n}, err
}

func (s *skipStage) deps(*Deps) bool { return false }

func (s *skipStage) open(_ context.Context, _ *run, in Iterator) (Iterator, error) {
	return &skipIterator{Iterator: in, left: s.n}, nil
}

type skipIterator struct {
	Iterator
	left int64
}

func (it *skipIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	for ; it.left > 0; it.left-- {
		if _, ok, err := it.Iterator.Next(ctx); !ok || err != nil {
			return nil, false, err
		}
	}
	return it.Iterator.Next(ctx)
}
