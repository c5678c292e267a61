package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// fields is a command with exactly the given session fields.
func fields(cmd bson.D, more ...any) bson.D {
	return append(append(bson.D{}, cmd...), d(more...)...)
}

// Every way to get the fields of a transaction wrong, with its code. None of them touches the
// transaction that is open on the session.
func TestTransactionFieldsAreChecked(t *testing.T) {
	list, create := d("listCollections", 1), func() bson.D { return d("create", "x") }
	id := lsid(1)
	const n = int64(5)
	for _, tc := range []struct {
		name string
		db   string
		cmd  bson.D
		code int32
		text string
	}{
		{"autocommit on an informational first command", "admin", fields(d("hello", 1), "lsid", id, "txnNumber", n+1, "autocommit", false, "startTransaction", true), 263, "This command is not supported in transactions"},
		{"autocommit on ping", "admin", fields(d("ping", 1), "lsid", id, "txnNumber", n, "autocommit", false), 263, "This command is not supported in transactions"},
		{"number on ping", "admin", fields(d("ping", 1), "lsid", id, "txnNumber", n), 50889, "It is illegal to provide a txnNumber for this command"},
		{"number without session", "db", fields(create(), "txnNumber", n), 72, "Transaction number requires a session ID to also be specified"},
		{"negative number", "db", fields(create(), "lsid", id, "txnNumber", int64(-1)), 72, "Transaction number cannot be negative"},
		{"number of another type", "db", fields(create(), "lsid", id, "txnNumber", int32(5)), 14, ""},
		{"autocommit without number", "db", fields(create(), "lsid", id, "autocommit", false), 72, "'autocommit' field requires a transaction number to also be specified"},
		{"autocommit true", "db", fields(create(), "lsid", id, "txnNumber", n, "autocommit", true), 72, "Specifying autocommit=true is not allowed."},
		{"autocommit of another type", "db", fields(create(), "lsid", id, "txnNumber", n, "autocommit", 0), 14, ""},
		{"start without autocommit", "db", fields(create(), "lsid", id, "txnNumber", n, "startTransaction", true), 72, "'startTransaction' field requires 'autocommit' field to also be specified"},
		{"start false", "db", fields(create(), "lsid", id, "txnNumber", n, "autocommit", false, "startTransaction", false), 72, "Specifying startTransaction=false is not allowed."},
		{"refused command", "db", fields(list, "lsid", id, "txnNumber", n, "autocommit", false), 263, "Cannot run 'listCollections' in a multi-document transaction."},
		{"config", "config", fields(create(), "lsid", id, "txnNumber", n, "autocommit", false), 263, "Cannot run command against the config database in a transaction."},
		{"local", "local", fields(create(), "lsid", id, "txnNumber", n, "autocommit", false), 263, "Cannot run command against the 'local' database in a transaction."},
		{"admin", "admin", fields(create(), "lsid", id, "txnNumber", n, "autocommit", false), 263, "Cannot run command against the 'admin' database in a transaction."},
		{"profile", "db", fields(d("create", "system.profile"), "lsid", id, "txnNumber", n, "autocommit", false), 263, "Cannot run command against the 'db.system.profile' collection in a transaction."},
		{"number on a command that is no retryable write", "db", fields(list, "lsid", id, "txnNumber", n), 50768, "not a retryable write command"},
		{"number on an incomplete command that is no retryable write", "db", fields(d("distinct", "c"), "lsid", id, "txnNumber", n), 50768, ""},
		{"number on a command with a wrong collection name", "db", fields(d("killCursors", 1), "lsid", id, "txnNumber", n), 50768, ""},
		{"commit without autocommit", "admin", fields(d("commitTransaction", 1), "lsid", id, "txnNumber", n), 50768, ""},
		{"commit as first", "admin", fields(d("commitTransaction", 1), "lsid", id, "txnNumber", n+1, "autocommit", false, "startTransaction", true), 263, "Cannot start a transaction with a commit"},
		{"abort as first", "admin", fields(d("abortTransaction", 1), "lsid", id, "txnNumber", n+1, "autocommit", false, "startTransaction", true), 263, "Cannot start a transaction with an abort"},
		{"write concern", "db", fields(create(), "lsid", id, "txnNumber", n, "autocommit", false, "writeConcern", d("w", 1)), 72, "writeConcern is not allowed within a multi-statement transaction"},
		{"write concern on the first", "db", fields(create(), "lsid", id, "txnNumber", n+1, "autocommit", false, "startTransaction", true, "writeConcern", d("w", 1)), 72, ""},
		{"read concern later", "db", fields(create(), "lsid", id, "txnNumber", n, "autocommit", false, "readConcern", d("level", "local")), 72, "Only the first command in a transaction may specify a readConcern"},
		{"linearizable", "db", fields(create(), "lsid", id, "txnNumber", n+1, "autocommit", false, "startTransaction", true, "readConcern", d("level", "linearizable")), 72, "The readConcern level must be either 'local' (default), 'majority' or 'snapshot' in order to run in a transaction"},
		{"available", "db", fields(create(), "lsid", id, "txnNumber", n+1, "autocommit", false, "startTransaction", true, "readConcern", d("level", "available")), 72, ""},
		{"unknown level", "db", fields(create(), "lsid", id, "txnNumber", n+1, "autocommit", false, "startTransaction", true, "readConcern", d("level", "best")), 9, ""},
		{"both times", "db", fields(create(), "lsid", id, "txnNumber", n+1, "autocommit", false, "startTransaction", true, "readConcern", d("level", "snapshot", "afterClusterTime", bson.Timestamp{T: 1}, "atClusterTime", bson.Timestamp{T: 1})), 72, ""},
		{"retry counter", "db", fields(create(), "lsid", id, "txnNumber", n, "autocommit", false, "txnRetryCounter", 1), 72, ""},
		{"unknown command", "db", fields(d("nope", 1), "lsid", id, "txnNumber", n, "autocommit", false), 59, ""},
		{"unknown field", "db", fields(create(), "nope", 1, "lsid", id, "txnNumber", n, "autocommit", false), 40415, ""},
		{"session with an unknown field", "db", fields(create(), "lsid", append(lsid(1), bson.E{Key: "x", Value: 1}), "txnNumber", n, "autocommit", false), 40415, ""},
		{"session without id", "db", fields(create(), "lsid", d()), 40414, ""},
		{"session id that is no UUID", "db", fields(create(), "lsid", d("id", []byte("x"))), 14, ""},
		{"session of another user", "db", fields(create(), "lsid", append(lsid(1), bson.E{Key: "uid", Value: make([]byte, 32)})), 13, ""},
		{"commit on another database", "db", fields(d("commitTransaction", 1), "lsid", id, "txnNumber", n, "autocommit", false), 13, "commitTransaction may only be run against the admin database."},
		{"abort on another database", "db", fields(d("abortTransaction", 1), "lsid", id, "txnNumber", n, "autocommit", false), 13, ""},
		{"unknown field of commit", "admin", fields(d("commitTransaction", 1), "nope", 1, "lsid", id, "txnNumber", n, "autocommit", false), 40415, ""},
		{"lower number", "db", fields(create(), "lsid", id, "txnNumber", n-1, "autocommit", false), 225, "because a newer transaction with txnNumber 5 has already started on this session"},
		{"started again", "db", fields(create(), "lsid", id, "txnNumber", n, "autocommit", false, "startTransaction", true), 117, "Only servers in a sharded cluster can start a new transaction at the active transaction number"},
		{"other number", "admin", fields(d("commitTransaction", 1), "lsid", id, "txnNumber", n+1, "autocommit", false), 251, "Given transaction number 6 does not match any in-progress transactions. The active transaction number is 5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			c := s.connect()
			c.run("db", inTxn(d("create", "own"), 1, n, true)).ok()
			r := c.run(tc.db, tc.cmd).fails(tc.code)
			if tc.text != "" {
				require.Contains(t, r.message(), tc.text)
			}
			if tc.code != 251 {
				require.Empty(t, r.labels())
			}
			c.run("admin", inTxn(d("commitTransaction", 1), 1, n, false)).ok()
			require.Equal(t, []string{"own"}, names(c.run("db", d("listCollections", 1))))
		})
	}
}

