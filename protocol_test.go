package tandem_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/wire"
)

// raw is a client that writes frames by hand, as no driver would.
type raw struct {
	t  *testing.T
	nc net.Conn
	r  *wire.Reader
	id int32
}

func dialRaw(t *testing.T, addr string) *raw {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(20*time.Second)))
	return &raw{t: t, nc: nc, r: wire.NewReader(nc, 0)}
}

func (c *raw) write(b []byte) {
	c.t.Helper()
	_, err := c.nc.Write(b)
	require.NoError(c.t, err)
}

// send sends a command; fields are pairs of key and value.
func (c *raw) send(flags wire.Flags, fields ...any) {
	c.t.Helper()
	c.id++
	c.write(wire.AppendMsg(nil, c.id, 0, flags, document(c.t, fields...)))
}

func (c *raw) run(fields ...any) bson.M {
	c.t.Helper()
	c.send(0, fields...)
	return c.recv()
}

func (c *raw) recv() bson.M {
	c.t.Helper()
	m, err := c.r.Read()
	require.NoError(c.t, err)
	var reply bson.M
	require.NoError(c.t, bson.Unmarshal(m.Body, &reply))
	return reply
}

// gone checks that the server has closed the connection.
func (c *raw) gone() {
	c.t.Helper()
	require.NoError(c.t, c.nc.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err := c.r.Read()
	require.Error(c.t, err)
	require.NotErrorIs(c.t, err, os.ErrDeadlineExceeded)
}

func document(t *testing.T, fields ...any) bsonx.Doc {
	t.Helper()
	var d bson.D
	for i := 0; i < len(fields); i += 2 {
		d = append(d, bson.E{Key: fields[i].(string), Value: fields[i+1]})
	}
	b, err := bson.Marshal(d)
	require.NoError(t, err)
	return b
}

func requireOK(t *testing.T, reply bson.M) {
	t.Helper()
	require.Equal(t, 1.0, reply["ok"], "%v", reply)
}

func requireError(t *testing.T, reply bson.M, code int32, text string) {
	t.Helper()
	require.Equal(t, 0.0, reply["ok"], "%v", reply)
	require.Equal(t, code, reply["code"], "%v", reply)
	require.Contains(t, reply["errmsg"], text)
	require.NotEmpty(t, reply["codeName"])
}

// legacy builds an OP_QUERY.
func legacy(collection string, query bsonx.Doc) []byte {
	b := make([]byte, wire.HeaderSize, 100)
	binary.LittleEndian.PutUint32(b[4:], 11)
	binary.LittleEndian.PutUint32(b[12:], uint32(wire.OpQuery))
	b = binary.LittleEndian.AppendUint32(b, 4)
	b = append(append(b, collection...), 0)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, 0xffffffff)
	b = append(b, query...)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	return b
}

// legacyReply reads an OP_REPLY.
func (c *raw) legacyReply() bson.M {
	c.t.Helper()
	var head [36]byte
	_, err := io.ReadFull(c.nc, head[:])
	require.NoError(c.t, err)
	require.Equal(c.t, uint32(wire.OpReply), binary.LittleEndian.Uint32(head[12:]))
	require.Equal(c.t, uint32(1), binary.LittleEndian.Uint32(head[32:]))
	doc := make([]byte, binary.LittleEndian.Uint32(head[:])-36)
	_, err = io.ReadFull(c.nc, doc)
	require.NoError(c.t, err)
	var reply bson.M
	require.NoError(c.t, bson.Unmarshal(doc, &reply))
	return reply
}

