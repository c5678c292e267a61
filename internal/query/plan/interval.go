package plan

import (
	"bytes"
	"math"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
)

// interval is a range of one field's encoded values, in ascending encoding. A nil bound is
// open.
type interval struct {
	lo, hi       []byte
	loInc, hiInc bool
}

// keyCut is how many bytes of a bound are kept: longer keys are stored cut, and their end
// is a hash.
const keyCut = keyenc.MaxKey - 64

func (iv interval) isPoint() bool {
	return iv.loInc && iv.hiInc && iv.lo != nil && bytes.Equal(iv.lo, iv.hi)
}

func (iv interval) isEmpty() bool {
	if iv.lo == nil || iv.hi == nil {
		return false
	}
	c := bytes.Compare(iv.lo, iv.hi)
	return c > 0 || c == 0 && !(iv.loInc && iv.hiInc)
}

// point is the interval of one value in an index with the collation.
func point(v bsonx.Value, coll *collation.Collation) interval {
	e := keyenc.AppendCollated(nil, v, false, coll)
	return interval{e, e, true, true}
}

// between is the interval from lo to hi.
func between(lo bsonx.Value, loInc bool, hi bsonx.Value, hiInc bool) interval {
	return interval{keyenc.Append(nil, lo), keyenc.Append(nil, hi), loInc, hiInc}
}

// intersect returns what two sorted lists of disjoint intervals have in common.
func intersect(a, b []interval) []interval {
	var out []interval
	for i, j := 0, 0; i < len(a) && j < len(b); {
		iv := a[i]
		if c := compareLow(b[j], iv); c > 0 {
			iv.lo, iv.loInc = b[j].lo, b[j].loInc
		}
		if compareHigh(b[j], iv) < 0 {
			iv.hi, iv.hiInc = b[j].hi, b[j].hiInc
		}
		if !iv.isEmpty() {
			out = append(out, iv)
		}
		if compareHigh(a[i], b[j]) < 0 {
			i++
		} else {
			j++
		}
	}
	return out
}

// union returns the sorted list of disjoint intervals that covers all of ivs.
func union(ivs []interval) []interval {
	if len(ivs) == 1 && !ivs[0].isEmpty() {
		return ivs
	}
	slices.SortFunc(ivs, compareLow)
	var out []interval
	for _, iv := range ivs {
		if iv.isEmpty() {
			continue
		}
		if n := len(out); n > 0 && touches(out[n-1], iv) {
			if compareHigh(iv, out[n-1]) > 0 {
				out[n-1].hi, out[n-1].hiInc = iv.hi, iv.hiInc
			}
			continue
		}
		out = append(out, iv)
	}
	return out
}

// touches reports whether b, which does not begin before a, leaves no gap after a.
func touches(a, b interval) bool {
	if a.hi == nil || b.lo == nil {
		return true
	}
	c := bytes.Compare(b.lo, a.hi)
	return c < 0 || c == 0 && (a.hiInc || b.loInc)
}

func compareLow(a, b interval) int {
	switch {
	case a.lo == nil && b.lo == nil:
		return 0
	case a.lo == nil:
		return -1
	case b.lo == nil:
		return 1
	}
	if c := bytes.Compare(a.lo, b.lo); c != 0 || a.loInc == b.loInc {
		return c
	}
	if a.loInc {
		return -1
	}
	return 1
}

func compareHigh(a, b interval) int {
	switch {
	case a.hi == nil && b.hi == nil:
		return 0
	case a.hi == nil:
		return 1
	case b.hi == nil:
		return -1
	}
	if c := bytes.Compare(a.hi, b.hi); c != 0 || a.hiInc == b.hiInc {
		return c
	}
	if a.hiInc {
		return 1
	}
	return -1
}

// classRange returns the interval of all values that an inequality with a value of the same
// class can match, ok false where the class has no simple bounds.
func classRange(v bsonx.Value) (interval, bool) {
	switch v.Type.Class() {
	case bsonx.ClassNumber:
		return between(bsonx.Double(math.Inf(-1)), true, bsonx.Double(math.Inf(1)), true), true
	case bsonx.ClassString:
		return between(bsonx.String(""), true, bsonx.Document(bsonx.Empty), false), true
	case bsonx.ClassDocument:
		return between(bsonx.Document(bsonx.Empty), true, bsonx.Array(bsonx.Empty), false), true
	case bsonx.ClassBinary:
		return between(bsonx.Binary(0, nil), true, bsonx.ObjectID([12]byte{}), false), true
	case bsonx.ClassObjectID:
		return between(bsonx.ObjectID([12]byte{}), true, bsonx.Bool(false), false), true
	case bsonx.ClassBool:
		return between(bsonx.Bool(false), true, bsonx.Bool(true), true), true
	case bsonx.ClassDateTime:
		return between(bsonx.DateTime(math.MinInt64), true, bsonx.DateTime(math.MaxInt64), true), true
	case bsonx.ClassTimestamp:
		return between(bsonx.Timestamp(0), true, bsonx.Timestamp(math.MaxUint64), true), true
	}
	return interval{}, false
}
