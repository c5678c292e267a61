package command_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/wire"
)

// message prepares a command for repeated use.
func message(t testing.TB, db string, cmd bson.D) *wire.Message {
	t.Helper()
	raw, err := bson.Marshal(append(cmd, bson.E{Key: "lsid", Value: lsid(9)}, bson.E{Key: "$db", Value: db}))
	require.NoError(t, err)
	return &wire.Message{OpCode: wire.OpMsg, Body: raw}
}

// repeater runs one prepared command again and again.
func (c *client) repeater(t testing.TB, cmd bson.D) func() {
	m := message(t, "b", cmd)
	buf := make([]byte, 0, 1<<20)
	return func() {
		out, _ := c.s.svc.Handle(context.Background(), c.conn, m, buf[:0])
		if len(out) < 40 {
			t.Fatalf("%s", bson.Raw(out))
		}
	}
}

// benchServer is a server with 20,000 documents of 1 KB, an index on n in the order of the records
// and one on s, across it.
func benchServer(t testing.TB) *client {
	c := newServer(t).connect()
	pad := strings.Repeat("x", 900)
	for i := 0; i < 20_000; i += 1000 {
		var docs bson.A
		for k := i; k < i+1000; k++ {
			docs = append(docs, bson.D{
				{Key: "_id", Value: int32(k)},
				{Key: "n", Value: int32(k)},
				{Key: "s", Value: int32(k * 7919 % 20_000)},
				{Key: "g", Value: int32(k % 10)},
				{Key: "pad", Value: pad},
			})
		}
		c.run("b", bson.D{{Key: "insert", Value: "c"}, {Key: "documents", Value: docs}}).ok()
	}
	for _, f := range []string{"n", "s"} {
		c.run("b", bson.D{{Key: "createIndexes", Value: "c"}, {Key: "indexes", Value: bson.A{bson.D{{Key: "key", Value: bson.D{{Key: f, Value: 1}}}, {Key: "name", Value: f}}}}}).ok()
	}
	require.NoError(t, c.s.engine.Sync())
	return c
}

func eq(field string, v any) bson.D { return bson.D{{Key: field, Value: v}} }

func between(field string, lo, hi int) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$gte", Value: int32(lo)}, {Key: "$lt", Value: int32(hi)}}}}
}

func find(filter bson.D, more ...bson.E) bson.D {
	return append(bson.D{{Key: "find", Value: "c"}, {Key: "filter", Value: filter}}, more...)
}

// among is a filter for 100 values of a field.
func among(field string) bson.D {
	var values bson.A
	for i := range 100 {
		values = append(values, int32(i*197))
	}
	return eq(field, eq("$in", values))
}

// lookup joins 100 documents with one other each.
func lookup(how ...bson.E) bson.D {
	spec := append(bson.D{{Key: "from", Value: "c"}, {Key: "as", Value: "o"}}, how...)
	return bson.D{{Key: "aggregate", Value: "c"}, {Key: "cursor", Value: bson.D{}}, {Key: "pipeline", Value: bson.A{
		eq("$match", between("_id", 500, 600)),
		eq("$lookup", spec),
		eq("$project", eq("n", eq("$size", "$o"))),
	}}}
}

// The commands whose cost in the server is watched.
var benchCommands = []struct {
	name   string
	cmd    bson.D
	allocs float64 // at most; 0 for not watched
}{
	{"ping", bson.D{{Key: "ping", Value: 1}}, 3},
	{"findByID", find(eq("_id", int32(777)), bson.E{Key: "limit", Value: 1}, bson.E{Key: "singleBatch", Value: true}), 11},
	{"findIndexed", find(eq("n", int32(777)), bson.E{Key: "limit", Value: 1}, bson.E{Key: "singleBatch", Value: true}), 34},
	{"findByIDProjected", find(eq("_id", int32(777)), bson.E{Key: "projection", Value: bson.D{{Key: "n", Value: 1}, {Key: "g", Value: 1}}}, bson.E{Key: "limit", Value: 1}), 0},
	{"findProjected", find(eq("n", int32(777)), bson.E{Key: "projection", Value: bson.D{{Key: "n", Value: 1}, {Key: "g", Value: 1}}}, bson.E{Key: "limit", Value: 1}), 0},
	{"findSorted10", find(bson.D{{Key: "n", Value: eq("$gt", int32(500))}, {Key: "g", Value: eq("$ne", int32(3))}}, bson.E{Key: "sort", Value: eq("n", -1)}, bson.E{Key: "limit", Value: 10}), 0},
	{"matchGroup20k", bson.D{{Key: "aggregate", Value: "c"}, {Key: "cursor", Value: bson.D{}}, {Key: "pipeline", Value: bson.A{
		eq("$match", eq("n", eq("$gte", int32(0)))),
		eq("$group", bson.D{{Key: "_id", Value: "$g"}, {Key: "sum", Value: eq("$sum", "$n")}, {Key: "avg", Value: eq("$avg", "$s")}}),
	}}}, 0},
	{"range100", find(between("n", 500, 600), bson.E{Key: "batchSize", Value: 200}), 0},
	{"range100Scattered", find(between("s", 500, 600), bson.E{Key: "batchSize", Value: 200}), 0},
	{"idIn100", find(among("_id")), 0},
	{"indexedIn100", find(among("s")), 0},
	{"lookup100", lookup(bson.E{Key: "localField", Value: "s"}, bson.E{Key: "foreignField", Value: "n"}), 0},
	{"lookupLet100", lookup(
		bson.E{Key: "let", Value: eq("s", "$s")},
		bson.E{Key: "pipeline", Value: bson.A{
			eq("$match", eq("$expr", eq("$eq", bson.A{"$n", "$$s"}))),
			eq("$project", bson.D{{Key: "_id", Value: 0}, {Key: "g", Value: 1}}),
		}},
	), 0},
	{"updateByID", bson.D{{Key: "update", Value: "c"}, {Key: "updates", Value: bson.A{bson.D{
		{Key: "q", Value: eq("_id", int32(5))},
		{Key: "u", Value: bson.D{{Key: "$inc", Value: eq("k", int32(1))}}},
	}}}, {Key: "writeConcern", Value: bson.D{{Key: "w", Value: 1}, {Key: "j", Value: false}}}}, 0},
	{"insert1KB", bson.D{
		{Key: "insert", Value: "ins"},
		{Key: "documents", Value: bson.A{bson.D{{Key: "pad", Value: strings.Repeat("x", 950)}}}},
		{Key: "writeConcern", Value: bson.D{{Key: "w", Value: 1}, {Key: "j", Value: false}}},
	}, 25},
	{"scan20k", find(bson.D{{Key: "g", Value: int32(99)}, {Key: "pad", Value: "y"}}), 0},
	{"countScan20k", bson.D{{Key: "count", Value: "c"}, {Key: "query", Value: bson.D{{Key: "g", Value: int32(3)}, {Key: "pad", Value: bson.D{{Key: "$gt", Value: "a"}}}}}}, 0},
}

func BenchmarkCommands(b *testing.B) {
	c := benchServer(b)
	for _, bc := range benchCommands {
		b.Run(bc.name, func(b *testing.B) {
			run := c.repeater(b, bc.cmd)
			run()
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}