func TestHandshakes(t *testing.T) {
	addr := serve(t, open(t, ":memory:", nil))
	for _, name := range []string{"hello", "isMaster", "ismaster"} {
		flag := "ismaster"
		if name == "hello" {
			flag = "isWritablePrimary"
		}
		check := func(t *testing.T, reply bson.M) {
			requireOK(t, reply)
			require.Equal(t, true, reply[flag])
			require.Equal(t, bson.A{addr}, reply["hosts"])
			require.Equal(t, addr, reply["me"])
			require.Equal(t, addr, reply["primary"])
			require.Equal(t, "rs0", reply["setName"])
			require.Equal(t, int32(30), reply["logicalSessionTimeoutMinutes"])
			require.NotContains(t, reply, "msg")
		}
		t.Run(name+" in OP_MSG", func(t *testing.T) { check(t, dialRaw(t, addr).run(name, 1, "$db", "admin")) })
		t.Run(name+" in OP_QUERY", func(t *testing.T) {
			c := dialRaw(t, addr)
			c.write(legacy("admin.$cmd", document(t, name, 1, "helloOk", true)))
			check(t, c.legacyReply())
			requireOK(t, c.run("ping", 1, "$db", "admin"))
		})
	}
	t.Run("other commands in OP_QUERY", func(t *testing.T) {
		c := dialRaw(t, addr)
		c.write(legacy("admin.$cmd", document(t, "buildInfo", 1)))
		requireError(t, c.legacyReply(), 352, "Unsupported OP_QUERY command: buildInfo. The client driver may require an upgrade.")
	})
	t.Run("compression", func(t *testing.T) {
		c := dialRaw(t, addr)
		reply := c.run("hello", 1, "compression", bson.A{"lzma", "zlib", "snappy"}, "$db", "admin")
		require.Equal(t, bson.A{"snappy", "zlib"}, reply["compression"])
		require.NotContains(t, dialRaw(t, addr).run("hello", 1, "$db", "admin"), "compression")
	})
}

func TestStreamingHello(t *testing.T) {
	addr := serve(t, open(t, ":memory:", nil))
	c := dialRaw(t, addr)
	version := c.run("hello", 1, "$db", "admin")["topologyVersion"]
	began := time.Now()
	requireOK(t, c.run("hello", 1, "topologyVersion", version, "maxAwaitTimeMS", 150, "$db", "admin"))
	require.GreaterOrEqual(t, time.Since(began), 150*time.Millisecond)

	c.send(wire.ExhaustAllowed, "hello", 1, "topologyVersion", version, "maxAwaitTimeMS", 30, "$db", "admin")
	for range 4 {
		m, err := c.r.Read()
		require.NoError(t, err)
		require.Equal(t, wire.MoreToCome, m.Flags)
	}
	require.NoError(t, c.nc.Close())
}

func TestRequestsThatWantNoAnswer(t *testing.T) {
	addr := serve(t, open(t, ":memory:", nil))
	c := dialRaw(t, addr)
	c.send(wire.MoreToCome, "insert", "c", "documents", bson.A{bson.D{{Key: "_id", Value: 1}}}, "writeConcern", bson.D{{Key: "w", Value: 0}}, "$db", "x")
	c.send(wire.MoreToCome, "nonsense", 1, "$db", "x")
	require.Equal(t, int32(1), c.run("count", "c", "$db", "x")["n"])
}

// What is wrong with these is told, and costs nobody their connection.
func TestBadCommands(t *testing.T) {
	addr := serve(t, open(t, ":memory:", nil))
	c := dialRaw(t, addr)
	deep := bson.D{}
	for range 210 {
		deep = bson.D{{Key: "a", Value: deep}}
	}
	stored := bson.D{}
	for range 185 {
		stored = bson.D{{Key: "a", Value: stored}}
	}
	big := strings.Repeat("x", 16<<20)
	for _, tc := range []struct {
		name   string
		fields []any
		code   int32
		text   string
	}{
		{"unknown command", []any{"frobnicate", 1, "$db", "x"}, 59, "no such command: 'frobnicate'"},
		{"unknown field", []any{"ping", 1, "colour", "red", "$db", "admin"}, 40415, "BSON field 'ping.colour' is an unknown field."},
		{"no database", []any{"ping", 1}, 40571, "$db"},
		{"database of wrong type", []any{"ping", 1, "$db", 3}, 14, "$db"},
		{"field twice", []any{"find", "c", "filter", bson.D{}, "filter", bson.D{}, "$db", "x"}, 40413, "filter"},
		{"wrong type", []any{"find", "c", "filter", 1, "$db", "x"}, 14, "BSON field 'find.filter' is the wrong type 'int', expected type 'object'"},
		{"too deep for any message", []any{"insert", "c", "documents", bson.A{deep}, "$db", "x"}, 15, "nested object depth"},
		{"too deep to be stored", []any{"insert", "c", "documents", bson.A{stored}, "$db", "x"}, 0, ""},
		{"document of more than 16 MB", []any{"insert", "c", "documents", bson.A{bson.D{{Key: "a", Value: big}}}, "$db", "x"}, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reply := c.run(tc.fields...)
			if tc.code != 0 {
				requireError(t, reply, tc.code, tc.text)
			} else if reply["ok"] == 1.0 { // a write error, or one of the command
				require.Contains(t, reply, "writeErrors")
			}
			requireOK(t, c.run("ping", 1, "$db", "admin"))
		})
	}
	require.Equal(t, int32(0), c.run("count", "c", "$db", "x")["n"])
}

