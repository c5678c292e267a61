package command_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// DDL from outside waits for the transactions that use the collection, and holds back whoever
// comes later.
func TestDDLWaitsForTransactions(t *testing.T) {
	index := bson.A{d("key", d("x", 1), "name", "x_1")}
	for _, tc := range []struct {
		db  string
		cmd bson.D
	}{
		{"db", d("drop", "c")},
		{"db", d("dropDatabase", 1)},
		{"admin", d("renameCollection", "db.c", "to", "db.d")},
		{"db", d("createIndexes", "c", "indexes", index)},
		{"db", d("collMod", "c", "validator", d("x", 1))},
		{"db", d("dropIndexes", "c", "index", "*")},
	} {
		for _, use := range []string{"read", "write"} {
			t.Run(tc.cmd[0].Key+" behind a "+use, func(t *testing.T) {
				s := newServer(t)
				c, ddl, other := s.connect(), s.connect(), s.connect()
				c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1)})).ok()
				c.run("db", d("createIndexes", "c", "indexes", bson.A{d("key", d("y", 1), "name", "y_1")})).ok()
				statement := d("find", "c")
				if use == "write" {
					statement = d("insert", "c", "documents", bson.A{d("_id", 2)})
				}
				c.run("db", inTxn(statement, 1, 1, true)).ok()
				ddl.run(tc.db, fields(tc.cmd, "maxTimeMS", 20)).fails(50)

				done := make(chan reply)
				go func() { done <- ddl.run(tc.db, fields(tc.cmd)) }()
				require.Eventually(t, func() bool {
					ops, _ := c.run("admin", d("currentOp", 1, "command."+tc.cmd[0].Key, d("$exists", true), "waitingForLock", true)).ok().Lookup("inprog").Array().Values()
					return len(ops) == 1
				}, waitFor, tick)
				r := other.run("db", inTxn(d("find", "c"), 2, 1, true)).fails(24)
				require.Equal(t, "TransientTransactionError", r.labels())
				other.run("db", inTxn(d("find", "elsewhere"), 2, 2, true)).ok()
				require.NotEmpty(t, names(other.run("db", d("listCollections", 1)).ok()), "listings do not wait")
				c.run("db", inTxn(d("find", "c"), 1, 1, false)).ok()
				c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
				(<-done).ok()
			})
		}
	}
}

func TestDDLThatChangesNothingWaitsForNobody(t *testing.T) {
	c := newServer(t).connect()
	index := bson.A{d("key", d("x", 1), "name", "x_1")}
	c.run("db", d("createIndexes", "c", "indexes", index)).ok()
	c.run("db", inTxn(d("find", "c"), 1, 1, true)).ok()
	c.run("db", d("createIndexes", "c", "indexes", index, "maxTimeMS", 1000)).ok()
	c.run("db", d("create", "c", "maxTimeMS", 1000)).ok()
	c.run("db", d("drop", "other", "maxTimeMS", 1000)).ok()
}

