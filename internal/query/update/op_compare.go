package update

import "github.com/tandemdb/tandem/internal/bsonx"

// extreme is $min (sign -1) or $max (sign 1): the field gets the value if that is beyond
// the old one in BSON order.
type extreme struct {
	value bsonx.Value
	sign  int
}

func buildExtreme(sign int) func(string, bsonx.Value, *Options) (modifier, error) {
	return func(_ string, arg bsonx.Value, _ *Options) (modifier, error) {
		return &extreme{arg, sign}, nil
	}
}

func (m *extreme) apply(_ *run, _ *node, old bsonx.Value) (bsonx.Value, error) {
	if old.IsMissing() || bsonx.Compare(m.value, old)*m.sign > 0 {
		return m.value, nil
	}
	return old, nil
}

func (*extreme) missing(*run) missingPath { return createPath }
