package plan

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/query/match"
)

// bound is what one predicate says about one path.
type bound struct {
	node      match.Node
	ivs       []interval
	coll      *collation.Collation // of strings in ivs
	strings   bool                 // only an index with that collation has such bounds
	exact     bool                 // an entry within ivs proves the predicate
	regex     bool                 // only an index without collation has such bounds
	matchNull bool                 // documents without the path can match
	rank      int                  // how selective it is likely to be, see below
}

// holdsIn reports whether an index with a collation has these bounds: its strings are those of
// the predicate, or there are none.
func (b *bound) holdsIn(coll *collation.Collation) bool {
	return (!b.strings || collation.Same(b.coll, coll)) && (!b.regex || coll == nil)
}

// The ranks of predicates, best first.
const (
	rankPoint = iota
	rankPoints
	rankRange
	rankHalf
	rankExists
)

// conjuncts appends the predicates that the ands at the top of a filter join.
func conjuncts(dst []match.Node, n match.Node) []match.Node {
	if and, ok := n.(*match.And); ok {
		for _, c := range and.Nodes {
			dst = conjuncts(dst, c)
		}
		return dst
	}
	return append(dst, n)
}

// appendBounds appends the bounds that one conjunct gives, by path. An $elemMatch gives several;
// they hold for the same array element, so together says that they may be intersected even
// on a multikey path.
func appendBounds(dst []located, n match.Node) []located {
	switch n := n.(type) {
	case *match.Compare:
		if b, ok := compareBound(n); ok {
			return append(dst, located{path: n.Path, bound: b})
		}
	case *match.In:
		return append(dst, located{path: n.Path, bound: inBound(n)})
	case *match.Regex:
		return append(dst, located{path: n.Path, bound: regexBound(n)})
	case *match.Exists:
		// Only sparse indexes profit; they hold no document without the path.
		return append(dst, located{path: n.Path, bound: bound{node: n, ivs: []interval{{}}, rank: rankExists}})
	case *match.ElemMatchValue:
		start := len(dst)
		for _, c := range n.Nodes {
			dst = appendBounds(dst, c)
		}
		for i := range dst[start:] {
			l := &dst[start+i]
			l.path, l.node, l.exact, l.together = n.Path, n, false, true
		}
	case *match.ElemMatchObject:
		start := len(dst)
		for _, c := range conjuncts(nil, n.Node) {
			dst = appendBounds(dst, c)
		}
		for i := range dst[start:] {
			l := &dst[start+i]
			l.path, l.node, l.exact = n.Path+"."+l.path, n, false
		}
	}
	return dst
}

func compareBound(n *match.Compare) (bound, bool) {
	if n.Op == match.Eq {
		ivs, exact := equalTo(n.Value, n.Collation)
		return bound{node: n, ivs: union(ivs), coll: n.Collation, strings: collation.Affects(n.Value), exact: exact, matchNull: n.Value.IsNullish(), rank: rankPoint}, true
	}
	v := n.Value
	switch v.Type {
	case bsonx.TypeArray, bsonx.TypeRegex:
		return bound{}, false
	case bsonx.TypeNull, bsonx.TypeUndefined:
		if n.Op == match.Lt || n.Op == match.Gt {
			return bound{}, false
		}
		ivs, _ := equalTo(bsonx.Null, nil)
		return bound{node: n, ivs: union(ivs), matchNull: true, rank: rankRange}, true
	}
	class, ok := classRange(v)
	if !ok {
		return bound{}, false
	}
	p := point(v, n.Collation)
	iv := class
	switch n.Op {
	case match.Lt:
		iv.hi, iv.hiInc = p.hi, false
	case match.Lte:
		iv.hi, iv.hiInc = p.hi, true
	case match.Gt:
		iv.lo, iv.loInc = p.lo, false
	case match.Gte:
		iv.lo, iv.loInc = p.lo, true
	}
	nan := isNaN(v)
	if nan {
		iv = p // inequalities with NaN match NaN, or nothing
	}
	return bound{
		node: n, ivs: union([]interval{iv}), coll: n.Collation, strings: collation.Affects(v), exact: !nan, rank: rankHalf,
	}, true
}

// equalTo returns the index values of documents that equal v, and whether all those match.
func equalTo(v bsonx.Value, coll *collation.Collation) (ivs []interval, exact bool) {
	switch v.Type {
	case bsonx.TypeNull, bsonx.TypeUndefined:
		return []interval{point(bsonx.Undefined, nil), point(bsonx.Null, nil)}, false
	case bsonx.TypeArray:
		// The array's first element stands for the whole, the array itself for an element.
		first := bsonx.Undefined // what an empty array is indexed as
		if _, e, ok := v.Doc().First(); ok {
			first = e
		}
		return []interval{point(first, coll), point(v, coll)}, false
	}
	return []interval{point(v, coll)}, true
}

func inBound(n *match.In) bound {
	b := bound{node: n, coll: n.Collation, exact: true, rank: rankPoints}
	var ivs []interval
	for _, v := range n.Values {
		one, exact := equalTo(v, n.Collation)
		b.strings = b.strings || collation.Affects(v)
		ivs = append(ivs, one...)
		b.exact = b.exact && exact
		b.matchNull = b.matchNull || v.IsNullish()
	}
	if len(n.Regexes) > 0 {
		b.regex = true
	}
	for _, re := range n.Regexes {
		ivs = append(ivs, regexIntervals(re)...)
		b.exact = false
	}
	b.ivs = union(ivs)
	if len(b.ivs) == 1 && b.ivs[0].isPoint() {
		b.rank = rankPoint
	}
	if b.ivs == nil {
		b.ivs = []interval{} // $in: [] matches nothing
	}
	return b
}

func regexBound(n *match.Regex) bound {
	ivs := regexIntervals(n)
	b := bound{node: n, ivs: union(ivs), regex: true, rank: rankExists}
	if n.Prefix != "" {
		b.rank = rankRange
	}
	return b
}

// regexIntervals covers the strings that begin like the expression, all strings where it has
// no fixed beginning, and the expression itself.
func regexIntervals(n *match.Regex) []interval {
	strs, _ := classRange(bsonx.String(""))
	if n.Prefix != "" {
		strs = between(bsonx.String(n.Prefix), true, bsonx.Document(bsonx.Empty), false)
		if end := PrefixEnd([]byte(n.Prefix)); end != nil {
			strs = between(bsonx.String(n.Prefix), true, bsonx.StringBytes(end), false)
		}
	}
	return []interval{strs, point(bsonx.Regex(n.Pattern, n.Options), nil)}
}

func isNaN(v bsonx.Value) bool {
	switch v.Type {
	case bsonx.TypeDouble:
		return v.Double() != v.Double()
	case bsonx.TypeDecimal128:
		return v.Decimal128().IsNaN()
	}
	return false
}
