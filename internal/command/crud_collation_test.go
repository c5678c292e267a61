package command_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// loosely stands for a collation that ignores case, in the commands below.
var loosely = strings.NewReplacer("LOOSE", `{"locale": "en", "strength": 2}`, "BASE", `{"locale": "en", "strength": 1}`)

// TestCollation runs a command on documents and looks at what it replies or, where it changes
// them, at the documents afterwards.
func TestCollation(t *testing.T) {
	const docs = `[{"_id": 1, "s": "ping"}, {"_id": 2, "s": "PING", "n": 5}, {"_id": 3, "s": "píng", "a": ["x", "X", "y"]}, {"_id": 4, "s": "pong"}]`
	for _, tc := range []struct{ name, cmd, want, after string }{
		{"find at strength 2", `{"find": "c", "filter": {"s": "Ping"}, "collation": LOOSE, "projection": {"_id": 1}}`, `[{"_id": 1}, {"_id": 2}]`, ""},
		{"find at strength 1", `{"find": "c", "filter": {"s": "Ping"}, "collation": BASE, "projection": {"_id": 1}}`, `[{"_id": 1}, {"_id": 2}, {"_id": 3}]`, ""},
		{"binary by name", `{"find": "c", "filter": {"s": "PING"}, "collation": {"locale": "simple"}, "projection": {"_id": 1}}`, `[{"_id": 2}]`, ""},
		{"an empty document is none", `{"find": "c", "filter": {"s": "PING"}, "collation": {}, "projection": {"_id": 1}}`, `[{"_id": 2}]`, ""},
		{"$in", `{"find": "c", "filter": {"s": {"$in": ["PONG", "Ping"]}}, "collation": LOOSE, "projection": {"_id": 1}}`, `[{"_id": 1}, {"_id": 2}, {"_id": 4}]`, ""},
		{"$nin", `{"find": "c", "filter": {"s": {"$nin": ["PONG", "Ping"]}}, "collation": LOOSE, "projection": {"_id": 1}}`, `[{"_id": 3}]`, ""},
		{"a range", `{"find": "c", "filter": {"s": {"$gt": "ping"}}, "collation": LOOSE, "projection": {"_id": 1}}`, `[{"_id": 3}, {"_id": 4}]`, ""},
		{"in arrays", `{"find": "c", "filter": {"a": {"$all": ["Y", "x"]}}, "collation": LOOSE, "projection": {"_id": 1}}`, `[{"_id": 3}]`, ""},
		{"$elemMatch of a projection", `{"find": "c", "filter": {"_id": 3}, "collation": LOOSE, "projection": {"a": {"$elemMatch": {"$eq": "Y"}}}}`, `[{"_id": 3, "a": ["y"]}]`, ""},
		{"$regex has its own rules", `{"find": "c", "filter": {"s": /P/}, "collation": LOOSE, "projection": {"_id": 1}}`, `[{"_id": 2}]`, ""},
		{"$expr", `{"find": "c", "filter": {"$expr": {"$eq": ["$s", "Ping"]}}, "collation": LOOSE, "projection": {"_id": 1}}`, `[{"_id": 1}, {"_id": 2}]`, ""},
		{"numbers are not concerned", `{"find": "c", "filter": {"n": 5}, "collation": LOOSE, "projection": {"_id": 1}}`, `[{"_id": 2}]`, ""},
		{"sort", `{"find": "c", "sort": {"s": 1}, "collation": {"locale": "en"}, "projection": {"_id": 1}}`, `[{"_id": 1}, {"_id": 2}, {"_id": 3}, {"_id": 4}]`, ""},
		{"sort down, capitals first", `{"find": "c", "sort": {"s": -1}, "collation": {"locale": "en", "caseFirst": "upper"}, "projection": {"_id": 1}}`, `[{"_id": 4}, {"_id": 3}, {"_id": 1}, {"_id": 2}]`, ""},
		{"count", `{"count": "c", "query": {"s": "Ping"}, "collation": LOOSE}`, `{"n": 2}`, ""},
		{"distinct", `{"distinct": "c", "key": "s", "query": {"_id": {"$lt": 4}}, "collation": BASE}`, `{"values": ["ping"]}`, ""},
		{"distinct of elements", `{"distinct": "c", "key": "a", "collation": LOOSE}`, `{"values": ["x", "y"]}`, ""},
		{"$match", `{"aggregate": "c", "cursor": {}, "collation": LOOSE, "pipeline": [{"$match": {"s": "Ping"}}, {"$project": {"_id": 1}}]}`, `[{"_id": 1}, {"_id": 2}]`, ""},
		{"$group", `{"aggregate": "c", "cursor": {}, "collation": BASE, "pipeline": [{"$sort": {"_id": 1}}, {"$group": {"_id": "$s", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]}`, `[{"_id": "ping", "n": 3}, {"_id": "pong", "n": 1}]`, ""},
		{
			"accumulators", `{"aggregate": "c", "cursor": {}, "collation": BASE, "pipeline": [{"$sort": {"_id": 1}}, {"$group": {"_id": null, "set": {"$addToSet": "$s"}, "max": {"$max": "$s"}, "min": {"$min": "$s"}, "top": {"$maxN": {"n": 1, "input": "$s"}}}}]}`,
			`[{"_id": null, "set": ["ping", "pong"], "max": "pong", "min": "ping", "top": ["pong"]}]`, "",
		},
		{
			"expressions", `{"aggregate": "c", "cursor": {}, "collation": LOOSE, "pipeline": [{"$match": {"_id": 3}}, {"$project": {"_id": 0,
				"eq": {"$eq": ["a", "A"]}, "in": {"$in": ["Y", "$a"]}, "constant": {"$in": ["$s", ["PÍNG"]]}, "at": {"$indexOfArray": ["$a", "Y"]},
				"union": {"$setUnion": ["$a", []]}, "subset": {"$setIsSubset": [["Y"], "$a"]}, "of": {"$setIsSubset": ["$a", ["X", "Y"]]},
				"less": {"$setDifference": ["$a", ["X"]]}, "both": {"$setIntersection": ["$a", ["Y"]]}, "same": {"$setEquals": ["$a", ["X", "Y"]]},
				"sorted": {"$sortArray": {"input": ["b", "A", "a"], "sortBy": 1}}, "max": {"$max": ["a", "B"]}, "min": {"$minN": {"n": 1, "input": ["b", "A"]}},
				"fold": {"$strcasecmp": ["a", "A"]}, "bytes": {"$indexOfBytes": ["a", "A"]}}}]}`,
			`[{"eq": true, "in": true, "constant": true, "at": 2, "union": ["x", "y"], "subset": true, "of": true, "less": ["y"], "both": ["y"], "same": true,
				"sorted": ["A", "a", "b"], "max": "B", "min": ["A"], "fold": 0, "bytes": -1}]`, "",
		},
		{"let", `{"find": "c", "filter": {"$expr": {"$eq": ["$$same", {"$eq": ["$s", "PONG"]}]}}, "let": {"same": {"$eq": ["a", "A"]}}, "collation": LOOSE, "projection": {"_id": 1}}`, `[{"_id": 4}]`, ""},
		{
			"$bucket", `{"aggregate": "c", "cursor": {}, "collation": LOOSE, "pipeline": [{"$bucket": {"groupBy": "$s", "boundaries": ["PI", "PO", "Q"]}}]}`,
			`[{"_id": "PI", "count": 3}, {"_id": "PO", "count": 1}]`, "",
		},
		{
			"$lookup", `{"aggregate": "c", "cursor": {}, "collation": LOOSE, "pipeline": [{"$match": {"_id": 1}}, {"$lookup": {"from": "c", "localField": "s", "foreignField": "s", "as": "o"}}, {"$project": {"o._id": 1}}]}`,
			`[{"_id": 1, "o": [{"_id": 1}, {"_id": 2}]}]`, "",
		},
		{
			"$lookup by a pipeline", `{"aggregate": "c", "cursor": {}, "collation": LOOSE, "pipeline": [{"$match": {"_id": 1}}, {"$lookup": {"from": "c", "let": {"s": "$s"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$s", "$$s"]}}}, {"$project": {"_id": 1}}], "as": "o"}}, {"$project": {"o": 1}}]}`,
			`[{"_id": 1, "o": [{"_id": 1}, {"_id": 2}]}]`, "",
		},
		{
			"$setWindowFields", `{"aggregate": "c", "cursor": {}, "collation": BASE, "pipeline": [{"$setWindowFields": {"partitionBy": "$s", "output": {"n": {"$count": {}}}}}, {"$sort": {"_id": 1}}, {"$project": {"n": 1}}]}`,
			`[{"_id": 1, "n": 3}, {"_id": 2, "n": 3}, {"_id": 3, "n": 3}, {"_id": 4, "n": 1}]`, "",
		},
		{"update one", `{"update": "c", "updates": [{"q": {"s": "Ping"}, "u": {"$set": {"n": 1}}, "collation": LOOSE}]}`, `{"n": 1, "nModified": 1}`, `{"n": 1}`},
		{"update many", `{"update": "c", "updates": [{"q": {"s": "Ping"}, "u": {"$set": {"n": 1}}, "multi": true, "collation": LOOSE}]}`, `{"n": 2, "nModified": 2}`, ""},
		{"statements have their own", `{"update": "c", "updates": [{"q": {"s": "Ping"}, "u": {"$set": {"n": 1}}, "multi": true, "collation": LOOSE}, {"q": {"s": "Ping"}, "u": {"$set": {"n": 1}}, "multi": true}]}`, `{"n": 2, "nModified": 2}`, ""},
		{"an upsert finds", `{"update": "c", "updates": [{"q": {"s": "PONG"}, "u": {"$set": {"n": 1}}, "upsert": true, "collation": LOOSE}]}`, `{"n": 1, "nModified": 1}`, ""},
		{"delete", `{"delete": "c", "deletes": [{"q": {"s": "Ping"}, "limit": 0, "collation": LOOSE}]}`, `{"n": 2}`, ""},
		{"findAndModify", `{"findAndModify": "c", "query": {"s": "PONG"}, "remove": true, "collation": LOOSE}`, `{"value": {"_id": 4, "s": "pong"}}`, ""},
		{"array filters", `{"findAndModify": "c", "query": {"_id": 3}, "update": {"$set": {"a.$[e]": 0}}, "arrayFilters": [{"e": "x"}], "collation": LOOSE, "new": true, "fields": {"a": 1}}`, `{"value": {"_id": 3, "a": [0, 0, "y"]}}`, ""},
		{"the positional operator", `{"findAndModify": "c", "query": {"a": "Y"}, "update": {"$set": {"a.$": 0}}, "collation": LOOSE, "new": true, "fields": {"a": 1}}`, `{"value": {"_id": 3, "a": ["x", "X", 0]}}`, ""},
		{"$pull", `{"findAndModify": "c", "query": {"_id": 3}, "update": {"$pull": {"a": "X"}}, "collation": LOOSE, "new": true, "fields": {"a": 1}}`, `{"value": {"_id": 3, "a": ["y"]}}`, ""},
		{"$pull by a condition", `{"findAndModify": "c", "query": {"_id": 3}, "update": {"$pull": {"a": {"$in": ["Y"]}}}, "collation": LOOSE, "new": true, "fields": {"a": 1}}`, `{"value": {"_id": 3, "a": ["x", "X"]}}`, ""},
		{"$pullAll", `{"findAndModify": "c", "query": {"_id": 3}, "update": {"$pullAll": {"a": ["X"]}}, "collation": LOOSE, "new": true, "fields": {"a": 1}}`, `{"value": {"_id": 3, "a": ["y"]}}`, ""},
		{"$addToSet", `{"findAndModify": "c", "query": {"_id": 3}, "update": {"$addToSet": {"a": {"$each": ["Y", "z", "Z"]}}}, "collation": LOOSE, "new": true, "fields": {"a": 1}}`, `{"value": {"_id": 3, "a": ["x", "X", "y", "z"]}}`, ""},
		{"$push sorts", `{"findAndModify": "c", "query": {"_id": 3}, "update": {"$push": {"a": {"$each": ["Xa"], "$sort": 1}}}, "collation": LOOSE, "new": true, "fields": {"a": 1}}`, `{"value": {"_id": 3, "a": ["x", "X", "Xa", "y"]}}`, ""},
		{"$max", `{"findAndModify": "c", "query": {"_id": 4}, "update": {"$max": {"s": "Q"}}, "collation": LOOSE, "new": true}`, `{"value": {"_id": 4, "s": "Q"}}`, ""},
		{
			"bulkWrite", `{"bulkWrite": 1, "nsInfo": [{"ns": "t.c"}], "ops": [{"update": 0, "filter": {"s": "Ping"}, "updateMods": {"$set": {"n": 1}}, "multi": true, "collation": LOOSE}, {"delete": 0, "filter": {"s": "PONG"}, "collation": LOOSE}]}`,
			`{"nMatched": 2, "nDeleted": 1}`, "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newServer(t).connect()
			seed(t, c, docs)
			cmd := loosely.Replace(strings.Replace(tc.cmd, "/P/", `{"$regex": "P"}`, 1))
			requireReply(t, c, cmd, tc.want)
		})
	}
}