func TestCommandsWithoutTransaction(t *testing.T) {
	c := newServer(t).connect()
	c.run("admin", d("commitTransaction", 1)).fails(125)
	c.run("admin", d("abortTransaction", 1)).fails(125)
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).fails(251)
	require.Equal(t, "TransientTransactionError", c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).labels())
	require.Equal(t, "TransientTransactionError", c.run("admin", inTxn(d("abortTransaction", 1), 1, 1, false)).labels())
	require.Equal(t, "TransientTransactionError", c.run("db", inTxn(d("create", "c"), 1, 1, false)).fails(251).labels())
}

func TestInformationalCommandsInsideATransaction(t *testing.T) {
	c := newServer(t).connect()
	for i, name := range []string{"hello", "isMaster", "buildInfo", "connectionStatus", "listCommands"} {
		session := byte(i + 1)
		c.run("admin", inTxn(d(name, 1), session, 1, true)).fails(263)
		c.run("db", inTxn(d("create", "c"+name), session, 1, true)).ok()
		c.run("admin", inTxn(d(name, 1), session, 1, false)).ok()
		c.run("admin", inTxn(d("commitTransaction", 1), session, 1, false)).ok()
	}
}

func TestCommitAndAbort(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	commit := func(n int64) reply { return c.run("admin", inTxn(d("commitTransaction", 1), 1, n, false)) }
	abort := func(n int64) reply { return c.run("admin", inTxn(d("abortTransaction", 1), 1, n, false)) }
	create := func(name string, n int64, start bool) reply {
		return c.run("db", inTxn(d("create", name), 1, n, start))
	}
	colls := func() []string { return names(c.run("db", d("listCollections", 1)).ok()) }

	create("a", 1, true).ok()
	create("b", 1, false).ok()
	require.Empty(t, colls(), "uncommitted collections are invisible")
	commit(1).ok()
	require.Equal(t, []string{"a", "b"}, colls())
	commit(1).ok()
	require.Empty(t, create("z", 1, false).fails(256).labels())
	abort(1).fails(256)

	create("c", 2, true).ok()
	abort(2).ok()
	require.Equal(t, "TransientTransactionError", abort(2).fails(251).labels())
	require.Equal(t, "TransientTransactionError", commit(2).fails(251).labels())
	require.Contains(t, create("c", 2, false).fails(251).message(), "abortTransaction")
	require.Equal(t, []string{"a", "b"}, colls())

	// A statement that fails aborts everything, and later ones say why.
	create("d", 3, true).ok()
	require.Empty(t, create("a", 3, false).fails(48).labels())
	r := commit(3).fails(251)
	require.Contains(t, r.message(), "Statement 2 (create) failed with NamespaceExists (48)")
	require.EqualValues(t, 48, r.int("errInfo.abortCause.code"))
	require.Equal(t, []string{"a", "b"}, colls())

	// A newer transaction aborts the older one.
	create("e", 4, true).ok()
	create("f", 5, true).ok()
	commit(5).ok()
	require.Equal(t, []string{"a", "b", "f"}, colls())

	st := c.run("admin", d("serverStatus", 1)).ok()
	require.EqualValues(t, 5, st.int("transactions.totalStarted"))
	require.EqualValues(t, 2, st.int("transactions.totalCommitted"))
	require.EqualValues(t, 3, st.int("transactions.totalAborted"))
	require.EqualValues(t, 0, st.int("transactions.currentOpen"))

	// A commit survives a restart as such, an open transaction as nothing.
	create("g", 6, true).ok()
	s.restart()
	c = s.connect()
	commit(5).ok()
	abort(5).fails(256)
	require.Equal(t, "TransientTransactionError", commit(6).fails(251).labels())
	require.Equal(t, []string{"a", "b", "f"}, colls())
	create("g", 7, true).ok()
	commit(7).ok()
	commit(4).fails(225)
}

