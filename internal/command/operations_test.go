package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// The operations table of the documentation: which commands a transaction may contain, which may
// not come first, and which are refused without harm.
func TestOperationsInTransactions(t *testing.T) {
	const (
		yes    = int32(0)
		refuse = int32(263)
	)
	doc := d("_id", 1)
	for _, tc := range []struct {
		db    string
		cmd   bson.D
		first int32 // the code as the first statement
		later int32 // and as a later one
		dies  bool  // the refusal as a later statement aborts the transaction
	}{
		{"db", d("find", "c"), yes, yes, false},
		{"db", d("find", "missing"), yes, yes, false},
		{"db", d("find", "c", "batchSize", 0), yes, yes, false},
		{"db", d("aggregate", "c", "pipeline", bson.A{}, "cursor", d()), yes, yes, false},
		{"db", d("aggregate", "missing", "pipeline", bson.A{}, "cursor", d()), yes, yes, false},
		{"db", d("distinct", "c", "key", "x"), yes, yes, false},
		{"db", d("insert", "c", "documents", bson.A{doc}), yes, yes, false},
		{"db", d("insert", "new", "documents", bson.A{doc}), yes, yes, false},
		{"newdb", d("insert", "new", "documents", bson.A{doc}), yes, yes, false},
		{"db", d("update", "c", "updates", bson.A{d("q", d(), "u", d("$set", d("a", 1)), "multi", true)}), yes, yes, false},
		{"db", d("update", "new", "updates", bson.A{d("q", d("_id", 1), "u", d("a", 1), "upsert", true)}), yes, yes, false},
		{"db", d("delete", "c", "deletes", bson.A{d("q", d(), "limit", 0)}), yes, yes, false},
		{"db", d("findAndModify", "c", "query", d("_id", 0), "update", d("$set", d("a", 1))), yes, yes, false},
		{"db", d("findandmodify", "new", "query", d("_id", 9), "update", d("$set", d("a", 1)), "upsert", true), yes, yes, false},
		{"admin", d("bulkWrite", 1, "ops", bson.A{d("insert", 0, "document", doc)}, "nsInfo", bson.A{d("ns", "db.c")}), yes, yes, false},
		{"db", d("create", "created"), yes, yes, false},
		{"db", d("createIndexes", "created", "indexes", bson.A{d("key", d("a", 1), "name", "a_1")}), yes, yes, false},

		{"db", d("killCursors", "c", "cursors", bson.A{int64(1)}), refuse, yes, false},
		{"admin", d("hello", 1), refuse, yes, false},
		{"admin", d("isMaster", 1), refuse, yes, false},
		{"admin", d("buildInfo", 1), refuse, yes, false},
		{"admin", d("connectionStatus", 1), refuse, yes, false},

		{"db", d("count", "c"), refuse, refuse, false},
		{"db", d("explain", d("find", "c")), refuse, refuse, false},
		{"db", d("listCollections", 1), refuse, refuse, false},
		{"db", d("listIndexes", "c"), refuse, refuse, false},
		{"admin", d("listDatabases", 1), refuse, refuse, false},
		{"db", d("drop", "c"), refuse, refuse, false},
		{"db", d("dropDatabase", 1), refuse, refuse, false},
		{"db", d("dropIndexes", "c", "index", "*"), refuse, refuse, false},
		{"db", d("collMod", "c"), refuse, refuse, false},
		{"admin", d("renameCollection", "db.c", "to", "db.z"), refuse, refuse, false},
		{"db", d("validate", "c"), refuse, refuse, false},
		{"db", d("dbStats", 1), refuse, refuse, false},
		{"db", d("collStats", "c"), refuse, refuse, false},
		{"db", d("dataSize", "db.c"), refuse, refuse, false},
		{"admin", d("currentOp", 1), refuse, refuse, false},
		{"admin", d("serverStatus", 1), refuse, refuse, false},
		{"admin", d("getParameter", "*"), refuse, refuse, false},
		{"admin", d("setParameter", 1, "logLevel", 0), refuse, refuse, false},
		{"admin", d("createUser", "u", "pwd", "p", "roles", bson.A{}), refuse, refuse, false},
		{"admin", d("usersInfo", 1), refuse, refuse, false},
		{"admin", d("killOp", 1, "op", 1), refuse, refuse, false},
		{"admin", d("fsync", 1), refuse, refuse, false},
		{"admin", d("top", 1), refuse, refuse, false},
		{"db", d("profile", -1), refuse, refuse, false},
		{"admin", d("ping", 1), refuse, refuse, false},
		{"db", d("geoSearch", "c"), 59, 59, false},
		{"db", d("mapReduce", "c"), 59, 59, false},
		{"config", d("find", "c"), refuse, refuse, false},
		{"local", d("find", "c"), refuse, refuse, false},
		{"admin", d("find", "c"), refuse, refuse, false},
		{"db", d("find", "system.views"), refuse, refuse, false},
		{"db", d("find", "system.profile"), refuse, refuse, false},

		{"db", d("find", "c", "tailable", true), 72, 72, true},
		{"db", d("find", "c", "readOnce", true), refuse, refuse, true},
		{"db", d("find", "c", "filter", d("$nope", 1)), 2, 2, true},
		{"db", d("aggregate", "c", "pipeline", bson.A{}, "explain", true), refuse, refuse, true},
		{"db", d("insert", "system.js", "documents", bson.A{doc}), 50791, 50791, true},
		{"db", d("findAndModify", "system.js", "query", d(), "remove", true), 50791, 50791, true},
		{"db", d("insert", "system.views", "documents", bson.A{doc}), 50791, 50791, true},
		{"db", d("insert", "system.profile", "documents", bson.A{doc}), refuse, refuse, false},
		{"db", d("createIndexes", "system.js", "indexes", bson.A{d("key", d("a", 1), "name", "a_1")}), refuse, refuse, true},
		{"db", d("create", "system.js"), refuse, refuse, true},
		{"db", d("create", "view", "viewOn", "c"), refuse, refuse, true},
		{"db", d("create", "c"), 48, 48, true},
	} {
		name := tc.db + "." + tc.cmd[0].Key
		if s, ok := tc.cmd[0].Value.(string); ok {
			name += " " + s
		}
		t.Run(name, func(t *testing.T) {
			c := newServer(t).connect()
			c.run("db", d("insert", "c", "documents", bson.A{d("_id", 0)})).ok()
			require.Equal(t, tc.first, statement(c, tc.db, tc.cmd, 1, true), "first")
			if tc.first != 0 {
				c.run("admin", inTxn(d("abortTransaction", 1), 1, 1, false)).fails(251)
			}
			c.run("db", inTxn(d("find", "c"), 1, 2, true)).ok()
			require.Equal(t, tc.later, statement(c, tc.db, tc.cmd, 2, false), "later")
			r := c.run("admin", inTxn(d("commitTransaction", 1), 1, 2, false))
			if tc.dies {
				r.fails(251)
			} else {
				r.ok()
			}
		})
	}
}

