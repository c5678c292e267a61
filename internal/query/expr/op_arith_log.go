package expr

import (
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// wideContext has digits to spare for functions that are computed in steps.
var wideContext = apd.Context{
	Precision:   decimalDigits + 14,
	MaxExponent: apd.MaxExponent,
	MinExponent: apd.MinExponent,
	Rounding:    apd.RoundHalfEven,
}

// decimalFn applies a function to a decimal.
func decimalFn(v bsonx.Value, fn func(x *apd.Decimal) *apd.Decimal) bsonx.Value {
	var x apd.Decimal
	setDecimal(&x, v)
	if x.Form == apd.NaN {
		return decimalValue(&x)
	}
	return decimalValue(fn(&x))
}

var decimalNaN = apd.Decimal{Form: apd.NaN}

func decimalSqrt(x *apd.Decimal) *apd.Decimal {
	ideal := x.Exponent / 2
	if x.Exponent < 0 && x.Exponent%2 != 0 {
		ideal--
	}
	if x.Form == apd.Infinite || x.IsZero() {
		return x
	}
	d := new(apd.Decimal)
	cond, _ := decimalContext.Sqrt(d, x)
	if !cond.Inexact() {
		setExponent(d, ideal)
	}
	return d
}

func decimalExp(x *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	switch {
	case x.Form == apd.Infinite && x.Negative:
		return d
	case x.Form == apd.Infinite:
		return x
	case x.Cmp(apd.New(20000, 0)) > 0: // beyond the range
		d.Form = apd.Infinite
		return d
	case x.Cmp(apd.New(-20000, 0)) < 0:
		d.Exponent = decimalMinExp
		return d
	}
	if _, err := wideContext.Exp(d, x); err != nil {
		return &decimalNaN
	}
	return d
}

// decimalLn is the logarithm of a positive decimal with digits to spare.
func decimalLn(x *apd.Decimal) *apd.Decimal {
	if x.Form == apd.Infinite {
		return x
	}
	d := new(apd.Decimal)
	if _, err := wideContext.Ln(d, x); err != nil {
		return &decimalNaN
	}
	return d
}

func decimalLog10(x *apd.Decimal) *apd.Decimal {
	if x.Form == apd.Infinite {
		return x
	}
	// A power of ten has an exact logarithm.
	reduced, _ := new(apd.Decimal).Reduce(x)
	if reduced.Coeff.IsUint64() && reduced.Coeff.Uint64() == 1 {
		return apd.New(int64(reduced.Exponent), 0)
	}
	d := new(apd.Decimal)
	if _, err := wideContext.Log10(d, x); err != nil {
		return &decimalNaN
	}
	return d
}

func exponential(v bsonx.Value) (bsonx.Value, error) {
	if v.Type == bsonx.TypeDecimal128 {
		return decimalFn(v, decimalExp), nil
	}
	return bsonx.Double(math.Exp(Float(v))), nil
}

// positive reports whether v is above zero.
func positive(v bsonx.Value) bool { return bsonx.Compare(v, bsonx.Int32(0)) > 0 }

func naturalLog(v bsonx.Value) (bsonx.Value, error) {
	switch {
	case !positive(v) && !isNaN(v):
		return v, mongoerr.New(28766, "$ln's argument must be a positive number, but is %s", number(v))
	case v.Type == bsonx.TypeDecimal128:
		return decimalFn(v, decimalLn), nil
	}
	return bsonx.Double(math.Log(Float(v))), nil
}

func log10(v bsonx.Value) (bsonx.Value, error) {
	switch {
	case !positive(v) && !isNaN(v):
		return v, mongoerr.New(28761, "$log10's argument must be a positive number, but is %s", number(v))
	case v.Type == bsonx.TypeDecimal128:
		return decimalFn(v, decimalLog10), nil
	}
	return bsonx.Double(math.Log10(Float(v))), nil
}

func logarithm(_ *Context, a, base bsonx.Value) (bsonx.Value, error) {
	switch {
	case a.IsNullish() || base.IsNullish():
		return bsonx.Null, nil
	case !a.IsNumber():
		return a, mongoerr.New(28756, "$log's argument must be numeric, not %s", a.Type)
	case !base.IsNumber():
		return a, mongoerr.New(28757, "$log's base must be numeric, not %s", base.Type)
	case !positive(a) && !isNaN(a):
		return a, mongoerr.New(28758, "$log's argument must be a positive number, but is %s", number(a))
	case (!positive(base) || bsonx.Equal(base, bsonx.Int32(1))) && !isNaN(base):
		return a, mongoerr.New(28759, "$log's base must be a positive number not equal to 1, but is %s", number(base))
	case widest(a.Type, base.Type) != bsonx.TypeDecimal128:
		return bsonx.Double(math.Log(Float(a)) / math.Log(Float(base))), nil
	}
	var x, b, d apd.Decimal
	setDecimal(&x, a)
	setDecimal(&b, base)
	if x.Form == apd.NaN || b.Form == apd.NaN {
		return decimalValue(&apd.Decimal{Form: apd.NaN}), nil
	}
	if b.Cmp(apd.New(10, 0)) == 0 {
		return decimalValue(decimalLog10(&x)), nil
	}
	_, _ = wideContext.Quo(&d, decimalLn(&x), decimalLn(&b))
	return roundedQuotient(&d), nil
}

// roundedQuotient drops the digits of a quotient of two rounded logarithms that are noise,
// so that the logarithm of an exact power is exact.
func roundedQuotient(d *apd.Decimal) bsonx.Value {
	ctx := wideContext
	ctx.Precision = decimalDigits + 6
	_, _ = ctx.Round(d, d)
	setExponent(d, 0)
	return decimalValue(d)
}

// number renders a number as a double in a message.
func number(v bsonx.Value) string { return formatFloat(Float(v)) }

func power(_ *Context, base, exp bsonx.Value) (bsonx.Value, error) {
	switch {
	case base.IsNullish() || exp.IsNullish():
		return bsonx.Null, nil
	case !base.IsNumber():
		return base, mongoerr.New(28762, "$pow's base must be numeric, not %s", base.Type)
	case !exp.IsNumber():
		return base, mongoerr.New(28763, "$pow's exponent must be numeric, not %s", exp.Type)
	case !base.Truthy() && bsonx.Compare(exp, bsonx.Int32(0)) < 0 && !isNaN(exp):
		return base, mongoerr.New(28764, "$pow cannot take a base of 0 and a negative exponent")
	}
	switch t := widest(base.Type, exp.Type); t {
	case bsonx.TypeDecimal128:
		var b, e apd.Decimal
		setDecimal(&b, base)
		setDecimal(&e, exp)
		return decimalValue(decimalPow(&b, &e)), nil
	case bsonx.TypeDouble:
		return bsonx.Double(math.Pow(Float(base), Float(exp))), nil
	default:
		i, ok := powInt64(base.Int64(), exp.Int64())
		switch {
		case !ok:
			return bsonx.Double(math.Pow(Float(base), Float(exp))), nil
		case t == bsonx.TypeInt64:
			return bsonx.Int64(i), nil
		}
		return intOrLong(i), nil
	}
}

// powInt64 computes by squaring; ok is false if the result is not a 64-bit integer.
func powInt64(base, exp int64) (result int64, ok bool) {
	switch {
	case base == 1, base == -1 && exp%2 == 0:
		return 1, true
	case base == -1:
		return -1, true
	case exp < 0:
		return 0, false
	}
	result = 1
	for ok = true; exp > 0 && ok; exp >>= 1 {
		if exp&1 == 1 {
			if result, ok = mulInt64(result, base); !ok {
				return 0, false
			}
		}
		if exp > 1 {
			base, ok = mulInt64(base, base)
		}
	}
	return result, ok
}

func decimalPow(b, e *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	switch {
	case e.IsZero():
		return apd.New(1, 0)
	case b.Form == apd.NaN || e.Form == apd.NaN:
		return &decimalNaN
	}
	if _, err := wideContext.Pow(d, b, e); err != nil {
		return powByLog(b, e)
	}
	if d.Form == apd.Finite && d.NumDigits() > decimalDigits {
		return d
	}
	if d.Form == apd.Finite {
		setExponent(d, 0)
	}
	return d
}

// powByLog is e^(exp ln base), for exponents that are too large to multiply out.
func powByLog(b, e *apd.Decimal) *apd.Decimal {
	negative := false
	if b.Negative {
		half := dQuo(e, decimalTwo)
		switch {
		case !isIntegral(e):
			return &decimalNaN
		case !isIntegral(half):
			negative = true
		}
		b = dNeg(b)
	}
	if b.IsZero() {
		return new(apd.Decimal)
	}
	d := new(apd.Decimal).Set(decimalExp(dMul(e, decimalLn(b))))
	d.Negative = negative
	return d
}

// isIntegral reports whether a decimal has no fraction.
func isIntegral(d *apd.Decimal) bool {
	whole := new(apd.Decimal)
	_, err := trigContext.RoundToIntegralValue(whole, d)
	return err == nil && d.Form == apd.Finite && whole.Cmp(d) == 0
}
