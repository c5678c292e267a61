package isolation_test

import (
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/testutil"
	"github.com/tandemdb/tandem/test/isolation/history"
)

const database = "isolation"

// patience is how long a client tries to reach the server.
const patience = 30 * time.Second

// cluster is what all clients of one history share: where the server is, which may change, the
// clock, and how far the keys have moved on.
type cluster struct {
	t       *testing.T
	addr    atomic.Pointer[string]
	began   time.Time
	crashes bool // what is not durable may be lost
	made    bool // the lists exist from the beginning

	stop    atomic.Bool
	appends atomic.Int64
}

func newCluster(t *testing.T) *cluster { return &cluster{t: t, began: time.Now()} }

// now is the time of the history. It is never zero, and never the same twice for one client.
func (c *cluster) now() time.Duration { return time.Since(c.began) + 1 }

func (c *cluster) moveTo(addr string) { c.addr.Store(&addr) }

// client runs one transaction or statement after the other, in one session, and records them.
type client struct {
	*cluster
	id     int
	rng    *mrand.Rand
	conn   *testutil.RawConn
	lsid   bson.D
	number int64
	value  int64
	txns   []*history.Txn
	ended  map[string]int
	tries  int // of the newest insist
}

func (c *cluster) newClient(id int, seed uint64) *client {
	var uuid [16]byte
	_, _ = rand.Read(uuid[:])
	return &client{
		cluster: c, id: id, rng: mrand.New(mrand.NewPCG(seed, uint64(id))), ended: make(map[string]int),
		lsid: bson.D{{Key: "id", Value: bson.Binary{Subtype: 4, Data: uuid[:]}}},
	}
}

// next returns a value that nobody else writes.
func (c *client) next() int64 {
	c.value++
	return int64(c.id)*1_000_000 + c.value
}

func (c *client) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// try sends a command once. In one case of many the client loses its connection meanwhile.
func (c *client) try(db string, cmd bson.D) (bson.Raw, error) {
	if c.conn == nil {
		conn, err := testutil.DialRaw(*c.addr.Load())
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	if c.rng.IntN(300) == 0 {
		conn := c.conn
		cut := time.AfterFunc(time.Duration(c.rng.IntN(1000))*time.Microsecond, conn.Close)
		defer cut.Stop()
	}
	reply, err := c.conn.Run(db, cmd)
	if err != nil {
		c.hangUp()
	}
	return reply, err
}

// insist sends a command until it is answered. Only what may be repeated is sent like this.
func (c *client) insist(db string, cmd bson.D) (bson.Raw, error) {
	c.tries = 0
	for deadline := time.Now().Add(patience); ; {
		c.tries++
		reply, err := c.try(db, cmd)
		if err == nil {
			return reply, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("client %d: no answer to %s: %w", c.id, cmd[0].Key, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// fail ends the test of a client that met something that has no place here.
func (c *client) fail(format string, args ...any) {
	c.stop.Store(true)
	c.t.Errorf("client %d: %s", c.id, fmt.Sprintf(format, args...))
}

// begin starts the record of a transaction.
func (c *client) begin() *history.Txn {
	return &history.Txn{Client: c.id, Start: c.now()}
}

// end completes the record of a transaction.
func (c *client) end(t *history.Txn, kind string, o history.Outcome) {
	t.Outcome = o
	if o == history.Committed {
		t.End = c.now()
	} else if c.crashes {
		t.Unconfirmed = true
	}
	c.ended[kind+" "+o.String()]++
	c.txns = append(c.txns, t)
}

// run works until the cluster stops.
func (c *client) run() {
	defer c.hangUp()
	for !c.stop.Load() {
		switch n := c.rng.IntN(100); {
		case n < 75:
			c.transaction()
		case n < 85:
			c.plainRead()
		default:
			c.plainWrite()
		}
	}
}

func labelled(reply bson.Raw, label string) bool {
	arr, ok := reply.Lookup("errorLabels").ArrayOK()
	if !ok {
		return false
	}
	vals, _ := arr.Values()
	for _, v := range vals {
		if s, ok := v.StringValueOK(); ok && s == label {
			return true
		}
	}
	return false
}
