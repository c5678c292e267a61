package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// pop is $pop: it removes the first or the last element.
type pop struct{ first bool }

func buildPop(path string, arg bsonx.Value, _ *Options) (modifier, error) {
	i, ok := expr.Integer(arg)
	if !ok {
		return nil, mongoerr.New(mongoerr.FailedToParse, "Expected a number in: %s: %s", path, bsonx.Format(arg))
	}
	if i != 1 && i != -1 {
		return nil, mongoerr.New(mongoerr.FailedToParse, "$pop expects 1 or -1, found: %d", i)
	}
	return pop{first: i == -1}, nil
}

func (pop) missing(*run) missingPath { return skipPath }

func (m pop) apply(r *run, n *node, old bsonx.Value) (bsonx.Value, error) {
	if old.Type != bsonx.TypeArray {
		return old, mongoerr.New(mongoerr.TypeMismatch, "Path '%s' contains an element of non-array type '%s'", n.path, old.Type)
	}
	r.loadValues(old.Doc())
	switch {
	case len(r.values) == 0:
		return old, nil
	case m.first:
		return r.storeValues(r.values[1:]), nil
	}
	return r.storeValues(r.values[:len(r.values)-1]), nil
}
