package command_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// ej reads extended JSON.
func ej(t testing.TB, json string) bson.D {
	t.Helper()
	var doc bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(json), false, &doc), json)
	return doc
}

// batch returns the documents of a cursor reply as relaxed extended JSON.
func (r reply) batch() []string {
	r.t.Helper()
	r.ok()
	vals, err := r.Lookup("cursor", "firstBatch").Array().Values()
	require.NoError(r.t, err)
	out := []string{}
	for _, v := range vals {
		j, err := bson.MarshalExtJSON(v.Document(), false, false)
		require.NoError(r.t, err)
		out = append(out, string(j))
	}
	return out
}

func seed(t testing.TB, c *client, docs string) {
	t.Helper()
	c.run("t", append(bson.D{{Key: "insert", Value: "c"}}, ej(t, `{"documents": `+docs+`}`)...)).ok()
}

// Each step is a command and, as JSON, what its reply contains.
func TestCRUD(t *testing.T) {
	for _, tc := range []struct{ name, docs, cmd, want string }{
		{"insert counts", `[{"_id": 1}]`, `{"insert": "c", "documents": [{"_id": 2}, {"_id": 3}]}`, `{"n": 2}`},
		{
			"duplicate stops an ordered batch", `[{"_id": 2}]`, `{"insert": "c", "documents": [{"_id": 1}, {"_id": 2}, {"_id": 3}]}`,
			`{"n": 1, "writeErrors": [{"index": 1, "code": 11000, "keyPattern": {"_id": 1}, "keyValue": {"_id": 2}, "errmsg": "E11000 duplicate key error collection: t.c index: _id_ dup key: { _id: 2 }"}]}`,
		},
		{"and not an unordered one", `[{"_id": 2}]`, `{"insert": "c", "ordered": false, "documents": [{"_id": 1}, {"_id": 2}, {"_id": 3}]}`, `{"n": 2}`},
		{"update one", `[{"_id": 1, "a": 1}, {"_id": 2, "a": 1}]`, `{"update": "c", "updates": [{"q": {"a": 1}, "u": {"$set": {"a": 2}}}]}`, `{"n": 1, "nModified": 1}`},
		{"update many", `[{"_id": 1, "a": 1}, {"_id": 2, "a": 1}]`, `{"update": "c", "updates": [{"q": {"a": 1}, "u": {"$set": {"a": 2}}, "multi": true}]}`, `{"n": 2, "nModified": 2}`},
		{"a no-op is matched only", `[{"_id": 1, "a": 1}]`, `{"update": "c", "updates": [{"q": {"a": 1}, "u": {"$set": {"a": 1}}}]}`, `{"n": 1, "nModified": 0}`},
		{
			"upsert", `[{"_id": 1}]`, `{"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}, "upsert": true}, {"q": {"_id": 7, "b": 1}, "u": {"$set": {"a": 1}}, "upsert": true}]}`,
			`{"n": 2, "nModified": 1, "upserted": [{"index": 1, "_id": 7}]}`,
		},
		{
			"update sorts", `[{"_id": 1, "a": 1}, {"_id": 2, "a": 2}]`, `{"findAndModify": "c", "query": {}, "sort": {"a": -1}, "update": {"$inc": {"a": 10}}, "new": true}`,
			`{"value": {"_id": 2, "a": 12}, "lastErrorObject": {"n": 1, "updatedExisting": true}}`,
		},
		{"pipeline update", `[{"_id": 1, "a": 1}]`, `{"findAndModify": "c", "query": {}, "update": [{"$set": {"b": {"$add": ["$a", 1]}}}], "new": true}`, `{"value": {"_id": 1, "a": 1, "b": 2}}`},
		{"array filters", `[{"_id": 1, "a": [1, 5, 7]}]`, `{"findAndModify": "c", "query": {}, "update": {"$set": {"a.$[x]": 0}}, "arrayFilters": [{"x": {"$gt": 4}}], "new": true}`, `{"value": {"_id": 1, "a": [1, 0, 0]}}`},
		{"positional", `[{"_id": 1, "a": [1, 5, 7]}]`, `{"findAndModify": "c", "query": {"a": {"$gt": 4}}, "update": {"$set": {"a.$": 0}}, "new": true}`, `{"value": {"_id": 1, "a": [1, 0, 7]}}`},
		{"remove", `[{"_id": 1, "a": 1}]`, `{"findAndModify": "c", "query": {}, "remove": true, "fields": {"_id": 0}}`, `{"value": {"a": 1}, "lastErrorObject": {"n": 1}}`},
		{"no match", `[{"_id": 1}]`, `{"findAndModify": "c", "query": {"_id": 9}, "update": {"$set": {"a": 1}}}`, `{"value": null, "lastErrorObject": {"n": 0, "updatedExisting": false}}`},
		{"delete one", `[{"_id": 1, "a": 1}, {"_id": 2, "a": 1}]`, `{"delete": "c", "deletes": [{"q": {"a": 1}, "limit": 1}]}`, `{"n": 1}`},
		{"delete many", `[{"_id": 1, "a": 1}, {"_id": 2, "a": 1}]`, `{"delete": "c", "deletes": [{"q": {"a": 1}, "limit": 0}]}`, `{"n": 2}`},
		{"count", `[{"_id": 1, "a": 1}, {"_id": 2, "a": 2}]`, `{"count": "c", "query": {"a": {"$gt": 1}}}`, `{"n": 1}`},
		{"distinct", `[{"_id": 1, "a": [1, 2]}, {"_id": 2, "a": 2}, {"_id": 3}]`, `{"distinct": "c", "key": "a"}`, `{"values": [1, 2]}`},
		{
			"bulkWrite", `[{"_id": 1, "a": 1}]`,
			`{"bulkWrite": 1, "ops": [{"insert": 0, "document": {"_id": 5}}, {"update": 0, "filter": {"_id": 1}, "updateMods": {"$inc": {"a": 1}}}, {"delete": 0, "filter": {"_id": 5}}, {"insert": 0, "document": {"_id": 1}}], "nsInfo": [{"ns": "t.c"}]}`,
			`{"nErrors": 1, "nInserted": 1, "nMatched": 1, "nModified": 1, "nUpserted": 0, "nDeleted": 1}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newServer(t).connect()
			seed(t, c, tc.docs)
			db := "t"
			cmd := ej(t, tc.cmd)
			if cmd[0].Key == "bulkWrite" {
				db = "admin"
			}
			got := c.run(db, cmd).ok()
			for _, e := range ej(t, tc.want) {
				want, err := bson.MarshalExtJSON(bson.D{e}, false, false)
				require.NoError(t, err)
				have, err := bson.MarshalExtJSON(bson.D{{Key: e.Key, Value: got.Lookup(e.Key)}}, false, false)
				require.NoError(t, err)
				require.JSONEq(t, string(want), string(have))
			}
		})
	}
}

func TestFindAndAggregate(t *testing.T) {
	const docs = `[{"_id": 1, "a": 3, "g": "x"}, {"_id": 2, "a": 1, "g": "y"}, {"_id": 3, "a": 2, "g": "x"}]`
	c := newServer(t).connect()
	seed(t, c, docs)
	c.run("t", ej(t, `{"create": "v", "viewOn": "c", "pipeline": [{"$match": {"g": "x"}}]}`)).ok()
	for _, tc := range []struct {
		cmd  string
		want []string
	}{
		{`{"find": "c", "sort": {"a": 1}, "projection": {"a": 1, "_id": 0}}`, []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}},
		{`{"find": "c", "sort": {"a": -1}, "skip": 1, "limit": 1, "projection": {"a": 1}}`, []string{`{"_id":3,"a":2}`}},
		{`{"find": "v", "sort": {"a": 1}, "projection": {"a": 1, "_id": 0}}`, []string{`{"a":2}`, `{"a":3}`}},
		{`{"find": "none"}`, []string{}},
		{`{"find": "c", "filter": {"$expr": {"$gt": ["$a", 2]}}, "projection": {"_id": 1}}`, []string{`{"_id":1}`}},
		{`{"find": "c", "filter": {"$expr": {"$eq": ["$a", "$$want"]}}, "let": {"want": 2}, "projection": {"_id": 1}}`, []string{`{"_id":3}`}},
		{`{"aggregate": "c", "cursor": {}, "pipeline": [{"$match": {"g": "x"}}, {"$group": {"_id": "$g", "n": {"$sum": "$a"}}}]}`, []string{`{"_id":"x","n":5}`}},
		{`{"aggregate": "v", "cursor": {}, "pipeline": [{"$count": "n"}]}`, []string{`{"n":2}`}},
		{`{"aggregate": "c", "cursor": {}, "pipeline": [{"$lookup": {"from": "c", "localField": "a", "foreignField": "_id", "as": "o"}}, {"$match": {"_id": 2}}, {"$project": {"o.g": 1}}]}`, []string{`{"_id":2,"o":[{"g":"x"}]}`}},
		{`{"aggregate": "c", "cursor": {}, "pipeline": [{"$sort": {"a": 1}}, {"$limit": 1}, {"$out": "o1"}]}`, []string{}},
		{`{"find": "o1"}`, []string{`{"_id":2,"a":1,"g":"y"}`}},
		{`{"aggregate": "c", "cursor": {}, "pipeline": [{"$match": {"a": 3}}, {"$merge": {"into": "o1"}}]}`, []string{}},
		{`{"find": "o1", "sort": {"_id": 1}, "projection": {"_id": 1}}`, []string{`{"_id":1}`, `{"_id":2}`}},
		{`{"aggregate": "c", "cursor": {}, "pipeline": [{"$project": {"a": 1}}, {"$out": "c"}]}`, []string{}},
		{`{"find": "c", "filter": {"a": 1}}`, []string{`{"_id":2,"a":1}`}},
	} {
		require.Equal(t, tc.want, c.run("t", ej(t, tc.cmd)).batch(), tc.cmd)
	}
}

// A query for one document leaves its index before it reads the record.
func TestFindOneByIndex(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1, "a": 3, "g": "x"}, {"_id": 2, "a": 1, "g": "y"}, {"_id": 3, "a": [2, 5], "g": "x"}, {"_id": 4, "g": "z"}]`)
	c.run("t", ej(t, `{"createIndexes": "c", "indexes": [{"key": {"g": 1}, "name": "g"}, {"key": {"a": 1}, "name": "a"}]}`)).ok()
	for _, tc := range []struct {
		find string
		want []string
	}{
		{`{"filter": {"g": "y"}}`, []string{`{"_id":2,"a":1,"g":"y"}`}},
		{`{"filter": {"g": "none"}}`, []string{}},
		{`{"filter": {"g": {"$in": ["x", "y"]}}, "sort": {"g": -1}}`, []string{`{"_id":2,"a":1,"g":"y"}`}},
		{`{"filter": {"g": "x"}, "skip": 1, "projection": {"g": 1}}`, []string{`{"_id":3,"g":"x"}`}},
		{`{"filter": {"g": "y"}, "projection": {"_id": 1}, "showRecordId": true}`, []string{`{"_id":2,"$recordId":2}`}},
		{`{"filter": {"g": "y"}, "returnKey": true}`, []string{`{"g":"y"}`}},
		{`{"filter": {"a": {"$gt": 1}}, "projection": {"_id": 1}}`, []string{`{"_id":3}`}},
		{`{"filter": {"a": null}, "hint": "a", "projection": {"a": 1, "_id": 0}}`, []string{`{}`}},
		{`{"filter": {"_id": {"$eq": 2}}, "projection": {"g": 1}}`, []string{`{"_id":2,"g":"y"}`}},
		{`{"filter": {"_id": 2}, "projection": {"_id": 1}}`, []string{`{"_id":2}`}},
		{`{"filter": {"_id": 2}, "projection": {"r": {"$meta": "recordId"}, "g": 0}}`, []string{`{"_id":2,"a":1,"r":2}`}},
		{`{"filter": {"_id": 2}, "projection": {"x": {"$add": ["$a", 1]}}}`, []string{`{"_id":2,"x":2}`}},
		{`{"filter": {"_id": 2}, "skip": 1, "projection": {"g": 1}}`, []string{}},
	} {
		cmd := append(bson.D{{Key: "find", Value: "c"}, {Key: "limit", Value: 1}}, ej(t, tc.find)...)
		require.Equal(t, tc.want, c.run("t", cmd).batch(), tc.find)
	}
	for _, filter := range []string{`{"_id": 2}`, `{"_id": {"$eq": 2}}`} {
		r := c.run("t", ej(t, `{"explain": {"find": "c", "filter": `+filter+`}}`)).ok()
		require.Equal(t, "IDHACK", r.Lookup("queryPlanner", "winningPlan", "stage").StringValue(), filter)
		r = c.run("t", ej(t, `{"explain": {"find": "c", "filter": `+filter+`, "projection": {"_id": 1}}}`)).ok()
		require.Equal(t, "PROJECTION_SIMPLE", r.Lookup("queryPlanner", "winningPlan", "stage").StringValue(), filter)
		require.Equal(t, "IDHACK", r.Lookup("queryPlanner", "winningPlan", "inputStage", "stage").StringValue(), filter)
	}
}

// Index entries of long values are cut, so that those which begin alike are in one range.
func TestLongValuesInAnIndex(t *testing.T) {
	c := newServer(t).connect()
	long := strings.Repeat("x", 5000)
	c.run("t", d("insert", "c", "documents", bson.A{d("_id", 1, "s", long+"a", "n", 1), d("_id", 2, "s", long+"b", "n", 1)})).ok()
	c.run("t", ej(t, `{"createIndexes": "c", "indexes": [{"key": {"s": 1}, "name": "up"}, {"key": {"n": 1, "s": -1}, "name": "down"}]}`)).ok()
	for _, hint := range []string{"up", "down"} {
		for _, tc := range []struct {
			s    any
			want []string
		}{
			{long + "a", []string{`{"_id":1}`}},
			{d("$gt", long+"a"), []string{`{"_id":2}`}},
			{d("$lte", long+"a"), []string{`{"_id":1}`}},
			{d("$gt", "x"), []string{`{"_id":1}`, `{"_id":2}`}},
			{d("$in", bson.A{long + "b", long + "c"}), []string{`{"_id":2}`}},
		} {
			filter := d("n", 1, "s", tc.s)
			r := c.run("t", d("find", "c", "filter", filter, "hint", hint, "projection", d("_id", 1)))
			require.ElementsMatch(t, tc.want, r.batch())
			require.EqualValues(t, len(tc.want), c.run("t", d("count", "c", "query", filter, "hint", hint)).ok().int("n"))
		}
	}
}

func TestCursorBatches(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1}, {"_id": 2}, {"_id": 3}, {"_id": 4}, {"_id": 5}]`)
	r := c.run("t", ej(t, `{"find": "c", "batchSize": 2}`)).ok()
	require.Equal(t, []string{`{"_id":1}`, `{"_id":2}`}, r.batch())
	id := r.int("cursor.id")
	require.NotZero(t, id)
	c.run("t", ej(t, `{"delete": "c", "deletes": [{"q": {"_id": 3}, "limit": 1}]}`)).ok()
	r = c.run("t", bson.D{{Key: "getMore", Value: id}, {Key: "collection", Value: "c"}, {Key: "batchSize", Value: 2}}).ok()
	vals, err := r.Lookup("cursor", "nextBatch").Array().Values()
	require.NoError(t, err)
	require.Len(t, vals, 2)
	require.EqualValues(t, 4, vals[0].Document().Lookup("_id").AsInt64())
	r = c.run("t", bson.D{{Key: "getMore", Value: id}, {Key: "collection", Value: "c"}}).ok()
	require.Zero(t, r.int("cursor.id"))
	c.run("t", bson.D{{Key: "getMore", Value: id}, {Key: "collection", Value: "c"}}).fails(43)
	require.Zero(t, c.run("t", ej(t, `{"find": "c", "limit": 2, "batchSize": 2}`)).ok().int("cursor.id"))
	require.Zero(t, c.run("t", ej(t, `{"find": "c", "batchSize": 2, "singleBatch": true}`)).ok().int("cursor.id"))
	c.run("t", ej(t, `{"find": "c", "batchSize": -1}`)).fails(51024)

	id = c.run("t", ej(t, `{"find": "c", "batchSize": 1}`)).ok().int("cursor.id")
	c.run("t", ej(t, `{"drop": "c"}`)).ok()
	c.run("t", bson.D{{Key: "getMore", Value: id}, {Key: "collection", Value: "c"}}).fails(175)
}

func TestResultsAreLimitedToTheSizeOfADocument(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1}]`)
	big := strings.Repeat("x", 6<<20)
	c.run("t", bson.D{{Key: "update", Value: "c"}, {Key: "updates", Value: bson.A{d("q", d("_id", 1), "u", d("$set", d("s", big)))}}}).ok()
	double := func(n int) bson.A {
		values := bson.A{}
		for range n {
			values = append(values, "$s")
		}
		return bson.A{d("$project", d("s", d("$concat", values)))}
	}
	c.run("t", d("aggregate", "c", "pipeline", double(2), "cursor", d())).ok()
	c.run("t", d("aggregate", "c", "pipeline", double(3), "cursor", d())).fails(10334)
	c.run("t", d("aggregate", "c", "pipeline", append(double(3), d("$count", "n")), "cursor", d())).ok()
}

