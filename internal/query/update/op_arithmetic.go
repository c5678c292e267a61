package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// arithmetic is $inc or $mul.
type arithmetic struct {
	op  *arithmeticOp
	arg bsonx.Value
}

// arithmeticOp is what distinguishes $inc from $mul.
type arithmeticOp struct {
	name, verb string
	fn         func(a, b bsonx.Value) bsonx.Value
}

var (
	arithInc = arithmeticOp{name: "$inc", verb: "increment", fn: expr.Add}
	arithMul = arithmeticOp{name: "$mul", verb: "multiply", fn: expr.Multiply}
)

func buildArithmetic(op *arithmeticOp) func(string, bsonx.Value, *Options) (modifier, error) {
	return func(path string, arg bsonx.Value, _ *Options) (modifier, error) {
		if !arg.IsNumber() {
			return nil, mongoerr.New(mongoerr.TypeMismatch, "Cannot %s with non-numeric argument: {%s: %s}",
				op.verb, path, bsonx.Format(arg))
		}
		return &arithmetic{op, arg}, nil
	}
}

func (m *arithmetic) missing(*run) missingPath { return createPath }

func (m *arithmetic) apply(r *run, n *node, old bsonx.Value) (bsonx.Value, error) {
	if old.IsMissing() {
		old = bsonx.Int32(0)
	}
	if !old.IsNumber() {
		return old, mongoerr.New(mongoerr.TypeMismatch,
			"Cannot apply %s to a value of non-numeric type. %s has the field '%s' of non-numeric type %s",
			m.op.name, r.id(), n.name, old.Type)
	}
	out := m.op.fn(old, m.arg)
	if out.Type == bsonx.TypeDouble && isInt(old) && isInt(m.arg) {
		// The sum of integers left 64 bits. Expressions go on with a double; updates,
		// which would lose digits for good, do not.
		return old, mongoerr.New(mongoerr.BadValue,
			"Failed to apply %s operations to current value (%s) for document %s", m.op.name, shellNumber(old), r.id())
	}
	return out, nil
}

// shellNumber renders an integer with its type, as messages of $inc do.
func shellNumber(v bsonx.Value) string {
	if v.Type == bsonx.TypeInt32 {
		return "(NumberInt)" + bsonx.Format(v)
	}
	return "(NumberLong)" + bsonx.Format(v)
}
