package isolation_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/testutil"
)

// A client sends the statements of a transaction at once, each over its own connection: those
// without startTransaction race with the one that has it. All are executed, all in it.
func TestParallelStatements(t *testing.T) {
	const statements = 6
	c := newCluster(t)
	c.moveTo(serve(t))
	c.setUp()
	cl := c.newClient(0, newSeed(t))
	var conns [statements]*testutil.RawConn
	for i := range conns {
		var err error
		conns[i], err = testutil.DialRaw(*c.addr.Load())
		require.NoError(t, err)
		defer conns[i].Close()
	}
	n := rounds(500, 10_000)
	for round := range n {
		cl.number++
		starter := round % statements
		var wg sync.WaitGroup
		for i, conn := range conns {
			// Half of the rounds have no delay, so that all are as close as can be.
			delay := time.Duration(round%2*rand.IntN(300)) * time.Microsecond
			wg.Go(func() {
				time.Sleep(delay)
				cmd := append(parallelStatement(i, round), cl.txnFields()...)
				if i == starter {
					cmd = append(cmd, bson.E{Key: "startTransaction", Value: true})
				}
				reply, err := conn.Run(database, cmd)
				if err != nil || testutil.Code(reply) != 0 {
					t.Errorf("round %d, statement %d: %s, %v", round, i, reply, err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		end := "commitTransaction"
		if round%10 == 9 {
			end = "abortTransaction"
		}
		reply, err := conns[0].Run("admin", append(doc(end, 1), cl.txnFields()...))
		require.NoError(t, err)
		require.Zero(t, testutil.Code(reply), "%s", reply)
	}
	committed := int64(n - n/10)
	reply := c.must(conns[0], doc("count", "parallel"))
	require.Equal(t, 2*committed, reply.Lookup("n").AsInt64(), "what was sent in parallel is not all in the transaction")
	for id := range int64(2) {
		reply := c.must(conns[0], doc("find", "registers", "filter", doc("_id", id)))
		require.Equal(t, committed, reply.Lookup("cursor", "firstBatch", "0", "n").AsInt64())
	}
}

// parallelStatement is the ith statement of a round: two inserts, two updates, two reads.
func parallelStatement(i, round int) bson.D {
	switch i {
	case 0, 1:
		return doc("insert", "parallel", "documents", bson.A{doc("round", round, "i", i)})
	case 2, 3:
		return doc("update", "registers", "updates", bson.A{doc("q", doc("_id", i-2), "u", registerUpdate(int64(round)))})
	case 4:
		return doc("find", "registers", "filter", doc("_id", 0))
	}
	return doc("aggregate", "parallel", "pipeline", bson.A{doc("$match", doc("round", round))}, "cursor", doc())
}
