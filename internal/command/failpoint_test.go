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

func failWith(mode any, data ...any) bson.D {
	return d("configureFailPoint", "failCommand", "mode", mode, "data", d(data...))
}

func TestFailCommandModes(t *testing.T) {
	c := newServer(t).connect()
	list := d("listCollections", 1)
	codes := func(n int) (codes []int32) {
		for range n {
			codes = append(codes, c.run("db", list).code())
		}
		return codes
	}
	names := bson.A{"listCollections"}
	set := func(mode any) { c.run("admin", failWith(mode, "failCommands", names, "errorCode", 8)).ok() }
	set(d("times", 2))
	require.Equal(t, []int32{8, 8, 0, 0}, codes(4))
	set(d("skip", 1))
	require.Equal(t, []int32{0, 8, 8}, codes(3))
	set("alwaysOn")
	require.Equal(t, []int32{8, 8, 8}, codes(3))
	require.EqualValues(t, 7, c.run("admin", failWith("off")).ok().int("count"))
	require.Equal(t, []int32{0, 0}, codes(2))
	set(d("activationProbability", 1.0))
	require.Equal(t, []int32{8, 8}, codes(2))
	set(d("activationProbability", 0.0))
	require.Equal(t, []int32{0, 0}, codes(2))
	set(d("times", 1))
	c.run("admin", d("ping", 1)).ok() // does not count
	require.Equal(t, []int32{8, 0}, codes(2))

	for _, tc := range []struct {
		mode any
		code int32
	}{{"sometimes", 2}, {d("times", -1), 2}, {d("skip", -1), 2}, {d("x", 1), 2}, {1, 14}, {nil, 20}} {
		cmd := failWith(tc.mode)
		if tc.mode == nil {
			cmd = d("configureFailPoint", "failCommand")
		}
		c.run("admin", cmd).fails(tc.code)
	}
	c.run("admin", d("configureFailPoint", "nope", "mode", "off")).fails(266)
	c.run("db", failWith("off")).fails(13)
	c.run("admin", failWith("alwaysOn", "failCommands", names, "blockConnection", true)).fails(72)
	c.run("admin", failWith("alwaysOn", "failCommands", names, "blockConnection", true, "blockTimeMS", -1)).fails(72)

	off := newServer(t, func(cfg *command.Config) { cfg.NoTestCommands = true }).connect()
	off.run("admin", failWith("off")).fails(59)
}

func TestFailCommandFilters(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	c.run("admin", failWith("alwaysOn", "failCommands", bson.A{"isMaster"}, "errorCode", 8)).ok()
	c.run("admin", d("ismaster", 1)).fails(8)
	c.run("admin", d("hello", 1)).ok()

	c.run("admin", failWith("alwaysOn", "failAllCommands", true, "errorCode", 8)).ok()
	c.run("admin", d("ping", 1)).fails(8)
	c.run("admin", failWith("alwaysOn", "failCommands", bson.A{"ping"}, "appName", "x", "errorCode", 8)).ok()
	c.run("admin", d("ping", 1)).ok()
	named := s.connect()
	named.run("admin", d("hello", 1, "client", d("application", d("name", "x"),
		"driver", d("name", "d", "version", "1"), "os", d("type", "Linux")))).ok()
	named.run("admin", d("ping", 1)).fails(8)

	c.run("admin", failWith("alwaysOn", "failCommands", bson.A{"hello"}, "appName", "y", "errorCode", 8)).ok()
	s.connect().run("admin", d("hello", 1, "client", d("application", d("name", "y")))).fails(8)

	c.run("admin", failWith("alwaysOn", "failCommands", bson.A{"create"}, "namespace", "db.a", "errorCode", 8)).ok()
	c.run("db", d("create", "a")).fails(8)
	c.run("db", d("create", "b")).ok()
}

func TestFailCommandEffects(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	c.run("admin", failWith(d("times", 1), "failCommands", bson.A{"ping"}, "closeConnection", true, "errorCode", 8)).ok()
	r := c.send(context.Background(), &wire.Message{OpCode: wire.OpMsg}, d("ping", 1, "$db", "admin"))
	require.Equal(t, command.ActionClose, r.action)

	c.run("admin", failWith(d("times", 1), "failCommands", bson.A{"ping"}, "blockConnection", true, "blockTimeMS", 30)).ok()
	start := time.Now()
	c.run("admin", d("ping", 1)).ok()
	require.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)

	concern := d("code", 91, "errmsg", "going down", "errInfo", d("x", 1))
	c.run("admin", failWith(d("times", 1), "failCommands", bson.A{"create", "ping"}, "writeConcernError", concern)).ok()
	require.False(t, c.run("admin", d("ping", 1)).ok().has("writeConcernError"), "ping has no write concern")
	r = c.run("db", d("create", "a")).ok()
	require.EqualValues(t, 91, r.int("writeConcernError.code"))
	require.Equal(t, "ShutdownInProgress", r.Lookup("writeConcernError", "codeName").StringValue())
	require.EqualValues(t, 1, r.int("writeConcernError.errInfo.x"))
	require.Empty(t, r.labels())
	require.Equal(t, []string{"a"}, names(c.run("db", d("listCollections", 1))), "the command has run")
}

