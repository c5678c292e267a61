package command_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/wire"
)

// numbered is a command whose txnNumber is set before each run.
type numbered struct {
	c   *client
	m   wire.Message
	at  int // of the number
	buf []byte
}

func (c *client) numbered(t testing.TB, db string, cmd bson.D) *numbered {
	raw, err := bson.Marshal(append(cmd, bson.E{Key: "$db", Value: db}))
	require.NoError(t, err)
	n := &numbered{c: c, m: wire.Message{OpCode: wire.OpMsg, Body: raw}}
	for i := range raw {
		if string(raw[i:min(i+9, len(raw))]) == "txnNumber" {
			n.at = i + 10
		}
	}
	return n
}

func (n *numbered) run(t testing.TB, number int64) {
	binary.LittleEndian.PutUint64(n.m.Body[n.at:], uint64(number))
	n.buf, _ = n.c.s.svc.Handle(context.Background(), n.c.conn, &n.m, n.buf[:0])
	if ok := bson.Raw(n.buf).Lookup("ok"); ok.Double() != 1 {
		t.Fatalf("%s", n.buf)
	}
}

// BenchmarkTransfer moves money between two accounts in a transaction: six commands.
func BenchmarkTransfer(b *testing.B) {
	c := newServer(b).connect()
	var accounts bson.A
	for i := range 1000 {
		accounts = append(accounts, d("_id", i, "balance", 0))
	}
	c.run("db", d("insert", "accounts", "documents", accounts)).ok()
	find := func(id int) bson.D {
		return d("find", "accounts", "filter", d("_id", id), "limit", 1, "singleBatch", true)
	}
	update := func(id, by int) bson.D {
		return d("update", "accounts", "updates", bson.A{d("q", d("_id", id), "u", d("$inc", d("balance", by)))})
	}
	steps := []*numbered{
		c.numbered(b, "db", inTxn(find(3), 1, 0, true)),
		c.numbered(b, "db", inTxn(find(700), 1, 0, false)),
		c.numbered(b, "db", inTxn(update(3, -1), 1, 0, false)),
		c.numbered(b, "db", inTxn(update(700, 1), 1, 0, false)),
		c.numbered(b, "db", inTxn(d("insert", "history", "documents", bson.A{d("from", 3, "to", 700)}), 1, 0, false)),
		c.numbered(b, "admin", fields(inTxn(d("commitTransaction", 1), 1, 0, false), "writeConcern", d("w", 1, "j", false))),
	}
	b.ReportAllocs()
	for n := int64(1); b.Loop(); n++ {
		for _, s := range steps {
			s.run(b, n)
		}
	}
}

// BenchmarkRetryableInsert is an insert as drivers send it.
func BenchmarkRetryableInsert(b *testing.B) {
	c := newServer(b).connect()
	insert := c.numbered(b, "db", fields(d("insert", "c", "documents", bson.A{d("x", 1)}, "writeConcern", d("w", 1, "j", false)), "lsid", lsid(1), "txnNumber", int64(0)))
	b.ReportAllocs()
	for n := int64(1); b.Loop(); n++ {
		insert.run(b, n)
	}
}