func TestCommitWriteConcern(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", inTxn(d("create", "a"), 1, 1, true)).ok()
	r := c.run("admin", fields(inTxn(d("commitTransaction", 1), 1, 1, false), "writeConcern", d("w", 3))).ok()
	require.EqualValues(t, 100, r.int("writeConcernError.code"))
	c.run("admin", fields(inTxn(d("commitTransaction", 1), 1, 1, false), "writeConcern", d("w", "majority", "wtimeout", 10000))).ok()
	c.run("admin", fields(inTxn(d("commitTransaction", 1), 1, 1, false), "recoveryToken", d())).ok()
	c.run("admin", fields(inTxn(d("commitTransaction", 1), 1, 1, false), "writeConcern", d("w", 0))).fails(72)

	// A transaction that is not there may be on other members: then the label must not say otherwise.
	r = c.run("admin", fields(inTxn(d("commitTransaction", 1), 1, 2, false), "writeConcern", d("w", 3))).fails(251)
	require.EqualValues(t, 100, r.int("writeConcernError.code"))
	require.Empty(t, r.labels())
	r = c.run("admin", fields(inTxn(d("commitTransaction", 1), 1, 2, false), "writeConcern", d("w", "majority"))).fails(251)
	require.False(t, r.has("writeConcernError"))
	require.Equal(t, "TransientTransactionError", r.labels())
}