func TestFailCommandLabels(t *testing.T) {
	const transient, retry = "TransientTransactionError", "RetryableWriteError"
	retriable := []int32{11600, 11602, 10107, 13435, 13436, 189, 91, 7, 6, 89, 9001}
	type test struct {
		name   string
		data   []any
		kind   string // statement, commit, abort
		labels string
		code   int32
	}
	var tests []test
	for _, code := range retriable {
		concern := d("code", code, "errmsg", "x")
		tests = append(tests,
			test{"commit", []any{"failCommands", bson.A{"commitTransaction"}, "errorCode", code}, "commit", retry, code},
			test{"abort", []any{"failCommands", bson.A{"abortTransaction"}, "errorCode", code}, "abort", retry, code},
			test{"commit concern", []any{"failCommands", bson.A{"commitTransaction"}, "writeConcernError", concern}, "commit", retry, 0},
			test{"abort concern", []any{"failCommands", bson.A{"abortTransaction"}, "writeConcernError", concern}, "abort", retry, 0},
			test{"statement", []any{"failCommands", bson.A{"create"}, "errorCode", code}, "statement", transient, code})
	}
	tests = append(tests,
		test{"conflict on commit", []any{"failCommands", bson.A{"commitTransaction"}, "errorCode", 112}, "commit", transient, 112},
		test{"unknown transaction on commit", []any{"failCommands", bson.A{"commitTransaction"}, "errorCode", 251}, "commit", transient, 251},
		test{"timeout on commit", []any{"failCommands", bson.A{"commitTransaction"}, "errorCode", 50}, "commit", "", 50},
		test{"concern timeout", []any{"failCommands", bson.A{"commitTransaction"}, "writeConcernError", d("code", 64, "errmsg", "x")}, "commit", "", 0},
		test{"lock timeout", []any{"failCommands", bson.A{"create"}, "errorCode", 24}, "statement", transient, 24},
		test{"ordinary error", []any{"failCommands", bson.A{"create"}, "errorCode", 2}, "statement", "", 2},
		test{"own labels", []any{"failCommands", bson.A{"create"}, "errorCode", 112, "errorLabels", bson.A{"A", "B"}}, "statement", "A,B", 112},
		test{"no labels", []any{"failCommands", bson.A{"create"}, "errorCode", 112, "errorLabels", bson.A{}}, "statement", "", 112},
		test{"labels of a concern error", []any{
			"failCommands",
			bson.A{"commitTransaction"},
			"errorLabels",
			bson.A{"A"},
			"writeConcernError", d("code", 64, "errmsg", "x"),
		}, "commit", "A", 0})
	c := newServer(t).connect()
	for i, tc := range tests {
		n := int64(i + 1)
		t.Run(tc.name, func(t *testing.T) {
			c.run("db", inTxn(d("create", "a"), 1, n, true)).ok()
			c.run("admin", failWith(d("times", 1), tc.data...)).ok()
			cmd, db := map[string]bson.D{"statement": d("create", "b"), "commit": d("commitTransaction", 1), "abort": d("abortTransaction", 1)}[tc.kind], "admin"
			if tc.kind == "statement" {
				db = "db"
			}
			r := c.run(db, inTxn(cmd, 1, n, false))
			require.Equal(t, tc.code, r.code(), "%s", r.Raw)
			require.Equal(t, tc.labels, r.labels(), "%s", r.Raw)
			if tc.code != 0 {
				// An injected error comes before the session: the transaction is still open.
				c.run("admin", inTxn(d("abortTransaction", 1), 1, n, false)).ok()
			}
			c.run("db", d("drop", "a")).ok()
		})
	}
}

func TestInjectedErrorOnTheFirstStatement(t *testing.T) {
	c := newServer(t).connect()
	c.run("admin", failWith(d("times", 1), "failCommands", bson.A{"create"}, "errorCode", 112)).ok()
	require.Equal(t, "TransientTransactionError", c.run("db", inTxn(d("create", "a"), 1, 1, true)).fails(112).labels())
	c.run("admin", inTxn(d("abortTransaction", 1), 1, 1, false)).fails(251)
}

