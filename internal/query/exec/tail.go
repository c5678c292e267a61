package exec

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/plan"
)

// Tail follows a capped collection: at its end, Next reports false, and later gives what has
// been added meanwhile. It is used by one goroutine.
type Tail struct {
	cur    *Cursor
	last   []byte    // record id of the newest document examined, nil for none
	peeked bsonx.Doc // found by Peek, to be given by Next
}

// OpenTail is Open for a tailable query. It fails for a collection that is not capped.
func (q *Compiled) OpenTail(ctx context.Context, st *State, c *catalog.Collection) (*Tail, error) {
	if c != nil && !c.Capped {
		return nil, mongoerr.New(mongoerr.BadValue,
			"error processing query: ns=%s: planner returned error :: caused by :: tailable cursor requested on non capped collection", c.NS)
	}
	cur := q.cursor(st)
	t := &Tail{cur: cur}
	if c == nil {
		return t, nil
	}
	filter, err := q.Filter()
	if err != nil {
		return nil, err
	}
	if filter.NeedsContext() && q.context == nil {
		q.newContext()
	}
	p := &plan.Plan{Kind: plan.CollScan, Sorted: true}
	if !filter.Empty() {
		p.Residual = filter
	}
	cur.scan = newScan(st, c, p, q.context, cur.record)
	return t, nil
}

// Started reports whether the collection had any document when the tail began: a tailable
// cursor on an empty collection is dead at once.
func (t *Tail) Started() bool { return t.last != nil }

// Next returns the next document, false at the present end.
func (t *Tail) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if d := t.peeked; d != nil {
		t.peeked = nil
		return d, true, nil
	}
	if t.cur.scan == nil {
		return nil, false, nil
	}
	if err := t.resume(ctx); err != nil {
		return nil, false, err
	}
	d, ok, err := t.cur.Next(ctx)
	if rid := t.cur.scan.rid; rid != nil {
		t.last = append(t.last[:0], rid...)
	}
	return d, ok, err
}

// resume continues after the last document, if the scan has been at the end.
func (t *Tail) resume(ctx context.Context) error {
	sc := t.cur.scan
	if sc.cur < len(sc.parts) {
		return nil
	}
	v, err := sc.state.View(ctx)
	if err != nil {
		return err
	}
	sc.cur = 0
	sc.parts = []part{{plan: sc.plan}}
	if t.last == nil {
		return nil
	}
	_, ok, err := v.Get(ctx, sc.c, t.last, nil)
	if err != nil {
		return err
	}
	if !ok {
		return mongoerr.New(mongoerr.CappedPositionLost,
			"CollectionScan died due to position in capped collection being deleted. Last seen record id: %x", t.last)
	}
	sc.parts[0].saved, sc.parts[0].rid = true, append([]byte(nil), t.last...)
	return nil
}

// Peek looks for a next document without taking it.
func (t *Tail) Peek(ctx context.Context) (bool, error) {
	if t.peeked != nil {
		return true, nil
	}
	d, ok, err := t.Next(ctx)
	if ok {
		t.peeked = d.Clone()
	}
	return ok, err
}

// Close ends the tail. It is idempotent.
func (t *Tail) Close() error { return t.cur.Close() }
