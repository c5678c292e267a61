package expr

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// The limits of decimal128.
const (
	decimalDigits = 34
	decimalMaxExp = 6111  // of an integer coefficient
	decimalMinExp = -6176 // likewise
	decimalBias   = 6176
)

// decimalContext computes as IEEE 754 decimal128 does. Nothing traps: what is undefined
// gives NaN, what is too large infinity.
var decimalContext = apd.Context{
	Precision:   decimalDigits,
	MaxExponent: decimalMaxExp + decimalDigits - 1,
	MinExponent: decimalMinExp + decimalDigits - 1,
	Rounding:    apd.RoundHalfEven,
}

// setDecimal sets d to a number. A double is rounded to 15 digits, as MongoDB does where
// it mixes both types.
func setDecimal(d *apd.Decimal, v bsonx.Value) {
	switch v.Type {
	case bsonx.TypeDecimal128:
		setDecimal128(d, v.Bytes())
	case bsonx.TypeDouble:
		setDouble(d, v.Double(), 14)
	default:
		d.SetInt64(v.Int64())
	}
}

// setDouble sets d to f with a number of digits after the first, -1 for as many as
// decimal128 can hold.
func setDouble(d *apd.Decimal, f float64, digits int) {
	switch {
	case math.IsNaN(f):
		d.Form = apd.NaN
	case math.IsInf(f, 0):
		d.Form, d.Negative = apd.Infinite, f < 0
	case f == 0:
		d.SetInt64(0)
		d.Negative = math.Signbit(f)
	case digits < 0:
		// The exact value, rounded once.
		exact := strconv.FormatFloat(f, 'e', 767, 64)
		_, _, _ = decimalContext.SetString(d, exact)
		setExponent(d, decimalMaxExp)
		setExponent(d, 0)
	default:
		_, _, _ = decimalContext.SetString(d, strconv.FormatFloat(f, 'e', digits, 64))
	}
}

// rescale multiplies the coefficient so that the exponent becomes exp, which is lower.
func rescale(d *apd.Decimal, exp int32) {
	var ten, n apd.BigInt
	ten.SetInt64(10)
	n.SetInt64(int64(d.Exponent - exp))
	ten.Exp(&ten, &n, nil)
	d.Coeff.Mul(&d.Coeff, &ten)
	d.Exponent = exp
}

// setDecimal128 decodes BSON's 16 bytes.
func setDecimal128(d *apd.Decimal, b []byte) {
	lo, hi := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	*d = apd.Decimal{Negative: hi>>63 == 1}
	switch comb := hi >> 58 & 0x1f; {
	case comb == 0x1f:
		d.Form, d.Negative = apd.NaN, false
		return
	case comb == 0x1e:
		d.Form = apd.Infinite
		return
	case comb >= 0x18: // not canonical: the coefficient is too large and counts as zero
		d.Exponent = int32(hi>>47&0x3fff) - decimalBias
		return
	}
	d.Exponent = int32(hi>>49&0x3fff) - decimalBias
	hi &= 1<<49 - 1
	if hi == 0 {
		d.Coeff.SetUint64(lo)
		return
	}
	var h apd.BigInt
	h.SetUint64(hi)
	h.Lsh(&h, 64)
	d.Coeff.SetUint64(lo)
	d.Coeff.Add(&d.Coeff, &h)
}

// decimalValue encodes d, which it may change. What does not fit is rounded.
func decimalValue(d *apd.Decimal) bsonx.Value {
	_, _ = decimalContext.Round(d, d)
	switch {
	case d.Form == apd.NaN || d.Form == apd.NaNSignaling:
		return bsonx.Decimal128(bson.NewDecimal128(0x7c<<56, 0))
	case d.Form == apd.Infinite:
		return bsonx.Decimal128(bson.NewDecimal128(sign(0x78<<56, d.Negative), 0))
	case d.Coeff.Sign() == 0:
		d.Exponent = min(max(d.Exponent, decimalMinExp), decimalMaxExp)
	case d.Exponent > decimalMaxExp:
		rescale(d, decimalMaxExp)
	}
	lo, hi := coefficient(&d.Coeff)
	hi |= uint64(d.Exponent+decimalBias) << 49
	return bsonx.Decimal128(bson.NewDecimal128(sign(hi, d.Negative), lo))
}

