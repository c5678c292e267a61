package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An explained write says what it would do, and does nothing.
func TestExplainWrites(t *testing.T) {
	c := newServer(t).connect()
	const docs = `[{"_id": 0, "i": 1}, {"_id": 1, "i": 1}, {"_id": 2, "i": 2}]`
	seed(t, c, docs)
	for _, tc := range []struct {
		cmd, stage string
		want       map[string]int64
	}{
		{`{"update": "c", "updates": [{"q": {"i": 1}, "u": {"$set": {"i": 2}}}]}`, "UPDATE", map[string]int64{"nMatched": 1, "nWouldModify": 1, "nWouldUpsert": 0, "nReturned": 0}},
		{`{"update": "c", "updates": [{"q": {}, "u": {"$set": {"i": 2}}, "multi": true}]}`, "UPDATE", map[string]int64{"nMatched": 3, "nWouldModify": 2, "nWouldUpsert": 0, "nReturned": 0}},
		{`{"update": "c", "updates": [{"q": {"i": 9}, "u": [{"$set": {"i": 2}}], "upsert": true}]}`, "UPDATE", map[string]int64{"nMatched": 0, "nWouldModify": 0, "nWouldUpsert": 1, "nReturned": 0}},
		{`{"update": "none", "updates": [{"q": {"i": 9}, "u": {"i": 2}, "upsert": true}]}`, "UPDATE", map[string]int64{"nMatched": 0, "nWouldModify": 0, "nWouldUpsert": 1, "nReturned": 0}},
		{`{"delete": "c", "deletes": [{"q": {"i": 1}, "limit": 0}]}`, "DELETE", map[string]int64{"nWouldDelete": 2, "nReturned": 0}},
		{`{"delete": "c", "deletes": [{"q": {"i": 1}, "limit": 1}]}`, "DELETE", map[string]int64{"nWouldDelete": 1, "nReturned": 0}},
		{`{"findAndModify": "c", "query": {"i": 1}, "remove": true}`, "DELETE", map[string]int64{"nWouldDelete": 1, "nReturned": 1}},
		{`{"findAndModify": "c", "query": {"_id": 9}, "remove": true}`, "DELETE", map[string]int64{"nWouldDelete": 0, "nReturned": 0}},
		{`{"findAndModify": "c", "query": {"i": 1}, "sort": {"_id": -1}, "update": {"$inc": {"i": 1}}}`, "UPDATE", map[string]int64{"nMatched": 1, "nWouldModify": 1, "nWouldUpsert": 0, "nReturned": 1}},
		{`{"findAndModify": "c", "query": {"_id": 9}, "update": {"i": 1}, "upsert": true}`, "UPDATE", map[string]int64{"nWouldUpsert": 1, "nReturned": 0}},
		{`{"findAndModify": "c", "query": {"_id": 9}, "update": {"i": 1}, "upsert": true, "new": true}`, "UPDATE", map[string]int64{"nWouldUpsert": 1, "nReturned": 1}},
	} {
		r := c.run("t", ej(t, `{"explain": `+tc.cmd+`}`)).ok()
		require.Equal(t, tc.stage, r.Lookup("queryPlanner", "winningPlan", "stage").StringValue(), tc.cmd)
		require.False(t, r.has("queryPlanner.winningPlan.nMatched"))
		require.Equal(t, tc.want["nReturned"], r.int("executionStats.nReturned"), tc.cmd)
		for name, n := range tc.want {
			require.Equal(t, n, r.int("executionStats.executionStages."+name), "%s of %s", name, tc.cmd)
		}
	}
	r := c.run("t", ej(t, `{"explain": {"findAndModify": "c", "query": {"_id": 0}, "remove": true, "fields": {"i": 0}}}`)).ok()
	require.Equal(t, "PROJECTION_DEFAULT", r.Lookup("executionStats", "executionStages", "stage").StringValue())
	require.EqualValues(t, 1, r.int("executionStats.executionStages.inputStage.nWouldDelete"))
	requireOutcomes(t, c, []outcome{
		{`{"explain": {"findAndModify": "c", "remove": true, "new": true}}`, 9},
		{`{"explain": {"update": "c", "updates": [{"q": {}, "u": {"$no": 1}}]}}`, 9},
		{`{"explain": {"delete": "c", "deletes": []}}`, 16},
		{`{"explain": {"insert": "c", "documents": []}}`, 2},
	})
	requireReply(t, c, `{"find": "c"}`, docs)
	requireReply(t, c, `{"find": "none"}`, `[]`)
}

