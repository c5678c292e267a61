package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// waits returns the running command of a name as currentOp shows it, once it waits for something.
func (c *client) waits(name string) reply {
	c.s.t.Helper()
	var op reply
	require.Eventually(c.s.t, func() bool {
		ops, _ := c.run("admin", d("currentOp", 1, "command."+name, d("$exists", true), "waitingFor", d("$exists", true))).ok().Lookup("inprog").Array().Values()
		if len(ops) != 1 {
			return false
		}
		op = reply{Raw: ops[0].Document(), t: c.s.t}
		return true
	}, waitFor, tick)
	return op
}

// Who waits says for what, and for which transaction.
func TestCurrentOpShowsWhoWaitsForWhom(t *testing.T) {
	update := d("update", "c", "updates", bson.A{d("q", d("_id", 1), "u", d("$inc", d("n", 1)))})
	for _, tc := range []struct {
		name string
		cmd  bson.D
		lock bool
	}{
		{"update", update, false},
		{"drop", d("drop", "c"), true},
		{"createIndexes", d("createIndexes", "c", "indexes", bson.A{d("key", d("a", 1), "name", "a_1")}), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			c, other := s.connect(), s.connect()
			c.run("admin", d("hello", 1, "client", d("application", d("name", "orders"),
				"driver", d("name", "d", "version", "1"), "os", d("type", "Linux")))).ok()
			c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1)})).ok()
			c.run("db", inTxn(append(bson.D{}, update...), 1, 4, true)).ok()

			idle, _ := c.run("admin", d("currentOp", 1, "type", "idleSession")).ok().Lookup("inprog").Array().Values()
			require.Len(t, idle, 1)
			require.Equal(t, "w", idle[0].Document().Lookup("locks", "Collection").StringValue())
			require.Equal(t, "db.c", idle[0].Document().Lookup("transaction", "collections", "0", "ns").StringValue())

			done := make(chan reply)
			go func() { done <- other.run("db", fields(tc.cmd)) }()
			op := c.waits(tc.name)
			require.Equal(t, tc.lock, op.Lookup("waitingForLock").Boolean())
			require.Equal(t, "db.c", op.Lookup("waitingFor", "ns").StringValue())
			holder := op.Lookup("waitingFor", "transactions", "0").Document()
			require.EqualValues(t, 4, holder.Lookup("txnNumber").Int64())
			require.Equal(t, "orders", holder.Lookup("appName").StringValue())
			require.Equal(t, "update", holder.Lookup("lastCommand").StringValue())
			if tc.lock {
				require.Equal(t, "W", op.Lookup("locks", "Collection").StringValue())
				require.EqualValues(t, 1, op.int("lockStats.Collection.acquireWaitCount.W"))
				require.Zero(t, op.int("writeConflicts"))
			} else {
				require.EqualValues(t, 1, op.int("waitingFor._id"))
				require.EqualValues(t, 1, op.int("writeConflicts"))
			}
			c.run("admin", inTxn(d("abortTransaction", 1), 1, 4, false)).ok()
			(<-done).ok()
		})
	}
}

// Each command counts, with its time, for its collection and for the server.
func TestUseOfCollections(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("create", "c")).ok()
	for _, cmd := range []bson.D{
		d("insert", "c", "documents", bson.A{d("_id", 1), d("_id", 2)}),
		d("update", "c", "updates", bson.A{d("q", d("_id", 1), "u", d("$set", d("a", 1)))}),
		d("delete", "c", "deletes", bson.A{d("q", d("_id", 2), "limit", 1)}),
		d("findAndModify", "c", "query", d("_id", 1), "update", d("$set", d("a", 2))),
		d("find", "c"),
		d("find", "c", "filter", d("_id", 1)),
		d("aggregate", "c", "pipeline", bson.A{}, "cursor", d()),
		d("collStats", "c"),
	} {
		c.run("db", cmd).ok()
	}
	c.run("db", inTxn(d("find", "c"), 1, 1, true)).ok()
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()

	top := c.run("admin", d("top", 1)).ok()
	for name, count := range map[string]int64{
		"insert": 1, "update": 1, "remove": 1, "queries": 3, "getmore": 0, "commands": 4, "writeLock": 5, "readLock": 5, "total": 10,
	} {
		line := top.Lookup("totals", "db.c", name).Document()
		require.Equal(t, count, line.Lookup("count").Int64(), name)
		require.Equal(t, count > 0, line.Lookup("time").Int64() > 0, name)
	}
	stats := batch(c.run("db", d("aggregate", "c", "pipeline", bson.A{d("$collStats", d("latencyStats", d()))}, "cursor", d())).ok())
	server := c.run("admin", d("serverStatus", 1)).ok()
	for name, count := range map[string]int64{"reads": 4, "writes": 4} {
		line := stats[0].Lookup("latencyStats", name).Document()
		require.Equal(t, count, line.Lookup("ops").Int64(), name)
		require.Positive(t, line.Lookup("latency").Int64(), name)
		require.GreaterOrEqual(t, server.int("opLatencies."+name+".ops"), count)
	}
	require.EqualValues(t, 1, server.int("opLatencies.transactions.ops"))
}
