package crash_test

import (
	"crypto/rand"
	"fmt"
	"maps"
	mrand "math/rand/v2"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/testutil"
)

// The sizes of the workload.
const (
	accounts = 100
	opening  = 1000 // balance of a new account
	perKind  = 4    // clients of each kind
	groupLen = 10   // documents that one multi-document update changes
	database = "crash"
)

// ledger is what the clients know: what they have sent and what was acknowledged.
type ledger struct {
	mu sync.Mutex

	sent, acked map[string]transfer // of transfers, by id
	inserts     map[string]bool     // by id: acknowledged?
	multi       [perKind]progress
	retry       [perKind]progress
	commits     [perKind]commit // the newest of each client
}

type transfer struct {
	From, To int
	Amount   int64
}

type progress struct{ sent, acked int64 }

// commit is the newest commitTransaction of one client.
type commit struct {
	number int64
	id     string // of the transfer
	sent   bool
	acked  bool
}

func newLedger() *ledger {
	return &ledger{sent: map[string]transfer{}, acked: map[string]transfer{}, inserts: map[string]bool{}}
}

// snapshot returns a copy.
func (l *ledger) snapshot() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &ledger{multi: l.multi, retry: l.retry, commits: l.commits}
	c.sent, c.acked, c.inserts = maps.Clone(l.sent), maps.Clone(l.acked), maps.Clone(l.inserts)
	return c
}

func (l *ledger) do(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

// client is one of the workload's clients. Its sessions and numbers go on over restarts.
type client struct {
	l      *ledger
	kind   int
	n      int
	lsid   bson.D
	number int64
	seq    int
}

// The kinds of clients.
const (
	kindTransfer = iota
	kindInsert
	kindMulti
	kindRetry
	kinds
)

func newClients(l *ledger) []*client {
	var cs []*client
	for kind := range kinds {
		for n := range perKind {
			var id [16]byte
			_, _ = rand.Read(id[:])
			cs = append(cs, &client{l: l, kind: kind, n: n, lsid: bson.D{{Key: "id", Value: bson.Binary{Subtype: 4, Data: id[:]}}}})
		}
	}
	return cs
}

var majority = bson.E{Key: "writeConcern", Value: bson.D{{Key: "w", Value: "majority"}}}

// run sends operations until the connection fails, as it does when the server is killed.
func (c *client) run(addr string) {
	conn, err := testutil.DialRaw(addr)
	if err != nil {
		return
	}
	defer conn.Close()
	for err == nil {
		switch c.kind {
		case kindTransfer:
			err = c.transfer(conn)
		case kindInsert:
			err = c.insert(conn)
		case kindMulti:
			err = c.multi(conn)
		case kindRetry:
			err = c.retry(conn)
		}
	}
}

func (c *client) transfer(conn *testutil.RawConn) error {
	tr := transfer{mrand.IntN(accounts), mrand.IntN(accounts), int64(1 + mrand.IntN(10))}
	if tr.From == tr.To {
		return nil
	}
	c.number++
	c.seq++
	id := fmt.Sprintf("t-%d-%d", c.n, c.seq)
	c.l.do(func() { c.l.commits[c.n] = commit{number: c.number, id: id} })
	first := true
	for _, cmd := range []bson.D{
		incAccount(tr.From, -tr.Amount),
		incAccount(tr.To, tr.Amount),
		{{Key: "insert", Value: "history"}, {Key: "documents", Value: bson.A{bson.D{
			{Key: "_id", Value: id}, {Key: "from", Value: tr.From}, {Key: "to", Value: tr.To}, {Key: "amount", Value: tr.Amount},
		}}}},
	} {
		if first {
			cmd = append(cmd, bson.E{Key: "startTransaction", Value: true})
		}
		reply, err := conn.Run(database, append(cmd, c.txnFields()...))
		if err != nil {
			return err
		}
		if testutil.Code(reply) != 0 {
			_, err := conn.Run("admin", append(bson.D{{Key: "abortTransaction", Value: 1}}, c.txnFields()...))
			return err
		}
		first = false
	}
	c.l.do(func() { c.l.sent[id] = tr; c.l.commits[c.n].sent = true })
	reply, err := conn.Run("admin", c.commit())
	if err != nil {
		return err
	}
	if code := testutil.Code(reply); code != 0 {
		return fmt.Errorf("commit failed: %s", reply)
	}
	c.l.do(func() { c.l.acked[id] = tr; c.l.commits[c.n].acked = true })
	return nil
}

func incAccount(id int, by int64) bson.D {
	return bson.D{{Key: "update", Value: "accounts"}, {Key: "updates", Value: bson.A{bson.D{
		{Key: "q", Value: bson.D{{Key: "_id", Value: id}}}, {Key: "u", Value: bson.D{{Key: "$inc", Value: bson.D{{Key: "balance", Value: by}}}}},
	}}}}
}

func (c *client) txnFields() bson.D {
	return bson.D{{Key: "lsid", Value: c.lsid}, {Key: "txnNumber", Value: c.number}, {Key: "autocommit", Value: false}}
}

// commit is the newest transaction's commitTransaction.
func (c *client) commit() bson.D {
	return append(append(bson.D{{Key: "commitTransaction", Value: 1}}, c.txnFields()...), majority)
}

func (c *client) insert(conn *testutil.RawConn) error {
	c.seq++
	id := fmt.Sprintf("i-%d-%d", c.n, c.seq)
	c.l.do(func() { c.l.inserts[id] = false })
	reply, err := conn.Run(database, bson.D{{Key: "insert", Value: "inserts"}, {Key: "documents", Value: bson.A{
		bson.D{{Key: "_id", Value: id}, {Key: "pad", Value: fmt.Sprintf("%0*d", mrand.IntN(500), c.seq)}, {Key: "k", Value: c.seq % 17}},
	}}, majority})
	if err == nil && testutil.Code(reply) == 0 {
		c.l.do(func() { c.l.inserts[id] = true })
	}
	return err
}

func (c *client) multi(conn *testutil.RawConn) error {
	p := &c.l.multi[c.n]
	c.l.do(func() { p.sent++ })
	reply, err := conn.Run(database, bson.D{{Key: "update", Value: "multi"}, {Key: "updates", Value: bson.A{bson.D{
		{Key: "q", Value: bson.D{{Key: "group", Value: c.n}}},
		{Key: "u", Value: bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}},
		{Key: "multi", Value: true},
	}}}, majority})
	if err == nil && testutil.Code(reply) == 0 {
		c.l.do(func() { p.acked++ })
	}
	return err
}

// retryCommand is the client's newest retryable write.
func (c *client) retryCommand() bson.D {
	return bson.D{
		{Key: "update", Value: "retry"},
		{Key: "updates", Value: bson.A{bson.D{
			{Key: "q", Value: bson.D{{Key: "_id", Value: c.n}}}, {Key: "u", Value: bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}},
		}}},
		{Key: "lsid", Value: c.lsid},
		{Key: "txnNumber", Value: c.number},
		majority,
	}
}

func (c *client) retry(conn *testutil.RawConn) error {
	p := &c.l.retry[c.n]
	c.number++
	c.l.do(func() { p.sent++ })
	reply, err := conn.Run(database, c.retryCommand())
	if err == nil && testutil.Code(reply) == 0 {
		c.l.do(func() { p.acked++ })
	}
	return err
}
