package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
)

// extreme is $min (sign -1) or $max (sign 1): the field gets the value if that is beyond
// the old one in the order of the statement's collation.
type extreme struct {
	value bsonx.Value
	sign  int
	coll  *collation.Collation
}

func buildExtreme(sign int) func(string, bsonx.Value, *Options) (modifier, error) {
	return func(_ string, arg bsonx.Value, opts *Options) (modifier, error) {
		return &extreme{arg, sign, opts.collation()}, nil
	}
}

func (m *extreme) apply(_ *run, _ *node, old bsonx.Value) (bsonx.Value, error) {
	if old.IsMissing() || m.coll.Compare(m.value, old)*m.sign > 0 {
		return m.value, nil
	}
	return old, nil
}

func (*extreme) missing(*run) missingPath { return createPath }
