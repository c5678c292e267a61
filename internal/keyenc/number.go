package keyenc

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"strconv"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Numbers of all four types share one encoding. A finite number other than zero is a sign and
// a magnitude; the bytes of a negative number are those of its magnitude, inverted.
//
//	magnitude                marker        payload
//	0 < m < 1                markBelowOne  fraction
//	whole part < 2^63        markWhole+n   whole<<1 | (1 if there is a fraction) in n bytes,
//	                                       then the fraction, if any
//	m >= 2^63                markHuge      fraction
//
// A "fraction" is the whole magnitude once more, finer: the largest float64 that is not above
// it, eight bytes, then exactEnd if that is it, else moreDigits and the decimal digits. Only
// decimals can have more digits than a float64: integers below 2^63 have no fraction.
// The digits are exact and normalised, so equal numbers still have equal bytes.
const (
	markNaN         = markNumberFirst
	markNegInf      = 0x12
	markNegHuge     = markZero - (markHuge - markZero)
	markZero        = 0x28
	markBelowOne    = markZero + 1
	markWhole       = markZero + 1 // plus the number of bytes, 1 to 8
	markHuge        = markWhole + 9
	markInf         = 0x3e
	markNegBelowOne = markZero - (markBelowOne - markZero)

	exactEnd   = 0x00
	moreDigits = 0x01

	// expBias makes the decimal exponents of a digit tail positive.
	expBias = 0x4000
)

func appendNumber(dst []byte, v bsonx.Value) []byte {
	switch v.Type {
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return appendInt(dst, v.Int64())
	case bsonx.TypeDouble:
		return appendDouble(dst, v.Double())
	}
	return appendDecimal(dst, v)
}

func appendInt(dst []byte, i int64) []byte {
	switch {
	case i > 0:
		return appendWhole(dst, uint64(i)<<1)
	case i == 0:
		return append(dst, markZero)
	case i == math.MinInt64:
		return appendDouble(dst, math.MinInt64)
	}
	n := len(dst)
	dst = appendWhole(dst, uint64(-i)<<1)
	negate(dst[n:])
	return dst
}

// appendWhole appends marker and whole part; the lowest bit of w says whether a fraction
// follows.
func appendWhole(dst []byte, w uint64) []byte {
	n := (bits.Len64(w) + 7) / 8
	dst = append(dst, byte(markWhole+n))
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(w>>(8*i)))
	}
	return dst
}

// negate turns the encoding of a magnitude into that of the negative number.
func negate(b []byte) {
	b[0] = markZero - (b[0] - markZero)
	invert(b[1:])
}

func appendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, markNaN)
	case math.IsInf(f, 1):
		return append(dst, markInf)
	case math.IsInf(f, -1):
		return append(dst, markNegInf)
	case f == 0:
		return append(dst, markZero)
	}
	n := len(dst)
	m := math.Abs(f)
	if m < 1<<63 {
		whole := uint64(m)
		if float64(whole) == m {
			dst = appendWhole(dst, whole<<1)
		} else {
			dst = appendDoubleTail(appendWholeOfFraction(dst, whole), m, exactEnd)
		}
	} else {
		dst = appendDoubleTail(append(dst, markHuge), m, exactEnd)
	}
	if f < 0 {
		negate(dst[n:])
	}
	return dst
}

func appendWholeOfFraction(dst []byte, whole uint64) []byte {
	if whole == 0 {
		return append(dst, markBelowOne)
	}
	return appendWhole(dst, whole<<1|1)
}

func appendDoubleTail(dst []byte, m float64, end byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(m))
	return append(dst, end)
}

