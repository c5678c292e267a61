package plan

import "bytes"

// Range is a contiguous part of an index, or of a clustered collection, in encoded fields:
// from Lo inclusive to Hi exclusive. A nil bound is open.
type Range struct {
	Lo, Hi []byte
}

// maxRanges bounds how many ranges the points of several fields are multiplied to.
const maxRanges = 2000

// expand multiplies the intervals of the leading fields into ranges, in index order. It stops
// after the first field that is not made of points, and returns how many fields it used. Ranges
// with bounds that had to be cut are not exact: they hold more entries than the intervals.
func expand(fields []field) (ranges []Range, used int, exact bool) {
	prefixes := [][]byte{nil}
	for i := range fields {
		ivs, desc := fields[i].ivs, fields[i].desc
		if ivs == nil {
			break
		}
		if len(ivs) == 0 {
			return nil, i + 1, true // contradictory: no range at all
		}
		if len(prefixes)*len(ivs) > maxRanges {
			break
		}
		used++
		if !allPoints(ivs) {
			ranges, exact = endings(prefixes, ivs, desc)
			return ranges, used, exact
		}
		if len(ivs) == 1 {
			for n, p := range prefixes {
				prefixes[n] = appendBound(p, ivs[0].lo, desc)
			}
			continue
		}
		next := make([][]byte, 0, len(prefixes)*len(ivs))
		for _, p := range prefixes {
			for k := range ivs {
				iv := inOrder(ivs, k, desc)
				next = append(next, appendBound(bytes.Clone(p), iv.lo, desc))
			}
		}
		prefixes = next
	}
	exact = true
	for _, p := range prefixes {
		if p == nil {
			return []Range{{}}, used, true
		}
		exact = exact && len(p) <= keyCut
		p = cut(p)
		ranges = append(ranges, Range{p, PrefixEnd(p)})
	}
	return merge(ranges), used, exact
}

// endings gives every prefix the ranges of its last field.
func endings(prefixes [][]byte, ivs []interval, desc bool) (ranges []Range, exact bool) {
	exact = true
	for _, p := range prefixes {
		for k := range ivs {
			iv := inOrder(ivs, k, desc)
			exact = exact && len(p)+max(len(iv.lo), len(iv.hi)) <= keyCut
			ranges = append(ranges, ending(p, iv, desc))
		}
	}
	return merge(ranges), exact
}

func ending(prefix []byte, iv interval, desc bool) Range {
	lo, loInc, hi, hiInc := iv.lo, iv.loInc, iv.hi, iv.hiInc
	if desc {
		lo, loInc, hi, hiInc = hi, hiInc, lo, loInc
	}
	r := Range{Lo: prefix, Hi: PrefixEnd(prefix)}
	if lo != nil {
		full := appendBound(bytes.Clone(prefix), lo, desc)
		r.Lo = cut(full)
		if !loInc && len(r.Lo) == len(full) {
			r.Lo = PrefixEnd(r.Lo)
		}
	}
	if hi != nil {
		full := appendBound(bytes.Clone(prefix), hi, desc)
		r.Hi = cut(full)
		if hiInc || len(r.Hi) != len(full) {
			r.Hi = PrefixEnd(r.Hi)
		}
	}
	return r
}

// merge joins ranges that overlap because a bound was cut.
func merge(rs []Range) []Range {
	out := rs[:0]
	for _, r := range rs {
		n := len(out)
		if n == 0 || out[n-1].Hi != nil && bytes.Compare(r.Lo, out[n-1].Hi) >= 0 {
			out = append(out, r)
			continue
		}
		if last := &out[n-1]; last.Hi != nil && (r.Hi == nil || bytes.Compare(r.Hi, last.Hi) > 0) {
			last.Hi = r.Hi
		}
	}
	return out
}

func cut(b []byte) []byte {
	if len(b) > keyCut {
		return b[:keyCut:keyCut]
	}
	return b
}

func allPoints(ivs []interval) bool {
	for _, iv := range ivs {
		if !iv.isPoint() {
			return false
		}
	}
	return true
}

// inOrder returns the k-th interval in index order.
func inOrder(ivs []interval, k int, desc bool) interval {
	if desc {
		return ivs[len(ivs)-1-k]
	}
	return ivs[k]
}

func appendBound(dst, b []byte, desc bool) []byte {
	if !desc {
		return append(dst, b...)
	}
	for _, c := range b {
		dst = append(dst, ^c)
	}
	return dst
}

// PrefixEnd returns the smallest key above all that start with p, nil for none.
func PrefixEnd(p []byte) []byte {
	end := bytes.Clone(p)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
