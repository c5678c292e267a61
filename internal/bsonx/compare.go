package bsonx

import (
	"bytes"
	"cmp"
	"math"
	"math/big"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Compare orders two values as MongoDB does: first by sort class, then by value.
// Missing and undefined are equal; null is above them. Numbers of all four types are
// compared by exact mathematical value, NaN below all others and equal to itself.
func Compare(a, b Value) int {
	ca, cb := classes[a.Type], classes[b.Type]
	if ca != cb {
		return cmp.Compare(ca, cb)
	}
	switch ca {
	case ClassNumber:
		return compareNumbers(a, b)
	case ClassString, ClassObjectID, ClassJavaScript:
		return bytes.Compare(a.data, b.data)
	case ClassDocument:
		return CompareDocs(a.data, b.data)
	case ClassArray:
		return compareArrays(a.data, b.data)
	case ClassBinary:
		if c := cmp.Compare(len(a.data), len(b.data)); c != 0 {
			return c
		}
		if c := cmp.Compare(a.num, b.num); c != 0 {
			return c
		}
		return bytes.Compare(a.data, b.data)
	case ClassBool:
		return cmp.Compare(min(a.num, 1), min(b.num, 1))
	case ClassDateTime:
		return cmp.Compare(int64(a.num), int64(b.num))
	case ClassTimestamp:
		return cmp.Compare(a.num, b.num)
	case ClassRegex:
		pa, oa := a.Regex()
		pb, ob := b.Regex()
		if c := cmp.Compare(pa, pb); c != 0 {
			return c
		}
		return cmp.Compare(oa, ob)
	case ClassDBPointer:
		if c := cmp.Compare(len(a.data), len(b.data)); c != 0 {
			return c
		}
		return bytes.Compare(a.data, b.data)
	case ClassCodeWithScope:
		ka, sa := a.CodeWithScope()
		kb, sb := b.CodeWithScope()
		if c := cmp.Compare(ka, kb); c != 0 {
			return c
		}
		return CompareDocs(sa, sb)
	}
	return 0 // MinKey, missing, null, MaxKey
}

// Equal reports whether Compare(a, b) is zero.
func Equal(a, b Value) bool { return Compare(a, b) == 0 }

// CompareDocs orders documents element by element: sort class, then field name, then
// value; a proper prefix is smaller.
func CompareDocs(a, b Doc) int {
	ia, ib := a.Iter(), b.Iter()
	for {
		ka, va, oka := ia.Next()
		kb, vb, okb := ib.Next()
		if !oka || !okb {
			return compareEnds(oka, okb)
		}
		if c := cmp.Compare(classes[va.Type], classes[vb.Type]); c != 0 {
			return c
		}
		if c := cmp.Compare(ka, kb); c != 0 {
			return c
		}
		if c := Compare(va, vb); c != 0 {
			return c
		}
	}
}

func compareArrays(a, b Doc) int {
	ia, ib := a.Iter(), b.Iter()
	for {
		_, va, oka := ia.Next()
		_, vb, okb := ib.Next()
		if !oka || !okb {
			return compareEnds(oka, okb)
		}
		if c := Compare(va, vb); c != 0 {
			return c
		}
	}
}

func compareEnds(aMore, bMore bool) int {
	switch {
	case aMore:
		return 1
	case bMore:
		return -1
	}
	return 0
}

func compareNumbers(a, b Value) int {
	if a.Type == TypeDecimal128 || b.Type == TypeDecimal128 {
		return compareDecimal(a, b)
	}
	if a.Type == TypeDouble {
		if b.Type == TypeDouble {
			return compareFloats(a.Double(), b.Double())
		}
		return -compareIntFloat(b.Int64(), a.Double())
	}
	if b.Type == TypeDouble {
		return compareIntFloat(a.Int64(), b.Double())
	}
	return cmp.Compare(a.Int64(), b.Int64())
}

// compareFloats orders NaN below everything; cmp.Compare does so too, and treats -0 and
// 0 as equal.
func compareFloats(a, b float64) int { return cmp.Compare(a, b) }

func compareIntFloat(i int64, f float64) int {
	switch {
	case math.IsNaN(f):
		return 1
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(i, int64(whole)); c != 0 {
		return c
	}
	return cmp.Compare(0, f-whole)
}

// compareDecimal compares where at least one side is a decimal, exactly.
func compareDecimal(a, b Value) int {
	ra, rb := numberRank(a), numberRank(b)
	if ra != rb || ra != rankFinite {
		return cmp.Compare(ra, rb)
	}
	ma, ea := decimalParts(a)
	mb, eb := decimalParts(b)
	if sa, sb := ma.Sign(), mb.Sign(); sa != sb || sa == 0 {
		return cmp.Compare(sa, sb)
	}
	// Scale the number with the larger exponent up. The decimal digits of the result
	// are bounded by the exponent range, some 6,200.
	if ea > eb {
		ma.Mul(ma, pow10(ea-eb))
	} else if eb > ea {
		mb.Mul(mb, pow10(eb-ea))
	}
	return ma.Cmp(mb)
}

func pow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// The ranks of numbers: only finite ones are compared further.
const (
	rankNaN = iota
	rankNegInf
	rankFinite
	rankPosInf
)

func numberRank(v Value) int {
	switch v.Type {
	case TypeDouble:
		f := v.Double()
		switch {
		case math.IsNaN(f):
			return rankNaN
		case math.IsInf(f, -1):
			return rankNegInf
		case math.IsInf(f, 1):
			return rankPosInf
		}
	case TypeDecimal128:
		d := v.Decimal128()
		if d.IsNaN() {
			return rankNaN
		}
		switch d.IsInf() {
		case -1:
			return rankNegInf
		case 1:
			return rankPosInf
		}
	}
	return rankFinite
}

// decimalParts returns a finite number as mantissa x 10^exponent, exactly.
func decimalParts(v Value) (*big.Int, int) {
	switch v.Type {
	case TypeDecimal128:
		return decimalBigInt(v.Decimal128())
	case TypeDouble:
		// f = m x 2^e; a negative power of two is 5^-e x 10^e.
		frac, exp := math.Frexp(v.Double())
		m := big.NewInt(int64(frac * (1 << 53)))
		exp -= 53
		if exp >= 0 {
			return m.Lsh(m, uint(exp)), 0
		}
		five := new(big.Int).Exp(big.NewInt(5), big.NewInt(int64(-exp)), nil)
		return m.Mul(m, five), exp
	}
	return big.NewInt(v.Int64()), 0
}

func decimalBigInt(d bson.Decimal128) (*big.Int, int) {
	m, e, err := d.BigInt()
	if err != nil {
		return new(big.Int), 0
	}
	return m, e
}
