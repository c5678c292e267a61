package odm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// Error labels of the protocol.
const (
	labelTransient = "TransientTransactionError"
	labelUnknown   = "UnknownTransactionCommitResult"
)

// txn is one attempt at a transaction.
type txn struct {
	journal *journal
	driven  bool // by run, which settles the journal
	over    atomic.Bool

	mu            sync.Mutex
	failed        error // the server's error that ended the transaction
	aborted       bool  // by the callback itself
	unknown       bool  // a commit was sent, and nobody knows what became of it
	afterCommit   []func(context.Context)
	afterRollback []func(context.Context)
}

// note remembers the first error by which the server ended the transaction.
func (t *txn) note(err error) {
	if err == nil {
		return
	}
	if _, ok := errors.AsType[mongo.ServerError](err); !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
}

func (t *txn) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

func (t *txn) abortedItself() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.aborted
}

// runHooks runs the hooks of the attempt that counted, once, without a session.
func (t *txn) runHooks(ctx context.Context, committed bool) {
	t.mu.Lock()
	hooks := t.afterRollback
	if committed {
		hooks = t.afterCommit
	}
	t.afterCommit, t.afterRollback = nil, nil
	t.mu.Unlock()
	ctx = WithoutSession(context.WithoutCancel(ctx))
	for _, h := range hooks {
		h(ctx)
	}
}

// txnConfig is what TxnOptions set.
type txnConfig struct {
	driver        *options.TransactionOptionsBuilder
	enlist        []Enlistable
	restoreValues bool
	independent   bool
}

// TxnOption is an option of a transaction.
type TxnOption func(*txnConfig)

// Enlistable is a document, of whatever type.
type Enlistable interface{ odmEnlist(j *journal) error }

// Enlist takes the values of documents from outside before the first attempt, so that
// every attempt starts from them.
func Enlist(docs ...Enlistable) TxnOption {
	return func(c *txnConfig) { c.enlist = append(c.enlist, docs...) }
}

// RestoreValues takes back what the caller assigned, too, when the transaction aborts.
func RestoreValues() TxnOption { return func(c *txnConfig) { c.restoreValues = true } }

// Independent makes a transaction inside another one a transaction of its own: it does not
// see the outer one's writes and commits alone.
func Independent() TxnOption { return func(c *txnConfig) { c.independent = true } }

// ReadConcern sets the transaction's read concern.
func ReadConcern(rc *readconcern.ReadConcern) TxnOption {
	return func(c *txnConfig) { c.driver.SetReadConcern(rc) }
}

// WriteConcern sets the write concern of the commit.
func WriteConcern(wc *writeconcern.WriteConcern) TxnOption {
	return func(c *txnConfig) { c.driver.SetWriteConcern(wc) }
}

// ReadPreference sets the transaction's read preference.
func ReadPreference(rp *readpref.ReadPref) TxnOption {
	return func(c *txnConfig) { c.driver.SetReadPreference(rp) }
}

// errRehearsal ends the first attempt of a transaction under Rehearse.
var errRehearsal = mongo.CommandError{Message: "rehearsal", Labels: []string{labelTransient}}

func newTxnConfig(opts []TxnOption) *txnConfig {
	c := &txnConfig{driver: options.Transaction()}
	for _, o := range opts {
		o(c)
	}
	return c
}

// Transaction runs fn in a transaction. Its context carries the session: every model call
// with it joins, and bare driver calls do as well. The transaction commits when fn returns
// nil and aborts when it returns an error or panics. Transient errors run fn again, after
// all documents that it changed were put back; see [Enlist] for documents from outside.
// After an abort documents are what they were, except for what fn itself assigned.
func (c *Connection) Transaction(ctx context.Context, fn func(ctx context.Context) error, opts ...TxnOption) error {
	if ctx == nil {
		return ErrNilContext
	}
	cfg := newTxnConfig(opts)
	var outer *journal
	if sc, _ := ctx.Value(scopeKey{}).(*scope); sc != nil && sc.sess != nil {
		t := sc.txn
		if t == nil {
			t = sc.sess.current()
		}
		if t != nil && !t.over.Load() {
			if !cfg.independent {
				return fmt.Errorf("%w: the server has no savepoints; odm.Independent() makes the inner transaction one of its own", ErrTxnInProgress)
			}
			outer = t.journal
		}
	}
	s, err := c.StartSession(ctx)
	if err != nil {
		return err
	}
	defer s.EndSession(context.WithoutCancel(ctx))
	return s.run(ctx, fn, cfg, outer)
}

// InTransaction is Connection.Transaction for callbacks with a result.
func InTransaction[R any](ctx context.Context, c *Connection, fn func(ctx context.Context) (R, error), opts ...TxnOption) (R, error) {
	var res R
	err := c.Transaction(ctx, func(ctx context.Context) (err error) {
		res, err = fn(ctx)
		return err
	}, opts...)
	if err != nil {
		var zero R
		return zero, err
	}
	return res, nil
}

// WithTransaction runs fn in a transaction of this session, as Connection.Transaction does.
func (s *Session) WithTransaction(ctx context.Context, fn func(ctx context.Context) error, opts ...TxnOption) error {
	switch {
	case ctx == nil:
		return ErrNilContext
	case s.Ended():
		return ErrSessionEnded
	case s.InTransaction():
		return ErrTxnInProgress
	}
	return s.run(ctx, fn, newTxnConfig(opts), nil)
}

