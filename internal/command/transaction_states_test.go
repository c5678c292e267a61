package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

const transient = "TransientTransactionError"

// txnState brings session 1 into a state of the documentation's table with number 5.
var txnStates = map[string]func(c *client){
	"no number": func(*client) {},
	"retryable": func(c *client) {
		c.run("db", retryable(d("insert", "c", "documents", bson.A{d("x", 1)}), 1, 5)).ok()
	},
	"in progress": func(c *client) {
		c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("x", 1)}), 1, 5, true)).ok()
	},
	"committed": func(c *client) {
		c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("x", 1)}), 1, 5, true)).ok()
		c.run("admin", inTxn(d("commitTransaction", 1), 1, 5, false)).ok()
	},
	"aborted": func(c *client) {
		c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("x", 1)}), 1, 5, true)).ok()
		c.run("admin", inTxn(d("abortTransaction", 1), 1, 5, false)).ok()
	},
}

// What each kind of statement is told in each state, for the state's number and the ones around
// it: code and label. Then whether a transaction that was open is so still.
func TestStatementsInEveryState(t *testing.T) {
	type answer struct {
		code  int32
		label string
	}
	var (
		done    = answer{}
		tooOld  = answer{225, ""}
		active  = answer{117, ""}
		mixed   = answer{217, ""}
		unknown = answer{251, transient}
		over    = answer{256, ""}
	)
	kinds := []string{"retryable write", "start", "continue", "commit", "abort"}
	for _, row := range []struct {
		state  string
		number int64
		want   [5]answer // in the order of kinds
	}{
		{"no number", 5, [5]answer{done, done, unknown, unknown, unknown}},
		{"retryable", 4, [5]answer{tooOld, tooOld, tooOld, tooOld, tooOld}},
		{"retryable", 5, [5]answer{done, active, unknown, unknown, unknown}},
		{"retryable", 6, [5]answer{done, done, unknown, unknown, unknown}},
		{"in progress", 4, [5]answer{tooOld, tooOld, tooOld, tooOld, tooOld}},
		{"in progress", 5, [5]answer{mixed, active, done, done, done}},
		{"in progress", 6, [5]answer{done, done, unknown, unknown, unknown}},
		{"committed", 4, [5]answer{tooOld, tooOld, tooOld, tooOld, tooOld}},
		{"committed", 5, [5]answer{mixed, active, over, done, over}},
		{"committed", 6, [5]answer{done, done, unknown, unknown, unknown}},
		{"aborted", 4, [5]answer{tooOld, tooOld, tooOld, tooOld, tooOld}},
		{"aborted", 5, [5]answer{mixed, active, unknown, unknown, unknown}},
		{"aborted", 6, [5]answer{done, done, unknown, unknown, unknown}},
	} {
		for i, kind := range kinds {
			t.Run(row.state+", "+kind+" "+string(rune('0'+row.number)), func(t *testing.T) {
				c := newServer(t).connect()
				txnStates[row.state](c)
				insert := d("insert", "c", "documents", bson.A{d("x", 2)})
				var r reply
				switch kind {
				case "retryable write":
					r = c.run("db", retryable(insert, 1, row.number))
				case "commit":
					r = c.run("admin", inTxn(d("commitTransaction", 1), 1, row.number, false))
				case "abort":
					r = c.run("admin", inTxn(d("abortTransaction", 1), 1, row.number, false))
				default:
					r = c.run("db", inTxn(insert, 1, row.number, kind == "start"))
				}
				want := row.want[i]
				require.Equal(t, want, answer{r.code(), r.labels()}, "%s", r.Raw)
				if row.state != "in progress" {
					return
				}
				ended := want == done && (kind == "commit" || kind == "abort" || row.number == 6)
				require.Equal(t, !ended, c.run("db", inTxn(d("find", "c"), 1, 5, false)).code() == 0, "still open")
			})
		}
	}
}

// A retry of findAndModify that is not the statement that was executed.
func TestIncompatibleRetries(t *testing.T) {
	modify := func(id int, more ...any) bson.D {
		return append(d("findAndModify", "c", "query", d("_id", id)), d(more...)...)
	}
	inc := d("$inc", d("n", 1))
	for _, tc := range []struct {
		name          string
		first, second bson.D
		code          int32
	}{
		{"remove instead of update", modify(1, "update", inc), modify(1, "remove", true), 40606},
		{"update instead of remove", modify(1, "remove", true), modify(1, "update", inc), 40606},
		{"upsert instead of update", modify(9, "update", inc, "upsert", true, "new", true), modify(9, "update", inc, "new", true), 40608},
		{"old instead of new", modify(1, "update", inc, "new", true), modify(1, "update", inc), 40612},
		{"new instead of old", modify(1, "update", inc), modify(1, "update", inc, "new", true), 40611},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newServer(t).connect()
			c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1, "n", 0)})).ok()
			c.run("db", retryable(tc.first, 1, 1)).ok()
			require.Empty(t, c.run("db", retryable(tc.second, 1, 1)).fails(tc.code).labels())
			c.run("db", retryable(tc.first, 1, 1)).ok()
		})
	}
}

