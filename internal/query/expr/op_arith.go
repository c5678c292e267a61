package expr

import (
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func arithmeticOperators() []Operator {
	return []Operator{
		{Name: "$abs", Min: 1, Max: 1, Build: numeric(abs)},
		{Name: "$add", Min: 0, Max: -1, Build: nary(func(args []Expr) Expr { return &addition{args} })},
		{Name: "$ceil", Min: 1, Max: 1, Build: numeric(ceil)},
		{Name: "$divide", Min: 2, Max: 2, Build: two(divide)},
		{Name: "$exp", Min: 1, Max: 1, Build: numeric(exponential)},
		{Name: "$floor", Min: 1, Max: 1, Build: numeric(floor)},
		{Name: "$ln", Min: 1, Max: 1, Build: numeric(naturalLog)},
		{Name: "$log", Min: 2, Max: 2, Build: two(logarithm)},
		{Name: "$log10", Min: 1, Max: 1, Build: numeric(log10)},
		{Name: "$mod", Min: 2, Max: 2, Build: two(modulo)},
		{Name: "$multiply", Min: 0, Max: -1, Build: nary(func(args []Expr) Expr { return &product{args} })},
		{Name: "$pow", Min: 2, Max: 2, Build: two(power)},
		{Name: "$round", Min: 1, Max: 2, Build: roundBuild(apd.RoundHalfEven, math.RoundToEven)},
		{Name: "$sqrt", Min: 1, Max: 1, Build: numeric(squareRoot)},
		{Name: "$subtract", Min: 2, Max: 2, Build: two(subtract)},
		{Name: "$trunc", Min: 1, Max: 2, Build: roundBuild(apd.RoundDown, math.Trunc)},
	}
}

// one, two and nary make Build functions of operators with a fixed shape.

func one(fn func(c *Context, v bsonx.Value) (bsonx.Value, error)) func(string, []Expr) (Expr, error) {
	return func(_ string, args []Expr) (Expr, error) { return &unaryCall{args[0], fn}, nil }
}

func two(fn func(c *Context, a, b bsonx.Value) (bsonx.Value, error)) func(string, []Expr) (Expr, error) {
	return func(_ string, args []Expr) (Expr, error) { return &binaryCall{args[0], args[1], fn}, nil }
}

func nary(fn func(args []Expr) Expr) func(string, []Expr) (Expr, error) {
	return func(_ string, args []Expr) (Expr, error) { return fn(args), nil }
}

// numericCall is an operator on one number; null and missing give null.
type numericCall struct {
	name string
	arg  Expr
	fn   func(v bsonx.Value) (bsonx.Value, error)
}

func numeric(fn func(v bsonx.Value) (bsonx.Value, error)) func(string, []Expr) (Expr, error) {
	return func(name string, args []Expr) (Expr, error) { return &numericCall{name, args[0], fn}, nil }
}

func (e *numericCall) Args() []Expr { return []Expr{e.arg} }

func (e *numericCall) Eval(c *Context) (bsonx.Value, error) {
	v, err := e.arg.Eval(c)
	switch {
	case err != nil:
		return v, err
	case v.IsNullish():
		return bsonx.Null, nil
	case !v.IsNumber():
		return v, mongoerr.New(28765, "%s only supports numeric types, not %s", e.name, v.Type)
	}
	return e.fn(v)
}

func abs(v bsonx.Value) (bsonx.Value, error) {
	switch v.Type {
	case bsonx.TypeDouble:
		return bsonx.Double(math.Abs(v.Double())), nil
	case bsonx.TypeDecimal128:
		var d apd.Decimal
		setDecimal(&d, v)
		return decimalValue(d.Abs(&d)), nil
	}
	i := v.Int64()
	switch {
	case i == math.MinInt64:
		return v, mongoerr.New(28680, "can't take $abs of long long min")
	case i >= 0:
		return v, nil
	case v.Type == bsonx.TypeInt32:
		return intOrLong(-i), nil
	}
	return bsonx.Int64(-i), nil
}

func ceil(v bsonx.Value) (bsonx.Value, error) { return integral(v, math.Ceil, apd.RoundCeiling), nil }

func floor(v bsonx.Value) (bsonx.Value, error) { return integral(v, math.Floor, apd.RoundFloor), nil }

// integral rounds a double or decimal to an integer of its type.
func integral(v bsonx.Value, round func(float64) float64, rounding apd.Rounder) bsonx.Value {
	switch v.Type {
	case bsonx.TypeDouble:
		return bsonx.Double(round(v.Double()))
	case bsonx.TypeDecimal128:
		return roundDecimal(v, 0, rounding)
	}
	return v
}

// roundDecimal rounds to a number of places. Where the result would need more digits than
// there are, the number keeps its value and gets all digits.
func roundDecimal(v bsonx.Value, place int, rounding apd.Rounder) bsonx.Value {
	var d apd.Decimal
	setDecimal(&d, v)
	if d.Form != apd.Finite {
		return v
	}
	if !d.IsZero() && d.NumDigits()+int64(d.Exponent)+int64(place) > decimalDigits {
		setExponent(&d, decimalMinExp)
		return decimalValue(&d)
	}
	quantize(&d, int32(-place), rounding)
	return decimalValue(&d)
}

func squareRoot(v bsonx.Value) (bsonx.Value, error) {
	if bsonx.Compare(v, bsonx.Int32(0)) < 0 && !isNaN(v) {
		return v, mongoerr.New(28714, "$sqrt's argument must be greater than or equal to 0")
	}
	if v.Type == bsonx.TypeDecimal128 {
		return decimalFn(v, decimalSqrt), nil
	}
	return bsonx.Double(math.Sqrt(Float(v))), nil
}

func isNaN(v bsonx.Value) bool {
	return v.Type == bsonx.TypeDouble && math.IsNaN(v.Double()) || v.Type == bsonx.TypeDecimal128 && v.Decimal128().IsNaN()
}

func divide(_ *Context, a, b bsonx.Value) (bsonx.Value, error) {
	switch {
	case a.IsNumber() && b.IsNumber():
		return Divide(a, b)
	case a.IsNullish() || b.IsNullish():
		return bsonx.Null, nil
	}
	return a, mongoerr.New(mongoerr.TypeMismatch, "$divide only supports numeric types, not %s and %s", a.Type, b.Type)
}

func modulo(_ *Context, a, b bsonx.Value) (bsonx.Value, error) {
	switch {
	case a.IsNumber() && b.IsNumber():
		return Mod(a, b)
	case a.IsNullish() || b.IsNullish():
		return bsonx.Null, nil
	}
	return a, mongoerr.New(16611, "$mod only supports numeric types, not %s and %s", a.Type, b.Type)
}

func subtract(_ *Context, a, b bsonx.Value) (bsonx.Value, error) {
	switch {
	case a.IsNumber() && b.IsNumber():
		return Subtract(a, b), nil
	case a.IsNullish() || b.IsNullish():
		return bsonx.Null, nil
	case a.Type != bsonx.TypeDateTime:
		return a, mongoerr.New(mongoerr.TypeMismatch, "can't $subtract %s from %s", b.Type, a.Type)
	case b.Type == bsonx.TypeDateTime:
		return bsonx.Int64(a.DateTime() - b.DateTime()), nil
	case !b.IsNumber():
		return a, mongoerr.New(mongoerr.TypeMismatch, "can't $subtract %s from Date", b.Type)
	}
	ms, ok := roundToInt64(b)
	diff, fits := subInt64(a.DateTime(), ms)
	if !ok || !fits {
		return a, errDateOverflow
	}
	return bsonx.DateTime(diff), nil
}

var errDateOverflow = mongoerr.New(mongoerr.Overflow, "date overflow")

// roundToInt64 rounds a number, halves away from zero for doubles and to even for decimals.
func roundToInt64(v bsonx.Value) (int64, bool) {
	switch v.Type {
	case bsonx.TypeDouble:
		f := v.Double()
		if !(f >= -1<<63 && f < 1<<63) {
			return 0, false
		}
		return int64(math.Round(f)), true
	case bsonx.TypeDecimal128:
		return decimalInt64(v, apd.RoundHalfEven)
	}
	return v.Int64(), true
}

// addition is $add: numbers and at most one date.
type addition struct{ args []Expr }

func (e *addition) Args() []Expr { return e.args }

func (e *addition) Eval(c *Context) (bsonx.Value, error) {
	sum, date := bsonx.Int32(0), false
	narrow := true // nothing wider than int32 was added
	for _, a := range e.args {
		v, err := a.Eval(c)
		switch {
		case err != nil:
			return v, err
		case v.IsNullish():
			return bsonx.Null, nil
		case v.Type == bsonx.TypeDateTime:
			if date {
				return v, mongoerr.New(16612, "only one date allowed in an $add expression")
			}
			date = true
			if sum, err = addToDate(v.DateTime(), sum); err != nil {
				return sum, err
			}
		case !v.IsNumber():
			return v, mongoerr.New(mongoerr.TypeMismatch, "$add only supports numeric or date types, not %s", v.Type)
		case date:
			if sum, err = addToDate(sum.DateTime(), v); err != nil {
				return sum, err
			}
		default:
			narrow = narrow && v.Type == bsonx.TypeInt32
			sum = Add(sum, v)
		}
	}
	return narrowed(sum, narrow), nil
}

// narrowed makes an int64 that is the result of int32 operands as narrow as it can be.
func narrowed(v bsonx.Value, narrow bool) bsonx.Value {
	if narrow && v.Type == bsonx.TypeInt64 {
		return intOrLong(v.Int64())
	}
	return v
}

func addToDate(date int64, v bsonx.Value) (bsonx.Value, error) {
	ms, ok := roundToInt64(v)
	sum, fits := addInt64(date, ms)
	if ms == 0 {
		sum, fits = date, true
	}
	if !ok || !fits {
		return v, errDateOverflow
	}
	return bsonx.DateTime(sum), nil
}

// product is $multiply.
type product struct{ args []Expr }

func (e *product) Args() []Expr { return e.args }

func (e *product) Eval(c *Context) (bsonx.Value, error) {
	p, narrow := bsonx.Int32(1), true
	for _, a := range e.args {
		v, err := a.Eval(c)
		switch {
		case err != nil:
			return v, err
		case v.IsNullish():
			return bsonx.Null, nil
		case !v.IsNumber():
			return v, mongoerr.New(mongoerr.TypeMismatch, "$multiply only supports numeric types, not %s", v.Type)
		}
		narrow = narrow && v.Type == bsonx.TypeInt32
		p = Multiply(p, v)
	}
	return narrowed(p, narrow), nil
}