func TestTransactionExpires(t *testing.T) {
	c := newServer(t).connect()
	c.run("admin", d("setParameter", 1, "transactionLifetimeLimitSeconds", 1)).ok()
	c.run("db", inTxn(d("create", "a"), 1, 1, true)).ok()
	require.Eventually(t, func() bool {
		return c.run("admin", d("serverStatus", 1)).int("transactions.currentOpen") == 0
	}, waitFor, 10*tick)
	st := c.run("admin", d("serverStatus", 1))
	require.Positive(t, st.int("metrics.abortExpiredTransactions.passes"))
	require.EqualValues(t, 1, st.int("metrics.abortExpiredTransactions.successfulKills"))
	r := c.run("db", inTxn(d("create", "b"), 1, 1, false)).fails(251)
	require.Contains(t, r.message(), "transactionLifetimeLimitSeconds")
	require.Equal(t, "TransientTransactionError", r.labels())
}

func TestKillSessions(t *testing.T) {
	for _, tc := range []struct {
		name string
		kill bson.D
	}{
		{"killSessions", d("killSessions", bson.A{lsid(1)})},
		{"killSessions of the user", d("killSessions", bson.A{})},
		{"killAllSessions", d("killAllSessions", bson.A{})},
		{"killAllSessionsByPattern", d("killAllSessionsByPattern", bson.A{d("lsid", lsid(1))})},
		{"endSessions", d("endSessions", bson.A{lsid(1)})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newServer(t).connect()
			c.run("db", inTxn(d("create", "a"), 1, 1, true)).ok()
			c.run("admin", tc.kill).ok()
			require.Equal(t, "TransientTransactionError", c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).fails(251).labels())
			require.Empty(t, names(c.run("db", d("listCollections", 1)).ok()))
			c.run("db", inTxn(d("create", "a"), 1, 2, true)).ok()
			c.run("admin", inTxn(d("commitTransaction", 1), 1, 2, false)).ok()
		})
	}
	c := newServer(t).connect()
	c.run("db", inTxn(d("create", "a"), 1, 1, true)).ok()
	c.run("admin", d("killSessions", bson.A{lsid(2)})).ok()
	c.run("admin", d("killAllSessions", bson.A{d("user", "x", "db", "y")})).ok()
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
}

