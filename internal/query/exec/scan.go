package exec

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sortkey"
	"github.com/tandemdb/tandem/internal/txn"
)

// scan walks the documents of one plan, filtered. After next returned true, doc and rid hold
// until the next call.
type scan struct {
	state *State
	c     *catalog.Collection
	plan  *plan.Plan
	ctx   *expr.Context // for filters that need one

	parts []part  // the plan, or the branches of a union
	part0 [1]part // backs parts without branches
	cur   int
	epoch int  // of the view that the plan, or the last check of it, rests on
	live  bool // iterators may be open

	covering bool             // documents may be built from index entries
	order    *sortkey.Pattern // see adapt
	last     []byte           // the sort key of the last document, where order is set
	doc      bsonx.Doc
	rid      []byte
	buf      *[]byte // that records are read into
	keys     []byte  // scratch of covered documents

	seen map[string]struct{} // records found, where the plan may find one twice

	single bool // the first document is all that is wanted

	keysExamined, docsExamined int64
	steps                      uint
}

// part is the position within one plan without branches.
type part struct {
	plan *plan.Plan
	rng  int // index into plan.Ranges
	recs *txn.RecordIter
	ents *txn.EntryIter

	// The position to resume after, taken when the iterators were closed.
	saved    bool
	key, rid []byte
}

// interruptEvery is how many entries are examined between looks at the context.
const interruptEvery = 128

func newScan(st *State, c *catalog.Collection, p *plan.Plan, ctx *expr.Context, buf *[]byte) *scan {
	sc := &scan{state: st, c: c, plan: p, ctx: ctx, buf: buf, epoch: st.epoch, covering: p.Covered}
	switch p.Kind {
	case plan.Nothing:
	case plan.Union:
		for _, b := range p.Branches {
			sc.parts = append(sc.parts, part{plan: b})
		}
	default:
		sc.part0[0].plan = p
		sc.parts = sc.part0[:]
	}
	if p.Dedup {
		sc.seen = make(map[string]struct{})
	}
	return sc
}

// next moves to the next document that matches.
func (sc *scan) next(ctx context.Context) (bool, error) {
	for sc.cur < len(sc.parts) {
		if sc.steps++; sc.steps%interruptEvery == 0 {
			if err := interrupted(ctx); err != nil {
				return false, err
			}
		}
		pt := &sc.parts[sc.cur]
		v, err := sc.prepare(ctx, pt)
		if err != nil {
			return false, err
		}
		ok, err := sc.step(ctx, v, pt)
		if err != nil {
			return false, err
		}
		if !ok {
			sc.cur++
			continue
		}
		if sc.doc == nil {
			continue
		}
		match, err := sc.matches()
		if err != nil || match {
			return match, err
		}
	}
	return false, nil
}

// reload reads the document that the scan was at when it was saved once more, in the present state,
// and reports whether it is still there and matches the query.
func (sc *scan) reload(ctx context.Context, q *Compiled) (bool, error) {
	pt := &sc.parts[sc.cur]
	v, err := sc.prepare(ctx, pt)
	if err != nil {
		return false, err
	}
	sc.rid = pt.rid
	doc, ok, err := v.Get(ctx, sc.c, sc.rid, (*sc.buf)[:0])
	if err != nil || !ok {
		return false, err
	}
	sc.doc, *sc.buf = doc, doc
	f, err := q.Filter()
	if err != nil {
		return false, err
	}
	return f.Match(doc, q.contextFor(doc))
}

func (sc *scan) matches() (bool, error) {
	if f := sc.plan.Residual; f != nil {
		if ok, err := f.Match(sc.doc, sc.ctx); err != nil || !ok {
			return false, err
		}
	}
	if sc.seen != nil {
		if _, dup := sc.seen[string(sc.rid)]; dup {
			return false, nil
		}
		sc.seen[string(sc.rid)] = struct{}{}
	}
	if sc.order != nil {
		return sc.inOrder()
	}
	return true, nil
}

