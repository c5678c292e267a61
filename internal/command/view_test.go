package command_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// outcome is a command on the database t and its code, 0 for success.
type outcome struct {
	cmd  string
	code int32
}

func requireOutcomes(t *testing.T, c *client, outcomes []outcome) {
	t.Helper()
	for _, o := range outcomes {
		r := c.run("t", ej(t, o.cmd))
		require.Equal(t, o.code, r.code(), "%s: %s", o.cmd, r.Raw)
	}
}

func TestViewDefinitions(t *testing.T) {
	requireOutcomes(t, newServer(t).connect(), []outcome{
		{`{"create": "a", "viewOn": "a"}`, 5},
		{`{"create": "a", "viewOn": "b"}`, 0},
		{`{"create": "b", "viewOn": "c", "pipeline": [{"$facet": {"f": [{"$unionWith": "a"}]}}]}`, 5},
		{`{"create": "b", "viewOn": "c", "pipeline": [{"$lookup": {"from": "a", "localField": "x", "foreignField": "x", "as": "o"}}]}`, 5},
		{`{"create": "b", "viewOn": "c"}`, 0},
		{`{"collMod": "b", "viewOn": "a", "pipeline": []}`, 5},
		{`{"create": "v", "viewOn": "c", "pipeline": [{"$out": "o"}]}`, 167},
		{`{"create": "v", "viewOn": "c", "pipeline": [{"$merge": {"into": "o"}}]}`, 167},
		{`{"create": "v", "viewOn": ""}`, 2},
		{`{"create": "v", "viewOn": "c$"}`, 73},
		{`{"create": "system.views", "viewOn": "c"}`, 73},
		{`{"create": "v", "pipeline": []}`, 72},
		{`{"create": "v", "viewOn": "c", "capped": true, "size": 5000}`, 72},
		{`{"collMod": "a", "validator": {}}`, 72},
		{`{"collMod": "a", "viewOn": "b"}`, 72},
		{`{"create": "c"}`, 0},
		{`{"collMod": "c", "viewOn": "b", "pipeline": []}`, 72},
	})
}

func TestViewsOnViewsEnd(t *testing.T) {
	c := newServer(t).connect()
	for i := 1; i <= 20; i++ {
		// Each reads the next one three times, which must not take 3^20 steps.
		cmd := fmt.Sprintf(`{"create": "v%d", "viewOn": "v%d", "pipeline": [{"$unionWith": "v%[2]d"}, {"$unionWith": "v%[2]d"}]}`, i, i+1)
		c.run("t", ej(t, cmd)).ok()
	}
	requireOutcomes(t, c, []outcome{
		{`{"create": "v0", "viewOn": "v1"}`, 165},
		{`{"create": "v21", "viewOn": "v22"}`, 165},
		{`{"create": "middle", "viewOn": "v10"}`, 0},
	})
}

func TestOptionsOfFindOnViews(t *testing.T) {
	c := newServer(t).connect()
	requireOutcomes(t, c, []outcome{
		{`{"create": "v", "viewOn": "c"}`, 0},
		{`{"find": "v", "min": {"_id": 1}, "hint": {"_id": 1}}`, 168},
		{`{"find": "v", "max": {"_id": 1}, "hint": {"_id": 1}}`, 168},
		{`{"find": "v", "returnKey": true}`, 168},
		{`{"find": "v", "showRecordId": true}`, 168},
		{`{"find": "v", "tailable": true}`, 168},
		{`{"find": "v", "readOnce": true}`, 168},
		{`{"find": "v", "sort": {"$natural": 1}}`, 168},
	})
}

// A query on a view is explained as what it becomes on the collection that the view is on.
func TestExplainOnViews(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1, "a": 1}, {"_id": 2, "a": 2}, {"_id": 3, "a": 2}]`)
	requireOutcomes(t, c, []outcome{
		{`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`, 0},
		{`{"create": "v", "viewOn": "c", "pipeline": [{"$match": {"a": 2}}]}`, 0},
		{`{"create": "w", "viewOn": "v", "pipeline": [{"$group": {"_id": "$a"}}]}`, 0},
		{`{"explain": {"update": "v", "updates": [{"q": {}, "u": {"$set": {"a": 1}}}]}}`, 166},
		{`{"explain": {"find": "v", "returnKey": true}}`, 168},
	})
	for _, cmd := range []string{
		`{"find": "v", "filter": {}}`, `{"count": "v"}`, `{"distinct": "v", "key": "a"}`, `{"aggregate": "v", "pipeline": [], "cursor": {}}`,
	} {
		r := c.run("t", ej(t, `{"explain": `+cmd+`}`)).ok()
		require.Equal(t, "t.c", r.Lookup("queryPlanner", "namespace").StringValue(), cmd)
		require.Equal(t, "FETCH", r.Lookup("queryPlanner", "winningPlan", "stage").StringValue(), cmd)
		require.EqualValues(t, 2, r.int("executionStats.nReturned"), cmd)
	}
	r := c.run("t", ej(t, `{"explain": {"find": "w", "filter": {"_id": 2}}}`)).ok()
	require.Equal(t, "t.c", r.Lookup("stages", "0", "$cursor", "queryPlanner", "namespace").StringValue())
	require.True(t, r.has("stages.1.$group"))
}