// statement runs a command in a transaction and returns its code, or that of its only write error.
func statement(c *client, db string, cmd bson.D, n int64, start bool) int32 {
	r := c.run(db, inTxn(append(bson.D{}, cmd...), 1, n, start))
	if code := r.code(); code != 0 {
		return code
	}
	return writeErrorCode(r)
}

func writeErrorCode(r reply) int32 {
	v, err := r.LookupErr("writeErrors", "0", "code")
	if err != nil {
		return 0
	}
	return v.Int32()
}

func TestStagesInTransactions(t *testing.T) {
	for _, tc := range []struct {
		db    string
		coll  any
		stage bson.D
		code  int32
	}{
		{"db", "c", d("$match", d("x", 1)), 0},
		{"db", "c", d("$lookup", d("from", "o", "localField", "a", "foreignField", "b", "as", "j")), 0},
		{"db", "c", d("$unionWith", "o"), 0},
		{"db", "c", d("$sample", d("size", 1)), 0},
		{"db", "c", d("$facet", d("a", bson.A{})), 0},
		{"db", 1, d("$documents", bson.A{d("a", 1)}), 0},
		{"db", "c", d("$collStats", d("count", d())), 263},
		{"db", "c", d("$indexStats", d()), 263},
		{"db", "c", d("$planCacheStats", d()), 263},
		{"db", "c", d("$out", "o"), 263},
		{"db", "c", d("$merge", d("into", "o")), 263},
		{"db", "c", d("$changeStream", d()), 263},
		{"db", 1, d("$listLocalSessions", d()), 263},
		{"db", "c", d("$listSessions", d()), 263},
		{"db", "c", d("$graphLookup", d("from", "o", "startWith", "$a", "connectFromField", "a", "connectToField", "b", "as", "j")), 0},
		{"db", "c", d("$setWindowFields", d("sortBy", d("_id", 1), "output", d("n", d("$documentNumber", d())))), 0},
		{"db", "c", d("$group", d("_id", 1, "n", d("$sum", 1))), 0},
		{"db", "c", d("$count", "n"), 0},
		{"db", 1, d("$currentOp", d()), 263},
		{"db", "c", d("$nope", d()), 40324},
	} {
		t.Run(tc.stage[0].Key, func(t *testing.T) {
			c := newServer(t).connect()
			c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("_id", 1)}), 1, 1, true)).ok()
			cmd := d("aggregate", tc.coll, "pipeline", bson.A{tc.stage}, "cursor", d())
			require.Equal(t, tc.code, statement(c, tc.db, cmd, 1, false))
			commit := c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false))
			if tc.code == 0 {
				commit.ok()
			} else {
				require.Contains(t, commit.fails(251).message(), "Statement 2 (aggregate)")
			}
		})
	}
}