func TestBadFrames(t *testing.T) {
	addr := serve(t, open(t, ":memory:", nil))
	other := dialRaw(t, addr)
	ping := document(t, "ping", 1, "$db", "admin")
	msg := func(flags wire.Flags) []byte { return wire.AppendMsg(nil, 1, 0, flags, ping) }
	change := func(b []byte, at int, to ...byte) []byte {
		copy(b[at:], to)
		return b
	}
	for _, tc := range []struct {
		name   string
		frame  []byte
		code   int32 // 0 for no answer
		closes bool
	}{
		{"length of 15", change(msg(0), 0, 15, 0, 0, 0), 0, true},
		{"length of 48,000,001", change(msg(0), 0, 0x01, 0x6c, 0xdc, 0x02), 0, true},
		{"negative length", change(msg(0), 0, 0xff, 0xff, 0xff, 0xff), 0, true},
		{"OP_INSERT", change(msg(0), 12, 0xd2, 0x07), 0, true},
		{"unknown opcode", change(msg(0), 12, 0xff, 0x7f), 0, true},
		{"required flag", msg(1 << 9), 223, true},
		{"optional flag", msg(1 << 17), -1, false},
		{"bad checksum", change(msg(wire.ChecksumPresent), len(msg(0)), 1, 2, 3, 4), 288, true},
		{"good checksum", msg(wire.ChecksumPresent), -1, false},
		{"section kind 7", change(msg(0), 20, 7), 40432, true},
		{"type 0x55 in the body", change(msg(0), 25, 0x55), 22, false},
		{"body too long", change(msg(0), 21, 0xff), 22, false},
		{"body without terminator", change(msg(0), len(msg(0))-1, 1), 22, false},
		{"TLS hello", append([]byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 3, 3}, make([]byte, 500)...), 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dialRaw(t, addr)
			c.write(tc.frame)
			switch {
			case tc.code > 0:
				requireError(t, c.recv(), tc.code, "")
			case tc.code < 0:
				requireOK(t, c.recv())
			}
			if tc.closes {
				c.gone()
			} else {
				requireOK(t, c.run("ping", 1, "$db", "admin"))
			}
			requireOK(t, other.run("ping", 1, "$db", "admin"))
		})
	}
}

// Random damage to real traffic never ends the server, and never another connection.
func TestDamagedTraffic(t *testing.T) {
	addr := serve(t, open(t, ":memory:", nil))
	other := dialRaw(t, addr)
	requests := [][]byte{
		wire.AppendMsg(nil, 1, 0, 0, document(t, "hello", 1, "client", bson.D{{Key: "driver", Value: bson.D{{Key: "name", Value: "x"}, {Key: "version", Value: "1"}}}, {Key: "os", Value: bson.D{{Key: "type", Value: "y"}}}}, "$db", "admin")),
		wire.AppendMsg(nil, 2, 0, 0, document(t, "insert", "c", "$db", "x"), wire.Sequence{ID: "documents", Docs: document(t, "a", 1, "b", bson.A{1, "x"})}),
		wire.AppendMsg(nil, 3, 0, 0, document(t, "find", "c", "filter", bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: 0}}}}, "sort", bson.D{{Key: "b", Value: -1}}, "$db", "x")),
		wire.AppendMsg(nil, 4, 0, 0, document(t, "update", "c", "updates", bson.A{bson.D{{Key: "q", Value: bson.D{}}, {Key: "u", Value: bson.D{{Key: "$inc", Value: bson.D{{Key: "a", Value: 1}}}}}, {Key: "multi", Value: true}}}, "$db", "x")),
		wire.AppendMsg(nil, 5, 0, 0, document(t, "aggregate", "c", "pipeline", bson.A{bson.D{{Key: "$match", Value: bson.D{{Key: "a", Value: 1}}}}}, "cursor", bson.D{}, "$db", "x")),
		legacy("admin.$cmd", document(t, "isMaster", 1)),
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		c := dialRaw(t, addr)
		for range 5 {
			b := bytes.Clone(requests[rnd.IntN(len(requests))])
			for range rnd.IntN(4) {
				b[rnd.IntN(len(b))] = byte(rnd.IntN(256))
			}
			if rnd.IntN(10) == 0 {
				b = b[:rnd.IntN(len(b))]
			}
			if _, err := c.nc.Write(b); err != nil {
				break
			}
		}
		_ = c.nc.Close()
	}
	requireOK(t, other.run("ping", 1, "$db", "admin"))
	requireOK(t, dialRaw(t, addr).run("validate", "c", "$db", "x"))
}