func TestGetMoreAndTimeLimitFailPoints(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1}, {"_id": 2}]`)
	id := c.run("t", d("find", "c", "batchSize", 1)).ok().int("cursor.id")
	c.run("admin", d("configureFailPoint", "failGetMoreAfterCursorCheckout", "mode", d("times", 1), "data", d("errorCode", 96))).ok()
	c.run("t", d("getMore", id, "collection", "c")).fails(96)
	c.run("t", d("getMore", id, "collection", "c")).ok()
	c.run("admin", d("configureFailPoint", "failGetMoreAfterCursorCheckout", "mode", "off")).ok()
	c.run("admin", d("configureFailPoint", "failGetMoreAfterCursorCheckout", "mode", "alwaysOn", "data", d("x", 1))).fails(40415)

	c.run("admin", d("configureFailPoint", "maxTimeAlwaysTimeOut", "mode", "alwaysOn")).ok()
	c.run("t", d("count", "c")).ok()
	c.run("t", d("count", "c", "maxTimeMS", 60_000)).fails(50)
	c.run("admin", d("configureFailPoint", "maxTimeAlwaysTimeOut", "mode", "off")).ok()
	c.run("t", d("count", "c", "maxTimeMS", 60_000)).ok()
}

func TestWaitForFailPoint(t *testing.T) {
	s := newServer(t)
	c, other := s.connect(), s.connect()
	wait := func(times int, more ...any) reply {
		return c.run("admin", fields(d("waitForFailPoint", "failCommand", "timesEntered", times), more...))
	}
	wait(0).ok()
	wait(1, "maxTimeMS", 20).fails(50)
	c.run("admin", d("waitForFailPoint", "nope", "timesEntered", 1)).fails(266)
	c.run("admin", d("waitForFailPoint", "failCommand")).fails(40414)
	c.run("admin", failWith("alwaysOn", "failCommands", bson.A{"ping"}, "errorCode", 8)).ok()
	done := make(chan reply)
	go func() { done <- wait(2) }()
	other.run("admin", d("ping", 1)).fails(8)
	other.run("admin", d("ping", 1)).fails(8)
	(<-done).ok()
}

// A creation inside a transaction can be made to conflict, explicit or not, and with it the
// transaction ends.
func TestConflictOnCreation(t *testing.T) {
	c := newServer(t).connect()
	c.run("admin", d("configureFailPoint", "throwWCEDuringTxnCollCreate", "mode", "alwaysOn")).ok()
	for i, create := range []bson.D{
		d("create", "c"),
		d("insert", "c", "documents", bson.A{d("_id", 1)}),
		d("update", "c", "updates", bson.A{d("q", d("_id", 1), "u", d("$inc", d("n", 1)), "upsert", true)}),
		d("findAndModify", "c", "query", d("_id", 1), "update", d("$inc", d("n", 1)), "upsert", true),
	} {
		n := int64(i + 1)
		require.Equal(t, "TransientTransactionError", c.run("db", inTxn(create, 1, n, true)).fails(112).labels())
		c.run("admin", inTxn(d("abortTransaction", 1), 1, n, false)).fails(251)
	}
	c.run("db", d("create", "outside")).ok()
	c.run("admin", d("configureFailPoint", "throwWCEDuringTxnCollCreate", "mode", "off")).ok()
	c.run("db", inTxn(d("create", "c"), 1, 9, true)).ok()
}

// An insert that is held in its transaction is stopped when that expires.
func TestHeldInsert(t *testing.T) {
	s := newServer(t)
	c, other := s.connect(), s.connect()
	hold := func(mode string) {
		c.run("admin", d("configureFailPoint", "hangDuringBatchInsert", "mode", mode, "data", d("shouldCheckForInterrupt", true))).ok()
	}
	insert := func(id int) bson.D { return d("insert", "c", "documents", bson.A{d("_id", id)}) }
	done := make(chan reply)
	entered := 0
	held := func(cmd bson.D) {
		hold("alwaysOn")
		go func() { done <- other.run("db", cmd) }()
		entered++
		c.run("admin", d("waitForFailPoint", "hangDuringBatchInsert", "timesEntered", entered)).ok()
	}
	held(insert(1))
	hold("off")
	(<-done).ok()

	c.run("db", inTxn(insert(2), 1, 1, true)).ok()
	held(inTxn(insert(3), 1, 1, false))
	c.run("db", d("killAllSessions", bson.A{})).ok()
	require.Empty(t, (<-done).fails(11601).labels())
	hold("off")

	c.run("admin", d("setParameter", 1, "transactionLifetimeLimitSeconds", 1)).ok()
	c.run("db", inTxn(insert(4), 1, 2, true)).ok()
	held(inTxn(insert(5), 1, 2, false))
	require.Empty(t, (<-done).fails(290).labels())
	hold("off")
	require.Len(t, batch(c.run("db", d("find", "c")).ok()), 1)
	c.run("admin", d("configureFailPoint", "hangDuringBatchInsert", "mode", "alwaysOn", "data", d("shouldCheckForInterrupt", false))).fails(40415)
	c.run("admin", d("clearLog", "global")).ok()
	c.run("admin", d("clearLog", "x")).fails(72)
}