func TestWhereAndNearInCountDocuments(t *testing.T) {
	c := newServer(t).connect()
	for _, cond := range []bson.D{d("$where", "true"), d("x", d("$near", bson.A{0, 0})), d("x", d("$nearSphere", bson.A{0, 0}))} {
		cmd := d("aggregate", "c", "pipeline", bson.A{d("$match", cond), d("$group", d("_id", 1, "n", d("$sum", 1)))}, "cursor", d())
		require.NotZero(t, c.run("db", cmd).code(), "%v", cond)
	}
}

func TestWritesToCappedCollectionsInTransactions(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("create", "cap", "capped", true, "size", 4096)).ok()
	c.run("db", d("insert", "cap", "documents", bson.A{d("_id", 1, "x", 1)})).ok()
	n := int64(0)
	one := func(cmd bson.D) reply {
		n++
		r := c.run("db", inTxn(cmd, 1, n, true))
		c.run("admin", inTxn(d("abortTransaction", 1), 1, n, false)).fails(251)
		return r
	}
	require.EqualValues(t, 263, writeErrorCode(one(d("insert", "cap", "documents", bson.A{d("_id", 2)})).ok()))
	require.EqualValues(t, 263, writeErrorCode(one(d("update", "cap", "updates", bson.A{d("q", d("_id", 1), "u", d("$set", d("x", 2)))})).ok()))
	require.EqualValues(t, 20, writeErrorCode(one(d("delete", "cap", "deletes", bson.A{d("q", d("_id", 1), "limit", 1)})).ok()))
	require.EqualValues(t, 263, writeErrorCode(one(d("update", "cap", "updates", bson.A{d("q", d("_id", 5), "u", d("$set", d("x", 2)))})).ok()), "nothing matches")
	require.EqualValues(t, 20, writeErrorCode(one(d("delete", "cap", "deletes", bson.A{d("q", d("_id", 5), "limit", 1)})).ok()), "nothing matches")
	one(d("findAndModify", "cap", "query", d("_id", 1), "update", d("$set", d("x", 2)))).fails(263)
	one(d("findAndModify", "cap", "query", d("_id", 1), "remove", true)).fails(263)
	for _, read := range []bson.D{
		d("find", "cap"), d("distinct", "cap", "key", "x"), d("aggregate", "cap", "pipeline", bson.A{}, "cursor", d()),
	} {
		n++
		c.run("db", inTxn(read, 1, n, true)).ok()
	}
}

