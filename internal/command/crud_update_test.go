package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each statement updates {"_id": 1, "a": 1} and leaves the documents of want behind, or fails
// with a write error.
func TestUpdateStatements(t *testing.T) {
	for _, tc := range []struct {
		name, stmt, want string
		code             int64
	}{
		{name: "constants", stmt: `{"q": {}, "u": [{"$set": {"b": "$$x"}}], "c": {"x": 5}}`, want: `{"_id":1,"a":1,"b":5}`},
		{name: "constants are no expressions", stmt: `{"q": {}, "u": [{"$set": {"b": "$$x", "c": "$$y"}}], "c": {"x": "$a", "y": {"$add": [1, 2]}}}`, want: `{"_id":1,"a":1,"b":"$a","c":{"$add":[1,2]}}`},
		{name: "constants need a pipeline", stmt: `{"q": {}, "u": {"$set": {"b": 1}}, "c": {}}`, code: 51198},
		{name: "a supplied document is inserted", stmt: `{"q": {"_id": 2}, "u": [{"$set": {"b": 1}}], "upsert": true, "upsertSupplied": true, "c": {"new": {"z": 1}}}`, want: `{"_id":1,"a":1}{"_id":2,"z":1}`},
		{name: "but not if there is a match", stmt: `{"q": {"_id": 1}, "u": [{"$set": {"b": 1}}], "upsert": true, "upsertSupplied": true, "c": {"new": {"z": 1}}}`, want: `{"_id":1,"a":1,"b":1}`},
		{name: "it needs upsert", stmt: `{"q": {"_id": 2}, "u": [{"$set": {"b": 1}}], "upsertSupplied": true, "c": {"new": {"z": 1}}}`, code: 9},
		{name: "it needs constants", stmt: `{"q": {"_id": 2}, "u": [{"$set": {"b": 1}}], "upsert": true, "upsertSupplied": true}`, code: 9},
		{name: "it must be there", stmt: `{"q": {"_id": 2}, "u": [{"$set": {"b": 1}}], "upsert": true, "upsertSupplied": true, "c": {}}`, code: 9},
		{name: "it must be a document", stmt: `{"q": {"_id": 2}, "u": [{"$set": {"b": 1}}], "upsert": true, "upsertSupplied": true, "c": {"new": "z"}}`, code: 9},
		{name: "positional without a match", stmt: `{"q": {"_id": 1}, "u": {"$set": {"a.$": 1}}}`, code: 2},
		{name: "changed _id", stmt: `{"q": {"_id": 1}, "u": {"$set": {"_id": 2}}}`, code: 66},
		{name: "replaced _id", stmt: `{"q": {"_id": 1}, "u": {"_id": 2}}`, code: 66},
		{name: "many replacements", stmt: `{"q": {"_id": 1}, "u": {"b": 2}, "multi": true}`, code: 9},
		{name: "upsert of two values", stmt: `{"q": {"$and": [{"x": 1}, {"x": 2}]}, "u": {"$set": {"b": 2}}, "upsert": true}`, code: 54},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newServer(t).connect()
			seed(t, c, `[{"_id": 1, "a": 1}]`)
			r := c.run("t", ej(t, `{"update": "c", "updates": [`+tc.stmt+`]}`)).ok()
			if tc.code != 0 {
				require.Equal(t, tc.code, r.Lookup("writeErrors", "0", "code").AsInt64(), r.String())
				return
			}
			var have string
			for _, d := range c.run("t", ej(t, `{"find": "c", "sort": {"_id": 1}}`)).batch() {
				have += d
			}
			require.Equal(t, tc.want, have)
		})
	}
}

func TestUnacknowledgedWritesSayNothing(t *testing.T) {
	c := newServer(t).connect()
	for _, cmd := range []string{
		`{"insert": "c", "documents": [{"_id": 1}, {"_id": 1}], "writeConcern": {"w": 0}}`,
		`{"update": "c", "updates": [{"q": {"_id": 2}, "u": {"$set": {"a": 1}}, "upsert": true}], "writeConcern": {"w": 0}}`,
		`{"delete": "c", "deletes": [{"q": {"_id": 2}, "limit": 1}], "writeConcern": {"w": 0}}`,
	} {
		r := c.run("t", ej(t, cmd)).ok()
		for _, field := range []string{"n", "nModified", "upserted", "writeErrors"} {
			require.False(t, r.has(field), field)
		}
	}
	require.Equal(t, []string{`{"_id":1}`}, c.run("t", ej(t, `{"find": "c"}`)).batch())
}

func TestSmallCappedCollectionsAreRoundedUp(t *testing.T) {
	c := newServer(t).connect()
	c.run("t", ej(t, `{"create": "c", "capped": true, "size": 8}`)).ok()
	seed(t, c, `[{"_id": 1, "a": 1}]`)
	require.EqualValues(t, 256, c.run("t", ej(t, `{"collStats": "c"}`)).ok().int("maxSize"))
	require.Equal(t, []string{`{"_id":1,"a":1}`}, c.run("t", ej(t, `{"find": "c"}`)).batch())
}