func TestExplainCount(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 0, "a": 1}, {"_id": 1, "a": 1}, {"_id": 2, "a": 2}]`)
	for _, tc := range []struct {
		cmd, stage              string
		counted, skipped, count int64
	}{
		{`{"count": "c"}`, "RECORD_STORE_FAST_COUNT", 3, 0, 0},
		{`{"count": "c", "skip": 1, "limit": 1}`, "RECORD_STORE_FAST_COUNT", 1, 1, 0},
		{`{"count": "c", "query": {"a": 1}}`, "COUNT", 2, 0, 3},
		{`{"count": "c", "query": {"a": 1}, "skip": 5}`, "COUNT", 0, 2, 3},
		{`{"count": "none"}`, "COUNT", 0, 0, 0},
	} {
		r := c.run("t", ej(t, `{"explain": `+tc.cmd+`}`)).ok()
		require.Equal(t, tc.stage, r.Lookup("executionStats", "executionStages", "stage").StringValue(), tc.cmd)
		require.Equal(t, tc.counted, r.int("executionStats.executionStages.nCounted"), tc.cmd)
		require.Equal(t, tc.skipped, r.int("executionStats.executionStages.nSkipped"), tc.cmd)
		require.Equal(t, tc.count, r.int("executionStats.totalDocsExamined"), tc.cmd)
	}
}

// A query that fails is explained up to where it failed.
func TestExplainFailures(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 0, "a": 1}, {"_id": 1, "a": 0}]`)
	for _, cmd := range []string{
		`{"find": "c", "filter": {"$expr": {"$divide": [1, "$a"]}}}`,
		`{"update": "c", "updates": [{"q": {}, "u": [{"$set": {"b": {"$divide": [1, "$a"]}}}], "multi": true}]}`,
	} {
		r := c.run("t", ej(t, `{"explain": `+cmd+`}`)).ok()
		require.False(t, r.Lookup("executionStats", "executionSuccess").Boolean(), cmd)
		require.EqualValues(t, 2, r.int("executionStats.errorCode"), cmd)
		require.Contains(t, r.Lookup("executionStats", "errorMessage").StringValue(), "divide by zero")
	}
	for cmd, why := range map[string]string{
		`{"find": "none"}`: "nonExistentNamespace",
		`{"find": "c", "filter": {"$alwaysFalse": 1}}`: "predicateEvalsToFalse",
	} {
		r := c.run("t", ej(t, `{"explain": `+cmd+`}`)).ok()
		require.Equal(t, "EOF", r.Lookup("queryPlanner", "winningPlan", "stage").StringValue(), cmd)
		require.Equal(t, why, r.Lookup("queryPlanner", "winningPlan", "type").StringValue(), cmd)
	}
}

// An upsert takes fields from its query, which says nothing of $expr.
func TestUpsertsRefuseExpr(t *testing.T) {
	c := newServer(t).connect()
	c.run("t", ej(t, `{"update": "c", "updates": [{"q": {"_id": 1, "$expr": true}, "u": {"$set": {"a": 1}}, "upsert": true}]}`)).hasWriteError(224)
	c.run("t", ej(t, `{"findAndModify": "c", "query": {"$expr": true}, "update": {"a": 1}, "upsert": true}`)).fails(224)
	c.run("t", ej(t, `{"update": "c", "updates": [{"q": {"_id": 1, "$expr": true}, "u": {"$set": {"a": 1}}}]}`)).ok()
}
