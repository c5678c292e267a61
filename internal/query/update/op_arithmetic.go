package update

import (
	"math/bits"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// arithmetic is $inc or $mul.
type arithmetic struct {
	op  *arithmeticOp
	arg bsonx.Value
}

// arithmeticOp is what distinguishes $inc from $mul.
type arithmeticOp struct {
	name, verb string
	ints       func(a, b int64) (sum int64, ok bool)
	doubles    func(a, b float64) float64
	decimals   func(a, b bsonx.Value) (bsonx.Value, error)
}

var arithInc = arithmeticOp{
	name: "$inc", verb: "increment",
	ints:    addInts,
	doubles: func(a, b float64) float64 { return a + b },
}

var arithMul = arithmeticOp{
	name: "$mul", verb: "multiply",
	ints:    multiplyInts,
	doubles: func(a, b float64) float64 { return a * b },
}

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
	switch {
	case old.Type == bsonx.TypeDecimal128 || m.arg.Type == bsonx.TypeDecimal128:
		return m.op.decimals(old, m.arg)
	case old.Type == bsonx.TypeDouble || m.arg.Type == bsonx.TypeDouble:
		return bsonx.Double(m.op.doubles(asDouble(old), asDouble(m.arg))), nil
	}
	out, ok := m.op.ints(old.Int64(), m.arg.Int64())
	if !ok {
		return old, mongoerr.New(mongoerr.BadValue,
			"Failed to apply %s operations to current value (%s) for document %s", m.op.name, shellNumber(old), r.id())
	}
	if old.Type == bsonx.TypeInt32 && m.arg.Type == bsonx.TypeInt32 && out == int64(int32(out)) {
		return bsonx.Int32(int32(out)), nil
	}
	return bsonx.Int64(out), nil
}

func addInts(a, b int64) (int64, bool) {
	s := a + b
	return s, (s > a) == (b > 0)
}

func multiplyInts(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	negative := (a < 0) != (b < 0)
	switch {
	case hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative:
		return 0, false
	case negative:
		return -int64(lo), true
	}
	return int64(lo), true
}

func magnitude(i int64) uint64 {
	if i < 0 {
		return -uint64(i)
	}
	return uint64(i)
}

func asDouble(v bsonx.Value) float64 {
	if v.Type == bsonx.TypeDouble {
		return v.Double()
	}
	return float64(v.Int64())
}

// shellNumber renders a number with its type, as messages of $inc do.
func shellNumber(v bsonx.Value) string {
	if v.Type == bsonx.TypeInt32 {
		return "(NumberInt)" + bsonx.Format(v)
	}
	return "(NumberLong)" + bsonx.Format(v)
}