func TestKilledSessionStopsItsStatements(t *testing.T) {
	s := newServer(t)
	admin, victim := s.connect(), s.connect()
	admin.run("admin", d("configureFailPoint", "failCommand", "mode", "alwaysOn",
		"data", d("failCommands", bson.A{"listCollections"}, "blockConnection", true, "blockTimeMS", 60_000))).ok()
	done := make(chan reply)
	go func() { done <- victim.run("db", d("listCollections", 1, "lsid", lsid(9))) }()
	require.Eventually(t, func() bool {
		ops, _ := admin.run("admin", d("currentOp", 1, "command.lsid", d("$exists", true))).ok().Lookup("inprog").Array().Values()
		return len(ops) == 1
	}, waitFor, tick)
	admin.run("admin", d("killAllSessions", bson.A{})).ok()
	(<-done).fails(11601)
}

func TestCurrentOpShowsIdleTransactions(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", inTxn(d("create", "a"), 1, 7, true)).ok()
	ops, err := c.run("admin", d("currentOp", 1, "type", "idleSession")).ok().Lookup("inprog").Array().Values()
	require.NoError(t, err)
	require.Len(t, ops, 1)
	op := reply{Raw: ops[0].Document(), t: t}
	require.EqualValues(t, 7, op.int("transaction.parameters.txnNumber"))
	require.Equal(t, "create", op.Lookup("transaction", "lastCommand").StringValue())
	require.Equal(t, "inactive transaction", op.Lookup("desc").StringValue())
}

// All statements of a transaction repeat the parameters of the first. A parameter that is false is
// not one that is absent.
func TestAPIParametersOfATransaction(t *testing.T) {
	combinations := [][]any{
		{},
		{"apiVersion", "1"},
		{"apiVersion", "1", "apiDeprecationErrors", true},
		{"apiVersion", "1", "apiDeprecationErrors", false},
		{"apiVersion", "1", "apiStrict", true},
		{"apiVersion", "1", "apiStrict", true, "apiDeprecationErrors", true},
		{"apiVersion", "1", "apiStrict", false},
		{"apiVersion", "1", "apiStrict", false, "apiDeprecationErrors", false},
	}
	c := newServer(t).connect()
	insert := d("insert", "c", "documents", bson.A{d("x", 1)})
	n := int64(0)
	for i, first := range combinations {
		for j, later := range combinations {
			for _, end := range []string{"commitTransaction", "abortTransaction"} {
				n++
				c.run("db", fields(inTxn(append(bson.D{}, insert...), 1, n, true), first...)).ok()
				statement := c.run("db", fields(inTxn(append(bson.D{}, insert...), 1, n, false), later...))
				last := c.run("admin", fields(inTxn(d(end, 1), 1, n, false), later...))
				if i == j {
					statement.ok()
					last.ok()
					continue
				}
				statement.fails(347)
				require.Empty(t, last.fails(347).labels())
				c.run("admin", fields(inTxn(d(end, 1), 1, n, false), first...)).ok()
			}
		}
	}
}

