package odm_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/odm"
	"github.com/tandemdb/tandem/tandemtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder keeps the commands that a client sent.
type recorder struct {
	cmds []bson.Raw
	off  bool
}

func (r *recorder) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		if r.off {
			return
		}
		r.cmds = append(r.cmds, append(bson.Raw(nil), e.Command...))
	}}
}

// take returns the commands of a name since the last call, and forgets all.
func (r *recorder) take(name string) []bson.Raw {
	var out []bson.Raw
	for _, c := range r.cmds {
		if els, err := c.Elements(); err == nil && len(els) > 0 && els[0].Key() == name {
			out = append(out, c)
		}
	}
	r.cmds = nil
	return out
}

// lastUpdate returns q and u of the only update sent since the last call; nil if there was none.
func (r *recorder) lastUpdate(t testing.TB) (q, u bson.Raw) {
	t.Helper()
	cmds := r.take("update")
	if len(cmds) == 0 {
		return nil, nil
	}
	require.Len(t, cmds, 1)
	up := cmds[0].Lookup("updates", "0").Document()
	return up.Lookup("q").Document(), up.Lookup("u").Document()
}

// newConn returns a connection to an empty embedded database, and what it sends.
func newConn(t testing.TB, opts *odm.ConnectionOptions) (*odm.Connection, *recorder) {
	t.Helper()
	rec := &recorder{}
	db := tandemtest.New(t)
	client, err := mongo.Connect(db.Embedded().ClientOptions().SetMonitor(rec.monitor()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(context.Background())) })
	return odm.Use(client, "test", opts), rec
}

// tcpConn returns a connection by a port.
func tcpConn(t testing.TB) *odm.Connection {
	t.Helper()
	db, err := tandem.Open("", &tandem.Options{InMemory: true})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- db.Serve(l) }()
	conn, err := odm.CreateConnection(t.Context(), "mongodb://"+l.Addr().String()+"/?directConnection=true",
		&odm.ConnectionOptions{Client: options.Client().SetServerMonitoringMode(options.ServerMonitoringModePoll)})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Disconnect(context.Background()))
		require.NoError(t, db.Close())
		<-served
	})
	return conn
}

// everywhere runs a test embedded and over TCP.
func everywhere(t *testing.T, fn func(t *testing.T, conn *odm.Connection)) {
	t.Run("embedded", func(t *testing.T) {
		conn, _ := newConn(t, nil)
		fn(t, conn)
	})
	t.Run("tcp", func(t *testing.T) { fn(t, tcpConn(t)) })
}

func model[T any, P odm.Document[T]](t testing.TB, conn *odm.Connection, name string, schema *odm.Schema[T]) *odm.Model[T] {
	t.Helper()
	m, err := odm.NewModel[T, P](conn, name, schema)
	require.NoError(t, err)
	return m
}

func json(t testing.TB, raw bson.Raw) string {
	t.Helper()
	if raw == nil {
		return ""
	}
	out, err := bson.MarshalExtJSON(raw, false, false)
	require.NoError(t, err)
	return string(out)
}
