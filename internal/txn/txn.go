package txn

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// Options describe a transaction to begin.
type Options struct {
	// Session marks a client's multi-document transaction: its lock requests time out
	// quickly, and a catalog change after its snapshot is an error.
	Session bool

	// At begins on an older state that is still kept, zero means now.
	At storage.Timestamp

	// Tag is what other transactions learn about this one in a conflict.
	Tag any
}

// Txn is one document transaction. It is used by one goroutine at a time.
type Txn struct {
	View
	st    storage.Txn
	opts  Options
	fresh bool // no collection has been looked up: the snapshot may still move

	counts []count
	scr    *scratch // nil until the first write
}

// count is the change of one collection's counters.
type count struct {
	coll           layout.Ident
	records, bytes int64
}

// Begin starts a transaction on the newest state.
func (s *Store) Begin(ctx context.Context, opts Options) (*Txn, error) {
	st, err := s.Engine.Begin(ctx, storage.TxnOptions{At: opts.At, Brief: !opts.Session, Tag: opts.Tag})
	if err != nil {
		return nil, snapshotError(err)
	}
	t := &Txn{st: st, opts: opts, fresh: opts.At == 0}
	t.View = View{store: s, reader: st, txn: t}
	return t, nil
}

// BeginLocked locks a collection for writing, then starts a transaction, so that its snapshot is
// not older than the collection's catalog entry.
func (s *Store) BeginLocked(ctx context.Context, ns string, opts Options) (*Txn, error) {
	l, err := s.Catalog.Locks.Acquire(ctx, ns, catalog.LockIX, -1)
	if err != nil {
		return nil, err
	}
	t, err := s.Begin(ctx, opts)
	if err != nil {
		l.Release()
		return nil, err
	}
	t.locks = append(t.locks, l)
	return t, nil
}

// ForWrite locks ns for writing and returns its collection, nil if there is none. A capped
// collection is locked exclusively: its documents are in the order of their commits, so one
// transaction at a time adds some. (A session's transaction may not write it at all.)
func (t *Txn) ForWrite(ctx context.Context, ns string) (*catalog.Collection, error) {
	fresh := t.fresh
	c, err := t.collection(ctx, ns, catalog.LockIX)
	if err != nil || c == nil || !c.Capped || t.opts.Session || t.holds(ns, catalog.LockX) {
		return c, err
	}
	t.fresh = fresh // nobody has seen c
	c, err = t.collection(ctx, ns, catalog.LockX)
	if err == nil && fresh {
		// See what was added while the lock was waited for.
		err = t.st.Refresh(ctx)
	}
	return c, err
}

// ForDDL locks ns exclusively and returns its collection, nil if there is none.
func (t *Txn) ForDDL(ctx context.Context, ns string) (*catalog.Collection, error) {
	return t.collection(ctx, ns, catalog.LockX)
}

// Storage gives access to the transaction below, for records that are not documents.
func (t *Txn) Storage() storage.Txn { return t.st }

// Savepoint is a mark to return to.
type Savepoint struct {
	st     storage.Savepoint
	ddl    catalog.Change
	counts []count
}

// Savepoint marks the current state of the own writes.
func (t *Txn) Savepoint() Savepoint {
	return Savepoint{st: t.st.Savepoint(), ddl: t.ddl, counts: append([]count(nil), t.counts...)}
}

// RollbackTo drops the writes made since the savepoint. Locks stay held.
func (t *Txn) RollbackTo(sp Savepoint) {
	t.st.RollbackTo(sp.st)
	t.ddl = sp.ddl
	t.counts = append(t.counts[:0], sp.counts...)
}

// Writes reports whether there is anything to commit.
func (t *Txn) Writes() bool { return t.st.Writes() || len(t.ddl) > 0 }

// Bytes is the memory that the own writes take.
func (t *Txn) Bytes() int { return t.st.Bytes() }

// Commit publishes everything at once and ends the transaction.
func (t *Txn) Commit(ctx context.Context, d storage.Durability) (storage.Timestamp, error) {
	defer t.end()
	for _, c := range t.counts {
		if c.records != 0 {
			t.st.Add(layout.CounterRecords(c.coll), c.records)
		}
		if c.bytes != 0 {
			t.st.Add(layout.CounterBytes(c.coll), c.bytes)
		}
	}
	if len(t.ddl) > 0 {
		if t.opts.Session {
			if err := t.putCreated(ctx); err != nil {
				t.st.Rollback()
				return 0, err
			}
		}
		change := t.ddl
		t.st.OnCommit(func(ts storage.Timestamp) { t.store.Catalog.Publish(change, ts) })
	}
	ts, err := t.st.Commit(ctx, d)
	if err != nil {
		return 0, storageError(err)
	}
	return ts, nil
}

// Rollback drops everything and ends the transaction. It is idempotent.
func (t *Txn) Rollback() {
	t.st.Rollback()
	t.end()
}

func (t *Txn) end() {
	t.freeScratch()
	t.unlock()
}

// storageError gives storage's sentinels their MongoDB code. Conflicts stay what they are: the
// statement decides whether to wait or to fail.
func storageError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrTxnTooLarge), errors.Is(err, storage.ErrTxnMemory):
		return mongoerr.New(mongoerr.TransactionTooLargeForCache,
			"transaction is too large and will not fit in the storage engine cache: %w", err)
	case errors.Is(err, storage.ErrClosed):
		return mongoerr.New(mongoerr.InterruptedAtShutdown, "interrupted at shutdown").WithCause(err)
	}
	return err
}

// change adds to the counters of a collection.
func (t *Txn) change(id layout.Ident, records, bytes int64) {
	for i := range t.counts {
		if t.counts[i].coll == id {
			t.counts[i].records += records
			t.counts[i].bytes += bytes
			return
		}
	}
	t.counts = append(t.counts, count{id, records, bytes})
}

// Await returns when the transaction that a conflict named has ended, or when ctx ends.
func (s *Store) Await(ctx context.Context, conflict *storage.ConflictError) error {
	defer catalog.WaitsForConflict(ctx, conflict)()
	if err := s.Engine.Await(ctx, conflict); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return nil
}
