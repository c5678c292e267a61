package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// A cursor outlives the request that opened it, whose bytes the harness overwrites.
func TestCursorsOutliveTheirRequests(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1, "n": 1, "s": "xa"}, {"_id": 2, "n": 2, "s": "xb"}, {"_id": 3, "n": 3, "s": "xc"}]`)
	for _, cmd := range []string{
		`{"find": "c", "filter": {"s": {"$regex": "^x"}, "n": {"$in": [1, 2, 3]}, "$expr": {"$gt": ["$n", "$$lo"]}}, "let": {"lo": 0}, "projection": {"n": 1}, "sort": {"_id": 1}, "batchSize": 1}`,
		`{"find": "c", "projection": {"n": {"$add": ["$n", 0]}}, "hint": {"_id": 1}, "comment": "k", "batchSize": 1}`,
		`{"find": "c", "projection": {"s": 0}, "hint": {"_id": 1}, "batchSize": 1}`,
		`{"aggregate": "c", "pipeline": [{"$match": {"s": {"$regularExpression": {"pattern": "^x", "options": ""}}}}, {"$set": {"m": {"$concat": ["$s", "y"]}}}, {"$project": {"n": 1}}], "cursor": {"batchSize": 1}}`,
		`{"aggregate": "c", "pipeline": [{"$lookup": {"from": "c", "let": {"k": "$_id"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$_id", "$$k"]}}}], "as": "j"}}, {"$unwind": {"path": "$j"}}, {"$replaceWith": {"_id": "$j._id", "n": "$j.n"}}], "cursor": {"batchSize": 1}}`,
		`{"aggregate": "c", "pipeline": [{"$facet": {"f": [{"$project": {"n": 1}}]}}, {"$unwind": "$f"}, {"$replaceRoot": {"newRoot": "$f"}}], "cursor": {"batchSize": 1}}`,
	} {
		r := c.run("t", ej(t, cmd)).ok()
		got := r.batch()
		for id := r.int("cursor.id"); id != 0; id = r.int("cursor.id") {
			r = c.run("t", bson.D{{Key: "getMore", Value: id}, {Key: "collection", Value: "c"}, {Key: "batchSize", Value: 1}}).ok()
			vals, err := r.Lookup("cursor", "nextBatch").Array().Values()
			require.NoError(t, err)
			for _, v := range vals {
				j, err := bson.MarshalExtJSON(v.Document(), false, false)
				require.NoError(t, err)
				got = append(got, string(j))
			}
		}
		require.Equal(t, []string{`{"_id":1,"n":1}`, `{"_id":2,"n":2}`, `{"_id":3,"n":3}`}, got, cmd)
	}
}