func appendDecimal(dst []byte, v bsonx.Value) []byte {
	d := v.Decimal128()
	switch {
	case d.IsNaN():
		return append(dst, markNaN)
	case d.IsInf() > 0:
		return append(dst, markInf)
	case d.IsInf() < 0:
		return append(dst, markNegInf)
	}
	mant, exp, err := d.BigInt()
	if err != nil || mant.Sign() == 0 {
		return append(dst, markZero)
	}
	n := len(dst)
	neg := mant.Sign() < 0
	mant.Abs(mant)
	dst = appendMagnitude(dst, mant, exp)
	if neg {
		negate(dst[n:])
	}
	return dst
}

// appendMagnitude appends mant x 10^exp, which is positive.
func appendMagnitude(dst []byte, mant *big.Int, exp int) []byte {
	digits, exp := trimDecimal(mant, exp)
	whole, isWhole, ok := wholePart(digits, exp)
	switch {
	case ok && isWhole:
		return appendWhole(dst, whole<<1)
	case ok:
		dst = appendWholeOfFraction(dst, whole)
	default:
		dst = append(dst, markHuge)
	}
	f, exact := floorFloat(digits, exp)
	if exact {
		return appendDoubleTail(dst, f, exactEnd)
	}
	dst = appendDoubleTail(dst, f, moreDigits)
	return appendDigits(dst, digits, exp)
}

// trimDecimal returns the digits of mant without trailing zeros, and the exponent of ten
// that belongs to them.
func trimDecimal(mant *big.Int, exp int) (string, int) {
	s := mant.String()
	n := len(s)
	for n > 1 && s[n-1] == '0' {
		n--
	}
	return s[:n], exp + len(s) - n
}

// wholePart returns the integer part of digits x 10^exp, and whether that is all of it; ok is
// false where it is 2^63 or more.
func wholePart(digits string, exp int) (whole uint64, isWhole, ok bool) {
	point := len(digits) + exp // digits before the decimal point
	switch {
	case point > 19:
		return 0, false, false
	case point <= 0:
		return 0, false, true
	case exp < 0:
		whole, _ = strconv.ParseUint(digits[:point], 10, 64)
		return whole, false, whole < 1<<63
	}
	whole, _ = strconv.ParseUint(digits, 10, 64)
	for range exp {
		whole *= 10 // fits: at most 19 digits
	}
	return whole, true, whole < 1<<63
}

// floorFloat returns the largest float64 that is not above digits x 10^exp, and whether they
// are equal.
func floorFloat(digits string, exp int) (float64, bool) {
	f, _ := strconv.ParseFloat(digits+"e"+strconv.Itoa(exp), 64) // the nearest one
	if math.IsInf(f, 1) {
		return math.MaxFloat64, false
	}
	c := compareFloat(f, digits, exp)
	if c > 0 {
		return math.Nextafter(f, 0), false
	}
	return f, c == 0
}

// compareFloat compares f, finite and not negative, with digits x 10^exp, exactly.
func compareFloat(f float64, digits string, exp int) int {
	if f == 0 {
		return -1
	}
	frac, e2 := math.Frexp(f)
	m := new(big.Int).SetUint64(uint64(frac * (1 << 53)))
	e2 -= 53
	d, _ := new(big.Int).SetString(digits, 10)
	// m x 2^e2 against d x 10^exp: move negative exponents to the other side.
	if exp >= 0 {
		d.Mul(d, power(10, exp))
	} else {
		m.Mul(m, power(10, -exp))
	}
	if e2 >= 0 {
		m.Lsh(m, uint(e2))
	} else {
		d.Lsh(d, uint(-e2))
	}
	return m.Cmp(d)
}

func power(base int64, n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(base), big.NewInt(int64(n)), nil)
}

// appendDigits appends the exponent of 0.digits, two bytes, then two digits a byte, each
// byte one higher than its value, and 0x00.
func appendDigits(dst []byte, digits string, exp int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(exp+len(digits)+expBias))
	for i := 0; i < len(digits); i += 2 {
		pair := (digits[i] - '0') * 10
		if i+1 < len(digits) {
			pair += digits[i+1] - '0'
		}
		dst = append(dst, pair+1)
	}
	return append(dst, 0)
}
