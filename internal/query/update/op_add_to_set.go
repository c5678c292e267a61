package update

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// addToSet is $addToSet: it appends the values that no element equals.
type addToSet struct {
	values []bsonx.Value
	coll   *collation.Collation
}

func buildAddToSet(_ string, arg bsonx.Value, opts *Options) (modifier, error) {
	coll := opts.collation()
	first, each, _ := arg.Doc().First()
	if arg.Type != bsonx.TypeDocument || first != "$each" {
		return &addToSet{[]bsonx.Value{arg}, coll}, nil
	}
	if each.Type != bsonx.TypeArray {
		return nil, mongoerr.New(mongoerr.TypeMismatch,
			"The argument to $each in $addToSet must be an array but it was of type %s", each.Type)
	}
	if arg.Doc().Count() > 1 {
		return nil, mongoerr.New(mongoerr.BadValue, "Found unexpected fields after $each in $addToSet: %s", bsonx.Format(arg))
	}
	m := &addToSet{coll: coll}
	for _, v := range elements(each.Doc()) {
		if !containsEqual(m.values, v, coll) {
			m.values = append(m.values, v)
		}
	}
	return m, nil
}

func (*addToSet) missing(*run) missingPath { return createPath }

func (m *addToSet) apply(r *run, n *node, old bsonx.Value) (bsonx.Value, error) {
	if !old.IsMissing() && old.Type != bsonx.TypeArray {
		return old, mongoerr.New(mongoerr.BadValue,
			"Cannot apply $addToSet to non-array field. Field named '%s' has non-array type %s", n.name, old.Type)
	}
	r.loadValues(old.Doc())
	had := len(r.values)
	for _, v := range m.values {
		if !containsEqual(r.values[:had], v, m.coll) {
			r.values = append(r.values, v)
		}
	}
	if len(r.values) == had && !old.IsMissing() {
		return old, nil
	}
	return r.storeValues(r.values), nil
}

func containsEqual(vs []bsonx.Value, v bsonx.Value, coll *collation.Collation) bool {
	return slices.ContainsFunc(vs, func(e bsonx.Value) bool { return coll.Equal(e, v) })
}
