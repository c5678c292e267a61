package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestPrepareUnique(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	requireOutcomes(t, c, []outcome{
		{`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a", "unique": true, "prepareUnique": true}]}`, 67},
		{`{"insert": "c", "documents": [{"_id": 0, "a": 1}, {"_id": 1, "a": 1}, {"_id": 2, "a": [1, 2]}]}`, 0},
		{`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a", "prepareUnique": true}]}`, 0},
		{`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]}`, 85},
	})
	s.restart()
	c = s.connect()
	write := func(cmd string) reply { return c.run("t", ej(t, cmd)) }
	for _, doc := range []string{`{"a": 1}`, `{"a": [7, 2]}`, `{"a": 2.0}`} {
		r := write(`{"insert": "c", "documents": [` + doc + `]}`)
		r.hasWriteError(11000)
		require.Contains(t, r.Lookup("writeErrors", "0", "errmsg").StringValue(), "index: a dup key: { a:")
	}
	write(`{"update": "c", "updates": [{"q": {"_id": 0}, "u": {"$set": {"a": 2}}}]}`).hasWriteError(11000)
	requireOutcomes(t, c, []outcome{
		{`{"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"b": 1}}}]}`, 0},
		{`{"update": "c", "updates": [{"q": {"_id": 2}, "u": {"$push": {"a": 2}}}]}`, 0},
		{`{"insert": "c", "documents": [{"_id": 3, "a": [5, 5]}]}`, 0},
		{`{"insert": "c", "documents": [{"_id": 4, "a": null}]}`, 0},
	})
	write(`{"insert": "c", "documents": [{"_id": 5}]}`).hasWriteError(11000)
	r := write(`{"collMod": "c", "index": {"name": "a", "prepareUnique": false}}`).ok()
	require.True(t, r.Lookup("prepareUnique_old").Boolean())
	require.False(t, r.Lookup("prepareUnique_new").Boolean())
	write(`{"insert": "c", "documents": [{"_id": 5, "a": 1}]}`).ok()
	require.NotContains(t, write(`{"listIndexes": "c"}`).String(), "prepareUnique")
}

// Of two transactions that add the same value to an index that takes no new duplicates, one fails.
func TestPrepareUniqueAmongTransactions(t *testing.T) {
	s := newServer(t)
	a, b := s.connect(), s.connect()
	a.run("t", ej(t, `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a", "prepareUnique": true}]}`)).ok()
	insert := func(id int) bson.D { return d("insert", "c", "documents", bson.A{d("_id", id, "a", 1)}) }
	a.run("t", inTxn(insert(1), 1, 1, true)).ok()
	b.run("t", inTxn(insert(2), 2, 1, true)).fails(112)
	b.run("t", inTxn(d("find", "c"), 2, 2, true)).ok()
	a.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
	b.run("t", inTxn(insert(2), 2, 2, false)).fails(112)
	b.run("t", insert(2)).hasWriteError(11000)
	a.run("t", ej(t, `{"delete": "c", "deletes": [{"q": {}, "limit": 0}]}`)).ok()
	b.run("t", insert(2)).ok()
}

func TestConvertToUnique(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	run := func(cmd string) reply { return c.run("t", ej(t, cmd)) }
	requireOutcomes(t, c, []outcome{
		{`{"collMod": "none", "index": {"name": "a", "unique": true}}`, 26},
		{`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}, {"key": {"a": 1, "b": -1}, "name": "ab"}]}`, 0},
		{`{"insert": "c", "documents": [{"_id": 1, "a": 1, "b": 1}, {"_id": 2, "a": 1, "b": 1}, {"_id": 3, "a": 2}, {"_id": 4, "a": 3}, {"_id": "5", "a": 3, "b": [1, 2]}]}`, 0},
		{`{"collMod": "c", "index": {"name": "a", "unique": true}}`, 72},
		{`{"collMod": "c", "index": {"name": "a", "unique": "yes"}}`, 14},
		{`{"collMod": "c", "index": {"name": "a", "unique": false}}`, 2},
		{`{"collMod": "c", "index": {"name": "a", "forceNonUnique": false}}`, 2},
		{`{"collMod": "c", "index": {"name": "a", "hidden": true}, "dryRun": true}`, 72},
		{`{"collMod": "c", "index": {"name": "a", "hidden": true, "unique": true}, "dryRun": true}`, 72},
		{`{"collMod": "c", "index": {"name": "a", "unique": true}, "validationLevel": "off", "dryRun": true}`, 72},
		{`{"collMod": "c", "index": {"keyPattern": {"a": 1}, "prepareUnique": true}}`, 0},
		{`{"collMod": "c", "index": {"keyPattern": {"a": 1, "b": -1}, "prepareUnique": true}}`, 0},
	})
	for cmd, want := range map[string]string{
		`{"collMod": "c", "index": {"name": "a", "unique": true}}`:                 `[{"ids":[1,2]},{"ids":[4,"5"]}]`,
		`{"collMod": "c", "index": {"name": "a", "unique": true}, "dryRun": true}`: `[{"ids":[1,2]},{"ids":[4,"5"]}]`,
		`{"collMod": "c", "index": {"name": "ab", "unique": true}}`:                `[{"ids":[1,2]}]`,
	} {
		r := run(cmd).fails(359)
		got, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: r.Lookup("violations")}}, false, false)
		require.NoError(t, err)
		require.JSONEq(t, `{"v": `+want+`}`, string(got), cmd)
	}
	run(`{"delete": "c", "deletes": [{"q": {"_id": {"$in": [2, "5"]}}, "limit": 0}]}`).ok()
	requireOutcomes(t, c, []outcome{{`{"collMod": "c", "index": {"name": "a", "unique": true}, "dryRun": true}`, 0}})
	require.NotContains(t, run(`{"listIndexes": "c"}`).String(), `"unique"`)
	require.True(t, run(`{"collMod": "c", "index": {"name": "a", "unique": true}}`).ok().Lookup("unique_new").Boolean())
	for range 2 {
		run(`{"insert": "c", "documents": [{"_id": 9, "a": 1}]}`).hasWriteError(11000)
		require.Contains(t, run(`{"listIndexes": "c"}`).String(), `"unique"`)
		require.True(t, run(`{"validate": "c"}`).ok().Lookup("valid").Boolean())
		requireReply(t, c, `{"find": "c", "filter": {"a": {"$gte": 1}}, "hint": "a", "projection": {"a": 1}}`, `[{"_id": 1, "a": 1}, {"_id": 3, "a": 2}, {"_id": 4, "a": 3}]`)
		s.restart()
		c = s.connect()
	}
	run(`{"collMod": "c", "index": {"name": "a", "prepareUnique": true}}`).ok() // it is more than that already
	require.True(t, run(`{"collMod": "c", "index": {"name": "a", "forceNonUnique": true}}`).ok().Lookup("forceNonUnique_new").Boolean())
	run(`{"insert": "c", "documents": [{"_id": 9, "a": 1}]}`).ok()
	require.True(t, run(`{"validate": "c"}`).ok().Lookup("valid").Boolean())
}