// prepare opens the view, and checks after a pause that what the plan relies on is still there.
func (sc *scan) prepare(ctx context.Context, pt *part) (*txn.View, error) {
	v, err := sc.state.View(ctx)
	if err != nil || sc.live {
		return v, err
	}
	if sc.epoch != sc.state.epoch {
		if err := sc.revalidate(ctx, v); err != nil {
			return nil, err
		}
		sc.epoch = sc.state.epoch
	}
	if err := sc.adapt(); err != nil {
		return nil, err
	}
	sc.live = true
	sc.state.opened(sc)
	return v, nil
}

// adapt makes up for an index that has got arrays or cut keys since the plan was made, be it by the
// own transaction. With arrays, from here on it may hold a document several times, and its entries
// do not tell the values. With both, a document may be found far from its place in the order. Such
// documents are newer than the query, so it may leave them out where it has passed that place.
func (sc *scan) adapt() error {
	x := sc.plan.Index
	switch {
	case x == nil && !sc.c.State.CutIDs.Load(), x != nil && x.Marks() == 0:
		return nil
	case x != nil && x.Multikey() != 0 && sc.seen == nil:
		sc.seen, sc.covering = make(map[string]struct{}), false
	}
	if sc.plan.Order == nil || sc.order != nil {
		return nil
	}
	sc.order = sc.plan.Order
	if sc.doc == nil {
		return nil
	}
	var err error
	sc.last, err = sc.order.AppendKey(nil, sc.doc)
	return err
}

// inOrder reports whether the document is not before the last one in the order of the plan.
func (sc *scan) inOrder() (bool, error) {
	key, err := sc.order.AppendKey(nil, sc.doc)
	if err != nil || bytes.Compare(key, sc.last) < 0 {
		return false, err
	}
	sc.last = key
	return true, nil
}

func (sc *scan) revalidate(ctx context.Context, v *txn.View) error {
	c, err := v.Collection(ctx, sc.c.NS)
	if err != nil {
		return err
	}
	if c == nil || c.ID != sc.c.ID {
		return planKilled("collection dropped")
	}
	for _, pt := range sc.parts {
		if x := pt.plan.Index; x != nil && (c.Index(x.Name) == nil || c.Index(x.Name).ID != x.ID) {
			return planKilled("index '%s' dropped", x.Name)
		}
	}
	sc.c = c
	return nil
}

// step moves to the next record or entry of a part. It returns true with a nil doc for one that
// can be told not to match.
func (sc *scan) step(ctx context.Context, v *txn.View, pt *part) (bool, error) {
	if pt.plan.Kind == plan.Nothing {
		return false, nil
	}
	if pt.plan.Kind == plan.CollScan {
		return sc.stepRecord(ctx, v, pt)
	}
	return sc.stepEntry(ctx, v, pt)
}

func (sc *scan) stepRecord(ctx context.Context, v *txn.View, pt *part) (bool, error) {
	for {
		if pt.recs == nil {
			ok, err := pt.openRecords(ctx, v, sc.c)
			if err != nil || !ok {
				return false, err
			}
		}
		if pt.recs.Next() {
			rid := pt.recs.RID()
			if pt.skip(nil, rid) {
				continue
			}
			sc.docsExamined++
			sc.rid, sc.doc = rid, pt.recs.Doc()
			return true, nil
		}
		err := pt.recs.Err()
		pt.recs.Close()
		pt.recs = nil
		if err != nil {
			return false, err
		}
		pt.saved = false
		pt.rng++
	}
}

// rangeAt returns the range to scan now, ok false at the end. Ranges are in index order, so a
// reverse scan takes the last one first.
func (pt *part) rangeAt() (plan.Range, bool) {
	rs := pt.plan.Ranges
	if rs == nil {
		return plan.Range{}, pt.rng == 0
	}
	if pt.rng >= len(rs) {
		return plan.Range{}, false
	}
	if pt.plan.Reverse {
		return rs[len(rs)-1-pt.rng], true
	}
	return rs[pt.rng], true
}