// requireReply runs a command and compares its batch, if want is an array, or fields.
func requireReply(t *testing.T, c *client, cmd, want string) {
	t.Helper()
	db, body := "t", ej(t, cmd)
	if body[0].Key == "bulkWrite" {
		db = "admin"
	}
	got := c.run(db, body)
	if strings.HasPrefix(want, "[") {
		require.JSONEq(t, want, "["+strings.Join(got.batch(), ",")+"]", cmd)
		return
	}
	got.ok()
	for _, e := range ej(t, want) {
		have, err := bson.MarshalExtJSON(bson.D{{Key: e.Key, Value: got.Lookup(e.Key)}}, false, false)
		require.NoError(t, err)
		expected, err := bson.MarshalExtJSON(bson.D{e}, false, false)
		require.NoError(t, err)
		require.JSONEq(t, string(expected), string(have), cmd)
	}
}

// TestCollationOfCollections gives a collection a collation, which its queries and indexes have
// unless they name another.
func TestCollationOfCollections(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	run := func(cmd string) reply { return c.run("t", ej(t, loosely.Replace(cmd))) }
	run(`{"create": "c", "collation": LOOSE}`).ok()
	run(`{"create": "c", "collation": {"strength": 2.0, "locale": "en"}}`).ok()
	run(`{"create": "c"}`).fails(48)
	run(`{"create": "plain", "collation": {"locale": "simple"}}`).ok()
	seed(t, c, `[{"_id": "a", "s": "x"}, {"_id": "b", "s": "X"}, {"_id": 1, "s": "y"}]`)
	run(`{"insert": "c", "documents": [{"_id": "B"}]}`).hasWriteError(11000)
	run(`{"createIndexes": "c", "indexes": [{"key": {"s": 1}, "name": "own"}, {"key": {"s": 1}, "name": "binary", "collation": {"locale": "simple"}}]}`).ok()
	run(`{"createIndexes": "c", "indexes": [{"key": {"s": 1}, "name": "own", "collation": LOOSE}]}`).ok()
	run(`{"createIndexes": "c", "indexes": [{"key": {"s": 1}, "name": "own", "collation": BASE}]}`).fails(86)
	run(`{"createIndexes": "c", "indexes": [{"key": {"_id": 1}, "name": "_id_", "collation": BASE}]}`).fails(2)
	run(`{"create": "v", "viewOn": "c", "collation": LOOSE}`).ok()
	run(`{"create": "w", "viewOn": "c"}`).ok()
	for range 2 {
		for _, tc := range []struct{ cmd, want string }{
			{`{"find": "c", "filter": {"_id": "A"}}`, `[{"_id": "a", "s": "x"}]`},
			{`{"find": "c", "filter": {"_id": "A"}, "collation": {"locale": "simple"}}`, `[]`},
			{`{"find": "c", "filter": {"_id": "a"}, "collation": {"locale": "simple"}}`, `[{"_id": "a", "s": "x"}]`},
			{`{"find": "c", "filter": {"_id": 1}, "collation": BASE}`, `[{"_id": 1, "s": "y"}]`},
			{`{"count": "c", "query": {"s": "X"}}`, `{"n": 2}`},
			{`{"count": "c", "query": {"s": "X"}, "collation": {"locale": "simple"}}`, `{"n": 1}`},
			{`{"distinct": "c", "key": "s", "query": {"_id": {"$in": ["A", 1]}}}`, `{"values": ["y", "x"]}`},
			{`{"aggregate": "c", "cursor": {}, "pipeline": [{"$match": {"s": "Y"}}]}`, `[{"_id": 1, "s": "y"}]`},
			{`{"find": "v", "filter": {"s": "Y"}}`, `[{"_id": 1, "s": "y"}]`},
			{`{"find": "v", "filter": {"s": "Y"}, "collation": LOOSE}`, `[{"_id": 1, "s": "y"}]`},
			{`{"find": "w", "filter": {"s": "Y"}}`, `[]`},
			{`{"find": "plain"}`, `[]`},
		} {
			requireReply(t, c, loosely.Replace(tc.cmd), tc.want)
		}
		run(`{"find": "v", "filter": {"s": "Y"}, "collation": BASE}`).fails(167)
		run(`{"aggregate": "c", "cursor": {}, "pipeline": [{"$lookup": {"from": "w", "localField": "s", "foreignField": "s", "as": "o"}}]}`).fails(167)
		require.Equal(t, []string{"en 2", "en 2", ""}, collations(t, run(`{"listIndexes": "c"}`)))
		require.Equal(t, []string{"en 2"}, collations(t, run(`{"listCollections": 1, "filter": {"name": "c"}}`)))
		require.Equal(t, []string{""}, collations(t, run(`{"listCollections": 1, "filter": {"name": "plain"}}`)))
		s.restart()
		c = s.connect()
	}
	run(`{"aggregate": "c", "cursor": {}, "pipeline": [{"$out": "c"}]}`).ok()
	require.Equal(t, []string{"en 2", "en 2", ""}, collations(t, run(`{"listIndexes": "c"}`)))
	run(`{"create": "k", "collation": LOOSE, "clusteredIndex": {"key": {"_id": 1}, "unique": true}}`).fails(238)
	run(`{"create": "k", "collation": {}}`).fails(2)
	run(`{"create": "k", "collation": {"locale": "th"}}`).fails(238)
}