// A client that goes in the middle of a statement leaves nothing behind that others
// would have to wait for.
func TestClientsThatVanish(t *testing.T) {
	db := open(t, ":memory:", nil)
	addr := serve(t, db)
	c := dialRaw(t, addr)
	requireOK(t, c.run("insert", "c", "documents", bson.A{bson.D{{Key: "_id", Value: 1}}, bson.D{{Key: "_id", Value: 2}}}, "$db", "x"))
	lsid := func(b byte) bson.D {
		return bson.D{{Key: "id", Value: bson.Binary{Subtype: 4, Data: bytes.Repeat([]byte{b}, 16)}}}
	}
	set := func(id int) bson.A {
		return bson.A{bson.D{{Key: "q", Value: bson.D{{Key: "_id", Value: id}}}, {Key: "u", Value: bson.D{{Key: "$set", Value: bson.D{{Key: "by", Value: "x"}}}}}}}
	}

	// Holder has document 1 in an open transaction.
	holder := dialRaw(t, addr)
	requireOK(t, holder.run("update", "c", "updates", set(1), "lsid", lsid(1), "txnNumber", int64(1), "autocommit", false, "startTransaction", true, "$db", "x"))

	// Waiter waits for document 1 and goes. Its statement must not have any effect.
	waiter := dialRaw(t, addr)
	waiter.send(0, "update", "c", "updates", set(1), "$db", "x")
	time.Sleep(50 * time.Millisecond)
	require.Equal(t, 1, waiting(t, c))
	require.NoError(t, waiter.nc.Close())
	require.Eventually(t, func() bool { return waiting(t, c) == 0 }, 5*time.Second, 5*time.Millisecond)

	// The transaction outlives its connection, as in MongoDB, up to its lifetime.
	require.NoError(t, holder.nc.Close())
	other := dialRaw(t, addr)
	requireOK(t, other.run("abortTransaction", 1, "lsid", lsid(1), "txnNumber", int64(1), "autocommit", false, "$db", "admin"))
	reply := c.run("find", "c", "filter", bson.D{{Key: "by", Value: "x"}}, "$db", "x")
	require.Empty(t, reply["cursor"].(bson.D)[0].Value)

	requireOK(t, c.run("setParameter", 1, "transactionLifetimeLimitSeconds", 1, "$db", "admin"))
	holder = dialRaw(t, addr)
	requireOK(t, holder.run("update", "c", "updates", set(2), "lsid", lsid(2), "txnNumber", int64(1), "autocommit", false, "startTransaction", true, "$db", "x"))
	require.NoError(t, holder.nc.Close())
	began := time.Now()
	requireOK(t, c.run("update", "c", "updates", set(2), "$db", "x"))
	require.Less(t, time.Since(began), 5*time.Second)
}

// waiting returns how many updates are running.
func waiting(t *testing.T, c *raw) int {
	t.Helper()
	reply := c.run("currentOp", 1, "op", "update", "$db", "admin")
	requireOK(t, reply)
	ops, _ := reply["inprog"].(bson.A)
	n := 0
	for _, op := range ops {
		d, _ := op.(bson.D)
		for _, e := range d {
			if e.Key == "active" && e.Value == true {
				n++
			}
		}
	}
	return n
}

func TestManyConnections(t *testing.T) {
	db := open(t, ":memory:", &tandem.Options{MaxConnections: 200})
	addr := serve(t, db)
	all := make([]*raw, 200)
	for i := range all {
		all[i] = dialRaw(t, addr)
		requireOK(t, all[i].run("ping", 1, "$db", "admin"))
	}
	dialRaw(t, addr).gone()
	for _, c := range all {
		requireOK(t, c.run("ping", 1, "$db", "admin"))
	}
}
