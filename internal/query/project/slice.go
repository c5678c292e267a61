package project

import (
	"math"
	"math/big"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// sliceArgs are the arguments of find's $slice.
type sliceArgs struct {
	skip, limit int
	last        bool // {$slice: -n}: the last limit elements
}

// parseSlice reads a number or [skip, limit].
func parseSlice(v bsonx.Value) (sliceArgs, error) {
	if v.IsNumber() {
		n := sliceNumber(v)
		if n < 0 {
			return sliceArgs{limit: -n, last: true}, nil
		}
		return sliceArgs{limit: n}, nil
	}
	if v.Type != bsonx.TypeArray {
		return sliceArgs{}, mongoerr.New(31273, "$slice only supports numbers and [skip, limit] arrays")
	}
	skip, limit := v.Doc().Index(0), v.Doc().Index(1)
	switch {
	case v.Doc().Count() != 2:
		return sliceArgs{}, mongoerr.New(31272, "$slice array argument should be of form [skip, limit]")
	case !skip.IsNumber():
		return sliceArgs{}, mongoerr.New(31257, "$slice expects the skip argument to be a number, got %s", skip.Type)
	case !limit.IsNumber():
		return sliceArgs{}, mongoerr.New(31258, "$slice expects the limit argument to be a number, got %s", limit.Type)
	case sliceNumber(limit) <= 0:
		return sliceArgs{}, mongoerr.New(31259, "$slice limit must be positive, got %d", sliceNumber(limit))
	}
	return sliceArgs{skip: sliceNumber(skip), limit: sliceNumber(limit)}, nil
}

// sliceNumber cuts a number to an integer of 32 bits; what is no number counts as 0.
func sliceNumber(v bsonx.Value) int {
	switch {
	case bsonx.Compare(v, bsonx.Int32(math.MaxInt32)) >= 0:
		return math.MaxInt32
	case bsonx.Compare(v, bsonx.Int32(-math.MaxInt32)) <= 0:
		if f := v.Double(); v.Type == bsonx.TypeDouble && math.IsNaN(f) || v.Type == bsonx.TypeDecimal128 && v.Decimal128().IsNaN() {
			return 0
		}
		return -math.MaxInt32
	}
	switch v.Type {
	case bsonx.TypeDouble:
		return int(v.Double())
	case bsonx.TypeDecimal128:
		return decimalInt(v)
	}
	return int(v.Int64())
}

// decimalInt cuts a decimal within the range of 32 bits.
func decimalInt(v bsonx.Value) int {
	m, e, err := v.Decimal128().BigInt()
	if err != nil {
		return 0
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(e, -e))), nil)
	if e < 0 {
		return int(m.Quo(m, scale).Int64())
	}
	return int(m.Mul(m, scale).Int64())
}

func (s sliceArgs) bounds(n int) (from, to int) {
	from = s.skip
	switch {
	case s.last:
		from = max(n-s.limit, 0)
	case from < 0:
		from = max(n+from, 0)
	}
	from = min(from, n)
	return from, from + min(s.limit, n-from)
}

func (s sliceArgs) appendTo(dst []byte, name string, arr bsonx.Doc) []byte {
	from, to := s.bounds(arr.Count())
	dst, start := startArray(dst, name)
	it := arr.Iter()
	for i := range to {
		_, v, _ := it.Next()
		if i >= from {
			dst = bsonx.AppendIndexElem(dst, i-from, v)
		}
	}
	return bsonx.AppendDocEnd(dst, start)
}