// hasWriteError requires one write error with the code.
func (r reply) hasWriteError(code int32) {
	r.t.Helper()
	r.ok()
	require.Equal(r.t, code, r.Lookup("writeErrors", "0", "code").Int32())
}

// collations returns locale and strength of what a listing shows.
func collations(t *testing.T, r reply) []string {
	t.Helper()
	r.ok()
	vals, err := r.Lookup("cursor", "firstBatch").Array().Values()
	require.NoError(t, err)
	var out []string
	for _, v := range vals {
		d := v.Document()
		if o, ok := d.Lookup("options").DocumentOK(); ok {
			d = o
		}
		coll, ok := d.Lookup("collation").DocumentOK()
		if !ok {
			out = append(out, "")
			continue
		}
		out = append(out, fmt.Sprint(coll.Lookup("locale").StringValue(), " ", coll.Lookup("strength").Int32()))
	}
	return out
}

// TestCollationOfUniqueIndexes refuses what differs in case only.
func TestCollationOfUniqueIndexes(t *testing.T) {
	c := newServer(t).connect()
	run := func(cmd string) reply { return c.run("t", ej(t, loosely.Replace(cmd))) }
	run(`{"createIndexes": "c", "indexes": [{"key": {"s": 1, "n": -1}, "name": "u", "unique": true, "collation": LOOSE}]}`).ok()
	seed(t, c, `[{"_id": 1, "s": "a", "n": "é"}, {"_id": 2, "s": "a", "n": "e"}]`)
	r := run(`{"insert": "c", "documents": [{"_id": 3, "s": "A", "n": "É"}]}`)
	r.hasWriteError(11000)
	e := r.Lookup("writeErrors", "0").Document()
	require.Equal(t, "en", e.Lookup("collation", "locale").StringValue())
	key := e.Lookup("keyValue", "s").StringValue()
	require.True(t, strings.HasPrefix(key, "0x"), "sort keys are binary")
	require.Contains(t, e.Lookup("errmsg").StringValue(), `index: u collation: { locale: "en"`)
	require.Contains(t, e.Lookup("errmsg").StringValue(), `dup key: { s: "`+key)
	run(`{"insert": "c", "documents": [{"_id": 3, "s": "B", "n": "É"}]}`).ok()
	run(`{"update": "c", "updates": [{"q": {"_id": 3}, "u": {"$set": {"s": "A"}}}]}`).hasWriteError(11000)
	run(`{"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"s": "A"}}}]}`).ok()
	requireReply(t, c, `{"find": "c", "filter": {"_id": 1}}`, `[{"_id": 1, "s": "A", "n": "é"}]`)
	run(`{"delete": "c", "deletes": [{"q": {"s": "a", "n": "É"}, "limit": 1, "collation": LOOSE}]}`).ok()
	run(`{"insert": "c", "documents": [{"_id": 4, "s": "A", "n": "É"}]}`).ok()
	run(`{"createIndexes": "c", "indexes": [{"key": {"s": 1}, "name": "one", "unique": true, "collation": LOOSE}]}`).fails(11000)
	run(`{"aggregate": "c", "cursor": {}, "pipeline": [{"$merge": {"into": "c", "on": ["s", "n"]}}]}`).fails(51183)
	run(`{"aggregate": "c", "cursor": {}, "collation": LOOSE, "pipeline": [{"$match": {"_id": 4}}, {"$project": {"_id": 0, "s": "a", "n": "é", "m": "1"}}, {"$merge": {"into": "c", "on": ["s", "n"]}}]}`).ok()
	requireReply(t, c, `{"find": "c", "filter": {"_id": 4}}`, `[{"_id": 4, "s": "a", "n": "é", "m": "1"}]`)
}

