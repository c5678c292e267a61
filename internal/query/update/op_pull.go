package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// pull is $pull: it removes the elements that a condition matches.
type pull struct{ cond *match.ElementFilter }

func buildPull(_ string, arg bsonx.Value, opts *Options) (modifier, error) {
	cond, err := match.CompileElement(arg, opts.Scope)
	if err != nil {
		return nil, err
	}
	return &pull{cond}, nil
}

func (*pull) missing(*run) missingPath { return skipPath }

func (m *pull) apply(r *run, _ *node, old bsonx.Value) (bsonx.Value, error) {
	return r.pull(old, m.cond.Match)
}

// pullAll is $pullAll: it removes the elements that equal one of some values.
type pullAll struct {
	values []bsonx.Value
	coll   *collation.Collation
}

func buildPullAll(_ string, arg bsonx.Value, opts *Options) (modifier, error) {
	if arg.Type != bsonx.TypeArray {
		return nil, mongoerr.New(mongoerr.BadValue, "$pullAll requires an array argument but was given a %s", arg.Type)
	}
	return &pullAll{elements(arg.Doc()), opts.collation()}, nil
}

func (*pullAll) missing(*run) missingPath { return skipPath }

func (m *pullAll) apply(r *run, _ *node, old bsonx.Value) (bsonx.Value, error) {
	return r.pull(old, m.contains)
}

func (m *pullAll) contains(v bsonx.Value) (bool, error) {
	return containsEqual(m.values, v, m.coll), nil
}

// pull removes the elements for which drop answers true.
func (r *run) pull(old bsonx.Value, drop func(bsonx.Value) (bool, error)) (bsonx.Value, error) {
	if old.Type != bsonx.TypeArray {
		return old, mongoerr.New(mongoerr.BadValue, "Cannot apply $pull to a non-array value")
	}
	r.loadValues(old.Doc())
	kept := r.values[:0]
	for _, v := range r.values {
		gone, err := drop(v)
		if err != nil {
			return old, err
		}
		if !gone {
			kept = append(kept, v)
		}
	}
	if len(kept) == len(r.values) {
		return old, nil
	}
	return r.storeValues(kept), nil
}
