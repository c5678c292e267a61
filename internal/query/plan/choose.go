package plan

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// Choose returns the plan for q on c. It fails where the hint names no usable index.
func Choose(c *catalog.Collection, q *Query, multikey Multikey) (*Plan, error) {
	pl := &planner{c: c, q: q, multikey: multikey}
	if q.Filter != nil && !q.Filter.Empty() {
		pl.conj, pl.bounds = constraints(q.Filter.Root())
	}
	for _, n := range pl.conj {
		if k, ok := n.(match.Const); ok && !bool(k) {
			return &Plan{Kind: Nothing, Sorted: true}, nil
		}
	}
	switch {
	case !q.Hint.IsMissing():
		return pl.hinted()
	case q.Min != nil || q.Max != nil:
		return nil, mongoerr.New(51173, "When using min()/max() a hint of which index to use must be provided")
	}
	return pl.best(), nil
}

type planner struct {
	c        *catalog.Collection
	q        *Query
	conj     []match.Node
	bounds   []located // what conj says
	multikey Multikey
}

// located is a bound and the path that it bounds. Those that are together concern one array
// element.
type located struct {
	path string
	bound
	together bool
}

// constraints returns the conjuncts of a filter and what they say.
func constraints(filter match.Node) (conj []match.Node, bounds []located) {
	conj = conjuncts(nil, filter)
	bounds = make([]located, 0, len(conj))
	for _, n := range conj {
		bounds = appendBounds(bounds, n)
	}
	return conj, bounds
}

// bounded reports whether the filter says something about a path.
func (pl *planner) bounded(path string) bool {
	return slices.ContainsFunc(pl.bounds, func(l located) bool { return l.path == path })
}

// best takes the candidate with the highest score.
func (pl *planner) best() *Plan {
	var cands []*Plan
	pl.eachIndex(func(x *catalog.Index) bool {
		if p := pl.withIndex(x, false); p != nil {
			cands = append(cands, p)
		}
		return true
	})
	if p := pl.union(cands); p != nil {
		cands = append(cands, p)
	}
	if len(cands) == 0 {
		return pl.scan(false)
	}
	if len(cands) > 1 {
		slices.SortStableFunc(cands, func(a, b *Plan) int { return b.score - a.score })
	}
	win := cands[0]
	win.Rejected = cands[1:]
	return win
}

// eachIndex calls fn for the indexes that may be used, the record order of a clustered
// collection included, until fn returns false.
func (pl *planner) eachIndex(fn func(x *catalog.Index) bool) {
	if pl.c.Clustered && !fn(clusterIndex(pl.c)) {
		return
	}
	for _, x := range pl.c.Indexes {
		if !x.Hidden && !fn(x) {
			return
		}
	}
}

// clusterIndex describes the record order of a clustered collection as an index.
func clusterIndex(c *catalog.Collection) *catalog.Index {
	return &catalog.Index{
		Name:    c.ClusterName,
		Pattern: bsonx.NewBuilder(nil).Int32(c.ClusterField(), 1).Build(),
		Keys:    []catalog.KeyField{{Path: c.ClusterField(), Parts: []string{c.ClusterField()}}},
		Unique:  c.ClusteredByID(),
	}
}

// scan is the plan that reads every record.
func (pl *planner) scan(reverse bool) *Plan {
	return &Plan{Kind: CollScan, Reverse: reverse, Residual: pl.residual(nil), Sorted: pl.q.Sort == nil}
}

// residual returns the filter unless every conjunct is proved by the bounds of the fields used.
func (pl *planner) residual(used []field) *match.Filter {
	for _, n := range pl.conj {
		if !slices.ContainsFunc(used, func(f field) bool { return f.proves(n) }) {
			return pl.q.Filter
		}
	}
	return nil
}

// hinted returns the plan that the hint demands.
func (pl *planner) hinted() (*Plan, error) {
	h := pl.q.Hint
	if d := h.Doc(); h.Type == bsonx.TypeDocument {
		if k, v, ok := d.First(); ok && k == "$natural" {
			return pl.scan(v.IsNumber() && bsonx.Compare(v, bsonx.Int32(0)) < 0), nil
		}
	}
	var hinted, other *catalog.Index
	pl.eachIndex(func(x *catalog.Index) bool {
		switch {
		case !hintNames(h, x):
		case hinted == nil:
			hinted = x
		default:
			other = x
		}
		return true
	})
	switch {
	case other != nil:
		return nil, mongoerr.New(mongoerr.IndexNotFound,
			"error processing query: ns=%s: planner returned error :: caused by :: Hint matched multiple indexes, must hint by index name. Matched %s and %s",
			pl.c.NS, hinted.Spec, other.Spec)
	case hinted != nil && (pl.q.Min != nil || pl.q.Max != nil):
		return pl.minMax(hinted)
	case hinted != nil:
		return pl.withIndex(hinted, true), nil
	}
	return nil, mongoerr.New(mongoerr.BadValue,
		"error processing query: ns=%s: planner returned error :: caused by :: hint provided does not correspond to an existing index", pl.c.NS)
}

