// Package isolation_test lets many clients run random transactions at once, records what they
// saw, and checks that snapshot isolation explains it. See docs/isolation.md.
package isolation_test

import (
	"flag"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/testutil"
	"github.com/tandemdb/tandem/test/isolation/history"
)

var (
	long = flag.Bool("isolation.long", false, "many rounds, as make isolation wants them")
	seed = flag.Uint64("isolation.seed", 0, "of the random operations; 0 takes one at random")
)

// rounds is the number of rounds for this run.
func rounds(short, full int) int {
	if *long {
		return full
	}
	return short
}

// clients is how many work at once.
const clients = 12

// newSeed returns the seed of a history, and says it if the test fails.
func newSeed(t *testing.T) uint64 {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("-isolation.seed %d", s)
		}
	})
	return s
}

// setUp makes what cannot be made on the way.
func (c *cluster) setUp() {
	conn, err := testutil.DialRaw(*c.addr.Load())
	require.NoError(c.t, err)
	defer conn.Close()
	var docs bson.A
	for id := range int64(registers) {
		docs = append(docs, doc("_id", id, "v", int64(0), "n", 0))
	}
	c.must(conn, append(doc("insert", "registers", "documents", docs), majority))
	if c.made {
		c.makeLists(conn)
	}
	for _, coll := range collections {
		c.must(conn, doc("createIndexes", coll, "indexes", bson.A{doc("key", doc("k", 1), "name", "k_1")}))
	}
}

func (c *cluster) makeLists(conn *testutil.RawConn) {
	made := make(map[string]bson.A)
	for id := range int64(madeLists) {
		made[listColl(id)] = append(made[listColl(id)], doc("_id", id, "k", id, "v", bson.A{}))
	}
	for coll, docs := range made {
		c.must(conn, append(doc("insert", coll, "documents", docs), majority))
	}
}

func (c *cluster) must(conn *testutil.RawConn, cmd bson.D) bson.Raw {
	c.t.Helper()
	reply, err := conn.Run(database, cmd)
	require.NoError(c.t, err)
	require.Zero(c.t, testutil.Code(reply), "%s", reply)
	return reply
}

// readAll reads every key, after everything else.
func (c *cluster) readAll() *history.Txn {
	conn, err := testutil.DialRaw(*c.addr.Load())
	require.NoError(c.t, err)
	defer conn.Close()
	t := &history.Txn{Client: -1, Outcome: history.Committed, Start: c.now()}
	for _, coll := range append(collections, "registers") {
		reply := c.must(conn, doc("find", coll, "batchSize", 1_000_000))
		vals, err := reply.Lookup("cursor", "firstBatch").Array().Values()
		require.NoError(c.t, err)
		require.Zero(c.t, reply.Lookup("cursor", "id").AsInt64())
		for _, v := range vals {
			if coll == "registers" {
				t.Ops = append(t.Ops, register(v.Document().Lookup("_id").AsInt64(), v.Document()))
				continue
			}
			id, seen, err := list(v.Document())
			require.NoError(c.t, err)
			t.Ops = append(t.Ops, history.ReadList(listKey(id), seen))
		}
	}
	t.Snapshot, t.CommitsAt, t.End = c.now(), c.now(), c.now()
	return t
}

// work lets clients run while during runs, and returns what they have recorded.
func (c *cluster) work(seed uint64, during func()) []*history.Txn {
	c.setUp()
	var wg sync.WaitGroup
	var all []*client
	for id := range clients {
		cl := c.newClient(id, seed)
		all = append(all, cl)
		wg.Go(cl.run)
	}
	during()
	c.stop.Store(true)
	wg.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
	var txns []*history.Txn
	ended := make(map[string]int)
	for _, cl := range all {
		txns = append(txns, cl.txns...)
		for what, n := range cl.ended {
			ended[what] += n
		}
	}
	for _, what := range slices.Sorted(maps.Keys(ended)) {
		c.t.Logf("%6d %s", ended[what], what)
	}
	return append(txns, c.readAll())
}

// check fails the test where the history is not one of snapshot isolation, or where indexes and
// counters do not fit what it has left.
func (c *cluster) check(txns []*history.Txn) {
	c.t.Helper()
	if found := history.Check(txns); len(found) > 0 {
		lines := make([]string, len(found))
		for i, a := range found {
			lines[i] = "anomaly: " + a.String()
		}
		c.t.Fatalf("%d transactions:\n%s", len(txns), strings.Join(lines, "\n"))
	}
	conn, err := testutil.DialRaw(*c.addr.Load())
	require.NoError(c.t, err)
	defer conn.Close()
	for _, coll := range append(collections, "registers") {
		v := c.must(conn, doc("validate", coll, "full", true))
		require.True(c.t, v.Lookup("valid").Boolean(), "%s", v)
	}
}

func TestHistories(t *testing.T) {
	for _, tc := range []struct {
		name      string
		made, ddl bool
	}{
		{"updates", true, false},
		{"upserts", false, false},
		{"ddl", true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range rounds(2, 30) {
				c := newCluster(t)
				c.made = tc.made
				c.moveTo(serve(t))
				c.check(c.work(newSeed(t), func() {
					if tc.ddl {
						c.changeCatalog(time.Second)
					} else {
						time.Sleep(time.Second)
					}
				}))
			}
		})
	}
}

// changeCatalog makes and drops indexes that the clients use.
func (c *cluster) changeCatalog(d time.Duration) {
	conn, err := testutil.DialRaw(*c.addr.Load())
	require.NoError(c.t, err)
	defer conn.Close()
	for end, n := time.Now().Add(d), 0; time.Now().Before(end) && !c.stop.Load(); n++ {
		coll := collections[n%2]
		c.must(conn, doc("dropIndexes", coll, "index", "k_1"))
		c.must(conn, doc("createIndexes", coll, "indexes", bson.A{doc("key", doc("k", 1), "name", "k_1")}))
		c.must(conn, doc("collMod", coll, "validator", doc("k", doc("$gte", 0))))
		time.Sleep(5 * time.Millisecond)
	}
}

// The server is killed again and again. The clients go on where they were: they repeat commits
// and writes whose answer they did not get.
func TestHistoriesAcrossKills(t *testing.T) {
	bin := testutil.BuildServer(t)
	for round := range rounds(2, 20) {
		t.Run("", func(t *testing.T) {
			seed := newSeed(t)
			c := newCluster(t)
			c.made = round%2 == 0
			n := newNode(c, bin, filepath.Join(t.TempDir(), "data"))
			c.check(c.work(seed, func() { n.killAgain(rand.New(rand.NewPCG(seed, clients)), 8) }))
		})
	}
}