// A statement on a collection that has changed since the snapshot of its transaction: it reads what
// was there then, and cannot write.
func TestCatalogChangesAfterTheSnapshot(t *testing.T) {
	insert := d("insert", "c", "documents", bson.A{d("_id", 9)})
	upsert := d("findAndModify", "c", "query", d("_id", 9), "update", d("a", 1), "upsert", true)
	for _, tc := range []struct {
		name   string
		db     string
		change bson.D
	}{
		{"dropped", "db", d("drop", "c")},
		{"dropped with its database", "db", d("dropDatabase", 1)},
		{"renamed", "admin", d("renameCollection", "db.c", "to", "db.z")},
		{"index built", "db", d("createIndexes", "c", "indexes", bson.A{d("key", d("x", 1), "name", "x_1")})},
		{"index dropped", "db", d("dropIndexes", "c", "index", "y_1")},
		{"changed", "db", d("collMod", "c", "validator", d("x", 1))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newServer(t).connect()
			c.run("db", d("createIndexes", "c", "indexes", bson.A{d("key", d("y", 1), "name", "y_1")})).ok()
			c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1, "y", 5)})).ok()
			c.run("elsewhere", d("insert", "other", "documents", bson.A{d("_id", 1)})).ok()
			for _, session := range []byte{1, 2} {
				c.run("elsewhere", inTxn(d("find", "other"), session, 1, true)).ok()
			}
			c.run(tc.db, tc.change).ok()
			for _, read := range []bson.D{
				d("find", "c"),
				d("find", "c", "filter", d("y", 5)),
				d("aggregate", "c", "pipeline", bson.A{d("$match", d("_id", 1))}, "cursor", d()),
			} {
				require.Len(t, batch(c.run("db", inTxn(read, 1, 1, false)).ok()), 1, "%v", read)
			}
			for session, cmd := range map[byte]bson.D{1: insert, 2: upsert} {
				r := c.run("db", inTxn(append(bson.D{}, cmd...), session, 1, false)).fails(112)
				require.Contains(t, r.message(), "Unable to write to collection 'db.c' due to catalog changes; please retry the operation")
				require.Equal(t, "TransientTransactionError", r.labels())
				c.run("admin", inTxn(d("abortTransaction", 1), session, 1, false)).fails(251)
			}
		})
	}
}

// A collection that is made after the snapshot does not exist there. The transaction can make it,
// too, and learns when it commits that it came second.
func TestCollectionMadeAfterTheSnapshot(t *testing.T) {
	for name, create := range map[string]bson.D{
		"create":  d("create", "new"),
		"insert":  d("insert", "new", "documents", bson.A{d("_id", 1)}),
		"indexes": d("createIndexes", "new", "indexes", bson.A{d("key", d("x", 1), "name", "x_1")}),
	} {
		t.Run(name, func(t *testing.T) {
			c := newServer(t).connect()
			c.run("db", d("insert", "other", "documents", bson.A{d("_id", 1)})).ok()
			c.run("db", inTxn(d("find", "other"), 1, 1, true)).ok()
			c.run("db", create).ok()
			require.Empty(t, batch(c.run("db", inTxn(d("find", "new"), 1, 1, false)).ok()))
			c.run("db", inTxn(d("insert", "new", "documents", bson.A{d("_id", 2)}), 1, 1, false)).ok()
			require.Len(t, batch(c.run("db", inTxn(d("find", "new"), 1, 1, false)).ok()), 1)
			r := c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).fails(112)
			require.Equal(t, "TransientTransactionError", r.labels())
			c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).fails(251)
		})
	}
}

func TestLockTimeoutIsASetting(t *testing.T) {
	s := newServer(t)
	c, ddl, other := s.connect(), s.connect(), s.connect()
	c.run("db", d("create", "c")).ok()
	c.run("admin", d("setParameter", 1, "maxTransactionLockRequestTimeoutMillis", 200)).ok()
	c.run("db", inTxn(d("find", "c"), 1, 1, true)).ok()
	done := make(chan reply)
	go func() { done <- ddl.run("db", d("drop", "c")) }()
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	other.run("db", inTxn(d("find", "c"), 2, 1, true)).fails(24)
	require.GreaterOrEqual(t, time.Since(start), 150*time.Millisecond)
	c.run("admin", inTxn(d("abortTransaction", 1), 1, 1, false)).ok()
	(<-done).ok()
}

