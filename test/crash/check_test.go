package crash_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/testutil"
)

// setUp makes the documents that the workload changes.
func setUp(t *testing.T, addr string) {
	conn := dial(t, addr)
	defer conn.Close()
	var accs, multi, retry bson.A
	for i := range accounts {
		accs = append(accs, bson.D{{Key: "_id", Value: i}, {Key: "balance", Value: int64(opening)}})
	}
	for n := range perKind {
		for i := range groupLen {
			multi = append(multi, bson.D{{Key: "_id", Value: n*groupLen + i}, {Key: "group", Value: n}, {Key: "n", Value: int64(0)}})
		}
		retry = append(retry, bson.D{{Key: "_id", Value: n}, {Key: "n", Value: int64(0)}})
	}
	for coll, docs := range map[string]bson.A{"accounts": accs, "multi": multi, "retry": retry} {
		run(t, conn, bson.D{{Key: "insert", Value: coll}, {Key: "documents", Value: docs}, majority})
	}
	for coll, field := range map[string]string{"history": "from", "inserts": "k", "multi": "n", "accounts": "balance"} {
		run(t, conn, bson.D{{Key: "createIndexes", Value: coll}, {Key: "indexes", Value: bson.A{
			bson.D{{Key: "key", Value: bson.D{{Key: field, Value: 1}}}, {Key: "name", Value: field}},
		}}})
	}
}

func dial(t *testing.T, addr string) *testutil.RawConn {
	t.Helper()
	conn, err := testutil.DialRaw(addr)
	require.NoError(t, err)
	return conn
}

func run(t *testing.T, conn *testutil.RawConn, cmd bson.D) bson.Raw {
	t.Helper()
	reply, err := conn.Run(database, cmd)
	require.NoError(t, err)
	require.Zero(t, testutil.Code(reply), "%s", reply)
	return reply
}

// all returns every document of a collection.
func all(t *testing.T, conn *testutil.RawConn, coll string) []bson.Raw {
	t.Helper()
	reply := run(t, conn, bson.D{{Key: "find", Value: coll}, {Key: "batchSize", Value: 10_000_000}})
	var docs []bson.Raw
	for batch := "firstBatch"; ; batch = "nextBatch" {
		vals, err := reply.Lookup("cursor", batch).Array().Values()
		require.NoError(t, err)
		for _, v := range vals {
			docs = append(docs, v.Document())
		}
		id := reply.Lookup("cursor", "id").AsInt64()
		if id == 0 {
			return docs
		}
		reply = run(t, conn, bson.D{{Key: "getMore", Value: id}, {Key: "collection", Value: coll}})
	}
}

// check compares a server that has come up after a crash with what its clients knew: before was
// taken before the crash, after was taken after it, when nothing was acknowledged any more. cs
// are the clients, nil where their newest statements cannot be repeated.
func check(t *testing.T, addr string, before, after *ledger, cs []*client) {
	t.Helper()
	conn := dial(t, addr)
	defer conn.Close()
	checkTransfers(t, conn, before, after)
	checkInserts(t, conn, before, after)
	checkMulti(t, conn, before, after)
	checkRetries(t, conn, before, after, cs)
	checkCommits(t, conn, before, cs)
	for _, coll := range []string{"accounts", "history", "inserts", "multi", "retry"} {
		v := run(t, conn, bson.D{{Key: "validate", Value: coll}, {Key: "full", Value: true}})
		require.True(t, v.Lookup("valid").Boolean(), "%s", v)
		n := run(t, conn, bson.D{{Key: "count", Value: coll}}).Lookup("n").AsInt64()
		require.Len(t, all(t, conn, coll), int(n), "%s: the counter differs", coll)
	}
}

