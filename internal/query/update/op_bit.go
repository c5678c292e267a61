package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// bit is $bit: bitwise operations on an integer, in order.
type bit struct{ steps []bitStep }

type bitStep struct {
	op  byte // the operator's first letter: a, o, x
	arg bsonx.Value
}

func buildBit(path string, arg bsonx.Value, _ *Options) (modifier, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.BadValue, "The $bit modifier is not compatible with a %s. "+
			"You must pass in an embedded document: {$bit: {field: {and/or/xor: #}}", arg.Type)
	}
	m := &bit{}
	for it := arg.Doc().Iter(); ; {
		op, v, ok := it.Next()
		if !ok {
			break
		}
		if op != "and" && op != "or" && op != "xor" {
			return nil, mongoerr.New(mongoerr.BadValue, "The $bit modifier only supports 'and', 'or', and 'xor', not '%s' "+
				"which is an unknown operator: {%s: %s}", op, op, bsonx.Format(v))
		}
		if !isInt(v) {
			return nil, mongoerr.New(mongoerr.BadValue, "The $bit modifier field must be an Integer(32/64 bit); "+
				"a '%s' is not supported here: {%s: %s}", v.Type, op, bsonx.Format(v))
		}
		m.steps = append(m.steps, bitStep{op[0], v})
	}
	if len(m.steps) == 0 {
		return nil, mongoerr.New(mongoerr.BadValue, "You must pass in at least one bitwise operation. "+
			"The format is: {$bit: {field: {and/or/xor: #}}")
	}
	return m, nil
}

func isInt(v bsonx.Value) bool { return v.Type == bsonx.TypeInt32 || v.Type == bsonx.TypeInt64 }

func (m *bit) apply(r *run, n *node, old bsonx.Value) (bsonx.Value, error) {
	if old.IsMissing() {
		old = bsonx.Int32(0)
	}
	if !isInt(old) {
		return old, mongoerr.New(mongoerr.BadValue, "Cannot apply $bit to a value of non-integral type."+
			"%s has the field %s of non-integer type %s", r.id(), n.name, old.Type)
	}
	for _, s := range m.steps {
		i := old.Int64()
		switch s.op {
		case 'a':
			i &= s.arg.Int64()
		case 'o':
			i |= s.arg.Int64()
		default:
			i ^= s.arg.Int64()
		}
		if old.Type == bsonx.TypeInt32 && s.arg.Type == bsonx.TypeInt32 {
			old = bsonx.Int32(int32(i))
		} else {
			old = bsonx.Int64(i)
		}
	}
	return old, nil
}

func (*bit) missing(*run) missingPath { return createPath }
