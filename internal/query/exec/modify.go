package exec

import (
	"bytes"
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/update"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// Modify is one update or delete statement, or a findAndModify.
type Modify struct {
	Query  *Compiled                              // which documents; with Multi unset the first
	Update *update.Update                         // nil to delete, unless there is Change
	Change func(old bsonx.Doc) (bsonx.Doc, error) // makes the new document, instead of Update
	Multi  bool
	Upsert bool
	Check  Checker // nil for none
	NewID  func() bsonx.Value

	// Record is called in the transaction of the change of a single document, with its
	// images; nil for none.
	Record func(t *txn.Txn, c Changed) error
}

// Checker refuses a statement on collections of a kind that it does not go with.
type Checker interface {
	CheckTimeSeries(ts *catalog.TimeSeries) error
}

// check reports whether the statement goes with the kind of the collection.
func (m *Modify) check(c *catalog.Collection) error {
	if c == nil || c.TimeSeries == nil || m.Check == nil {
		return nil
	}
	return m.Check.CheckTimeSeries(c.TimeSeries)
}

// Changed is one changed document.
type Changed struct {
	Before     bsonx.Doc   // nil for an upsert that inserted
	After      bsonx.Doc   // nil for a deletion; Before if nothing had to be changed
	Modified   bool        // bytes were changed
	UpsertedID bsonx.Value // missing unless inserted
	RecordID   []byte      // nil for an insert
}

// Result sums up a statement.
type Result struct {
	Matched, Modified int64 // of a deletion: deleted, both
	Changed                 // the last document
}

// Modify runs a statement. On an error the result still counts the documents before.
func (w *Writer) Modify(ctx context.Context, m *Modify) (Result, error) {
	m.Query.running = ctx
	if m.Update != nil && m.Update.Kind() == update.KindPipeline {
		m.Update.Interrupt(m.Query.check)
	}
	if m.Multi {
		return w.modifyMany(ctx, m)
	}
	var res Result
	err := w.one(ctx, m.Upsert, func(t *txn.Txn, c *catalog.Collection) error {
		res = Result{}
		if err := m.check(c); err != nil {
			return err
		}
		ch, found, err := w.modifyFirst(ctx, m, t, c)
		if err != nil || !found {
			return err
		}
		res.Changed = ch
		if ch.UpsertedID.IsMissing() {
			res.Matched = 1
		}
		if ch.Modified && ch.Before != nil {
			res.Modified = 1
		}
		if m.Record != nil && ch.Modified {
			return m.Record(t, ch)
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	return res, nil
}

// modifyFirst changes the first document that matches, or inserts one.
func (w *Writer) modifyFirst(ctx context.Context, m *Modify, t *txn.Txn, c *catalog.Collection) (Changed, bool, error) {
	if c == nil {
		return Changed{}, false, nil
	}
	rid, doc, ok, err := m.Query.first(ctx, t, c)
	if err != nil {
		return Changed{}, false, err
	}
	if ok {
		ch, err := w.change(ctx, m, t, c, rid, doc)
		return ch, true, err
	}
	if !m.Upsert {
		return Changed{}, false, nil
	}
	ch, err := w.upsert(ctx, m, t, c)
	return ch, true, err
}

// first finds the first document in order and locks it, so that what it says still holds at
// the commit. The document and its record id are the caller's.
func (q *Compiled) first(ctx context.Context, t *txn.Txn, c *catalog.Collection) (rid []byte, doc bsonx.Doc, ok bool, err error) {
	if q.byID(c) {
		rid, doc, ok, err = t.GetByID(ctx, c, q.id, nil)
	} else {
		rid, doc, ok, err = q.firstByPlan(ctx, t, c)
	}
	if err != nil || !ok {
		return nil, nil, false, err
	}
	return rid, doc, true, t.LockRecords(ctx, c, rid)
}

func (q *Compiled) firstByPlan(ctx context.Context, t *txn.Txn, c *catalog.Collection) (rid []byte, doc bsonx.Doc, ok bool, err error) {
	p, err := q.Plan(c, t.Multikey)
	if err != nil {
		return nil, nil, false, err
	}
	st := InTxn(t)
	sc := newScan(st, c, p, q.context, new([]byte))
	defer sc.close()
	var bestKey, key []byte
	for {
		more, err := sc.next(ctx)
		if err != nil || !more {
			return rid, doc, ok, err
		}
		if !p.Sorted {
			if key, err = q.sort.AppendKey(key[:0], sc.doc); err != nil {
				return nil, nil, false, err
			}
			if ok && bytes.Compare(key, bestKey) >= 0 {
				continue
			}
			bestKey = append(bestKey[:0], key...)
		}
		rid, doc, ok = append(rid[:0], sc.rid...), append(doc[:0], sc.doc...), true
		if p.Sorted {
			return rid, doc, true, nil
		}
	}
}

// change updates or deletes one document.
func (w *Writer) change(ctx context.Context, m *Modify, t *txn.Txn, c *catalog.Collection, rid []byte, doc bsonx.Doc) (Changed, error) {
	ch := Changed{Before: doc, RecordID: rid}
	if m.Update == nil && m.Change == nil {
		ch.Modified = true
		return ch, t.Delete(ctx, c, rid, doc)
	}
	after, changed, err := m.apply(doc)
	if err != nil {
		return ch, err
	}
	ch.After = after
	if !changed {
		ch.After = doc
		return ch, nil
	}
	ch.Modified = true
	if err := w.validate(c, doc, after); err != nil {
		return ch, err
	}
	return ch, t.Update(ctx, c, rid, doc, after)
}

// apply returns what the statement makes of a document.
func (m *Modify) apply(doc bsonx.Doc) (after bsonx.Doc, changed bool, err error) {
	if m.Change != nil {
		after, err = m.Change(doc)
		return after, err == nil && !bytes.Equal(after, doc), err
	}
	pos := -1
	if m.Update.NeedsPositional() {
		if pos, err = m.Query.position(doc); err != nil {
			return nil, false, err
		}
	}
	return m.Update.Apply(nil, doc, m.Query.contextFor(doc), pos)
}

// contextFor returns the context in which expressions about doc are evaluated.
func (q *Compiled) contextFor(doc bsonx.Doc) *expr.Context {
	if q.context == nil {
		q.newContext()
	}
	q.context.Reset(doc)
	return q.context
}

// position returns the array position that the positional operator stands for.
func (q *Compiled) position(doc bsonx.Doc) (int, error) {
	f, err := q.Filter()
	if err != nil {
		return -1, err
	}
	_, pos, err := f.MatchPositional(doc, q.contextFor(doc))
	return pos, err
}

func (w *Writer) upsert(ctx context.Context, m *Modify, t *txn.Txn, c *catalog.Collection) (Changed, error) {
	doc, err := m.Update.Insert(nil, m.Query.contextFor(nil), m.NewID)
	if err != nil {
		return Changed{}, err
	}
	if err := w.validate(c, nil, doc); err != nil {
		return Changed{}, err
	}
	ch := Changed{After: doc, Modified: true, UpsertedID: doc.Lookup("_id")}
	_, err = t.Insert(ctx, c, doc)
	return ch, err
}

// modifyMany changes all documents that match, each once, and goes on after a conflict where
// it was.
func (w *Writer) modifyMany(ctx context.Context, m *Modify) (Result, error) {
	var res Result
	t, c, err := w.begin(ctx)
	if err != nil {
		return res, translate(w.store, err)
	}
	if err := m.check(c); err != nil {
		return res, err
	}
	if c != nil {
		if err := w.modifyAll(ctx, m, t, c, &res); err != nil {
			return res, err
		}
	}
	if res.Matched > 0 || !m.Upsert {
		return res, nil
	}
	one := *m
	one.Multi = false
	return w.Modify(ctx, &one)
}

func (w *Writer) modifyAll(ctx context.Context, m *Modify, t *txn.Txn, c *catalog.Collection, res *Result) error {
	p, err := m.Query.Plan(c, t.Multikey)
	if err != nil {
		return err
	}
	st := InTxn(t)
	sc := newScan(st, c, p, m.Query.context, new([]byte))
	defer sc.close()
	done := make(map[string]struct{})
	for {
		ok, err := sc.next(ctx)
		if err != nil || !ok {
			return err
		}
		if _, dup := done[string(sc.rid)]; dup {
			continue
		}
		for again := true; again && ok; {
			if again, err = w.modifyNext(ctx, m, t, sc, res); err != nil {
				return err
			}
			if !again {
				done[string(sc.rid)] = struct{}{}
				if w.docs++; w.session != nil || !w.full() {
					break
				}
			}
			if t, err = w.renew(ctx, st); err != nil {
				return err
			}
			if again {
				if ok, err = sc.reload(ctx, m.Query); err != nil {
					return err
				}
			}
		}
	}
}

// renew commits the open implicit transaction, if any, and goes on reading in a new one.
func (w *Writer) renew(ctx context.Context, st *State) (*txn.Txn, error) {
	st.Pause()
	if err := w.flush(ctx, storage.Buffered); err != nil {
		return nil, err
	}
	t, _, err := w.begin(ctx)
	if err != nil {
		return nil, translate(w.store, err)
	}
	st.Rebase(t)
	return t, nil
}

// modifyNext changes the document that the scan is at. again says that it met a conflict, which
// is over now, and has to be looked at once more in a new transaction.
func (w *Writer) modifyNext(ctx context.Context, m *Modify, t *txn.Txn, sc *scan, res *Result) (again bool, err error) {
	sp := t.Savepoint()
	if err = t.LockRecords(ctx, sc.c, sc.rid); err == nil {
		var ch Changed
		if ch, err = w.change(ctx, m, t, sc.c, sc.rid, sc.doc); err == nil {
			res.Matched++
			if ch.Modified {
				res.Modified++
			}
			return false, nil
		}
	}
	t.RollbackTo(sp)
	var conflict *storage.ConflictError
	if !errors.As(err, &conflict) || w.session != nil {
		return false, translate(w.store, err)
	}
	sc.state.Pause()
	return true, w.retry(ctx, err)
}