// TestCollationInTransactions queries a collection that only the transaction knows.
func TestCollationInTransactions(t *testing.T) {
	c := newServer(t).connect()
	run := func(cmd string, start bool) reply { return c.run("t", inTxn(ej(t, loosely.Replace(cmd)), 1, 1, start)) }
	run(`{"create": "c", "collation": LOOSE}`, true).ok()
	run(`{"createIndexes": "c", "indexes": [{"key": {"s": 1}, "name": "u", "unique": true}]}`, false).ok()
	run(`{"insert": "c", "documents": [{"_id": "a", "s": "x"}]}`, false).ok()
	require.Equal(t, []string{`{"_id":"a","s":"x"}`}, run(`{"find": "c", "filter": {"_id": "A", "s": "X"}}`, false).batch())
	require.EqualValues(t, 1, run(`{"update": "c", "updates": [{"q": {"_id": "A"}, "u": {"$set": {"s": "Y"}}}]}`, false).ok().int("nModified"))
	c.run("admin", inTxn(d("commitTransaction", 1), 1, 1, false)).ok()
	requireReply(t, c, `{"find": "c", "filter": {"s": "y"}}`, `[{"_id": "a", "s": "Y"}]`)
	require.True(t, c.run("t", d("validate", "c")).ok().Lookup("valid").Boolean())
}

