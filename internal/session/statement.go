package session

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// Request is a statement that has a transaction number.
type Request struct {
	ID      ID
	Number  int64
	Kind    Kind
	Command string // its name, a constant

	ReadConcern bsonx.Doc         // of the statement that starts a transaction, nil for none
	At          storage.Timestamp // atClusterTime
	API         API
	AppName     string
	User        string

	Origin  Origin
	Running Interrupter // the statement itself
}

// Statement is a statement that has its session checked out. CheckIn ends it. It is used by one
// goroutine.
type Statement struct {
	s      *Session
	req    Request
	out    outcome
	retry  Retry
	failed *Cause
	ended  bool // the transaction was committed or aborted by this statement
}

// CheckOut waits for the session and decides what the statement may do. A statement that is
// refused leaves the session as it was.
func (m *Manager) CheckOut(ctx context.Context, req Request) (*Statement, error) {
	s, err := m.checkOut(ctx, &req)
	if err != nil {
		return nil, err
	}
	st := &Statement{s: s, req: req}
	st.retry.st = st
	if err := st.enter(ctx); err != nil {
		s.checkIn()
		return nil, err
	}
	return st, nil
}

// checkOut gets the session of a request. One that the reaper has just removed is made anew.
func (m *Manager) checkOut(ctx context.Context, req *Request) (*Session, error) {
	for {
		s, err := m.get(req.ID)
		if err != nil {
			return nil, err
		}
		if err := s.checkOut(ctx, req.Number, req.Kind); err != nil {
			return nil, err
		}
		s.mu.Lock()
		gone := s.gone
		s.mu.Unlock()
		if !gone {
			return s, nil
		}
		s.checkIn()
	}
}

// enter applies the state machine.
func (st *Statement) enter(ctx context.Context) error {
	s, req := st.s, &st.req
	s.mu.Lock()
	defer s.mu.Unlock()
	st.out = s.decide(req.Number, req.Kind)
	if e := s.refusal(st.out, s.id, req.Number, req.Kind); e != nil {
		return e
	}
	s.running = req.Running
	switch st.out {
	case outAdopt:
		s.abandon(req.Number)
		s.enter(req.Number, StateRetryable)
		s.admitEarly(req.Number, req.Kind)
	case outRetry:
		s.mgr.Stats.retriedCommands.Add(1)
	case outBegin:
		s.abandon(req.Number)
		return st.begin(ctx)
	case outJoin, outCommit, outAbort:
		if s.txn.api != req.API {
			return mongoerr.New(mongoerr.APIMismatchError,
				"API parameter mismatch: transaction-continuing command used %s, the transaction's first command used %s", req.API, s.txn.api)
		}
		st.resume()
	}
	return nil
}

// abandon ends what the active number was doing, because a newer one comes. s.mu is held.
func (s *Session) abandon(number int64) {
	if s.txn != nil {
		s.abort(&Cause{Err: mongoerr.New(mongoerr.NoSuchTransaction,
			"a newer transaction with txnNumber %d has started on the session", number)})
	}
	s.stale = s.results.appendIDs(s.stale)
	s.results.clear()
	s.committed = 0
}

// begin starts the transaction. s.mu is held.
func (st *Statement) begin(ctx context.Context) error {
	s, req, m := st.s, &st.req, st.s.mgr
	s.enter(req.Number, StateInProgress)
	s.admitEarly(req.Number, req.Kind)
	now := m.now()
	tag := &Tag{ID: s.id, Number: req.Number, AppName: req.AppName, User: req.User, Started: now}
	t := &transaction{tag: tag, api: req.API, expires: now.Add(time.Duration(m.Params.Lifetime.Load()))}
	if req.ReadConcern != nil {
		t.concern = req.ReadConcern.Clone()
	}
	m.Stats.started.Add(1)
	var err error
	if m.closing.Load() {
		err = mongoerr.New(mongoerr.ShutdownInProgress, "The server is in quiesce mode and will shut down")
	} else {
		t.txn, err = m.store.Begin(ctx, txn.Options{Session: true, At: req.At, Tag: tag})
	}
	if err != nil {
		e := mongoerr.From(err)
		s.state, s.cause = StateAborted, &Cause{Statement: 1, Command: req.Command, Err: e}
		m.Stats.aborted.Add(1)
		return e
	}
	s.txn = t
	m.Stats.open.Add(1)
	m.markOpen(s, true)
	st.resume()
	return nil
}

// resume makes the statement the running one of the open transaction. s.mu is held.
func (st *Statement) resume() {
	t := st.s.txn
	t.statements++
	t.origin = st.req.Origin
	t.busySince = st.s.mgr.now()
	t.tag.last.Store(&st.req.Command)
	st.s.mgr.Stats.active.Add(1)
}

// Kind returns what the statement is.
func (st *Statement) Kind() Kind { return st.req.Kind }

// ID returns the session.
func (st *Statement) ID() ID { return st.s.id }

// Number returns the transaction number.
func (st *Statement) Number() int64 { return st.req.Number }

// Txn returns the open transaction, nil if the statement is not of one.
func (st *Statement) Txn() *txn.Txn {
	if st.out != outBegin && st.out != outJoin || st.ended {
		return nil
	}
	return st.s.txn.txn
}

// Retry returns what earlier attempts of a retryable write have recorded, nil for other
// statements.
func (st *Statement) Retry() *Retry {
	if st.req.Kind != KindRetryable {
		return nil
	}
	return &st.retry
}

// Fail says that the statement failed with err in a way that ends the transaction, which
// CheckIn then aborts.
func (st *Statement) Fail(err *mongoerr.Error) {
	if st.failed != nil || st.ended || !st.req.Kind.InTransaction() {
		return
	}
	st.failed = &Cause{Command: st.req.Command, Err: err}
	if t := st.s.txn; t != nil {
		st.failed.Statement = t.statements
	}
}

// CheckIn aborts the transaction if the statement has failed or the transaction was killed
// meanwhile, and gives the session to the next statement.
func (st *Statement) CheckIn() {
	s := st.s
	s.mu.Lock()
	s.lastUse.Store(s.mgr.now().UnixMilli())
	if t := s.txn; t != nil && !st.ended && st.req.Kind.InTransaction() {
		st.suspend(t)
		switch {
		case s.doom != nil:
			s.abort(s.doom)
		case st.failed != nil:
			s.abort(st.failed)
		}
	}
	s.mu.Unlock()
	s.checkIn()
}

// suspend ends the transaction's running time. s.mu is held.
func (st *Statement) suspend(t *transaction) {
	if t.busySince.IsZero() {
		return
	}
	t.busy += st.s.mgr.now().Sub(t.busySince)
	t.busySince = time.Time{}
	st.s.mgr.Stats.active.Add(-1)
}

// ReadConcern returns the read concern of the transaction's first statement, empty for none or
// outside transactions.
func (st *Statement) ReadConcern() bsonx.Doc {
	if t := st.s.txn; t != nil && st.req.Kind.InTransaction() && !st.ended {
		return t.concern
	}
	return nil
}