// A session is killed, or ended, in each state that it can be in.
func TestKillInEveryState(t *testing.T) {
	kills := map[string]bson.D{
		"killSessions":             d("killSessions", bson.A{lsid(1)}),
		"killAllSessions":          d("killAllSessions", bson.A{}),
		"killAllSessionsByPattern": d("killAllSessionsByPattern", bson.A{d("lsid", lsid(1))}),
		"endSessions":              d("endSessions", bson.A{lsid(1)}),
	}
	for name, kill := range kills {
		for state, enter := range txnStates {
			t.Run(name+", "+state, func(t *testing.T) {
				c := newServer(t).connect()
				enter(c)
				cursor := c.run("db", d("find", "c", "batchSize", 0, "lsid", lsid(1))).ok().int("cursor.id")
				c.run("admin", append(bson.D{}, kill...)).ok()
				if cursor != 0 {
					c.run("db", d("getMore", cursor, "collection", "c", "lsid", lsid(1))).fails(43)
				}
				r := c.run("admin", inTxn(d("commitTransaction", 1), 1, 5, false))
				switch state {
				case "committed":
					r.ok()
				default:
					require.Equal(t, transient, r.fails(251).labels())
				}
				c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("x", 3)}), 1, 6, true)).ok()
				c.run("admin", inTxn(d("commitTransaction", 1), 1, 6, false)).ok()
			})
		}
	}
}

// totalStarted is always the sum of what became of them.
func TestTransactionCounters(t *testing.T) {
	c := newServer(t).connect()
	insert := func(id int) bson.D { return d("insert", "c", "documents", bson.A{d("_id", id)}) }
	check := func(started, committed, aborted, open int64) {
		t.Helper()
		st := c.run("admin", d("serverStatus", 1)).ok()
		for name, want := range map[string]int64{
			"totalStarted": started, "totalCommitted": committed, "totalAborted": aborted, "currentOpen": open, "currentInactive": open, "currentActive": 0,
		} {
			require.Equal(t, want, st.int("transactions."+name), name)
		}
	}
	check(0, 0, 0, 0)
	c.run("db", inTxn(insert(1), 1, 1, true)).ok()
	check(1, 0, 0, 1)
	c.run("db", inTxn(insert(1), 1, 1, false)).ok() // a duplicate: aborted
	check(1, 0, 1, 0)
	c.run("db", inTxn(insert(1), 1, 2, true)).ok()
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 2, false)).ok()
	check(2, 1, 1, 0)
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 2, false)).ok() // again: counts once
	check(2, 1, 1, 0)
	c.run("db", inTxn(d("count", "c"), 1, 3, true)).fails(263) // refused: never started
	check(2, 1, 1, 0)
	c.run("db", inTxn(insert(2), 1, 4, true)).ok()
	c.run("db", inTxn(insert(2), 1, 5, true)).ok() // aborts the older one
	check(4, 1, 2, 1)
	c.run("db", retryable(insert(2), 1, 6)).ok() // so does a retryable write
	check(4, 1, 3, 0)
	c.run("db", retryable(insert(2), 1, 6)).ok()
	st := c.run("admin", d("serverStatus", 1)).ok()
	require.EqualValues(t, 1, st.int("transactions.retriedCommandsCount"))
	require.EqualValues(t, 1, st.int("transactions.retriedStatementsCount"))
	require.Positive(t, st.int("transactions.transactionsCollectionWriteCount"))
	require.EqualValues(t, 1, st.int("transactions.lastCommittedTransaction.operationCount"))
}

// The times that a causally consistent client sends and is told.
func TestCausalTransactions(t *testing.T) {
	c := newServer(t).connect()
	operationTime := func(r reply) bson.Timestamp {
		s, i := r.Lookup("operationTime").Timestamp()
		return bson.Timestamp{T: s, I: i}
	}
	before := operationTime(c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1)})).ok())
	after := func(level string, at bson.Timestamp) bson.D {
		rc := d("afterClusterTime", at)
		if level != "" {
			rc = append(rc, bson.E{Key: "level", Value: level})
		}
		return rc
	}
	n := int64(0)
	for _, level := range []string{"", "local", "majority", "snapshot"} {
		n++
		first := fields(inTxn(d("find", "c"), 1, n, true), "readConcern", after(level, before))
		require.Len(t, batch(c.run("db", first).ok()), int(n), level)
		c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("x", n)}), 1, n, false)).ok()
		committed := operationTime(c.run("admin", inTxn(d("commitTransaction", 1), 1, n, false)).ok())
		require.True(t, committed.After(before))
		before = committed
	}
	for _, level := range []string{"available", "linearizable"} {
		n++
		c.run("db", fields(inTxn(d("find", "c"), 1, n, true), "readConcern", after(level, before))).fails(72)
		c.run("admin", inTxn(d("abortTransaction", 1), 1, n, false)).fails(251)
	}
	future := bson.Timestamp{T: before.T + 3600, I: 1}
	c.run("db", fields(inTxn(d("find", "c"), 1, n+1, true), "readConcern", after("", future))).fails(72)
	c.run("admin", inTxn(d("abortTransaction", 1), 1, n+1, false)).fails(251)
}

