package match

import (
	"math"
	"math/big"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Mod is the node of $mod: a number whose integral part leaves Remainder when divided by
// Divisor, with the sign of the number.
type Mod struct {
	Field
	Divisor, Remainder int64
}

func (n *Mod) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.walk(doc, n, expandedArrays)
}

func (n *Mod) matchElem(v bsonx.Value) (bool, error) {
	i, ok := truncate(v)
	if !ok {
		return false, nil
	}
	if n.Divisor == -1 { // the quotient of the smallest integer would overflow
		return n.Remainder == 0, nil
	}
	return i%n.Divisor == n.Remainder, nil
}

// BitsOp is the relation of a Bits node.
type BitsOp uint8

// The relations.
const (
	AllClear BitsOp = iota
	AllSet
	AnyClear
	AnySet
)

// Bits is the node of $bitsAllSet and its kin. Integers, doubles with an integral value and
// binary values can match.
type Bits struct {
	Field
	Op        BitsOp
	Positions []int
	mask      uint64 // of integers, in which positions from 63 on mean the sign
}

func newBits(field Field, op BitsOp, positions []int) *Bits {
	n := &Bits{Field: field, Op: op, Positions: positions}
	for _, p := range positions {
		n.mask |= 1 << min(p, 63)
	}
	return n
}

func (n *Bits) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.walk(doc, n, expandedArrays)
}

func (n *Bits) matchElem(v bsonx.Value) (bool, error) {
	if v.Type == bsonx.TypeBinary {
		_, b := v.Binary()
		return n.matchBytes(b), nil
	}
	i, ok := integral(v)
	if !ok {
		return false, nil
	}
	switch set := uint64(i) & n.mask; n.Op {
	case AllClear:
		return set == 0, nil
	case AllSet:
		return set == n.mask, nil
	case AnyClear:
		return set != n.mask, nil
	default:
		return set != 0, nil
	}
}

// matchBytes tests a binary value: position 0 is the lowest bit of the first byte, and bits
// beyond the end are clear.
func (n *Bits) matchBytes(b []byte) bool {
	wantSet := n.Op == AllSet || n.Op == AnySet
	all := n.Op == AllSet || n.Op == AllClear
	for _, p := range n.Positions {
		set := p/8 < len(b) && b[p/8]&(1<<(p%8)) != 0
		if hit := set == wantSet; hit != all {
			return hit
		}
	}
	return all
}

// integral returns a number that is an exact 64-bit integer.
func integral(v bsonx.Value) (int64, bool) {
	i, ok := truncate(v)
	if !ok {
		return 0, false
	}
	switch v.Type {
	case bsonx.TypeDouble, bsonx.TypeDecimal128:
		ok = bsonx.Equal(v, bsonx.Int64(i))
	}
	return i, ok
}

// truncate returns a number cut toward zero; ok is false for other types and for numbers that
// do not fit.
func truncate(v bsonx.Value) (i int64, ok bool) {
	switch v.Type {
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return v.Int64(), true
	case bsonx.TypeDouble:
		f := v.Double()
		if math.IsNaN(f) || f < -1<<63 || f >= 1<<63 {
			return 0, false
		}
		return int64(f), true
	case bsonx.TypeDecimal128:
		return truncateDecimal(v)
	}
	return 0, false
}

func truncateDecimal(v bsonx.Value) (int64, bool) {
	m, e, err := v.Decimal128().BigInt()
	if err != nil {
		return 0, false
	}
	const digits = 40 // more than a mantissa or an int64 has
	switch {
	case m.Sign() == 0 || e < -digits:
		return 0, true
	case e > digits:
		return 0, false
	case e < 0:
		m.Quo(m, pow10(-e))
	default:
		m.Mul(m, pow10(e))
	}
	return m.Int64(), m.IsInt64()
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
