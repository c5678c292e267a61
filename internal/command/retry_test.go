package command_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/command"
)

// retryable adds the fields of a retryable write.
func retryable(cmd bson.D, session byte, number int64) bson.D {
	return fields(cmd, "lsid", lsid(session), "txnNumber", number)
}

// Each write is sent twice with one number, also over a restart: the second answer repeats the
// first, and the documents show that it did nothing.
func TestRetriedWritesRunOnce(t *testing.T) {
	inc := func(id any) bson.D { return d("q", d("_id", id), "u", d("$inc", d("n", 1))) }
	for _, tc := range []struct {
		name  string
		cmd   bson.D
		same  []string // fields that both answers share
		after string   // the documents
	}{
		{"insert", d("insert", "c", "documents", bson.A{d("_id", 5), d("_id", 6)}), []string{"n"}, `[{"_id":1,"n":0},{"_id":2,"n":0},{"_id":5},{"_id":6}]`},
		{"update", d("update", "c", "updates", bson.A{inc(1), inc(2)}), []string{"n", "nModified"}, `[{"_id":1,"n":1},{"_id":2,"n":1}]`},
		{"upsert", d("update", "c", "updates", bson.A{append(inc(5), bson.E{Key: "upsert", Value: true})}), []string{"n", "nModified", "upserted"}, `[{"_id":1,"n":0},{"_id":2,"n":0},{"_id":5,"n":1}]`},
		{"delete", d("delete", "c", "deletes", bson.A{d("q", d("_id", 1), "limit", 1)}), []string{"n"}, `[{"_id":2,"n":0}]`},
		{"findAndModify, old", d("findAndModify", "c", "query", d("_id", 1), "update", d("$inc", d("n", 1))), []string{"value", "lastErrorObject"}, `[{"_id":1,"n":1},{"_id":2,"n":0}]`},
		{"findAndModify, new", d("findAndModify", "c", "query", d("_id", 1), "update", d("$inc", d("n", 1)), "new", true), []string{"value", "lastErrorObject"}, `[{"_id":1,"n":1},{"_id":2,"n":0}]`},
		{"findAndModify, upsert", d("findAndModify", "c", "query", d("_id", 9), "update", d("$inc", d("n", 1)), "new", true, "upsert", true), []string{"value", "lastErrorObject"}, `[{"_id":1,"n":0},{"_id":2,"n":0},{"_id":9,"n":1}]`},
		{"findAndModify, remove", d("findAndModify", "c", "query", d("_id", 1), "remove", true), []string{"value", "lastErrorObject"}, `[{"_id":2,"n":0}]`},
	} {
		for _, restart := range []bool{false, true} {
			name := tc.name
			if restart {
				name += ", after a restart"
			}
			t.Run(name, func(t *testing.T) {
				s := newServer(t)
				c := s.connect()
				c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1, "n", 0), d("_id", 2, "n", 0)})).ok()
				first := c.run("db", retryable(tc.cmd, 1, 1)).ok()
				require.Zero(t, writeErrorCode(first), "%s", first.Raw)
				if restart {
					s.restart()
					c = s.connect()
				}
				again := c.run("db", retryable(tc.cmd, 1, 1)).ok()
				for _, f := range tc.same {
					require.Equal(t, first.Lookup(f).String(), again.Lookup(f).String(), f)
				}
				require.True(t, again.has("retriedStmtIds") || again.has("retriedStmtId"), "%s", again.Raw)
				docs, err := bson.MarshalExtJSON(bson.D{{Key: "d", Value: batch(c.run("db", d("find", "c", "sort", d("_id", 1))).ok())}}, false, false)
				require.NoError(t, err)
				require.JSONEq(t, `{"d":`+tc.after+`}`, string(docs))
				require.True(t, c.run("db", d("validate", "c")).ok().Lookup("valid").Boolean())
			})
		}
	}
}