func (pt *part) openRecords(ctx context.Context, v *txn.View, c *catalog.Collection) (bool, error) {
	r, ok := pt.rangeAt()
	if !ok {
		return false, nil
	}
	if pt.saved {
		if pt.plan.Reverse {
			r.Hi = append(bytes.Clone(pt.rid), 0)
		} else {
			r.Lo = pt.rid
		}
	}
	it, err := v.Records(ctx, c, txn.RecordRange{Lo: r.Lo, Hi: r.Hi, Reverse: pt.plan.Reverse})
	if err != nil {
		return false, err
	}
	pt.recs = it
	return true, nil
}

// skip reports whether an entry lies before the position to resume at; afterwards nothing is
// skipped any more.
func (pt *part) skip(key, rid []byte) bool {
	if !pt.saved {
		return false
	}
	c := bytes.Compare(key, pt.key)
	if c == 0 {
		c = bytes.Compare(rid, pt.rid)
	}
	if pt.plan.Reverse {
		c = -c
	}
	if c <= 0 {
		return true
	}
	pt.saved = false
	return false
}

func (sc *scan) stepEntry(ctx context.Context, v *txn.View, pt *part) (bool, error) {
	for {
		if pt.ents == nil {
			ok, err := pt.openEntries(ctx, v, sc.c)
			if err != nil || !ok {
				return false, err
			}
		}
		if pt.ents.Next() {
			if pt.skip(pt.ents.Key(), pt.ents.RID()) {
				continue
			}
			sc.keysExamined++
			return true, sc.load(ctx, v, pt)
		}
		pt.saved = false
		pt.rng++
		err := pt.ents.Err()
		if r, more := pt.rangeAt(); more && err == nil {
			pt.ents.Narrow(r.Lo, r.Hi)
			continue
		}
		pt.ents.Close()
		pt.ents = nil
		return false, err
	}
}

func (pt *part) openEntries(ctx context.Context, v *txn.View, c *catalog.Collection) (bool, error) {
	r, ok := pt.rangeAt()
	if !ok {
		return false, nil
	}
	if pt.saved {
		if pt.plan.Reverse {
			r.Hi = plan.PrefixEnd(pt.key)
		} else {
			r.Lo = pt.key
		}
	}
	lo, hi := r.Lo, r.Hi
	if n := len(pt.plan.Ranges); n > 1 {
		lo, hi = pt.plan.Ranges[0].Lo, pt.plan.Ranges[n-1].Hi
	}
	it, err := v.Entries(ctx, c, pt.plan.Index, lo, hi, pt.plan.Reverse)
	if err != nil {
		return false, err
	}
	if len(pt.plan.Ranges) > 1 {
		it.Narrow(r.Lo, r.Hi)
	}
	pt.ents = it
	return true, nil
}

// leave ends the current range at the current entry, whose record id it keeps.
func (pt *part) leave() {
	pt.rid = append(pt.rid[:0], pt.ents.RID()...)
	pt.ents.Close()
	pt.ents = nil
	pt.rng++
}

// load sets doc and rid from the current index entry; doc stays nil for a record found before.
func (sc *scan) load(ctx context.Context, v *txn.View, pt *part) error {
	sc.rid, sc.doc = pt.ents.RID(), nil
	if sc.seen != nil {
		if _, dup := sc.seen[string(sc.rid)]; dup {
			return nil
		}
	}
	if sc.covering {
		if doc, ok := sc.covered(pt); ok {
			sc.doc = doc
			return nil
		}
	}
	sc.docsExamined++
	if sc.single {
		pt.leave() // so that the engine reads the record with the same iterator
		sc.rid = pt.rid
	}
	doc, ok, err := v.Get(ctx, sc.c, sc.rid, (*sc.buf)[:0])
	if err != nil {
		return err
	}
	if ok {
		sc.doc, *sc.buf = doc, doc
	}
	return nil
}

