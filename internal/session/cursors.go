package session

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Source produces the documents of a cursor. A document is valid until the next call of
// Next.
type Source interface {
	Next(ctx context.Context) (bsonx.Doc, bool, error)
	Close() error
}

// NoTxn is the Owner.Txn of a cursor outside transactions.
const NoTxn = int64(-1)

// Owner says who may use a cursor.
type Owner struct {
	Session ID    // zero for none
	Txn     int64 // the transaction number, NoTxn outside transactions
}

// Cursor is an open query. Whoever has it checked out may use its source and change its
// fields; others must not.
type Cursor struct {
	ID      int64 // set by Add
	NS      string
	Command bsonx.Doc // what opened it, for currentOp; owned by the cursor
	Source  Source
	Owner   Owner
	User    string
	API     API
	Comment bsonx.Value

	NoTimeout bool
	Tailable  bool
	AwaitData bool

	// MaxTime is what is left of the time that the opening command may take in all, zero for no
	// limit.
	MaxTime time.Duration

	// Pending is a document that did not fit into the last batch, nil for none.
	Pending bsonx.Doc

	// Returned counts documents, Batches the replies.
	Returned int64
	Batches  int64

	// AtClusterTime is the state that is read, for readConcern snapshot; else zero.
	AtClusterTime uint64

	// Resume is the postBatchResumeToken of the next reply, nil for none.
	Resume bsonx.Doc

	inTxn   *transaction // closes the source at its end
	created time.Time
	lastUse time.Time
	pinned  Interrupter // who has it checked out
	dead    *mongoerr.Error
	out     bool // checked out
}

// Cursors is the registry of open cursors. It is safe for concurrent use.
type Cursors struct {
	mgr *Manager

	mu       sync.Mutex
	m        map[int64]*Cursor
	opened   int64
	timedOut int64
}

func newCursors(m *Manager) *Cursors { return &Cursors{mgr: m, m: make(map[int64]*Cursor)} }