func hintNames(h bsonx.Value, x *catalog.Index) bool {
	if h.Type == bsonx.TypeString {
		return h.Str() == x.Name
	}
	return h.Type == bsonx.TypeDocument && bsonx.CompareDocs(h.Doc(), x.Pattern) == 0
}

var errMinMax = mongoerr.New(51174, "The index chosen is not compatible with min/max")

// minMax is the plan for the options min and max: their bounds, and nothing else.
func (pl *planner) minMax(x *catalog.Index) (*Plan, error) {
	r := Range{}
	for _, side := range []struct {
		doc bsonx.Doc
		dst *[]byte
	}{{pl.q.Min, &r.Lo}, {pl.q.Max, &r.Hi}} {
		if side.doc == nil {
			continue
		}
		i := 0
		for it := side.doc.Iter(); ; i++ {
			k, v, ok := it.Next()
			if !ok {
				break
			}
			if i >= len(x.Keys) || x.Keys[i].Path != k {
				return nil, errMinMax
			}
			if collation.Affects(v) && !collation.Same(pl.q.Collation, x.Collation) {
				return nil, errMinMax
			}
			*side.dst = appendBound(*side.dst, point(v, x.Collation).lo, x.Keys[i].Desc)
			if len(*side.dst) > keyenc.MaxKey {
				return nil, mongoerr.New(mongoerr.BadValue, "min and max of more than %d bytes are not supported: an index stores longer keys cut", keyenc.MaxKey)
			}
		}
		if i != len(x.Keys) {
			return nil, errMinMax
		}
	}
	if pl.q.Min != nil && pl.q.Max != nil {
		if !sameFields(pl.q.Min, pl.q.Max) {
			return nil, mongoerr.New(51176, "max() and min() must have the same field names")
		}
		if bytes.Compare(r.Lo, r.Hi) >= 0 {
			return nil, mongoerr.New(51175, "The value provided for min() does not come before the value provided for max() for the hint provided index")
		}
	}
	p := &Plan{Kind: IndexScan, Index: x, Ranges: []Range{r}, Residual: pl.residual(nil), Dedup: pl.multikey(x) != 0}
	pl.order(p, nil)
	return p, nil
}

// sameFields reports whether two documents have the same fields in the same order.
func sameFields(a, b bsonx.Doc) bool {
	for ia, ib := a.Iter(), b.Iter(); ; {
		ka, _, more := ia.Next()
		kb, _, also := ib.Next()
		if !more || !also {
			return more == also
		}
		if ka != kb {
			return false
		}
	}
}

// withIndex returns the plan through x, nil where x is of no use (or, if forced, the plan that
// reads all of it).
func (pl *planner) withIndex(x *catalog.Index, forced bool) *Plan {
	if !forced && pl.q.Sort == nil && !pl.bounded(x.Keys[0].Path) && (pl.q.Whole || !hasKeys(x, pl.q.Deps)) {
		return nil // neither bounds nor order nor covers
	}
	clustered := pl.c.Clustered && x.ID == 0
	mk := uint64(0)
	if !clustered {
		mk = pl.multikey(x)
	}
	fields, nonNull := pl.fieldBounds(x, mk)
	if x.PartialFilter != nil && !pl.impliesPartial(x) || x.Sparse && !nonNull {
		if !forced {
			return nil
		}
	}
	p := &Plan{Kind: IndexScan, Index: x, Dedup: mk != 0}
	if clustered {
		p.Kind, p.Index = CollScan, nil
	}
	p.fields = fields
	var used int
	var exact bool
	p.Ranges, used, exact = expand(fields)
	if p.Ranges == nil {
		return &Plan{Kind: Nothing, score: 1 << 30}
	}
	for i := range fields[:used] {
		p.score += fields[i].score()
	}
	if x.Unique && used == len(fields) && allFieldsPoint(fields) {
		p.score += 100_000
		p.IDLookup = clustered || x.IsID()
	}
	if p.Residual = pl.q.Filter; exact {
		p.Residual = pl.residual(fields[:used])
	}
	pl.order(p, fields[:used])
	pl.cover(p, x, mk)
	if p.score == 0 && !forced && !(p.Sorted && pl.q.Sort != nil) && !(p.Covered && pl.q.Deps != nil) {
		return nil
	}
	if used == 0 {
		p.Ranges = nil
	}
	if pl.q.Sort != nil && p.Sorted {
		p.score += 25
	}
	if p.Covered {
		p.score += 10
	}
	p.score -= len(x.Keys)
	return p
}