// covered builds the part of the document that an index entry holds, ok false where it does not
// tell enough.
func (sc *scan) covered(pt *part) (bsonx.Doc, bool) {
	p := pt.plan
	if !p.NeedsValues {
		return bsonx.Empty, true
	}
	vals := pt.values()
	if vals == nil || slices.ContainsFunc(vals, bsonx.Value.IsNullish) {
		return nil, false
	}
	b := bsonx.AppendDocStart(sc.keys[:0])
	b = appendCovered(b, p.Index.Keys, vals, 0)
	sc.keys = bsonx.AppendDocEnd(b, 0)
	return sc.keys, true
}

// values decodes the current index entry, nil where it was cut.
func (pt *part) values() []bsonx.Value {
	key, bits := pt.ents.Key(), pt.ents.TypeBits()
	if keyenc.IsTruncated(key) {
		return nil
	}
	vals := make([]bsonx.Value, len(pt.plan.Index.Keys))
	for i, k := range pt.plan.Index.Keys {
		v, restKey, restBits, err := keyenc.Decode(key, k.Desc, bits)
		if err != nil {
			return nil
		}
		vals[i], key, bits = v, restKey, restBits
	}
	return vals
}

// keyDoc is the index entry that the scan is at as a document, empty without an index. In place
// of strings, an index with a collation has sort keys, which are shown in hexadecimal.
func (sc *scan) keyDoc() bsonx.Doc {
	b := bsonx.NewBuilder(nil)
	if pt := &sc.parts[sc.cur]; pt.ents != nil {
		for i, v := range pt.values() {
			if pt.plan.Index.Collation != nil && v.Type == bsonx.TypeString {
				v = bsonx.String("0x" + hex.EncodeToString(v.Bytes()))
			}
			b.Value(pt.plan.Index.Keys[i].Path, v)
		}
	}
	return b.Build()
}

// appendCovered appends the fields of a document level: keys that share their first depth
// components become one embedded document.
func appendCovered(dst []byte, keys []catalog.KeyField, vals []bsonx.Value, depth int) []byte {
	for i := range keys {
		name := keys[i].Parts[depth]
		if firstWith(keys[:i], depth, name) >= 0 {
			continue
		}
		if len(keys[i].Parts) == depth+1 {
			dst = bsonx.AppendElem(dst, name, vals[i])
			continue
		}
		var subKeys []catalog.KeyField
		var subVals []bsonx.Value
		for j := i; j < len(keys); j++ {
			if len(keys[j].Parts) > depth+1 && keys[j].Parts[depth] == name {
				subKeys, subVals = append(subKeys, keys[j]), append(subVals, vals[j])
			}
		}
		dst = bsonx.AppendHeader(dst, bsonx.TypeDocument, name)
		start := len(dst)
		dst = appendCovered(bsonx.AppendDocStart(dst), subKeys, subVals, depth+1)
		dst = bsonx.AppendDocEnd(dst, start)
	}
	return dst
}

func firstWith(keys []catalog.KeyField, depth int, name string) int {
	for i, k := range keys {
		if len(k.Parts) > depth && k.Parts[depth] == name {
			return i
		}
	}
	return -1
}

// save remembers the position and closes the iterators.
func (sc *scan) save() {
	if sc.cur < len(sc.parts) {
		pt := &sc.parts[sc.cur]
		if !pt.saved && sc.rid != nil && (pt.recs != nil || pt.ents != nil) {
			pt.saved = true
			pt.rid = append(pt.rid[:0], sc.rid...)
			pt.key = pt.key[:0]
			if pt.ents != nil {
				pt.key = append(pt.key, pt.ents.Key()...)
			}
		}
	}
	sc.closeIters()
	sc.live = false
}

func (sc *scan) closeIters() {
	for i := range sc.parts {
		pt := &sc.parts[i]
		if pt.recs != nil {
			pt.recs.Close()
			pt.recs = nil
		}
		if pt.ents != nil {
			pt.ents.Close()
			pt.ents = nil
		}
	}
}

func (sc *scan) close() {
	sc.closeIters()
	sc.state.closed(sc)
}