// TestCollationAndPlans shows which indexes a query can use: for strings, those with its own
// collation.
func TestCollationAndPlans(t *testing.T) {
	c := newServer(t).connect()
	run := func(cmd string) reply { return c.run("t", ej(t, loosely.Replace(cmd))) }
	seed(t, c, `[{"_id": 1, "s": "a"}, {"_id": 2, "s": "B"}, {"_id": 3, "s": "A"}]`)
	run(`{"createIndexes": "c", "indexes": [{"key": {"s": 1}, "name": "binary"}, {"key": {"s": 1}, "name": "loose", "collation": LOOSE}]}`).ok()
	for _, tc := range []struct{ query, index string }{
		{`"filter": {"s": "a"}`, "binary"},
		{`"filter": {"s": "a"}, "collation": LOOSE`, "loose"},
		{`"filter": {"s": "a"}, "collation": BASE`, ""},
		{`"filter": {"s": {"$gt": "a"}}, "collation": LOOSE`, "loose"},
		{`"filter": {"s": {"$in": ["a", "b"]}}, "collation": LOOSE`, "loose"},
		{`"filter": {"s": {"$in": ["a", 1]}}, "collation": BASE`, ""},
		{`"filter": {"s": {"x": 1}}, "collation": BASE`, ""},
		{`"filter": {"s": 1}, "collation": BASE`, "binary"},
		{`"filter": {"s": null}, "collation": BASE`, "binary"},
		{`"filter": {"s": {"$regex": "^a"}}, "collation": LOOSE`, "binary"},
		{`"sort": {"s": 1}`, "binary"},
		{`"sort": {"s": 1}, "collation": LOOSE`, "loose"},
		{`"sort": {"s": 1}, "collation": BASE`, ""},
		{`"filter": {"_id": 1}, "collation": BASE`, "_id_"},
		{`"filter": {"_id": "x"}, "collation": BASE`, ""},
		{`"filter": {"s": "a"}, "hint": "binary", "collation": LOOSE`, "binary"},
	} {
		r := run(`{"explain": {"find": "c", ` + tc.query + `}}`).ok()
		require.Equal(t, tc.index, indexOf(r.Lookup("queryPlanner", "winningPlan").Document()), tc.query)
	}
	requireReply(t, c, loosely.Replace(`{"find": "c", "filter": {"s": "A"}, "hint": "binary", "collation": LOOSE, "projection": {"_id": 1}}`), `[{"_id": 3}, {"_id": 1}]`)
	requireReply(t, c, loosely.Replace(`{"find": "c", "filter": {"s": "A"}, "collation": LOOSE, "projection": {"s": 1, "_id": 0}}`), `[{"s": "a"}, {"s": "A"}]`)
	requireReply(t, c, loosely.Replace(`{"find": "c", "min": {"s": "b"}, "hint": "loose", "collation": LOOSE, "projection": {"_id": 1}}`), `[{"_id": 2}]`)
	run(`{"find": "c", "min": {"s": "b"}, "hint": "loose"}`).fails(51174)
	run(`{"find": "c", "hint": {"s": 1}}`).fails(27)
	r := run(`{"explain": {"find": "c", "filter": {"s": "a"}, "collation": LOOSE}}`).ok()
	plan := r.Lookup("queryPlanner", "winningPlan").String()
	require.Contains(t, plan, "CollationKey(0x")
	require.Equal(t, "en", r.Lookup("queryPlanner", "collation", "locale").StringValue())
}

// indexOf returns the name of the index that a plan scans, empty for none.
func indexOf(stage bson.Raw) string {
	switch stage.Lookup("stage").StringValue() {
	case "IDHACK":
		return "_id_"
	case "IXSCAN":
		return stage.Lookup("indexName").StringValue()
	}
	if in, ok := stage.Lookup("inputStage").DocumentOK(); ok {
		return indexOf(in)
	}
	return ""
}