func (pl *planner) impliesPartial(x *catalog.Index) bool {
	partial, err := match.Compile(x.PartialFilter, expr.NewScope(&expr.Env{Collation: x.Collation}))
	return err == nil && pl.q.Filter != nil && pl.q.Filter.Implies(partial)
}

// field is what the filter says about one field of an index.
type field struct {
	ivs  []interval // nil for nothing
	from []bound    // whose intersection ivs is
	rank int
	desc bool // the order of the index
}

// proves reports whether an entry within the bounds proves the predicate n.
func (f *field) proves(n match.Node) bool {
	return slices.ContainsFunc(f.from, func(b bound) bool { return b.exact && b.node == n })
}

func (f *field) score() int {
	switch f.rank {
	case rankPoint:
		return 1000
	case rankPoints:
		return 800
	case rankRange:
		return 300
	case rankHalf:
		return 200
	}
	return 50
}

func allFieldsPoint(fs []field) bool {
	for _, f := range fs {
		if len(f.ivs) != 1 || !f.ivs[0].isPoint() {
			return false
		}
	}
	return true
}

// fieldBounds collects the bounds of every field of x. nonNull says that some predicate
// excludes documents that lack its field.
func (pl *planner) fieldBounds(x *catalog.Index, mk uint64) (fields []field, nonNull bool) {
	fields = make([]field, len(x.Keys))
	for i, k := range x.Keys {
		var loose, together []bound
		for j := range pl.bounds {
			l := &pl.bounds[j]
			if l.path != k.Path {
				continue
			}
			nonNull = nonNull || !l.matchNull
			switch {
			case !l.holdsIn(x.Collation):
			case l.together:
				together = append(together, l.bound)
			default:
				loose = append(loose, l.bound)
			}
		}
		fields[i] = combine(loose, together, mk != 0)
		fields[i].desc = k.Desc
	}
	return fields, nonNull
}

// combine joins the bounds of one field. On a multikey index different predicates may be
// satisfied by different elements, so only one of them can bound the scan; those of one
// $elemMatch concern the same element.
func combine(loose, together []bound, multikey bool) field {
	best := field{rank: rankExists + 1}
	consider := func(bs []bound) {
		if len(bs) == 0 {
			return
		}
		if f := intersectAll(bs); f.rank < best.rank {
			best = f
		}
	}
	if !multikey {
		consider(append(loose, together...))
		return best
	}
	for i := range loose {
		consider(loose[i : i+1])
	}
	consider(together)
	return best
}

func intersectAll(bs []bound) field {
	f := field{from: bs, rank: rankExists}
	for i := range bs {
		b := &bs[i]
		if f.ivs == nil {
			f.ivs = b.ivs
		} else if f.ivs = intersect(f.ivs, b.ivs); f.ivs == nil {
			f.ivs = []interval{}
		}
		f.rank = min(f.rank, b.rank)
	}
	if len(bs) > 1 && f.rank == rankHalf {
		f.rank = rankRange
	}
	return f
}

// order decides whether the scan gives the order that is asked for, and in which direction.
func (pl *planner) order(p *Plan, used []field) {
	if pl.q.Sort == nil {
		p.Sorted = true
		return
	}
	keys, unordered := []catalog.KeyField{{Path: pl.c.ClusterField()}}, pl.c.State.CutIDs.Load()
	var coll *collation.Collation
	if p.Index != nil {
		keys, coll = p.Index.Keys, p.Index.Collation
		unordered = pl.multikey(p.Index) != 0 || p.Index.HasCutKeys()
	}
	if unordered || !collation.Same(coll, pl.q.Sort.Collation()) {
		return
	}
	single := func(i int) bool { return i < len(used) && len(used[i].ivs) == 1 && used[i].ivs[0].isPoint() }
	singlePath := func(path string) bool {
		return slices.ContainsFunc(keys, func(k catalog.KeyField) bool { return k.Path == path && single(indexOf(keys, path)) })
	}
	i, dir := 0, 0
	for _, s := range pl.q.Sort.Fields() {
		if singlePath(s.Path) {
			continue
		}
		for i < len(keys) && keys[i].Path != s.Path && single(i) {
			i++
		}
		if i >= len(keys) || keys[i].Path != s.Path {
			return
		}
		want := 1
		if keys[i].Desc != s.Desc {
			want = -1
		}
		if dir != 0 && dir != want {
			return
		}
		dir = want
		i++
	}
	p.Sorted, p.Order = true, pl.q.Sort
	p.Reverse = dir < 0
}

