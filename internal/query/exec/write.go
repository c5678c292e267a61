package exec

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// A Writer stops adding documents to one implicit transaction at these bounds.
const (
	batchDocs  = 1000
	batchBytes = 4 << 20
)

// Recorder keeps, in the transaction of a document's change, what a retry of the statement is
// to be answered with.
type Recorder func(t *txn.Txn) error

// Writer changes the documents of one collection for one command: in the session's transaction
// if there is one, else in implicit ones that consecutive documents share. A document that
// conflicts with another transaction outside of a session's waits for it, after committing what
// went before, so that nobody waits while holding locks. It is used by one goroutine.
type Writer struct {
	store   *txn.Store
	ns      string
	session *txn.Txn
	opts    WriterOptions

	t    *txn.Txn // the open implicit transaction
	docs int
	last storage.Timestamp // the newest commit
	seen storage.Timestamp // the newest state in which there was nothing to change

	valid   *catalog.Collection // what validator was compiled from
	checker *match.Filter
	scope   *expr.Scope
}

// WriterOptions are what a write command may say about all its documents.
type WriterOptions struct {
	BypassValidation bool
	Tag              any // see txn.Options
	Logf             func(format string, args ...any)

	// Check, if set, is asked whether the collection, nil for none, is the one that is meant.
	Check func(c *catalog.Collection) error
}

// NewWriter returns a Writer on ns. session is nil outside of multi-document transactions.
func NewWriter(store *txn.Store, session *txn.Txn, ns string, opts WriterOptions) *Writer {
	return &Writer{store: store, session: session, ns: ns, opts: opts}
}

// begin returns the transaction to write in and the collection, nil if it does not exist.
func (w *Writer) begin(ctx context.Context) (*txn.Txn, *catalog.Collection, error) {
	t := w.session
	if t == nil {
		if w.t == nil {
			var err error
			if w.t, err = w.store.BeginLocked(ctx, w.ns, txn.Options{Tag: w.opts.Tag}); err != nil {
				return nil, nil, err
			}
			w.docs = 0
		}
		t = w.t
	}
	c, err := t.ForWrite(ctx, w.ns)
	if err != nil {
		return nil, nil, err
	}
	if c != nil && c.IsView() {
		return nil, nil, mongoerr.New(mongoerr.CommandNotSupportedOnView, "Namespace %s is a view, not a collection", w.ns)
	}
	if c != nil && c.TimeSeries != nil && w.session != nil {
		return nil, nil, mongoerr.New(mongoerr.OperationNotSupportedInTransaction,
			"Cannot write to a time-series collection in a multi-document transaction: %s", w.ns)
	}
	if w.opts.Check != nil {
		if err := w.opts.Check(c); err != nil {
			return nil, nil, err
		}
	}
	return t, c, nil
}

// beginOrCreate is begin that creates the collection where it does not exist.
func (w *Writer) beginOrCreate(ctx context.Context) (*txn.Txn, *catalog.Collection, error) {
	for {
		t, c, err := w.begin(ctx)
		if err != nil || c != nil {
			return t, c, err
		}
		if w.session != nil {
			c, err = t.CreateCollection(ctx, w.ns, bsonx.Empty)
			return t, c, translate(w.store, err)
		}
		if err := w.flush(ctx, storage.Buffered); err != nil {
			return nil, nil, err
		}
		if err := w.create(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// create makes the collection in a transaction of its own. Losing against another creator is
// fine; a session's transaction that has made the collection, too, and not committed it is not waited
// for.
func (w *Writer) create(ctx context.Context) error {
	t, err := w.store.BeginLocked(ctx, w.ns, txn.Options{Tag: w.opts.Tag})
	if err != nil {
		return err
	}
	defer t.Rollback()
	_, err = t.CreateCollection(ctx, w.ns, bsonx.Empty)
	if mongoerr.Is(err, mongoerr.NamespaceExists) {
		return nil
	}
	if conflict, ok := errors.AsType[*storage.ConflictError](err); ok {
		t.Rollback()
		return w.store.Await(ctx, conflict)
	}
	if err != nil {
		return err
	}
	w.last, err = t.Commit(ctx, storage.Buffered)
	return err
}

// one makes one document's change, fn, in a transaction. fn starts from the beginning, in a newer
// state, after a conflict.
func (w *Writer) one(ctx context.Context, create bool, fn func(t *txn.Txn, c *catalog.Collection) error) error {
	open := w.begin
	if create {
		open = w.beginOrCreate
	}
	for {
		t, c, err := open(ctx)
		if err != nil {
			return translate(w.store, err)
		}
		sp := t.Savepoint()
		if err = fn(t, c); err == nil {
			return w.added(ctx)
		}
		t.RollbackTo(sp)
		if err := w.retry(ctx, err); err != nil {
			return err
		}
	}
}

// retry returns nil if err was a conflict whose other side has ended now, so that the caller may
// try again in a new transaction.
func (w *Writer) retry(ctx context.Context, err error) error {
	var conflict *storage.ConflictError
	if !errors.As(err, &conflict) || w.session != nil {
		return translate(w.store, err)
	}
	if err := w.flush(ctx, storage.Buffered); err != nil {
		return err
	}
	return w.store.Await(ctx, conflict)
}

// added counts one changed document and commits a batch that is full.
func (w *Writer) added(ctx context.Context) error {
	if w.session != nil {
		return nil
	}
	if w.docs++; !w.full() {
		return nil
	}
	return w.flush(ctx, storage.Buffered)
}

func (w *Writer) full() bool { return w.docs >= batchDocs || w.t != nil && w.t.Bytes() >= batchBytes }

// flush commits the open implicit transaction.
func (w *Writer) flush(ctx context.Context, d storage.Durability) error {
	t := w.t
	if t == nil {
		return nil
	}
	w.t = nil
	if !t.Writes() {
		w.seen = t.Timestamp()
		t.Rollback()
		return nil
	}
	ts, err := t.Commit(context.WithoutCancel(ctx), d)
	if err != nil {
		return err
	}
	w.last = ts
	return nil
}

// Finish commits what is left and waits until everything is as durable as d asks: the commits,
// and the states in which there was nothing to change, for a client that is told so must not
// find after a crash that there was. It returns the timestamp of the last commit, zero if nothing
// was written outside of a session's transaction.
func (w *Writer) Finish(ctx context.Context, d storage.Durability) (storage.Timestamp, error) {
	before := w.last
	if err := w.flush(ctx, d); err != nil {
		return w.last, err
	}
	if d != storage.Synced || w.last != before { // a synced commit vouches for all before it
		return w.last, nil
	}
	if ts := max(before, w.seen); ts != 0 {
		if err := w.store.Engine.WaitDurable(context.WithoutCancel(ctx), ts); err != nil {
			return w.last, err
		}
	}
	return w.last, nil
}

// Close drops a transaction that was not finished. It is idempotent.
func (w *Writer) Close() {
	if w.t != nil {
		w.t.Rollback()
		w.t = nil
	}
}

// Written reports whether anything has been committed or is about to be.
func (w *Writer) Written() bool { return w.last != 0 || w.t != nil && w.t.Writes() }