// The other plans that were tried are shown with the greatest verbosity only.
func TestExplainVerbosity(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1, "a": 1}]`)
	for verbosity, want := range map[string][2]bool{"queryPlanner": {}, "executionStats": {true, false}, "allPlansExecution": {true, true}} {
		r := c.run("t", ej(t, `{"explain": {"find": "c", "filter": {"a": 1}}, "verbosity": "`+verbosity+`"}`)).ok()
		require.Equal(t, want, [2]bool{r.has("executionStats"), r.has("executionStats.allPlansExecution")}, verbosity)
	}
}

func TestAggregateRefuses(t *testing.T) {
	c := newServer(t).connect()
	for _, tc := range []struct {
		args string
		code int32
	}{
		{`"cursor": {}, "let": {"x": "$a"}`, 4890500},
		{`"cursor": {}, "let": {"x": {"y": "$$ROOT"}}`, 4890500},
		{`"cursor": {"batchSize": 1, "x": 1}`, 40415},
		{`"cursor": {"batchSize": -1}`, 51024},
	} {
		c.run("t", ej(t, `{"aggregate": "c", "pipeline": [], `+tc.args+`}`)).fails(tc.code)
	}
}

// A pipeline that is a query altogether is explained as one, others show their stages and what these
// returned.
func TestExplainAggregate(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1, "a": 1}, {"_id": 2, "a": 1}, {"_id": 3, "a": 2}]`)
	explain := func(pipeline, verbosity string) reply {
		return c.run("t", ej(t, `{"explain": {"aggregate": "c", "pipeline": `+pipeline+`, "cursor": {}}, "verbosity": "`+verbosity+`"}`))
	}
	r := explain(`[{"$match": {"a": 1}}]`, "queryPlanner").ok()
	require.True(t, r.has("queryPlanner.optimizedPipeline"))
	r = explain(`[{"$match": {"a": 1}}, {"$group": {"_id": "$a"}}, {"$lookup": {"from": "c", "localField": "_id", "foreignField": "a", "as": "l"}}]`, "executionStats").ok()
	require.EqualValues(t, 2, r.int("stages.0.nReturned"))
	require.EqualValues(t, 1, r.int("stages.1.nReturned"))
	require.True(t, r.has("stages.2.executionTimeMillisEstimate"))
	require.Equal(t, "PROJECTION_SIMPLE", r.Lookup("stages", "0", "$cursor", "queryPlanner", "winningPlan", "stage").StringValue())
	require.True(t, r.has("stages.0.$cursor.queryPlanner.winningPlan.transformBy.a"))
	c.run("t", ej(t, `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]}`)).ok()
	r = explain(`[{"$match": {"a": {"$gt": 0}}}, {"$count": "n"}]`, "queryPlanner").ok()
	require.Equal(t, "COUNT_SCAN", r.Lookup("stages", "0", "$cursor", "queryPlanner", "winningPlan", "stage").StringValue())
	r = explain(`[{"$sort": {"a": 1}}, {"$project": {"_id": 0, "a": 1}}]`, "executionStats").ok()
	require.True(t, r.has("queryPlanner.optimizedPipeline"))
	require.Equal(t, "PROJECTION_COVERED", r.Lookup("queryPlanner", "winningPlan", "stage").StringValue())
	r = explain(`[{"$project": {"a": 1, "b": {"$add": ["$a", 1]}}}, {"$group": {"_id": "$b"}}]`, "executionStats").ok()
	require.Equal(t, "PROJECTION_DEFAULT", r.Lookup("stages", "0", "$cursor", "queryPlanner", "winningPlan", "stage").StringValue())
	require.EqualValues(t, 2, r.int("stages.1.nReturned"))
	r = explain(`[{"$collStats": {"count": {}}}]`, "executionStats").ok()
	require.EqualValues(t, 1, r.int("stages.0.nReturned"))
	require.False(t, explain(`[{"$group": {"_id": "$a"}}]`, "queryPlanner").ok().has("stages.1.nReturned"))
	explain(`[{"$out": "o"}]`, "queryPlanner").ok()
	explain(`[{"$out": "o"}]`, "executionStats").fails(51029)
	explain(`[{"$merge": "o"}]`, "allPlansExecution").fails(51184)
}

