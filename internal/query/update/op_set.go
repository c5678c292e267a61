package update

import "github.com/tandemdb/tandem/internal/bsonx"

// set is $set: the field gets a value.
type set struct{ value bsonx.Value }

func buildSet(_ string, arg bsonx.Value, _ *Options) (modifier, error) { return set{arg}, nil }

func (m set) apply(*run, *node, bsonx.Value) (bsonx.Value, error) { return m.value, nil }
func (set) missing(*run) missingPath                              { return createPath }

// setOnInsert is $setOnInsert: $set for an inserted document, nothing for others.
type setOnInsert struct{ value bsonx.Value }

func buildSetOnInsert(_ string, arg bsonx.Value, _ *Options) (modifier, error) {
	return setOnInsert{arg}, nil
}

func (m setOnInsert) apply(r *run, _ *node, old bsonx.Value) (bsonx.Value, error) {
	if r.insert {
		return m.value, nil
	}
	return old, nil
}

func (setOnInsert) missing(r *run) missingPath {
	if r.insert {
		return createPath
	}
	return ignorePath
}

// unset is $unset, and what $rename does to its source.
type unset struct{}

func buildUnset(string, bsonx.Value, *Options) (modifier, error) { return unset{}, nil }

func (unset) apply(*run, *node, bsonx.Value) (bsonx.Value, error) { return bsonx.Value{}, nil }
func (unset) missing(*run) missingPath                            { return ignorePath }
