package command

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/session"
)

// connState is what the command layer keeps in a Conn.
type connState struct {
	service *Service // that has it in its list; used by the serving goroutine only
	op      atomic.Pointer[op]
	digest  struct { // of the user, for session ids
		sync.Mutex
		valid bool
		user  [32]byte
	}
}

// op is a running statement, as currentOp and killOp see it. It is the statement's context, too,
// so that whoever waits for a lock can say so.
type op struct {
	opContext

	id      int64
	conn    *Conn
	started time.Time
	killed  atomic.Bool
	waits   catalog.Waits

	mu      sync.Mutex
	spec    *Spec
	ns      string
	body    bsonx.Doc // aliases the request; nil when the statement has ended
	session session.ID
	kind    session.Kind
	number  int64
}

// Value adds what the statement waits for.
func (o *op) Value(key any) any {
	if key == catalog.WaitKey {
		return &o.waits
	}
	return o.opContext.Value(key)
}

// Interrupt stops the statement: cause becomes its error.
func (o *op) Interrupt(cause error) {
	o.killed.Store(true)
	o.stop(cause)
}

// Client describes the connection for currentOp.
func (c *Conn) Client() session.Client {
	cl := session.Client{ConnectionID: c.ID, AppName: c.AppName(), Metadata: c.ClientMetadata()}
	if c.Remote != nil {
		cl.Address = c.Remote.String()
	}
	if users := c.Users(); len(users) > 0 {
		cl.User = users[0].Name + "@" + users[0].DB
	}
	return cl
}

// userDigest returns the user part of the connection's session ids.
func (c *Conn) userDigest() [32]byte {
	d := &c.state.digest
	d.Lock()
	defer d.Unlock()
	if !d.valid {
		name, db := "", ""
		if users := c.Users(); len(users) > 0 {
			name, db = users[0].Name, users[0].DB
		}
		d.user, d.valid = session.UserDigest(name, db), true
	}
	return d.user
}

// userChanged makes the next statement compute the digest anew.
func (c *Conn) userChanged() {
	c.state.digest.Lock()
	defer c.state.digest.Unlock()
	c.state.digest.valid = false
}

// conns is the list of the connections that have run a statement.
type conns struct {
	mu sync.Mutex
	m  map[*Conn]struct{}
}

func (cs *conns) add(c *Conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.m[c] = struct{}{}
}

func (cs *conns) remove(c *Conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.m, c)
}

func (cs *conns) list() []*Conn {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	all := make([]*Conn, 0, len(cs.m))
	for c := range cs.m {
		all = append(all, c)
	}
	return all
}

// interrupt stops the running statements that match.
func (s *Service) interrupt(cause error, match func(*op) bool) int {
	n := 0
	for _, c := range s.conns.list() {
		o := c.state.op.Load()
		if o == nil {
			continue
		}
		o.mu.Lock()
		hit := o.body != nil && match(o)
		o.mu.Unlock()
		if hit {
			o.Interrupt(cause)
			n++
		}
	}
	return n
}
