package isolation_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/testutil"
)

// The example of docs/isolation.md: two doctors are on call, each sees the other and leaves.
// Snapshot isolation lets both go, unless they write a document that both depend on.
func TestWriteSkew(t *testing.T) {
	for _, tc := range []struct {
		name    string
		guarded bool
		left    int64
	}{
		{"happens", false, 0},
		{"does not with a guard", true, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCluster(t)
			c.moveTo(serve(t))
			conn, err := testutil.DialRaw(*c.addr.Load())
			require.NoError(t, err)
			defer conn.Close()
			c.must(conn, doc("insert", "doctors", "documents", bson.A{doc("_id", "a", "onCall", true), doc("_id", "b", "onCall", true)}))
			c.must(conn, doc("insert", "shifts", "documents", bson.A{doc("_id", "night", "changes", 0)}))
			onCall := doc("onCall", true)
			sessions := []*client{c.newClient(0, 1), c.newClient(1, 1)}
			for _, s := range sessions {
				reply := c.must(conn, append(append(doc("find", "doctors", "filter", onCall), s.txnFields()...), doc("startTransaction", true)...))
				require.Len(t, seen(t, reply), 2)
			}
			for i, s := range sessions {
				leave := doc("update", "doctors", "updates", bson.A{doc("q", doc("_id", string(rune('a'+i))), "u", doc("$set", doc("onCall", false)))})
				c.must(conn, append(leave, s.txnFields()...))
				if !tc.guarded {
					continue
				}
				guard := doc("update", "shifts", "updates", bson.A{doc("q", doc("_id", "night"), "u", doc("$inc", doc("changes", 1)))})
				reply, err := conn.Run(database, append(guard, s.txnFields()...))
				require.NoError(t, err)
				if i == 0 {
					require.Zero(t, testutil.Code(reply), "%s", reply)
					continue
				}
				require.EqualValues(t, codeWriteConflict, testutil.Code(reply), "%s", reply)
				require.True(t, labelled(reply, transient))
			}
			for i, s := range sessions {
				reply, err := conn.Run("admin", append(doc("commitTransaction", 1), s.txnFields()...))
				require.NoError(t, err)
				require.Equal(t, i == 1 && tc.guarded, testutil.Code(reply) != 0, "%s", reply)
			}
			reply := c.must(conn, doc("count", "doctors", "query", onCall))
			require.Equal(t, tc.left, reply.Lookup("n").AsInt64())
		})
	}
}

func seen(t *testing.T, reply bson.Raw) []bson.RawValue {
	t.Helper()
	vals, err := reply.Lookup("cursor", "firstBatch").Array().Values()
	require.NoError(t, err)
	return vals
}