// The settings of transactions, as getParameter and setParameter have them.
func TestTransactionSettings(t *testing.T) {
	c := newServer(t).connect()
	for _, tc := range []struct {
		name     string
		initial  any
		accepted []any
		refused  []any
	}{
		{"transactionLifetimeLimitSeconds", int64(60), []any{int32(1), int64(3600)}, []any{int32(0), int32(-1), "x"}},
		{"maxTransactionLockRequestTimeoutMillis", int64(5), []any{int32(0), int32(-1), int32(1000)}, []any{"x"}},
		{"shouldMultiDocTxnCreateCollectionAndIndexes", true, []any{false, true}, []any{"x"}},
		{"enableMajorityReadConcern", true, nil, []any{false}},
		{"maxSessions", int64(1_000_000), nil, []any{5}},
		{"localLogicalSessionTimeoutMinutes", int64(30), nil, []any{5}},
		{"TransactionRecordMinimumLifetimeMinutes", int64(30), nil, []any{5}},
		{"minSnapshotHistoryWindowInSeconds", int64(300), nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			get := func() any {
				v := c.run("admin", d("getParameter", 1, tc.name, 1)).ok().Lookup(tc.name)
				if b, ok := v.BooleanOK(); ok {
					return b
				}
				return v.AsInt64()
			}
			require.Equal(t, tc.initial, get())
			for _, v := range tc.refused {
				require.NotZero(t, c.run("admin", d("setParameter", 1, tc.name, v)).code(), "%v", v)
			}
			require.Equal(t, tc.initial, get())
			for _, v := range tc.accepted {
				c.run("admin", d("setParameter", 1, tc.name, v)).ok()
				switch v := v.(type) {
				case int32:
					require.Equal(t, int64(v), get())
				default:
					require.Equal(t, v, get())
				}
			}
		})
	}
}

// Statements of one session without the fields of its transaction are outside of it.
func TestStatementsBesideTheTransaction(t *testing.T) {
	c := newServer(t).connect()
	outside := func(cmd bson.D) bson.D { return fields(cmd, "lsid", lsid(1)) }
	c.run("db", d("create", "c")).ok()
	c.run("db", inTxn(d("insert", "c", "documents", bson.A{d("_id", 1)}), 1, 1, true)).ok()
	require.Empty(t, batch(c.run("db", outside(d("find", "c"))).ok()))
	c.run("db", outside(d("insert", "c", "documents", bson.A{d("_id", 2)}))).ok()
	require.Len(t, batch(c.run("db", outside(d("find", "c"))).ok()), 1)
	require.Len(t, batch(c.run("db", inTxn(d("find", "c"), 1, 1, false)).ok()), 1)
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
	require.Len(t, batch(c.run("db", outside(d("find", "c"))).ok()), 2)
}

// A statement that runs when its transaction expires is stopped, with a code of its own and without
// a label.
func TestRunningStatementExpires(t *testing.T) {
	s := newServer(t)
	holder, c, ddl := s.connect(), s.connect(), s.connect()
	for _, ns := range []string{"c", "d"} {
		holder.run("db", d("create", ns)).ok()
	}
	holder.run("admin", d("setParameter", 1, "maxTransactionLockRequestTimeoutMillis", -1)).ok()
	holder.run("db", inTxn(d("find", "c"), 1, 1, true)).ok()
	holder.run("admin", d("setParameter", 1, "transactionLifetimeLimitSeconds", 1)).ok()
	c.run("db", inTxn(d("find", "d"), 2, 1, true)).ok()
	dropped, found := make(chan reply), make(chan reply)
	go func() { dropped <- ddl.run("db", d("drop", "c")) }()
	holder.waits("drop") // for the holder, and the statement waits behind it
	go func() { found <- c.run("db", inTxn(d("find", "c"), 2, 1, false)) }()
	holder.waits("find")
	require.Empty(t, (<-found).fails(290).labels())
	require.Equal(t, transient, c.run("db", inTxn(d("find", "c"), 2, 1, false)).fails(251).labels())
	holder.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
	(<-dropped).ok()
}
