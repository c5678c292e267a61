package command_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/command"
	"github.com/tandemdb/tandem/internal/wire"
)

func TestHelloInAllSpellings(t *testing.T) {
	s := newServer(t)
	for _, tc := range []struct{ name, writable string }{
		{"hello", "isWritablePrimary"}, {"isMaster", "ismaster"}, {"ismaster", "ismaster"},
	} {
		for _, op := range []wire.OpCode{wire.OpMsg, wire.OpQuery} {
			m := &wire.Message{OpCode: op, Collection: "admin.$cmd"}
			body := bson.D{{Key: tc.name, Value: 1}, {Key: "helloOk", Value: true}, {Key: "backpressure", Value: "2"}}
			if op == wire.OpMsg {
				body = append(body, bson.E{Key: "$db", Value: "admin"})
			}
			r := s.connect().send(context.Background(), m, body).ok()
			require.True(t, r.Lookup(tc.writable).Boolean())
			require.Equal(t, "rs0", r.Lookup("setName").StringValue())
			require.Equal(t, "127.0.0.1:27017", r.Lookup("me").StringValue())
			require.EqualValues(t, 25, r.int("maxWireVersion"))
			require.EqualValues(t, 30, r.int("logicalSessionTimeoutMinutes"))
			require.True(t, r.has("topologyVersion.processId"))
			require.True(t, r.has("$clusterTime.signature.hash"))
			require.True(t, r.has("operationTime"))
			require.False(t, r.has("compression"))
		}
	}
	wrapped := bson.D{{Key: "$query", Value: bson.D{{Key: "isMaster", Value: 1}}}}
	s.connect().send(context.Background(), &wire.Message{OpCode: wire.OpQuery, Collection: "admin.$cmd"}, wrapped).ok()
	old := &wire.Message{OpCode: wire.OpQuery, Collection: "test.$cmd"}
	s.connect().send(context.Background(), old, bson.D{{Key: "ping", Value: 1}}).fails(352)
}

func TestHelloElectionIDSurvivesRestart(t *testing.T) {
	s := newServer(t)
	before := s.connect().run("admin", bson.D{{Key: "hello", Value: 1}}).ok()
	s.restart()
	after := s.connect().run("admin", bson.D{{Key: "hello", Value: 1}}).ok()
	require.Equal(t, before.Lookup("electionId").ObjectID(), after.Lookup("electionId").ObjectID())
	require.Equal(t, before.Lookup("setVersion").Int32(), after.Lookup("setVersion").Int32())
	require.NotEqual(t, before.Lookup("topologyVersion", "processId").ObjectID(), after.Lookup("topologyVersion", "processId").ObjectID())
}

func TestHelloStreams(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	first := c.run("admin", bson.D{{Key: "hello", Value: 1}}).ok()
	process := first.Lookup("topologyVersion", "processId").ObjectID()
	ask := func(process bson.ObjectID, counter, wait int64) bson.D {
		return bson.D{
			{Key: "hello", Value: 1},
			{Key: "topologyVersion", Value: bson.D{{Key: "processId", Value: process}, {Key: "counter", Value: counter}}},
			{Key: "maxAwaitTimeMS", Value: wait},
			{Key: "$db", Value: "admin"},
		}
	}
	counter := first.int("topologyVersion.counter")
	start := time.Now()
	c.send(context.Background(), &wire.Message{OpCode: wire.OpMsg}, ask(process, counter, 60)).ok()
	require.GreaterOrEqual(t, time.Since(start), 60*time.Millisecond)

	start = time.Now()
	c.send(context.Background(), &wire.Message{OpCode: wire.OpMsg}, ask(bson.NewObjectID(), counter, 10_000)).ok()
	require.Less(t, time.Since(start), 5*time.Second)

	c.send(context.Background(), &wire.Message{OpCode: wire.OpMsg}, ask(process, counter+1, 10)).fails(31382)
	c.send(context.Background(), &wire.Message{OpCode: wire.OpMsg}, ask(process, -1, 10)).fails(31372)
	c.send(context.Background(), &wire.Message{OpCode: wire.OpMsg}, ask(process, counter, -1)).fails(31373)
	c.run("admin", bson.D{{Key: "hello", Value: 1}, {Key: "maxAwaitTimeMS", Value: 10}}).fails(31368)

	m := &wire.Message{OpCode: wire.OpMsg, Flags: wire.ExhaustAllowed}
	r := c.send(context.Background(), m, ask(process, counter, 20)).ok()
	require.Equal(t, command.ActionMore, r.action)
	start = time.Now()
	_, action := s.svc.Next(context.Background(), c.conn, m, nil)
	require.Equal(t, command.ActionMore, action)
	require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, action = s.svc.Next(ctx, c.conn, m, nil)
	require.Equal(t, command.ActionReply, action, "a client that has gone gets no more replies")
}

func TestHelloClientMetadata(t *testing.T) {
	s := newServer(t)
	doc := func(app string) bson.D {
		return bson.D{
			{Key: "application", Value: bson.D{{Key: "name", Value: app}}},
			{Key: "driver", Value: bson.D{{Key: "name", Value: "d"}, {Key: "version", Value: "1"}}},
			{Key: "os", Value: bson.D{{Key: "type", Value: "Linux"}}},
		}
	}
	hello := func(client any) bson.D { return bson.D{{Key: "hello", Value: 1}, {Key: "client", Value: client}} }
	c := s.connect()
	c.run("admin", hello(doc("app"))).ok()
	require.Equal(t, "app", c.conn.AppName())
	c.run("admin", hello(doc("other"))).fails(186)
	long := make([]byte, 129)
	for i := range long {
		long[i] = 'x'
	}
	s.connect().run("admin", hello(doc(string(long)))).fails(184)
	s.connect().run("admin", hello(doc("a")[:1])).fails(183)
	s.connect().run("admin", hello(append(doc("a"), bson.E{Key: "pad", Value: string(make([]byte, 1024))}))).fails(185)
}

func TestHelloNegotiatesCompression(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	r := c.run("admin", bson.D{{Key: "hello", Value: 1}, {Key: "compression", Value: bson.A{"lzma", "zlib", "snappy"}}}).ok()
	require.JSONEq(t, `["snappy","zlib"]`, r.Lookup("compression").String())
	require.Len(t, c.conn.Compressors(), 2)
}
