package command_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestConvertToCapped(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	var docs bson.A
	for i := range 50 {
		docs = append(docs, d("_id", i, "pad", fmt.Sprintf("%0100d", i)))
	}
	c.run("t", d("create", "c", "validator", d("pad", d("$type", "string")))).ok()
	c.run("t", d("insert", "c", "documents", docs)).ok()
	c.run("t", d("createIndexes", "c", "indexes", bson.A{d("key", d("pad", 1), "name", "pad")})).ok()
	cursor := c.run("t", d("find", "c", "batchSize", 1)).ok().int("cursor.id")

	c.run("t", d("cloneCollectionAsCapped", "c", "toCollection", "all", "size", 100_000)).ok()
	c.run("t", d("cloneCollectionAsCapped", "c", "toCollection", "some", "size", 1000)).ok()
	require.EqualValues(t, 50, c.run("t", d("count", "all")).ok().int("n"))
	require.EqualValues(t, 50, c.run("t", d("count", "c")).ok().int("n"))
	c.run("t", d("convertToCapped", "c", "size", 1000)).ok()
	c.run("t", bson.D{{Key: "getMore", Value: cursor}, {Key: "collection", Value: "c"}}).fails(175)
	for range 2 {
		for _, name := range []string{"c", "some"} {
			r := c.run("t", d("find", name, "projection", d("_id", 1))).ok()
			require.Equal(t, []string{`{"_id":42}`, `{"_id":43}`, `{"_id":44}`, `{"_id":45}`, `{"_id":46}`, `{"_id":47}`, `{"_id":48}`, `{"_id":49}`}, r.batch())
			stats := c.run("t", d("collStats", name)).ok()
			require.True(t, stats.Lookup("capped").Boolean())
			require.EqualValues(t, 1, stats.int("nindexes"))
			require.EqualValues(t, 8, stats.int("count"))
		}
		s.restart()
		c = s.connect()
	}
	c.run("t", d("insert", "c", "documents", bson.A{d("_id", 50)})).hasWriteError(121)
	require.True(t, c.run("t", d("validate", "c")).ok().Lookup("valid").Boolean())

	requireOutcomes(t, c, []outcome{
		{`{"create": "v", "viewOn": "c"}`, 0},
		{`{"convertToCapped": "v", "size": 1000}`, 166},
		{`{"convertToCapped": "missing", "size": 1000}`, 26},
		{`{"convertToCapped": "c", "size": 5e21}`, 2},
		{`{"convertToCapped": "c", "size": 0}`, 72},
		{`{"convertToCapped": "c"}`, 40414},
		{`{"cloneCollectionAsCapped": "c", "toCollection": "some", "size": 1000}`, 48},
		{`{"cloneCollectionAsCapped": "missing", "toCollection": "new", "size": 1000}`, 26},
		{`{"cloneCollectionAsCapped": "c", "toCollection": "$", "size": 1000}`, 73},
	})
}

func TestPlanCacheClear(t *testing.T) {
	requireOutcomes(t, newServer(t).connect(), []outcome{
		{`{"planCacheClear": "c"}`, 0},
		{`{"planCacheClear": "c", "query": {"a": 1}, "sort": {"b": 1}}`, 0},
		{`{"planCacheClear": "c", "sort": {"b": 1}}`, 2},
		{`{"planCacheClear": 1}`, 73},
	})
}
