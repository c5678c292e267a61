package txn

import (
	"context"
	"errors"
	"math/bits"
	"sync"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// scratch is the reusable memory of document writes.
type scratch struct {
	keys, old keySet
	locks     []storage.LockRequest
	buf       []byte
	rid       []byte
}

// scratchMax is the capacity in bytes above which a scratch buffer is dropped, not reused.
const scratchMax = 1 << 20

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (t *Txn) scratch() *scratch {
	if t.scr == nil {
		t.scr = scratches.Get().(*scratch)
	}
	return t.scr
}

func (t *Txn) freeScratch() {
	s := t.scr
	t.scr = nil
	if s == nil || cap(s.buf)+cap(s.keys.buf)+cap(s.old.buf) > scratchMax {
		return
	}
	scratches.Put(s)
}

// Insert adds a document, which has its _id, as a new record of c. It returns the record id,
// valid until the next write of the transaction. It fails with *storage.ConflictError where
// another transaction has written the _id or another unique key, and with DuplicateKey.
func (t *Txn) Insert(ctx context.Context, c *catalog.Collection, doc bsonx.Doc) (rid []byte, err error) {
	if err := t.notCapped(c); err != nil {
		return nil, err
	}
	s := t.scratch()
	mode := storage.LockAny
	if c.ClusteredByID() {
		mode = storage.LockAbsent
	}
	if s.rid, err = t.store.appendRecordID(ctx, s.rid[:0], c, doc); err != nil {
		return nil, err
	}
	if err := s.keys.build(c, s.rid, doc); err != nil {
		return nil, err
	}
	if err := t.publishMarks(ctx, s.keys.unknown); err != nil {
		return nil, err
	}
	s.buf = layout.AppendRecord(s.buf[:0], c.ID, s.rid)
	s.locks = append(s.locks[:0], storage.LockRequest{Key: s.buf, Mode: mode})
	prepared := false
	for i := range s.keys.entries {
		e := &s.keys.entries[i]
		switch x := c.Indexes[e.index]; {
		case x.Unique:
			s.locks = append(s.locks, storage.LockRequest{Key: s.keys.key(e), Mode: storage.LockAbsent})
		case x.PrepareUnique:
			prepared = true
			s.locks = append(s.locks, storage.LockRequest{Key: s.keys.tuplePrefix(e)})
		}
	}
	if err := t.lock(ctx, c, doc); err != nil {
		return nil, err
	}
	if prepared {
		for i := range s.keys.entries {
			if err := t.checkPrepared(ctx, c, &s.keys.entries[i], doc); err != nil {
				return nil, err
			}
		}
	}
	t.st.Put(s.buf, doc)
	for i := range s.keys.entries {
		e := &s.keys.entries[i]
		t.st.Put(s.keys.key(e), s.keys.value(e))
	}
	t.change(c.ID, 1, int64(len(doc)))
	if c.Capped {
		return s.rid, t.trim(ctx, c, s.rid)
	}
	return s.rid, nil
}

// lock takes the lock requests in scratch for a write of doc.
func (t *Txn) lock(ctx context.Context, c *catalog.Collection, doc bsonx.Doc) error {
	err := t.st.Lock(ctx, t.scr.locks)
	if err == nil {
		return nil
	}
	if exists, ok := errors.AsType[*storage.KeyExistsError](err); ok {
		return duplicateKey(c, doc, exists.Key)
	}
	return storageError(err)
}

// LockRecords locks records for writing, in one request to the engine. It fails with
// *storage.ConflictError where one is held, or was changed after the snapshot.
func (t *Txn) LockRecords(ctx context.Context, c *catalog.Collection, rids ...[]byte) error {
	s := t.scratch()
	s.buf, s.locks = s.buf[:0], s.locks[:0]
	size := 0
	for _, rid := range rids {
		size += layout.HeaderLen + len(rid)
	}
	if cap(s.buf) < size {
		s.buf = make([]byte, 0, size) // the requests point into it: it must not move
	}
	for _, rid := range rids {
		start := len(s.buf)
		s.buf = layout.AppendRecord(s.buf, c.ID, rid)
		s.locks = append(s.locks, storage.LockRequest{Key: s.buf[start:]})
	}
	return storageError(t.st.Lock(ctx, s.locks))
}

// Update replaces the document of a record. old is what this transaction reads there; both have
// the same _id. It locks the record and the unique keys that change, and writes only the index
// entries that differ.
func (t *Txn) Update(ctx context.Context, c *catalog.Collection, rid []byte, old, doc bsonx.Doc) error {
	if err := t.notCapped(c); err != nil {
		return err
	}
	s := t.scratch()
	if err := s.old.build(c, rid, old); err != nil {
		return err
	}
	if err := s.keys.build(c, rid, doc); err != nil {
		return err
	}
	if err := t.publishMarks(ctx, s.keys.unknown); err != nil {
		return err
	}
	s.buf = layout.AppendRecord(s.buf[:0], c.ID, rid)
	s.locks = append(s.locks[:0], storage.LockRequest{Key: s.buf})
	prepared := false
	for d := (differ{old: &s.old, new: &s.keys}); ; {
		what, set, e, ok := d.next()
		if !ok {
			break
		}
		if x := c.Indexes[e.index]; !x.Unique {
			if x.PrepareUnique && what == entryAdded {
				prepared = true
				s.locks = append(s.locks, storage.LockRequest{Key: set.tuplePrefix(e)})
			}
			continue
		}
		mode := storage.LockAny
		if what == entryAdded {
			mode = storage.LockAbsent
		}
		s.locks = append(s.locks, storage.LockRequest{Key: set.key(e), Mode: mode})
	}
	if err := t.lock(ctx, c, doc); err != nil {
		return err
	}
	if prepared {
		for d := (differ{old: &s.old, new: &s.keys}); ; {
			what, _, e, ok := d.next()
			if !ok {
				break
			}
			if what == entryAdded {
				if err := t.checkPrepared(ctx, c, e, doc); err != nil {
					return err
				}
			}
		}
	}
	t.st.Put(s.buf, doc)
	for d := (differ{old: &s.old, new: &s.keys}); ; {
		what, set, e, ok := d.next()
		if !ok {
			break
		}
		if what == entryRemoved {
			t.st.Delete(set.key(e))
		} else {
			t.st.Put(set.key(e), set.value(e))
		}
	}
	t.change(c.ID, 0, int64(len(doc)-len(old)))
	return nil
}

// Delete removes a record. old is what this transaction reads there.
func (t *Txn) Delete(ctx context.Context, c *catalog.Collection, rid []byte, old bsonx.Doc) error {
	if c.Capped && t.opts.Session {
		return mongoerr.New(mongoerr.IllegalOperation, "Cannot remove from a capped collection in a multi-document transaction")
	}
	s := t.scratch()
	if err := s.old.build(c, rid, old); err != nil {
		return err
	}
	s.buf = layout.AppendRecord(s.buf[:0], c.ID, rid)
	s.locks = append(s.locks[:0], storage.LockRequest{Key: s.buf})
	for i := range s.old.entries {
		if e := &s.old.entries[i]; c.Indexes[e.index].Unique {
			s.locks = append(s.locks, storage.LockRequest{Key: s.old.key(e)})
		}
	}
	if err := storageError(t.st.Lock(ctx, s.locks)); err != nil {
		return err
	}
	t.st.Delete(s.buf)
	for i := range s.old.entries {
		t.st.Delete(s.old.key(&s.old.entries[i]))
	}
	t.change(c.ID, -1, -int64(len(old)))
	return nil
}

// publishMarks marks indexes, in transactions of their own, before the first entry is written that
// needs it. If this transaction fails, that was early and harmless.
func (t *Txn) publishMarks(ctx context.Context, found []unknown) error {
	for _, u := range found {
		if err := t.store.mark(ctx, u.index, u.marks); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) mark(ctx context.Context, x *catalog.Index, marks uint64) error {
	for missing := marks &^ x.Marks(); missing != 0; missing &= missing - 1 {
		i := bits.TrailingZeros64(missing)
		if err := s.put(ctx, layout.Mark(x.ID, i), []byte{}); err != nil {
			return err
		}
		x.Mark(1 << i)
	}
	return nil
}

// cutMark is the number of the mark catalog.CutKeys.
const cutMark = 63

// markCutIDs notes that a clustered collection gets a record id that was cut.
func (s *Store) markCutIDs(ctx context.Context, c *catalog.Collection) error {
	if c.State.CutIDs.Load() {
		return nil
	}
	if err := s.put(ctx, layout.Mark(c.ID, cutMark), []byte{}); err != nil {
		return err
	}
	c.State.CutIDs.Store(true)
	return nil
}

// appendRecordID appends the record id that a new document gets.
func (s *Store) appendRecordID(ctx context.Context, dst []byte, c *catalog.Collection, doc bsonx.Doc) ([]byte, error) {
	if c.Clustered {
		n := len(dst)
		dst = appendClusterID(dst, doc.Lookup(c.ClusterField()))
		if keyenc.IsTruncated(dst[n:]) {
			if err := s.markCutIDs(ctx, c); err != nil {
				return nil, err
			}
		}
	}
	if c.ClusteredByID() {
		return dst, nil
	}
	id, err := s.newRecordID(ctx, c)
	return layout.AppendHeapID(dst, id), err
}

// appendClusterID appends what the record id of a clustered collection begins with: the value of
// the field that gives the order.
func appendClusterID(dst []byte, id bsonx.Value) []byte {
	start := len(dst)
	return keyenc.Truncate(keyenc.Append(dst, id), start)
}

// notCapped refuses a write to a capped collection inside a session's transaction.
func (t *Txn) notCapped(c *catalog.Collection) error {
	if !c.Capped || !t.opts.Session {
		return nil
	}
	return mongoerr.New(mongoerr.OperationNotSupportedInTransaction,
		"Collection '%s' is a capped collection. Writes in transactions are not allowed on capped collections.", c.NS)
}