func TestCreationInTransactions(t *testing.T) {
	c := newServer(t).connect()
	n := int64(0)
	one := func(cmd bson.D, more ...any) reply {
		n++
		r := c.run("db", fields(inTxn(cmd, 1, n, true), more...))
		c.run("admin", inTxn(d("abortTransaction", 1), 1, n, false))
		return r
	}
	one(d("create", "a")).ok()
	one(d("create", "a"), "readConcern", d("level", "local")).ok()
	one(d("create", "a"), "readConcern", d("level", "majority")).fails(72)
	one(d("create", "a"), "readConcern", d("level", "snapshot")).fails(72)
	one(d("create", "system.js")).fails(263)
	one(d("create", "v", "viewOn", "a")).fails(263)
	index := bson.A{d("key", d("x", 1), "name", "x_1")}
	one(d("createIndexes", "a", "indexes", index)).ok()
	c.run("db", d("create", "old")).ok()
	one(d("createIndexes", "old", "indexes", index)).fails(263)
	one(d("createIndexes", "old", "indexes", bson.A{d("key", d("_id", 1), "name", "_id_")})).ok()
	c.run("admin", d("setParameter", 1, "shouldMultiDocTxnCreateCollectionAndIndexes", false)).ok()
	require.Contains(t, one(d("create", "a")).fails(263).message(), "Cannot create namespace db.a in multi-document transaction.")
	c.run("admin", d("setParameter", 1, "shouldMultiDocTxnCreateCollectionAndIndexes", true)).ok()
	c.run("admin", d("setFeatureCompatibilityVersion", "4.2")).ok()
	one(d("create", "a")).fails(263)
	require.EqualValues(t, 263, writeErrorCode(one(d("insert", "a", "documents", bson.A{d("x", 1)}))))
	c.run("admin", d("setFeatureCompatibilityVersion", "8.0")).fails(7369100)
	c.run("admin", d("setFeatureCompatibilityVersion", "8.0", "confirm", true)).ok()
	one(d("create", "a")).ok()
}

// Two transactions, or one and a plain command, that make the same collection: none waits, none
// sees the other's, and who commits second fails.
func TestParallelCreation(t *testing.T) {
	index := bson.A{d("key", d("a", 1), "name", "a_1")}
	creations := map[string]bson.D{
		"create":        d("create", "a"),
		"createIndexes": d("createIndexes", "a", "indexes", index),
		"insert":        d("insert", "a", "documents", bson.A{d("_id", 1)}),
		"upsert":        d("update", "a", "updates", bson.A{d("q", d("_id", 1), "u", d("$inc", d("n", 1)), "upsert", true)}),
		"findAndModify": d("findAndModify", "a", "query", d("_id", 1), "update", d("$inc", d("n", 1)), "upsert", true),
	}
	for name, create := range creations {
		cmd := func() bson.D { return append(bson.D{}, create...) }
		t.Run(name+" in two transactions", func(t *testing.T) {
			c := newServer(t).connect()
			c.run("db", inTxn(d("create", "own"), 1, 1, true)).ok()
			c.run("db", inTxn(cmd(), 1, 1, false)).ok()
			c.run("db", inTxn(cmd(), 2, 1, true)).ok()
			c.run("admin", inTxn(d("commitTransaction", 1), 2, 1, false)).ok()
			r := c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).fails(112)
			require.Equal(t, "TransientTransactionError", r.labels())
			require.Equal(t, "db.a", r.Lookup("errInfo", "ns").StringValue())
			require.True(t, r.has("errInfo.other"), "%s", r.Raw)
			require.Contains(t, c.run("db", inTxn(d("find", "a"), 1, 1, false)).fails(251).message(), "(commitTransaction) failed with WriteConflict (112)")
			require.Equal(t, []string{"a"}, names(c.run("db", d("listCollections", 1)).ok()))
			require.True(t, c.run("db", d("validate", "a")).ok().Lookup("valid").Boolean())
		})
		for _, outside := range []string{"create", "insert"} {
			t.Run(name+" and a plain "+outside, func(t *testing.T) {
				c := newServer(t).connect()
				c.run("db", inTxn(cmd(), 1, 1, true)).ok()
				c.run("db", fields(creations[outside], "maxTimeMS", 5000)).ok()
				c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).fails(112)
			})
		}
	}
	c := newServer(t).connect()
	c.run("db", inTxn(d("create", "a"), 1, 1, true)).ok()
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
	c.run("db", inTxn(d("create", "a"), 2, 1, true)).fails(48)
}
