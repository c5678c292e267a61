package command_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What only the server knows of a document: its record id, its index entry and its sort key.
func TestMetadataOfFind(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1, "a": 2, "b": [3, 1]}, {"_id": 2, "a": 1, "b": 2}, {"_id": 3}]`)
	c.run("t", ej(t, `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`)).ok()
	for _, tc := range []struct{ cmd, want string }{
		{`{"find": "c", "returnKey": true, "hint": "a_1"}`, `[{"a": null}, {"a": 1}, {"a": 2}]`},
		{`{"find": "c", "returnKey": true, "hint": "a_1", "sort": {"_id": 1}}`, `[{"a": 2}, {"a": 1}, {"a": null}]`},
		{`{"find": "c", "returnKey": true, "sort": {"b": 1}, "limit": 1}`, `[{}]`},
		{`{"find": "c", "returnKey": true, "hint": "a_1", "showRecordId": true, "limit": 1}`, `[{"a": null}]`},
		{
			`{"find": "c", "returnKey": true, "hint": "a_1", "sort": {"b": -1}, "projection": {"k": {"$meta": "sortKey"}}, "limit": 1}`,
			`[{"a": 2, "k": [3]}]`,
		},
		{
			`{"find": "c", "sort": {"b": -1, "a": 1}, "projection": {"_id": 1, "k": {"$meta": "sortKey"}}}`,
			`[{"_id": 1, "k": [3, 2]}, {"_id": 2, "k": [2, 1]}, {"_id": 3, "k": [null, null]}]`,
		},
		{
			`{"find": "c", "sort": {"b": 1}, "projection": {"a": {"$meta": "recordId"}, "b": 0}}`,
			`[{"_id": 3, "a": 3}, {"_id": 1, "a": 1}, {"_id": 2, "a": 2}]`,
		},
		{
			`{"find": "c", "hint": "a_1", "projection": {"_id": 1, "m.k": {"$meta": "indexKey"}}, "limit": 2}`,
			`[{"_id": 3, "m": {"k": {"a": null}}}, {"_id": 2, "m": {"k": {"a": 1}}}]`,
		},
		{`{"find": "c", "filter": {"_id": 2}, "hint": {"$natural": 1}, "projection": {"_id": 1, "k": {"$meta": "indexKey"}}}`, `[{"_id": 2}]`},
	} {
		requireReply(t, c, tc.cmd, tc.want)
	}
	requireOutcomes(t, c, []outcome{{`{"find": "c", "projection": {"k": {"$meta": "sortKey"}}}`, 2}})
}

// One evaluation of an expression that takes for ever ends with the time of its statement.
func TestExpressionsEndWithTheirStatement(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1}]`)
	const endless = `{"$size": {"$filter": {"input": {"$range": [0, 3000]}, "as": "i", "cond": {"$gt": [{"$size": {"$filter": {
		"input": {"$range": [0, 3000]}, "as": "j", "cond": {"$gt": [{"$add": ["$$i", "$$j"]}, {"$size": {"$map": {"input": {"$range": [0, 3000]}, "in": 1}}}]}}}}, 0]}}}}`
	for _, cmd := range []string{
		`{"find": "c", "filter": {"$expr": ` + endless + `}`,
		`{"find": "c", "projection": {"x": ` + endless + `}`,
		`{"count": "c", "query": {"$expr": ` + endless + `}`,
		`{"findAndModify": "c", "query": {}, "update": [{"$set": {"x": ` + endless + `}}]`,
	} {
		started := time.Now()
		c.run("t", ej(t, cmd+`, "maxTimeMS": 20}`)).fails(50)
		require.Less(t, time.Since(started), waitFor, cmd)
	}
	for _, cmd := range []string{
		`{"update": "c", "updates": [{"q": {}, "u": [{"$set": {"x": ` + endless + `}}]}]`,
		`{"update": "c", "updates": [{"q": {"$expr": ` + endless + `}, "u": {"$set": {"x": 1}}, "multi": true}]`,
		`{"delete": "c", "deletes": [{"q": {"$expr": ` + endless + `}, "limit": 0}]`,
	} {
		r := c.run("t", ej(t, cmd+`, "maxTimeMS": 20}`))
		require.Contains(t, string(r.Raw), "exceeded time limit", cmd)
	}
}