// run drives the driver's WithTransaction: its back-off, its time limit, its retries of
// commits. Around it are the journal and the ways out by panic and runtime.Goexit.
func (s *Session) run(ctx context.Context, fn func(context.Context) error, cfg *txnConfig, outer *journal) (err error) {
	j := newJournal(outer)
	for _, doc := range cfg.enlist {
		if err := doc.odmEnlist(j); err != nil {
			return err
		}
	}
	closeGuard := s.conn.guard.opened(ctx, s.conn)
	var last *txn
	attempts := 0
	finished := false
	end := func(t *txn) {
		if t != nil {
			t.over.Store(true)
		}
		s.setTxn(nil)
	}
	defer func() {
		closeGuard()
		if finished {
			return
		}
		// fn panicked or called runtime.Goexit, which go on when this function is done.
		end(last)
		_ = s.ds.AbortTransaction(context.WithoutCancel(ctx))
		j.rollback(cfg.restoreValues)
		if last != nil {
			last.runHooks(ctx, false)
		}
	}()
	var callback error
	_, err = s.ds.WithTransaction(ctx, func(context.Context) (any, error) {
		if attempts++; attempts > 1 {
			end(last)
			j.rewind()
		}
		last = &txn{journal: j, driven: true}
		s.setTxn(last)
		callback = fn(s.bind(ctx, last))
		if callback == nil && !last.abortedItself() {
			if failure := last.failure(); failure != nil {
				callback = fmt.Errorf("odm: the callback went on after an error that ended the transaction: %w", failure)
			}
		}
		if callback == nil && attempts == 1 && s.conn.opts.Rehearse && !last.abortedItself() {
			return nil, errRehearsal
		}
		return nil, callback
	}, cfg.driver)
	finished = true
	end(last)
	return s.conclude(ctx, err, last, j, cfg, callback)
}

// conclude settles the journal by how the transaction ended.
func (s *Session) conclude(ctx context.Context, err error, last *txn, j *journal, cfg *txnConfig, callback error) error {
	switch {
	case last == nil: // it did not start
		return err
	case err == nil && !last.abortedItself():
		j.settle(true)
		last.runHooks(ctx, true)
		return nil
	case err != nil && callback == nil && hasLabel(err, labelUnknown):
		j.settle(false)
		return &CommitUnknownError{cause: err}
	}
	j.rollback(cfg.restoreValues)
	last.runHooks(ctx, false)
	return err
}

// StartTransaction starts a transaction by hand. Calls with the session's context are in it.
func (s *Session) StartTransaction(opts ...TxnOption) error {
	if s.Ended() {
		return ErrSessionEnded
	}
	if s.InTransaction() {
		return ErrTxnInProgress
	}
	cfg := newTxnConfig(opts)
	j := newJournal(nil)
	for _, doc := range cfg.enlist {
		if err := doc.odmEnlist(j); err != nil {
			return err
		}
	}
	if err := s.ds.StartTransaction(cfg.driver); err != nil {
		return err
	}
	t := &txn{journal: j}
	if cfg.restoreValues {
		j.allValues = true
	}
	s.setTxn(t)
	return nil
}

// CommitTransaction commits. If the outcome is unknown, because of the server or because the
// context ended meanwhile, it can be called again, and until then the documents refuse to be
// saved. Any other error has aborted the transaction; only a context that had ended before has
// no effect.
func (s *Session) CommitTransaction(ctx context.Context) error {
	t := s.current()
	if t == nil {
		return ErrNoTxn
	}
	if ctx == nil {
		return ErrNilContext
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	err = s.ds.CommitTransaction(ctx)
	leave()
	switch {
	case err == nil:
		s.close(t)
		t.journal.settle(true)
		t.runHooks(ctx, true)
		return nil
	case hasLabel(err, labelUnknown), mongo.IsTimeout(err), ctx.Err() != nil:
		t.mu.Lock()
		t.unknown = true
		t.mu.Unlock()
		t.journal.settle(false)
		return &CommitUnknownError{cause: err}
	}
	s.close(t)
	t.journal.rollback(t.journal.allValues)
	t.runHooks(ctx, false)
	return err
}

// AbortTransaction aborts, and puts back the documents that the transaction changed. The
// context limits nothing: an abort is always finished. After a commit of unknown outcome
// there is nothing to put back: the documents stay uncertain.
func (s *Session) AbortTransaction(ctx context.Context) error {
	t := s.current()
	if t == nil {
		return ErrNoTxn
	}
	ctx = context.WithoutCancel(ctx)
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.aborted = true
	unknown := t.unknown
	t.mu.Unlock()
	err = s.ds.AbortTransaction(ctx)
	leave()
	if t.driven {
		return err // run settles the rest
	}
	s.close(t)
	if unknown {
		return err
	}
	t.journal.rollback(t.journal.allValues)
	t.runHooks(ctx, false)
	return err
}

func (s *Session) close(t *txn) {
	t.over.Store(true)
	s.setTxn(nil)
}

// AfterCommit runs fn once after the transaction of ctx has committed; without a transaction
// it runs fn at once. It vanishes with its attempt. The context that fn gets has no session.
func AfterCommit(ctx context.Context, fn func(ctx context.Context)) {
	t := txnFrom(ctx)
	if t == nil {
		fn(WithoutSession(ctx))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.afterCommit = append(t.afterCommit, fn)
}

// AfterRollback runs fn once after the transaction of ctx was aborted for good. Without a
// transaction it does nothing.
func AfterRollback(ctx context.Context, fn func(ctx context.Context)) {
	t := txnFrom(ctx)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.afterRollback = append(t.afterRollback, fn)
}

func txnFrom(ctx context.Context) *txn {
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	if sc == nil || sc.sess == nil {
		return nil
	}
	if sc.txn != nil {
		return sc.txn
	}
	return sc.sess.current()
}