func checkTransfers(t *testing.T, conn *testutil.RawConn, before, after *ledger) {
	balances := make([]int64, accounts)
	for i := range balances {
		balances[i] = opening
	}
	found := make(map[string]bool)
	for _, d := range all(t, conn, "history") {
		id := d.Lookup("_id").StringValue()
		_, sent := after.sent[id]
		require.True(t, sent, "transfer %s was never committed", id)
		found[id] = true
		balances[d.Lookup("from").AsInt64()] -= d.Lookup("amount").AsInt64()
		balances[d.Lookup("to").AsInt64()] += d.Lookup("amount").AsInt64()
	}
	for id := range before.acked {
		require.True(t, found[id], "acknowledged transfer %s is lost", id)
	}
	total := int64(0)
	for _, d := range all(t, conn, "accounts") {
		id, balance := d.Lookup("_id").AsInt64(), d.Lookup("balance").AsInt64()
		require.Equal(t, balances[id], balance, "account %d has a part of a transfer", id)
		total += balance
	}
	require.EqualValues(t, accounts*opening, total)
}

func checkInserts(t *testing.T, conn *testutil.RawConn, before, after *ledger) {
	found := make(map[string]bool)
	for _, d := range all(t, conn, "inserts") {
		id := d.Lookup("_id").StringValue()
		_, sent := after.inserts[id]
		require.True(t, sent, "insert %s was never sent", id)
		found[id] = true
	}
	for id, acked := range before.inserts {
		require.True(t, found[id] || !acked, "acknowledged insert %s is lost", id)
	}
}

func checkMulti(t *testing.T, conn *testutil.RawConn, before, after *ledger) {
	for _, d := range all(t, conn, "multi") {
		g, n := d.Lookup("group").AsInt64(), d.Lookup("n").AsInt64()
		require.GreaterOrEqual(t, n, before.multi[g].acked, "group %d lost an update", g)
		require.LessOrEqual(t, n, after.multi[g].sent, "group %d was updated too often", g)
	}
}

func checkRetries(t *testing.T, conn *testutil.RawConn, before, after *ledger, cs []*client) {
	counts := func() (ns [perKind]int64) {
		for _, d := range all(t, conn, "retry") {
			ns[d.Lookup("_id").AsInt64()] = d.Lookup("n").AsInt64()
		}
		return ns
	}
	for i, n := range counts() {
		require.GreaterOrEqual(t, n, before.retry[i].acked, "client %d lost a retryable write", i)
		require.LessOrEqual(t, n, after.retry[i].sent)
	}
	sent := int64(0)
	for _, c := range cs {
		if c.kind != kindRetry || after.retry[c.n].sent == 0 {
			continue
		}
		// The newest write is sent again, twice: it happens once in all.
		sent = after.retry[c.n].sent
		for range 2 {
			reply := run(t, conn, c.retryCommand())
			require.EqualValues(t, 1, reply.Lookup("n").AsInt64(), "%s", reply)
			require.EqualValues(t, 1, reply.Lookup("nModified").AsInt64(), "%s", reply)
		}
		require.Equal(t, sent, counts()[c.n], "client %d: the retried write happened twice, or an older one not at all", c.n)
		c.l.do(func() { c.l.retry[c.n].acked = sent })
	}
}

func checkCommits(t *testing.T, conn *testutil.RawConn, before *ledger, cs []*client) {
	for _, c := range cs {
		last := before.commits[c.n]
		if c.kind != kindTransfer || last.number == 0 {
			continue
		}
		reply, err := conn.Run("admin", c.commit())
		require.NoError(t, err)
		there := len(run(t, conn, bson.D{{Key: "find", Value: "history"}, {Key: "filter", Value: bson.D{{Key: "_id", Value: last.id}}}}).
			Lookup("cursor", "firstBatch").Array()) > 5
		switch code := testutil.Code(reply); {
		case code == 0:
			require.True(t, there, "the commit of %s is said to have succeeded", last.id)
		case last.acked:
			t.Fatalf("retry of the acknowledged commit of %s: %s", last.id, reply)
		default:
			require.EqualValues(t, 251, code, "%s", reply)
			require.False(t, there, "transfer %s is there, but its commit: %s", last.id, reply)
		}
	}
}
