package command_test

import (
	"bytes"
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/wire"
)

// Whatever a client sends that is BSON gets one well-formed answer, and the server lives.
//
// The inputs are changes to the seeds: nearly every one is a command that gets far.
func FuzzHandle(f *testing.F) {
	seeds := []bson.D{
		d("ping", 1), d("hello", 1, "client", d("application", d("name", "x"))),
		d("find", "c", "filter", d("a", d("$gt", 1)), "sort", d("a", 1), "projection", d("a", 1), "limit", 1),
		d("aggregate", "c", "pipeline", bson.A{d("$match", d()), d("$group", d("_id", "$a", "n", d("$sum", 1)))}, "cursor", d()),
		d("insert", "c", "documents", bson.A{d("_id", 1, "a", bson.A{1, "x"})}, "ordered", false),
		d("update", "c", "updates", bson.A{d("q", d(), "u", d("$inc", d("a.$[]", 1)), "multi", true, "upsert", true)}),
		d("update", "c", "updates", bson.A{d("q", d("_id", 1), "u", bson.A{d("$set", d("b", "$a"))})}),
		d("delete", "c", "deletes", bson.A{d("q", d("a", 1), "limit", 1)}),
		d("findAndModify", "c", "query", d(), "remove", true), d("distinct", "c", "key", "a"), d("count", "c"),
		d("getMore", int64(1), "collection", "c"), d("killCursors", "c", "cursors", bson.A{int64(1)}),
		d("create", "v", "viewOn", "c", "pipeline", bson.A{}), d("collMod", "c", "index", d("name", "x", "hidden", true)),
		d("createIndexes", "c", "indexes", bson.A{d("key", d("a", 1), "name", "a_1")}), d("dropIndexes", "c", "index", "*"),
		d("listCollections", 1, "filter", d("name", "c")), d("explain", d("find", "c"), "verbosity", "queryPlanner"),
		d("killAllSessionsByPattern", bson.A{d("lsid", lsid(1))}), d("endSessions", bson.A{lsid(1)}),
		d("getParameter", "*"), d("currentOp", 1), d("usersInfo", bson.A{"a"}), d("renameCollection", "db.a", "to", "db.b"),
		inTxn(d("find", "c"), 1, 1, true), inTxn(d("commitTransaction", 1), 1, 1, false),
		d("bulkWrite", 1, "ops", bson.A{d("insert", 0, "document", d())}, "nsInfo", bson.A{d("ns", "db.c")}),
	}
	for i := range seeds {
		for _, n := range []int{0, 3, 9, 30} {
			f.Add(uint8(i), bytes.Repeat([]byte{byte(i), byte(n), 7, 11}, n))
		}
	}
	c := newServer(f).connect()
	c.run("db", d("insert", "c", "documents", bson.A{d("_id", 0, "a", 1), d("_id", 9, "a", bson.A{d("b", 1)})})).ok()
	f.Fuzz(func(t *testing.T, seed uint8, changes []byte) {
		m := mutator{changes}
		cmd := m.mutate(seeds[int(seed)%len(seeds)]).(bson.D)
		db := "db"
		if seed >= 128 {
			db = "admin"
		}
		body, err := bson.Marshal(append(cmd, bson.E{Key: "$db", Value: db}))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(context.Background(), waitFor)
		defer cancel()
		out, _ := c.s.svc.Handle(ctx, c.conn, &wire.Message{OpCode: wire.OpMsg, Body: body}, nil)
		c.s.sessions.Kill(session.Pattern{}) // an open transaction would hold up the next input
		require.NoError(t, bson.Raw(out).Validate())
		require.NotErrorIs(t, ctx.Err(), context.DeadlineExceeded, "%s", bsonx.Doc(body))
		reply := reply{Raw: out, t: t}
		require.NotEqual(t, int32(1), reply.code(), "%s gave %s", bsonx.Doc(body), reply.Raw)
	})
}

// mutator changes documents as its bytes say.
type mutator struct{ data []byte }

func (m *mutator) next() byte {
	if len(m.data) == 0 {
		return 0
	}
	b := m.data[0]
	m.data = m.data[1:]
	return b
}

// odd are values that commands seldom expect.
var odd = []any{
	nil, true, int32(-1), int64(1) << 62, math.NaN(), math.Inf(1), 1.5, "", "$a", "a.b", "$$ROOT", "$**",
	bson.D{},
	bson.A{},
	bson.A{nil, 1, bson.D{}},
	bson.D{{Key: "$x", Value: 1}},
	bson.D{{Key: "", Value: 1}},
	bson.Regex{Pattern: "(", Options: "x"},
	bson.Timestamp{T: 1},
	bson.Binary{Subtype: 4, Data: []byte{1}},
	bson.MinKey{},
	bson.MaxKey{},
	bson.Undefined{},
	bson.JavaScript("x"), bson.Symbol("s"), bson.DateTime(-1),
	bson.ObjectID{},
	bson.NewDecimal128(1<<63, 1),
}

// mutate returns a copy of v, changed here and there; the first field of a command keeps its name.
func (m *mutator) mutate(v any) any { return m.change(v, true) }

func (m *mutator) change(v any, top bool) any {
	if !top && m.next() > 245 {
		return odd[int(m.next())%len(odd)]
	}
	switch v := v.(type) {
	case bson.D:
		out := make(bson.D, 0, len(v))
		for i, e := range v {
			switch b := m.next(); {
			case b > 240 && i > 0:
				continue
			case b > 225 && i > 0:
				e.Key = string(rune(m.next()|1)) + e.Key
			case b > 210:
				out = append(out, e)
			case b > 195 && i > 0:
				e.Key = v[int(m.next())%len(v)].Key
			}
			e.Value = m.change(e.Value, false)
			out = append(out, e)
		}
		return out
	case bson.A:
		out := make(bson.A, 0, len(v))
		for _, e := range v {
			out = append(out, m.change(e, false))
		}
		return out
	}
	if m.next() > 200 {
		return odd[int(m.next())%len(odd)]
	}
	return v
}
