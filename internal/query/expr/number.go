package expr

import (
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Arithmetic on two numbers. The result has the wider of both types, in the order int32,
// int64, double, decimal; integers that overflow widen further. Operands must be numbers.

// Add returns a + b. Two integers give a double only if the sum exceeds 64 bits.
func Add(a, b bsonx.Value) bsonx.Value {
	switch widest(a.Type, b.Type) {
	case bsonx.TypeInt32:
		return intOrLong(a.Int64() + b.Int64())
	case bsonx.TypeInt64:
		if sum, ok := addInt64(a.Int64(), b.Int64()); ok {
			return bsonx.Int64(sum)
		}
		return bsonx.Double(float64(a.Int64()) + float64(b.Int64()))
	case bsonx.TypeDouble:
		return bsonx.Double(Float(a) + Float(b))
	}
	return decimalOp(decimalContext.Add, a, b)
}

// Subtract returns a - b. Two integers give a double only if it exceeds 64 bits.
func Subtract(a, b bsonx.Value) bsonx.Value {
	switch widest(a.Type, b.Type) {
	case bsonx.TypeInt32:
		return intOrLong(a.Int64() - b.Int64())
	case bsonx.TypeInt64:
		if diff, ok := subInt64(a.Int64(), b.Int64()); ok {
			return bsonx.Int64(diff)
		}
		return bsonx.Double(float64(a.Int64()) - float64(b.Int64()))
	case bsonx.TypeDouble:
		return bsonx.Double(Float(a) - Float(b))
	}
	return decimalOp(decimalContext.Sub, a, b)
}

// Multiply returns a * b. Two integers give a double only if it exceeds 64 bits.
func Multiply(a, b bsonx.Value) bsonx.Value {
	switch widest(a.Type, b.Type) {
	case bsonx.TypeInt32:
		return intOrLong(a.Int64() * b.Int64())
	case bsonx.TypeInt64:
		if product, ok := mulInt64(a.Int64(), b.Int64()); ok {
			return bsonx.Int64(product)
		}
		return bsonx.Double(float64(a.Int64()) * float64(b.Int64()))
	case bsonx.TypeDouble:
		return bsonx.Double(Float(a) * Float(b))
	}
	return decimalOp(decimalContext.Mul, a, b)
}

// Divide returns a / b as a double or decimal. Division by zero is an error.
func Divide(a, b bsonx.Value) (bsonx.Value, error) {
	if !b.Truthy() {
		return bsonx.Value{}, mongoerr.New(mongoerr.BadValue, "can't $divide by zero")
	}
	if widest(a.Type, b.Type) != bsonx.TypeDecimal128 {
		return bsonx.Double(Float(a) / Float(b)), nil
	}
	return decimalOp(decimalQuo, a, b), nil
}

// Mod returns the remainder of a / b with the sign of a. A zero b is an error.
func Mod(a, b bsonx.Value) (bsonx.Value, error) {
	t := widest(a.Type, b.Type)
	if !b.Truthy() {
		code := mongoerr.Code(16610)
		if t == bsonx.TypeDecimal128 {
			code = 5733415
		}
		return bsonx.Value{}, mongoerr.New(code, "can't $mod by zero")
	}
	switch t {
	case bsonx.TypeInt32:
		return bsonx.Int32(int32(a.Int64() % b.Int64())), nil
	case bsonx.TypeInt64:
		return bsonx.Int64(a.Int64() % b.Int64()), nil
	case bsonx.TypeDouble:
		return bsonx.Double(math.Mod(Float(a), Float(b))), nil
	}
	var x, y apd.Decimal
	setDecimal(&x, a)
	setDecimal(&y, b)
	decimalMod(&x, &y)
	return decimalValue(&x), nil
}

// Float returns the double nearest to a number, 0 for other values.
func Float(v bsonx.Value) float64 {
	switch v.Type {
	case bsonx.TypeDouble:
		return v.Double()
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return float64(v.Int64())
	case bsonx.TypeDecimal128:
		return decimalFloat(v)
	}
	return 0
}

// Integer returns a number of any type that has an integral value within 64 bits.
func Integer(v bsonx.Value) (i int64, ok bool) {
	switch v.Type {
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return v.Int64(), true
	case bsonx.TypeDouble:
		f := v.Double()
		if f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 {
			return 0, false
		}
		return int64(f), true
	case bsonx.TypeDecimal128:
		i, ok = decimalInt64(v, apd.RoundDown)
		return i, ok && bsonx.Equal(v, bsonx.Int64(i))
	}
	return 0, false
}

// smallInteger is Integer within 32 bits.
func smallInteger(v bsonx.Value) (i int, ok bool) {
	n, ok := Integer(v)
	return int(n), ok && n == int64(int32(n))
}

func decimalOp(op func(d, x, y *apd.Decimal) (apd.Condition, error), a, b bsonx.Value) bsonx.Value {
	var x, y, d apd.Decimal
	setDecimal(&x, a)
	setDecimal(&y, b)
	_, _ = op(&d, &x, &y)
	return decimalValue(&d)
}

// intOrLong makes the narrowest integer.
func intOrLong(i int64) bsonx.Value {
	if i == int64(int32(i)) {
		return bsonx.Int32(int32(i))
	}
	return bsonx.Int64(i)
}

// width orders the numeric types; other types have 0.
var width = [256]uint8{
	bsonx.TypeInt32:      1,
	bsonx.TypeInt64:      2,
	bsonx.TypeDouble:     3,
	bsonx.TypeDecimal128: 4,
}

// widest returns the type that holds both numbers.
func widest(a, b bsonx.Type) bsonx.Type {
	if width[a] > width[b] {
		return a
	}
	return b
}

func addInt64(a, b int64) (int64, bool) {
	c := a + b
	return c, (c > a) == (b > 0)
}

func subInt64(a, b int64) (int64, bool) {
	c := a - b
	return c, (c < a) == (b > 0)
}

func mulInt64(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	c := a * b
	if a == -1 && b == math.MinInt64 || b == -1 && a == math.MinInt64 {
		return 0, false
	}
	return c, c/b == a
}