func TestRetryableWriteRules(t *testing.T) {
	c := newServer(t).connect()
	insert := func(id int) bson.D { return d("insert", "c", "documents", bson.A{d("_id", id)}) }
	c.run("db", retryable(insert(1), 1, 5)).ok()
	c.run("db", retryable(insert(2), 1, 4)).fails(225)
	require.EqualValues(t, 72, anyCode(c.run("db", retryable(d("update", "c", "updates", bson.A{d("q", d(), "u", d("$set", d("a", 1)), "multi", true)}), 1, 6))))
	require.EqualValues(t, 72, anyCode(c.run("db", retryable(d("delete", "c", "deletes", bson.A{d("q", d(), "limit", 0)}), 1, 7))))
	c.run("db", inTxn(insert(3), 1, 8, true)).ok()
	c.run("db", retryable(insert(3), 1, 8)).fails(217)
	c.run("db", inTxn(insert(4), 1, 7, true)).fails(225)
	c.run("db", retryable(insert(4), 1, 9)).ok()
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 8, false)).fails(225)
	c.run("db", inTxn(insert(5), 1, 9, true)).fails(117)
	c.run("db", inTxn(insert(5), 1, 9, false)).fails(251)

	// What was not executed is executed by the retry, and only that.
	c.run("db", retryable(fields(insert(10), "stmtId", int32(0)), 2, 1)).ok()
	r := c.run("db", retryable(d("insert", "c", "documents", bson.A{d("_id", 10), d("_id", 11)}), 2, 1)).ok()
	require.EqualValues(t, 2, r.int("n"))
	require.Zero(t, writeErrorCode(r))
	// A failed statement is run again.
	require.EqualValues(t, 11000, writeErrorCode(c.run("db", retryable(insert(10), 2, 2)).ok()))
	c.run("db", d("delete", "c", "deletes", bson.A{d("q", d("_id", 10), "limit", 1)})).ok()
	require.Zero(t, writeErrorCode(c.run("db", retryable(insert(10), 2, 2)).ok()))
}

func TestLostReplies(t *testing.T) {
	c := newServer(t).connect()
	c.run("admin", d("configureFailPoint", "onPrimaryTransactionalWrite", "mode", d("times", 1))).ok()
	insert := func() bson.D { return retryable(d("insert", "c", "documents", bson.A{d("_id", 1)}), 1, 1) }
	require.Equal(t, command.ActionClose, c.run("db", insert()).action)
	r := c.run("db", insert()).ok()
	require.EqualValues(t, 1, r.int("n"))
	require.True(t, r.has("retriedStmtIds"))

	c.run("admin", d("configureFailPoint", "onPrimaryTransactionalWrite", "mode", d("times", 1),
		"data", d("failBeforeCommitExceptionCode", 91, "closeConnection", false))).ok()
	r = c.run("db", retryable(d("insert", "c", "documents", bson.A{d("_id", 2)}), 1, 2)).fails(91)
	require.Equal(t, "RetryableWriteError", r.labels())
	require.Len(t, batch(c.run("db", d("find", "c"))), 1)
}

// The statements of one transaction, sent in parallel over their own connections, all run in it.
func TestParallelStatements(t *testing.T) {
	s := newServer(t)
	const statements = 6
	var conns []*client
	for range statements {
		conns = append(conns, s.connect())
	}
	rounds := int64(10_000)
	for n := int64(1); n <= rounds; n++ {
		var wg sync.WaitGroup
		for i, c := range conns {
			wg.Go(func() {
				cmd := d("insert", "c", "documents", bson.A{d("_id", n*statements+int64(i))})
				if r := c.run("db", inTxn(cmd, 1, n, i == int(n)%statements)); r.code() != 0 || writeErrorCode(r) != 0 {
					t.Errorf("round %d: %s", n, r.Raw)
				}
			})
		}
		wg.Wait()
		conns[0].run("admin", inTxn(d("commitTransaction", 1), 1, n, false)).ok()
	}
	require.Equal(t, rounds*statements, conns[0].run("db", d("count", "c")).ok().int("n"))
}

// anyCode is the code of a failed command or of its first write error.
func anyCode(r reply) int32 {
	if code := r.code(); code != 0 {
		return code
	}
	return writeErrorCode(r)
}