func TestSnapshotReads(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1)})).ok()
	snapshot := d("level", "snapshot")
	r := c.run("db", d("find", "c", "readConcern", snapshot)).ok()
	sec, inc := r.Lookup("cursor", "atClusterTime").Timestamp()
	at := d("level", "snapshot", "atClusterTime", bson.Timestamp{T: sec, I: inc})
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 2)})).ok()
	require.Len(t, batch(c.run("db", d("find", "c", "readConcern", at)).ok()), 1)
	require.Len(t, batch(c.run("db", d("aggregate", "c", "pipeline", bson.A{}, "cursor", d(), "readConcern", at)).ok()), 1)
	r = c.run("db", d("distinct", "c", "key", "_id", "readConcern", at)).ok()
	vals, _ := r.Lookup("values").Array().Values()
	require.Len(t, vals, 1)
	require.True(t, r.has("atClusterTime"))
	require.Len(t, batch(c.run("db", d("find", "c")).ok()), 2)

	// A cursor stays in its snapshot.
	r = c.run("db", d("find", "c", "batchSize", 1, "readConcern", snapshot)).ok()
	c.run("db", d("delete", "c", "deletes", bson.A{d("q", d(), "limit", 0)})).ok()
	more := c.run("db", d("getMore", r.int("cursor.id"), "collection", "c")).ok()
	next, _ := more.Lookup("cursor", "nextBatch").Array().Values()
	require.Len(t, next, 1)
	require.Equal(t, r.Lookup("cursor", "atClusterTime").String(), more.Lookup("cursor", "atClusterTime").String())

	c.run("db", d("find", "c", "readConcern", d("level", "snapshot", "atClusterTime", bson.Timestamp{T: 1, I: 1}))).fails(239)
	c.run("db", d("find", "c", "readConcern", d("level", "snapshot", "atClusterTime", bson.Timestamp{T: sec + 10000, I: 1}))).fails(72)
	c.run("db", d("find", "c", "readConcern", d("level", "local", "atClusterTime", bson.Timestamp{T: sec, I: inc}))).fails(72)
	c.run("db", d("count", "c", "readConcern", snapshot)).fails(72)
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 3)}, "readConcern", snapshot)).fails(72)
	c.run("db", d("aggregate", "c", "pipeline", bson.A{d("$out", "o")}, "cursor", d(), "readConcern", d("level", "linearizable"))).fails(72)

	// A transaction at a time that a reply has named.
	start := fields(inTxn(d("find", "c"), 1, 1, true), "readConcern", at)
	require.Len(t, batch(c.run("db", start).ok()), 1)
}

// A snapshot read without a time of its own waits for DDL like any other statement, and then reads
// what is there, not what was there when it came.
func TestSnapshotReadsBehindDDL(t *testing.T) {
	s := newServer(t)
	c, ddl, reader := s.connect(), s.connect(), s.connect()
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1)})).ok()
	waits := func(name string) {
		require.Eventually(t, func() bool {
			ops, _ := c.run("admin", d("currentOp", 1, "command."+name, d("$exists", true), "waitingForLock", true)).ok().Lookup("inprog").Array().Values()
			return len(ops) == 1
		}, waitFor, tick)
	}
	c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("_id", 2)}), 1, 1, true)).ok()
	built, read := make(chan reply), make(chan reply)
	go func() {
		built <- ddl.run("db", d("createIndexes", "c", "indexes", bson.A{d("key", d("x", 1), "name", "x_1")}))
	}()
	waits("createIndexes")
	go func() { read <- reader.run("db", d("find", "c", "readConcern", d("level", "snapshot"))) }()
	waits("find")
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
	(<-built).ok()
	require.Len(t, batch((<-read).ok()), 2)
}

// Repeatable reads, no phantoms, own writes visible, nobody else sees them.
func TestIsolation(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1, "x", 1)})).ok()
	count := func(n int64, filter bson.D) int {
		return len(batch(c.run("db", inTxn(d("find", "c", "filter", filter), 1, n, false)).ok()))
	}
	plain := func() int { return len(batch(c.run("db", d("find", "c")).ok())) }
	c.run("db", inTxn(d("find", "c"), 1, 1, true)).ok()
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 2, "x", 1)})).ok()
	c.run("db", d("update", "c", "updates", bson.A{d("q", d("_id", 1), "u", d("$set", d("x", 5)))})).ok()
	require.Equal(t, 1, count(1, d("x", 1)))
	c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("_id", 3, "x", 1)}), 1, 1, false)).ok()
	require.Equal(t, 2, count(1, d("x", 1)))
	require.Equal(t, 2, plain())
	c.run("db", inTxn(d("insert", "c2", "documents", bson.A{d("_id", 1)}), 1, 1, false)).ok()
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
	require.Equal(t, 3, plain())
	require.Len(t, batch(c.run("db", d("find", "c2")).ok()), 1)
}
