package command_test

import (
	"strings"
	"testing"
)

// What happens to a collection between two batches ends its cursors with QueryPlanKilled, whether
// they have read anything or not, unless what they read is still there.
func TestCursorMeetsDDL(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ddl    []string
		killed bool
	}{
		{"dropped", []string{`{"drop": "c"}`}, true},
		{"dropped and made again", []string{`{"drop": "c"}`, `{"insert": "c", "documents": [{"_id": 1, "a": 1}]}`}, true},
		{"database dropped", []string{`{"dropDatabase": 1}`}, true},
		{"renamed", []string{`{"renameCollection": "t.c", "to": "t.d"}`}, true},
		{"renamed and back", []string{`{"renameCollection": "t.c", "to": "t.d"}`, `{"renameCollection": "t.d", "to": "t.c"}`}, true},
		{"replaced", []string{`{"renameCollection": "t.e", "to": "t.c", "dropTarget": true}`}, true},
		{"index dropped", []string{`{"dropIndexes": "c", "index": "a_1"}`}, true},
		{"index made again", []string{`{"dropIndexes": "c", "index": "a_1"}`, `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`}, true},
		{"index hidden", []string{`{"collMod": "c", "index": {"name": "a_1", "hidden": true}}`}, false},
		{"validator", []string{`{"collMod": "c", "validator": {"a": {"$gt": 100}}}`}, false},
		{"index added", []string{`{"createIndexes": "c", "indexes": [{"key": {"b": 1}, "name": "b_1"}]}`}, false},
	} {
		for _, first := range []string{"0", "2"} {
			for _, query := range []string{`"filter": {"a": {"$gt": 0}}`, `"sort": {"a": 1}`, `"filter": {"_id": 1}`} {
				if first == "2" && query == `"filter": {"_id": 1}` {
					continue
				}
				t.Run(tc.name+"/"+first+"/"+query, func(t *testing.T) {
					c := newServer(t).connect()
					seed(t, c, `[{"_id": 1, "a": 1}, {"_id": 2, "a": 2}, {"_id": 3, "a": 3}, {"_id": 4, "a": 4}]`)
					c.run("t", ej(t, `{"insert": "e", "documents": [{"_id": 1}]}`)).ok()
					c.run("t", ej(t, `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`)).ok()
					id := c.run("t", ej(t, `{"find": "c", "batchSize": `+first+`, `+query+`}`)).ok().int("cursor.id")
					for _, cmd := range tc.ddl {
						db := "t"
						if strings.HasPrefix(cmd, `{"renameCollection"`) {
							db = "admin"
						}
						c.run(db, ej(t, cmd)).ok()
					}
					more := c.run("t", d("getMore", id, "collection", "c"))
					if tc.killed {
						more.fails(175)
						return
					}
					more.ok()
				})
			}
		}
	}
}