func sign(hi uint64, negative bool) uint64 {
	if negative {
		return hi | 1<<63
	}
	return hi
}

// coefficient returns the lower and upper 64 bits.
func coefficient(c *apd.BigInt) (lo, hi uint64) {
	if c.IsUint64() {
		return c.Uint64(), 0
	}
	var b [16]byte
	c.FillBytes(b[:])
	return binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[:8])
}

// decimalFloat returns the nearest double.
func decimalFloat(v bsonx.Value) float64 {
	d := v.Decimal128()
	switch {
	case d.IsNaN():
		return math.NaN()
	case d.IsInf() != 0:
		return math.Inf(d.IsInf())
	}
	f, _ := strconv.ParseFloat(d.String(), 64)
	return f
}

// quantize rounds d to a multiple of 10^exp. Like decimal128's operation it gives NaN
// where the result needs more digits than there are.
func quantize(d *apd.Decimal, exp int32, rounding apd.Rounder) {
	if d.Form != apd.Finite {
		return
	}
	ctx := decimalContext
	ctx.Rounding = rounding
	if cond, _ := ctx.Quantize(d, d, exp); cond.InvalidOperation() {
		*d = apd.Decimal{Form: apd.NaN}
	}
}

// decimalInt64 rounds to an integer; ok is false if it does not fit or is not finite.
func decimalInt64(v bsonx.Value, rounding apd.Rounder) (i int64, ok bool) {
	var d apd.Decimal
	setDecimal(&d, v)
	if d.Form != apd.Finite || d.NumDigits()+int64(d.Exponent) > 20 {
		return 0, false
	}
	ctx := decimalContext
	ctx.Rounding = rounding
	_, _ = ctx.RoundToIntegralValue(&d, &d)
	i, err := d.Int64()
	return i, err == nil
}

// decimalQuo sets d to x / y. An exact quotient gets the exponent nearest to the difference
// of the operands' exponents, as IEEE 754 prefers.
func decimalQuo(d, x, y *apd.Decimal) (apd.Condition, error) {
	ideal := x.Exponent - y.Exponent
	cond, err := decimalContext.Quo(d, x, y)
	if d.Form != apd.Finite || cond.Inexact() {
		return cond, err
	}
	setExponent(d, ideal)
	return cond, err
}

// setExponent brings the exponent as near to ideal as is possible without rounding.
func setExponent(d *apd.Decimal, ideal int32) {
	if d.Exponent < ideal {
		if d.Coeff.Sign() == 0 {
			d.Exponent = ideal
			return
		}
		d.Reduce(d)
	}
	if d.Exponent > ideal {
		room := int32(decimalDigits - d.NumDigits())
		rescale(d, max(ideal, d.Exponent-room))
	}
}

// decimalMod is the remainder of the truncating division, which has the dividend's sign.
func decimalMod(a, b *apd.Decimal) {
	switch {
	case a.Form == apd.NaN || b.Form == apd.NaN || a.Form == apd.Infinite:
		*a = apd.Decimal{Form: apd.NaN}
		return
	case b.Form == apd.Infinite:
		return
	}
	exp := min(a.Exponent, b.Exponent)
	x, y := a.Coeff.MathBigInt(), b.Coeff.MathBigInt()
	x.Mul(x, tenTo(a.Exponent-exp))
	y.Mul(y, tenTo(b.Exponent-exp))
	x.Rem(x, y)
	a.Coeff.SetMathBigInt(x)
	a.Exponent = exp
}

func tenTo(n int32) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}
