package odm

import (
	"context"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Session is a logical session of a connection. Statements in it run one after the other,
// whichever goroutines they come from.
type Session struct {
	conn   *Connection
	client *mongo.Client
	ds     *mongo.Session
	slot   chan struct{} // holds a token while a statement runs
	ended  atomic.Bool

	mu  sync.Mutex
	txn *txn // the one in progress, or nil
}

// scope is what a context carries. An empty one means: no session, on purpose.
type scope struct {
	sess *Session
	txn  *txn // nil: whichever the session is in
}

type scopeKey struct{}

// StartSession returns a new session. End it with EndSession.
func (c *Connection) StartSession(ctx context.Context, opts ...options.Lister[options.SessionOptions]) (*Session, error) {
	client, err := c.wait(ctx)
	if err != nil {
		return nil, err
	}
	ds, err := client.StartSession(opts...)
	if err != nil {
		return nil, &OpError{Model: "connection", Op: "startSession", cause: err}
	}
	return &Session{conn: c, client: client, ds: ds, slot: make(chan struct{}, 1)}, nil
}

// Context returns a context whose calls run in the session: those of models, and those of
// the bare driver as well.
func (s *Session) Context(ctx context.Context) context.Context {
	return s.bind(ctx, nil)
}

func (s *Session) bind(ctx context.Context, t *txn) context.Context {
	return context.WithValue(mongo.NewSessionContext(ctx, s.ds), scopeKey{}, &scope{sess: s, txn: t})
}

// WithoutSession returns a context whose calls run outside of any session.
func WithoutSession(ctx context.Context) context.Context {
	return context.WithValue(mongo.NewSessionContext(ctx, nil), scopeKey{}, &scope{})
}

// SessionFrom returns the session that the context carries, or nil.
func SessionFrom(ctx context.Context) *Session {
	if sc, _ := ctx.Value(scopeKey{}).(*scope); sc != nil && sc.sess != nil && !sc.sess.ended.Load() {
		return sc.sess
	}
	return nil
}

// Driver returns the driver's session.
func (s *Session) Driver() *mongo.Session { return s.ds }

// Ended tells whether EndSession was called.
func (s *Session) Ended() bool { return s.ended.Load() }

// InTransaction tells whether a transaction is in progress.
func (s *Session) InTransaction() bool { return s.current() != nil }

func (s *Session) current() *txn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.txn
}

func (s *Session) setTxn(t *txn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.txn = t
}

// EndSession aborts the transaction that is in progress, if any, and ends the session.
func (s *Session) EndSession(ctx context.Context) {
	if s.ended.Load() {
		return
	}
	if s.InTransaction() {
		_ = s.AbortTransaction(ctx)
	}
	if s.ended.CompareAndSwap(false, true) {
		s.ds.EndSession(context.WithoutCancel(ctx))
	}
}

// enter waits until no other statement of the session runs. The function it returns must
// be called when the statement is over.
func (s *Session) enter(ctx context.Context) (func(), error) {
	select {
	case s.slot <- struct{}{}:
		return func() { <-s.slot }, nil
	default:
	}
	select {
	case s.slot <- struct{}{}:
		return func() { <-s.slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// route is where a call goes: its session and transaction, if any.
type route struct {
	ctx    context.Context
	client *mongo.Client
	sess   *Session
	txn    *txn
}

// route finds the session of a call: the context's, else that of the document.
func (c *Connection) route(ctx context.Context, docSession *Session) (route, error) {
	client, err := c.wait(ctx)
	if err != nil {
		return route{}, err
	}
	if err := ctx.Err(); err != nil {
		return route{}, err
	}
	r := route{ctx: ctx, client: client}
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	ds := mongo.SessionFromContext(ctx)
	switch {
	case sc != nil && sc.sess != nil && sc.sess.ds == ds:
		r.sess = sc.sess
	case ds != nil: // put there by code that uses the driver: it wins, without a journal
		if ds.Client() != client {
			return route{}, ErrWrongConnection
		}
		return r, nil
	case sc != nil:
		return r, nil
	case docSession != nil && !docSession.Ended():
		r.sess, r.ctx = docSession, docSession.Context(ctx)
		sc = &scope{sess: docSession}
	default:
		return r, c.guard.check(ctx, c)
	}
	switch {
	case r.sess.client != client:
		return route{}, ErrWrongConnection
	case r.sess.Ended() && sc.txn == nil:
		return route{}, ErrSessionEnded
	case sc.txn != nil && sc.txn.over.Load():
		return route{}, ErrTxnOver
	}
	if r.txn = sc.txn; r.txn == nil {
		r.txn = r.sess.current()
	}
	return r, nil
}

// do runs one statement of the call.
func (r route) do(fn func(ctx context.Context) error) error {
	if r.sess == nil {
		return fn(r.ctx)
	}
	leave, err := r.sess.enter(r.ctx)
	if err != nil {
		return err
	}
	defer leave()
	if r.txn != nil && r.txn.over.Load() {
		return ErrTxnOver
	}
	err = fn(r.ctx)
	if r.txn != nil {
		r.txn.note(err)
	}
	return err
}

// journal returns the journal that the call's changes go into, or nil.
func (r route) journal() *journal {
	if r.txn == nil {
		return nil
	}
	return r.txn.journal
}
