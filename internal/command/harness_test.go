package command_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/command"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
	"github.com/tandemdb/tandem/internal/txn"
	"github.com/tandemdb/tandem/internal/wire"
)

// server is a service on a store in memory.
type server struct {
	t        testing.TB
	fs       vfs.FS
	engine   *pebblekv.DB
	store    *txn.Store
	svc      *command.Service
	sessions *session.Manager
	nextConn atomic.Int64
	config   func(*command.Config)
}

func newServer(t testing.TB, config ...func(*command.Config)) *server {
	s := &server{t: t, fs: vfs.NewMem()}
	if len(config) > 0 {
		s.config = config[0]
	}
	s.open()
	t.Cleanup(s.close)
	return s
}

func (s *server) open() {
	var err error
	s.engine, err = pebblekv.Open("store", &pebblekv.Options{FS: s.fs, CacheBytes: 8 << 20})
	require.NoError(s.t, err)
	s.store, err = txn.Open(context.Background(), s.engine, nil)
	require.NoError(s.t, err)
	s.sessions, err = session.Open(context.Background(), session.Config{Store: s.store})
	require.NoError(s.t, err)
	cfg := command.Config{Store: s.store, Sessions: s.sessions, Build: "test"}
	if s.config != nil {
		s.config(&cfg)
	}
	s.svc = command.New(cfg)
	require.NoError(s.t, s.svc.Start(context.Background()))
}

func (s *server) close() {
	s.svc.Close()
	require.NoError(s.t, s.engine.Close())
}

// restart closes the store and opens it again.
func (s *server) restart() {
	s.close()
	s.open()
}

// client is one connection.
type client struct {
	s    *server
	conn *command.Conn
}

func (s *server) connect() *client {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 27017}
	return &client{s: s, conn: &command.Conn{
		ID: s.nextConn.Add(1), Remote: addr, Local: addr, Advertise: "127.0.0.1:27017", Draining: make(chan struct{}),
	}}
}

// reply is an answer with ways to look into it.
type reply struct {
	bson.Raw
	t      testing.TB
	action command.Action
}

// run sends a command to a database.
func (c *client) run(db string, cmd bson.D) reply {
	return c.send(context.Background(), &wire.Message{OpCode: wire.OpMsg}, append(cmd, bson.E{Key: "$db", Value: db}))
}

func (c *client) send(ctx context.Context, m *wire.Message, body bson.D) reply {
	c.s.t.Helper()
	raw, err := bson.Marshal(body)
	require.NoError(c.s.t, err)
	m.Body = raw
	out, action := c.s.svc.Handle(ctx, c.conn, m, nil)
	out = bytes.Clone(out)
	if action != command.ActionMore {
		overwrite(m)
	}
	return reply{bson.Raw(out), c.s.t, action}
}

// overwrite does to a request what the next message on a connection does: whoever still needs
// its bytes has to have copied them.
func overwrite(m *wire.Message) {
	fill := func(b []byte) {
		for i := range b {
			b[i] = '!'
		}
	}
	fill(m.Body)
	for _, s := range m.Sequences {
		fill(s.Docs)
	}
}

func (r reply) code() int32 {
	v, _ := r.LookupErr("code")
	n, _ := v.Int32OK()
	return n
}

func (r reply) message() string {
	v, _ := r.LookupErr("errmsg")
	s, _ := v.StringValueOK()
	return s
}

func (r reply) ok() reply {
	r.t.Helper()
	require.Equal(r.t, 1.0, r.Lookup("ok").Double(), "%s", r.Raw)
	return r
}

func (r reply) fails(code int32) reply {
	r.t.Helper()
	require.Equal(r.t, code, r.code(), "%s", r.Raw)
	require.Equal(r.t, 0.0, r.Lookup("ok").Double(), "%s", r.Raw)
	return r
}

// labels returns the error labels, "" for none.
func (r reply) labels() string {
	v, err := r.LookupErr("errorLabels")
	if err != nil {
		return ""
	}
	vals, _ := v.Array().Values()
	var names []string
	for _, l := range vals {
		names = append(names, l.StringValue())
	}
	return strings.Join(names, ",")
}

func (r reply) has(key string) bool {
	_, err := r.LookupErr(strings.Split(key, ".")...)
	return err == nil
}

func (r reply) int(key string) int64 {
	v := r.Lookup(strings.Split(key, ".")...)
	r.t.Helper()
	n, ok := v.AsInt64OK()
	require.True(r.t, ok, "%s in %s", key, r.Raw)
	return n
}

// lsid makes the session id that ends in n.
func lsid(n byte) bson.D {
	id := make([]byte, 16)
	id[15] = n
	return bson.D{{Key: "id", Value: bson.Binary{Subtype: 4, Data: id}}}
}

// inTxn adds the fields of a statement of a transaction.
func inTxn(cmd bson.D, session byte, number int64, start bool) bson.D {
	cmd = append(cmd, bson.D{{Key: "lsid", Value: lsid(session)}, {Key: "txnNumber", Value: number}, {Key: "autocommit", Value: false}}...)
	if start {
		cmd = append(cmd, bson.E{Key: "startTransaction", Value: true})
	}
	return cmd
}

const (
	waitFor = 10 * time.Second
	tick    = 2 * time.Millisecond
)