// The variables of an explained query are its own.
func TestExplainTakesVariables(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1, "a": 1}]`)
	c.run("t", ej(t, `{"explain": {"find": "c", "filter": {"$expr": {"$eq": ["$a", "$$want"]}}, "let": {"want": 1}}}`)).ok()
}

// A create of a collection that exists does not wait for a transaction that uses it.
func TestCreateExistingDoesNotWait(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	seed(t, c, `[{"_id": 1}]`)
	txn := ej(t, `{"insert": "c", "documents": [{"_id": 2}], "startTransaction": true}`)
	txn = append(txn, bson.E{Key: "lsid", Value: lsid(3)}, bson.E{Key: "txnNumber", Value: int64(1)}, bson.E{Key: "autocommit", Value: false})
	c.run("t", txn).ok()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.connect().run("t", ej(t, `{"create": "c"}`)).ok()
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("create waits for the transaction")
	}
}

func TestTailableCursor(t *testing.T) {
	c := newServer(t).connect()
	c.run("t", ej(t, `{"create": "c", "capped": true, "size": 100000}`)).ok()
	require.Zero(t, c.run("t", ej(t, `{"find": "c", "tailable": true}`)).ok().int("cursor.id"), "a tailable cursor on nothing is dead")
	seed(t, c, `[{"_id": 1}]`)
	r := c.run("t", ej(t, `{"find": "c", "tailable": true, "awaitData": true}`)).ok()
	require.Equal(t, []string{`{"_id":1}`}, r.batch())
	id := r.int("cursor.id")
	require.NotZero(t, id)
	more := bson.D{{Key: "getMore", Value: id}, {Key: "collection", Value: "c"}, {Key: "maxTimeMS", Value: 50}}
	require.Equal(t, id, c.run("t", more).ok().int("cursor.id"))
	seed(t, c, `[{"_id": 2}]`)
	vals, err := c.run("t", more).ok().Lookup("cursor", "nextBatch").Array().Values()
	require.NoError(t, err)
	require.Len(t, vals, 1)
	c.run("t", ej(t, `{"create": "p"}`)).ok()
	c.run("t", ej(t, `{"find": "p", "tailable": true}`)).fails(2)
}

// A write that finds nothing to do has seen a state. If its reply is durable, so is that state:
// else the same write could have something to do after a crash.
func TestWritesThatChangeNothingAreDurable(t *testing.T) {
	majority := d("w", "majority")
	for name, cmd := range map[string]bson.D{
		"update":        d("update", "c", "updates", bson.A{d("q", d("_id", 1, "x", 0), "u", d("$set", d("x", 2)))}),
		"no difference": d("update", "c", "updates", bson.A{d("q", d("_id", 1), "u", d("$set", d("x", 1)))}),
		"delete":        d("delete", "c", "deletes", bson.A{d("q", d("_id", 1, "x", 0), "limit", 1)}),
		"findAndModify": d("findAndModify", "c", "query", d("_id", 1, "x", 0), "remove", true),
		"insert":        d("insert", "c", "documents", bson.A{d("_id", 1)}),
		"failed upsert": d("findAndModify", "c", "query", d("_id", 1, "x", 0), "update", d("$set", d("x", 3)), "upsert", true),
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			s := &server{t: t, fs: disk}
			s.open()
			defer s.close()
			c := s.connect()
			c.run("db", d("insert", "c", "documents", bson.A{d("_id", 1, "x", 0)}, "writeConcern", majority)).ok()
			c.run("db", d("update", "c", "updates", bson.A{d("q", d("_id", 1), "u", d("$set", d("x", 1)))},
				"writeConcern", d("w", 1, "j", false))).ok()
			c.run("db", fields(cmd, "writeConcern", majority))
			after := &server{t: t, fs: disk.CrashClone(vfs.CrashCloneCfg{})}
			after.open()
			defer after.close()
			docs := batch(after.connect().run("db", d("find", "c")).ok())
			require.Len(t, docs, 1)
			require.EqualValues(t, 1, docs[0].Lookup("x").AsInt64(), "what the reply rests on was lost")
		})
	}
}