func indexOf(keys []catalog.KeyField, path string) int {
	return slices.IndexFunc(keys, func(k catalog.KeyField) bool { return k.Path == path })
}

// cover decides whether the entries of x suffice.
func (pl *planner) cover(p *Plan, x *catalog.Index, mk uint64) {
	if p.Index == nil || pl.q.Whole {
		return
	}
	if len(pl.q.Deps) == 0 && p.Residual == nil && (pl.q.Sort == nil || p.Sorted) {
		p.Covered = true // only the number counts
		return
	}
	if mk != 0 || x.Collation != nil {
		return // the entries do not tell the values
	}
	need := slices.Clone(pl.q.Deps)
	if p.Residual != nil {
		paths, ok := filterPaths(pl.q.Filter)
		if !ok {
			return
		}
		need = append(need, paths...)
	}
	if pl.q.Sort != nil && !p.Sorted {
		for _, s := range pl.q.Sort.Fields() {
			need = append(need, s.Path)
		}
	}
	p.Covered = hasKeys(x, need) && !prefixesOverlap(x.Keys)
	p.NeedsValues = p.Covered
}

// hasKeys reports whether all paths are keys of x.
func hasKeys(x *catalog.Index, paths []string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool { return indexOf(x.Keys, path) < 0 })
}

// prefixesOverlap reports whether one key path is a parent of another: then a document cannot be
// rebuilt from the keys.
func prefixesOverlap(keys []catalog.KeyField) bool {
	for _, a := range keys {
		for _, b := range keys {
			if strings.HasPrefix(b.Path, a.Path+".") {
				return true
			}
		}
	}
	return false
}

// filterPaths lists the paths that a filter reads, ok false where they cannot be told.
func filterPaths(f *match.Filter) (paths []string, ok bool) {
	var walk func(n match.Node) bool
	walk = func(n match.Node) bool {
		switch n := n.(type) {
		case *match.And:
			return all(n.Nodes, walk)
		case *match.Or:
			return all(n.Nodes, walk)
		case *match.Nor:
			return all(n.Nodes, walk)
		case *match.Not:
			return walk(n.Node)
		case *match.Compare:
			paths = append(paths, n.Path)
		case *match.In:
			paths = append(paths, n.Path)
		case *match.Regex:
			paths = append(paths, n.Path)
		default:
			return false
		}
		return true
	}
	ok = walk(f.Root())
	return paths, ok
}

func all(ns []match.Node, fn func(match.Node) bool) bool {
	for _, n := range ns {
		if !fn(n) {
			return false
		}
	}
	return true
}

// union returns the plan that serves every branch of an $or by an index, nil where there is no
// $or, a branch has no index, or one index does well without.
func (pl *planner) union(others []*Plan) *Plan {
	for _, o := range others {
		if o.score >= 200 {
			return nil
		}
	}
	for _, n := range pl.conj {
		or, ok := n.(*match.Or)
		if !ok {
			continue
		}
		p := &Plan{Kind: Union, Residual: pl.q.Filter, Dedup: true, Sorted: pl.q.Sort == nil, score: 150}
		for _, branch := range or.Nodes {
			sub := &planner{c: pl.c, multikey: pl.multikey, q: &Query{Filter: pl.q.Filter, Collation: pl.q.Collation, Whole: true}}
			sub.conj, sub.bounds = constraints(branch)
			b := sub.best()
			if b.Kind == Nothing {
				continue
			}
			if b.Kind == Union {
				p.Branches = append(p.Branches, b.Branches...)
				continue
			}
			if b.Kind == CollScan && b.Ranges == nil {
				p = nil
				break
			}
			b.Residual, b.Rejected = nil, nil
			p.Branches = append(p.Branches, b)
		}
		if p != nil && len(p.Branches) > 0 {
			return p
		}
	}
	return nil
}