// Add registers a cursor, gives it an id and leaves it idle. st is the statement that opened it,
// nil outside transactions.
func (cs *Cursors) Add(c *Cursor, st *Statement) int64 {
	now := cs.mgr.now()
	c.created, c.lastUse = now, now
	if st != nil && st.Txn() != nil {
		c.inTxn = st.s.txn
		c.inTxn.cursors = append(c.inTxn.cursors, c)
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for {
		c.ID = rand.Int64()
		if _, taken := cs.m[c.ID]; c.ID != 0 && !taken {
			break
		}
	}
	cs.m[c.ID] = c
	cs.opened++
	return c.ID
}

// CheckOut gives a cursor to a getMore. by is the statement, which a kill interrupts.
func (cs *Cursors) CheckOut(id int64, ns string, owner Owner, by Interrupter) (*Cursor, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.m[id]
	if c == nil {
		return nil, notFound(id)
	}
	if c.NS != ns {
		return nil, mongoerr.New(mongoerr.Unauthorized,
			"Requested getMore on namespace '%s', but cursor belongs to a different namespace %s", ns, c.NS)
	}
	if err := c.mayUse(owner); err != nil {
		return nil, err
	}
	if c.dead != nil {
		delete(cs.m, id)
		return nil, c.dead
	}
	if c.out {
		return nil, mongoerr.New(mongoerr.CursorInUse, "cursor id %d is already in use", id)
	}
	c.out, c.pinned = true, by
	return c, nil
}

func notFound(id int64) *mongoerr.Error {
	return mongoerr.New(mongoerr.CursorNotFound, "cursor id %d not found", id)
}

// mayUse reports why a statement of another session or transaction cannot use the cursor.
func (c *Cursor) mayUse(o Owner) error {
	has, had := !o.Session.IsZero(), !c.Owner.Session.IsZero()
	switch {
	case has && !had:
		return mongoerr.New(50736, "Cannot run getMore on cursor %d, which was not created in a session, in session %s", c.ID, o.Session)
	case !has && had:
		return mongoerr.New(50737, "Cannot run getMore on cursor %d, which was created in session %s, without an lsid", c.ID, c.Owner.Session)
	case o.Session != c.Owner.Session:
		return mongoerr.New(50738, "Cannot run getMore on cursor %d, which was created in session %s, in session %s", c.ID, c.Owner.Session, o.Session)
	case o.Txn != NoTxn && c.Owner.Txn == NoTxn:
		return mongoerr.New(50739, "Cannot run getMore on cursor %d, which was not created in a transaction, in transaction %d", c.ID, o.Txn)
	case o.Txn == NoTxn && c.Owner.Txn != NoTxn:
		return mongoerr.New(50740, "Cannot run getMore on cursor %d, which was created in transaction %d, without a txnNumber", c.ID, c.Owner.Txn)
	case o.Txn != c.Owner.Txn:
		return mongoerr.New(50741, "Cannot run getMore on cursor %d, which was created in transaction %d, in transaction %d", c.ID, c.Owner.Txn, o.Txn)
	}
	return nil
}

// CheckIn gives a cursor back. It returns an error if the cursor was killed meanwhile.
func (cs *Cursors) CheckIn(c *Cursor) error {
	cs.mu.Lock()
	c.out, c.pinned = false, nil
	c.lastUse = cs.mgr.now()
	dead := c.dead
	if dead != nil {
		delete(cs.m, c.ID)
	}
	cs.mu.Unlock()
	if dead != nil {
		c.close()
		return dead
	}
	return nil
}

// Close removes a cursor that is checked out, because it is exhausted or has failed.
func (cs *Cursors) Close(c *Cursor) {
	cs.mu.Lock()
	delete(cs.m, c.ID)
	c.out, c.pinned = false, nil
	cs.mu.Unlock()
	c.close()
}

// close ends the source. That of a cursor in a transaction, which another statement may be using
// just now, ends with the transaction.
func (c *Cursor) close() {
	if c.inTxn == nil {
		c.Source.Close()
	}
}

// Kill removes a cursor of the namespace and reports whether there was one that the user may
// kill. A getMore that runs is interrupted.
func (cs *Cursors) Kill(id int64, ns string) bool {
	cs.mu.Lock()
	c := cs.m[id]
	if c == nil || c.NS != ns || c.dead != nil {
		cs.mu.Unlock()
		return false
	}
	idle := cs.kill(c, nil)
	cs.mu.Unlock()
	if idle {
		c.close()
	}
	return true
}

// kill takes a cursor out of the registry, or marks it where it is in use. It reports whether the
// caller has to close it. With a reason, the next getMore is told. cs.mu is held.
func (cs *Cursors) kill(c *Cursor, reason *mongoerr.Error) (closeIt bool) {
	if c.dead != nil {
		return false
	}
	if c.out {
		c.dead = reason
		if reason == nil {
			c.dead = mongoerr.New(mongoerr.CursorKilled, "operation was interrupted because the cursor was killed")
		}
		if c.pinned != nil {
			c.pinned.Interrupt(c.dead)
		}
		return false
	}
	if reason != nil {
		c.dead = reason
	} else {
		delete(cs.m, c.ID)
	}
	return true
}

// killWhere kills the cursors that match.
func (cs *Cursors) killWhere(match func(*Cursor) bool, reason *mongoerr.Error) int {
	var victims []*Cursor
	n := 0
	cs.mu.Lock()
	for _, c := range cs.m {
		if !match(c) {
			continue
		}
		n++
		if cs.kill(c, reason) {
			victims = append(victims, c)
		}
	}
	cs.mu.Unlock()
	for _, c := range victims {
		c.close()
	}
	return n
}

func (cs *Cursors) killAll() { cs.killWhere(func(*Cursor) bool { return true }, nil) }

func (cs *Cursors) killSession(id ID) {
	cs.killWhere(func(c *Cursor) bool { return c.Owner.Session == id }, nil)
}

func (cs *Cursors) killSessions(match func(ID) bool) {
	cs.killWhere(func(c *Cursor) bool { return !c.Owner.Session.IsZero() && match(c.Owner.Session) }, nil)
}

// KillNamespace ends the cursors outside transactions on a collection that is gone: their next
// getMore says so.
func (cs *Cursors) KillNamespace(ns, why string) {
	cs.killWhere(func(c *Cursor) bool { return c.NS == ns && c.inTxn == nil },
		mongoerr.New(mongoerr.QueryPlanKilled, "%s", why))
}

// endOfTxn removes and closes a cursor of a transaction that has ended.
func (cs *Cursors) endOfTxn(c *Cursor) {
	cs.mu.Lock()
	delete(cs.m, c.ID)
	cs.mu.Unlock()
	c.Source.Close()
}

// ExpireIdle closes the cursors that nobody has used for cursorTimeoutMillis. Those of a
// session live as long as it does, those of a transaction, too.
func (cs *Cursors) ExpireIdle() {
	limit := cs.mgr.now().Add(-time.Duration(cs.mgr.Params.CursorTimeout.Load()))
	n := cs.killWhere(func(c *Cursor) bool {
		return !c.out && !c.NoTimeout && c.inTxn == nil && c.lastUse.Before(limit)
	}, nil)
	cs.mu.Lock()
	cs.timedOut += int64(n)
	for id, c := range cs.m {
		if c.dead != nil && !c.out && c.lastUse.Before(limit) {
			delete(cs.m, id)
		}
	}
	cs.mu.Unlock()
}

// CursorView is what currentOp shows of an idle cursor.
type CursorView struct {
	ID               int64
	NS               string
	Command          bsonx.Doc
	Owner            Owner
	Created, LastUse time.Time
	Returned         int64
	Batches          int64
	NoTimeout        bool
	Tailable         bool
	AwaitData        bool
}

// Idle returns the cursors that nobody has checked out.
func (cs *Cursors) Idle() []CursorView {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	var all []CursorView
	for _, c := range cs.m {
		if c.out || c.dead != nil {
			continue
		}
		all = append(all, CursorView{
			ID: c.ID, NS: c.NS, Command: c.Command, Owner: c.Owner, Created: c.created, LastUse: c.lastUse,
			Returned: c.Returned, Batches: c.Batches, NoTimeout: c.NoTimeout, Tailable: c.Tailable, AwaitData: c.AwaitData,
		})
	}
	return all
}

// AppendMetrics appends the fields of serverStatus.metrics.cursor.
func (cs *Cursors) AppendMetrics(b *bsonx.Builder) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	var total, pinned, noTimeout int64
	for _, c := range cs.m {
		if c.dead != nil {
			continue
		}
		total++
		if c.out {
			pinned++
		}
		if c.NoTimeout {
			noTimeout++
		}
	}
	b.Int64("timedOut", cs.timedOut).Int64("totalOpened", cs.opened).
		StartDoc("open").Int64("noTimeout", noTimeout).Int64("pinned", pinned).Int64("total", total).End()
}