// A write error in the middle of a batch ends the batch, ordered or not, and the transaction.
func TestWriteErrorsInTransactions(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 2)})).ok()
	for i, ordered := range []bool{true, false} {
		n := int64(i + 1)
		r := c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("_id", 1), d("_id", 2), d("_id", 3)}, "ordered", ordered), 1, n, true)).ok()
		require.EqualValues(t, 1, r.int("n"))
		errs, err := r.Lookup("writeErrors").Array().Values()
		require.NoError(t, err)
		require.Len(t, errs, 1)
		require.EqualValues(t, 11000, writeErrorCode(r))
		require.EqualValues(t, 1, errs[0].Document().Lookup("index").Int32())
		require.Empty(t, r.labels())
		next := c.run("db", inTxn(d("find", "c"), 1, n, false)).fails(251)
		require.Equal(t, "TransientTransactionError", next.labels())
		require.Contains(t, next.message(), "Statement 1 (insert) failed with DuplicateKey (11000)")
	}
	require.Len(t, batch(c.run("db", d("find", "c")).ok()), 1)
}

// Every order of two writers: the second one fails at once, names the first, and takes its
// transaction with it.
func TestWriteConflicts(t *testing.T) {
	insert := func(id int, more ...any) bson.D {
		return d("insert", "c", "documents", bson.A{append(d("_id", id), d(more...)...)})
	}
	update := func(q bson.D) bson.D {
		return d("update", "c", "updates", bson.A{d("q", q, "u", d("$inc", d("n", 1)), "multi", true)})
	}
	remove := d("delete", "c", "deletes", bson.A{d("q", d("_id", 1), "limit", 1)})
	modify := d("findAndModify", "c", "query", d("_id", 1), "update", d("$inc", d("n", 1)))
	for _, tc := range []struct {
		name          string
		first, second bson.D
	}{
		{"update, update", update(d("_id", 1)), update(d("_id", 1))},
		{"update, delete", update(d("_id", 1)), remove},
		{"delete, update", remove, update(d("_id", 1))},
		{"delete, delete", remove, remove},
		{"update, findAndModify", update(d("_id", 1)), modify},
		{"insert, insert", insert(7), insert(7)},
		{"insert, insert of a unique key", insert(7, "u", "x"), insert(8, "u", "x")},
		{"update, update by predicate", update(d("_id", 1)), update(d("g", "a"))},
	} {
		for _, committed := range []bool{false, true} {
			name := tc.name + ", first still open"
			if committed {
				name = tc.name + ", first committed meanwhile"
			}
			t.Run(name, func(t *testing.T) {
				c := newServer(t).connect()
				c.run("db", d("createIndexes", "c", "indexes", bson.A{d("key", d("u", 1), "name", "u_1", "unique", true, "sparse", true)})).ok()
				c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1, "g", "a"), d("_id", 2, "g", "a")})).ok()
				c.run("db", inTxn(d("find", "c"), 2, 1, true)).ok() // the snapshot
				c.run("db", inTxn(append(bson.D{}, tc.first...), 1, 1, true)).ok()
				if committed {
					c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
				}
				r := c.run("db", inTxn(append(bson.D{}, tc.second...), 2, 1, false)).fails(112)
				require.Equal(t, "TransientTransactionError", r.labels())
				require.Equal(t, "WriteConflict", r.Lookup("codeName").StringValue())
				require.Equal(t, "db.c", r.Lookup("errInfo", "ns").StringValue(), "%s", r.Raw)
				require.True(t, r.has("errInfo.other"), "%s", r.Raw)
				c.run("admin", inTxn(d("commitTransaction", 1), 2, 1, false)).fails(251)
				if !committed {
					c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
				}
				require.True(t, c.run("db", d("validate", "c")).ok().Lookup("valid").Boolean())
			})
		}
	}
}

func TestConflictNamesTheOtherTransaction(t *testing.T) {
	s := newServer(t)
	a, b := s.connect(), s.connect()
	a.run("admin", d("hello", 1, "client", d("application", d("name", "orders"),
		"driver", d("name", "d", "version", "1"), "os", d("type", "Linux")))).ok()
	a.run("db", d("insert", "c", "documents", bson.A{d("_id", "k")})).ok()
	upd := d("update", "c", "updates", bson.A{d("q", d("_id", "k"), "u", d("$inc", d("n", 1)))})
	a.run("db", inTxn(append(bson.D{}, upd...), 1, 1, true)).ok()
	r := b.run("db", inTxn(append(bson.D{}, upd...), 2, 1, true)).fails(112)
	require.Equal(t, "k", r.Lookup("errInfo", "_id").StringValue(), "%s", r.Raw)
	other := r.Lookup("errInfo", "other").Document()
	require.Equal(t, "orders", other.Lookup("appName").StringValue())
	require.Equal(t, "update", other.Lookup("lastCommand").StringValue())
	_, id := other.Lookup("lsid", "id").Binary()
	require.EqualValues(t, 1, id[15])
}

func TestPlainWriteWaitsForTheTransaction(t *testing.T) {
	s := newServer(t)
	c, other := s.connect(), s.connect()
	c.run("db", d("create", "c")).ok()
	c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("_id", 1)}), 1, 1, true)).ok()
	plain := d("insert", "c", "documents", bson.A{d("_id", 1)})
	other.run("db", append(append(bson.D{}, plain...), bson.E{Key: "maxTimeMS", Value: 20})).fails(50)

	done := make(chan reply)
	go func() { done <- other.run("db", append(bson.D{}, plain...)) }()
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
	require.EqualValues(t, 11000, writeErrorCode((<-done).ok()))

	c.run("db", inTxn(d("delete", "c", "deletes", bson.A{d("q", d(), "limit", 0)}), 1, 2, true)).ok()
	go func() {
		done <- other.run("db", d("update", "c", "updates", bson.A{d("q", d("_id", 1), "u", d("$set", d("x", 1)))}))
	}()
	c.run("admin", inTxn(d("abortTransaction", 1), 1, 2, false)).ok()
	require.EqualValues(t, 1, (<-done).ok().int("nModified"))
}

func TestCursorsAcrossTheBoundary(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1), d("_id", 2), d("_id", 3)})).ok()
	find := func() bson.D { return d("find", "c", "batchSize", 1) }
	more := func(id int64) bson.D { return d("getMore", id, "collection", "c", "batchSize", 1) }
	inSession := func(cmd bson.D, session byte) bson.D { return append(cmd, bson.E{Key: "lsid", Value: lsid(session)}) }
	cursor := func(r reply) int64 { return r.ok().int("cursor.id") }

	plain := cursor(c.run("db", find()))
	mine := cursor(c.run("db", inSession(find(), 1)))
	c.run("db", inSession(more(plain), 1)).fails(50736)
	c.run("db", more(mine)).fails(50737)
	c.run("db", inSession(more(mine), 2)).fails(50738)
	c.run("db", inSession(more(mine), 1)).ok()

	inside := cursor(c.run("db", inTxn(find(), 1, 1, true)))
	c.run("db", inSession(more(inside), 1)).fails(50740)
	c.run("db", inTxn(more(inside), 1, 1, false)).ok()
	c.run("db", inTxn(more(mine), 1, 1, false)).fails(50739)
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).fails(251)
	c.run("db", inSession(more(inside), 1)).fails(43)

	// Killed from outside: the transaction lives.
	inside = cursor(c.run("db", inTxn(find(), 1, 2, true)))
	killed, err := c.run("db", d("killCursors", "c", "cursors", bson.A{inside})).ok().Lookup("cursorsKilled").Array().Values()
	require.NoError(t, err)
	require.Len(t, killed, 1)
	c.run("db", inTxn(find(), 1, 2, false)).ok()
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 2, false)).ok()

	// Ends with its transaction.
	inside = cursor(c.run("db", inTxn(find(), 1, 3, true)))
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 3, false)).ok()
	c.run("db", inTxn(more(inside), 1, 3, false)).fails(256)
	c.run("db", inSession(more(inside), 1)).fails(43)
	c.run("db", d("getMore", int32(5), "collection", "c")).fails(14)
}

func TestDroppedCollectionEndsItsCursors(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1), d("_id", 2)})).ok()
	id := c.run("db", d("find", "c", "batchSize", 1)).ok().int("cursor.id")
	c.run("db", d("drop", "c")).ok()
	c.run("db", d("getMore", id, "collection", "c")).fails(175)
}
