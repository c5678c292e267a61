package txn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func TestIndexKeys(t *testing.T) {
	for _, tc := range []struct {
		name, key, options, doc string
		want                    []string
		multikey                uint64
	}{
		{"scalar", `{"a": 1}`, ``, `{"_id": 1, "a": 5}`, []string{"5"}, 0},
		{"types come back", `{"a": 1, "b": 1}`, ``, `{"_id": 1, "a": 5.0, "b": {"$numberLong": "5"}}`, []string{"5.0, 5"}, 0},
		{"missing is null", `{"a": 1}`, ``, `{"_id": 1}`, []string{"null"}, 0},
		{"null", `{"a": 1}`, ``, `{"_id": 1, "a": null}`, []string{"null"}, 0},
		{"document", `{"a": 1}`, ``, `{"_id": 1, "a": {"b": 1}}`, []string{"{ b: 1 }"}, 0},
		{"dotted", `{"a.b.c": 1}`, ``, `{"_id": 1, "a": {"b": {"c": "x"}}}`, []string{`"x"`}, 0},
		{"dotted through scalar", `{"a.b": 1}`, ``, `{"_id": 1, "a": 5}`, []string{"null"}, 0},
		{"descending", `{"a": -1, "b": 1}`, ``, `{"_id": 1, "a": "x", "b": 2}`, []string{`"x", 2`}, 0},
		{"array", `{"a": 1}`, ``, `{"_id": 1, "a": [3, 1, 2]}`, []string{"1", "2", "3"}, 1},
		{"equal elements", `{"a": 1}`, ``, `{"_id": 1, "a": [1, 1.0, 1]}`, []string{"1"}, 1},
		{"descending array", `{"a": -1}`, ``, `{"_id": 1, "a": [1, 2]}`, []string{"2", "1"}, 1},
		{"empty array", `{"a": 1}`, ``, `{"_id": 1, "a": []}`, []string{"undefined"}, 1},
		{"empty array on the way", `{"a.b": 1}`, ``, `{"_id": 1, "a": []}`, []string{"null"}, 1},
		{"one element", `{"a": 1}`, ``, `{"_id": 1, "a": [7]}`, []string{"7"}, 1},
		{"array in array", `{"a": 1}`, ``, `{"_id": 1, "a": [[1, 2], 3]}`, []string{"3", "[ 1, 2 ]"}, 1},
		{"array of documents", `{"a.b": 1}`, ``, `{"_id": 1, "a": [{"b": 1}, {"b": 2}, {"c": 3}, 4]}`, []string{"null", "1", "2"}, 1},
		{"arrays on two levels", `{"a.b": 1}`, ``, `{"_id": 1, "a": [{"b": [1, 2]}, {"b": 3}]}`, []string{"1", "2", "3"}, 1},
		{"one array, two paths", `{"a.x": 1, "a.y": 1}`, ``, `{"_id": 1, "a": [{"x": 1, "y": 2}, {"x": 3}]}`, []string{"1, 2", "3, null"}, 3},
		{"array and scalar", `{"a": 1, "b": 1}`, ``, `{"_id": 1, "a": [1, 2], "b": 9}`, []string{"1, 9", "2, 9"}, 1},
		{"array and its field", `{"a": 1, "a.b": 1}`, ``, `{"_id": 1, "a": [{"b": 1}, 5]}`, []string{"5, null", "{ b: 1 }, 1"}, 3},
		{"position", `{"a.0": 1}`, ``, `{"_id": 1, "a": ["x", "y"]}`, []string{`"x"`}, 1},
		{"position beyond the end", `{"a.5": 1}`, ``, `{"_id": 1, "a": [1, 2]}`, []string{"null"}, 1},
		{"field of a position", `{"a.1.b": 1}`, ``, `{"_id": 1, "a": [{"b": 1}, {"b": 2}]}`, []string{"2"}, 1},
		{"array at a position", `{"a.0": 1}`, ``, `{"_id": 1, "a": [[1, 2], 3]}`, []string{"[ 1, 2 ]"}, 1},
		{"number as field name", `{"a.0": 1}`, ``, `{"_id": 1, "a": {"0": 8}}`, []string{"8"}, 0},
		{"number as field name of elements", `{"a.5": 1}`, ``, `{"_id": 1, "a": [{"5": 8}]}`, []string{"8"}, 1},
		{"sparse, missing", `{"a": 1}`, `{"sparse": true}`, `{"_id": 1}`, []string{}, 0},
		{"sparse, null", `{"a": 1}`, `{"sparse": true}`, `{"_id": 1, "a": null}`, []string{"null"}, 0},
		{"sparse, one of two", `{"a": 1, "b": 1}`, `{"sparse": true}`, `{"_id": 1, "b": 1}`, []string{"null, 1"}, 0},
		{"sparse, none of two", `{"a": 1, "b": 1}`, `{"sparse": true}`, `{"_id": 1}`, []string{}, 0},
		{"sparse, some elements", `{"a.b": 1}`, `{"sparse": true}`, `{"_id": 1, "a": [{"b": 1}, {}]}`, []string{"1"}, 1},
		{"partial, in", `{"a": 1}`, `{"partialFilterExpression": {"p": 1}}`, `{"_id": 1, "a": 5, "p": 1.0}`, []string{"5"}, 0},
		{"partial, out", `{"a": 1}`, `{"partialFilterExpression": {"p": 1}}`, `{"_id": 1, "a": 5, "p": 2}`, []string{}, 0},
		{"unique array", `{"a": 1}`, `{"unique": true}`, `{"_id": 1, "a": [1, 1, 2]}`, []string{"1", "2"}, 1},
		{"hidden", `{"a": 1}`, `{"hidden": true}`, `{"_id": 1, "a": 5}`, []string{"5"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := open(t)
			require.NoError(t, d.index("db.c", tc.key, tc.options))
			require.NoError(t, d.insert("db.c", tc.doc))
			name := indexSpec(t, tc.key, "").Lookup("name").Str()
			require.Equal(t, tc.want, d.committedKeys("db.c", name))
			d.requireValid("db.c")

			// A build over the document finds the same.
			require.NoError(t, d.insert("db.d", tc.doc))
			require.NoError(t, d.index("db.d", tc.key, tc.options))
			require.Equal(t, tc.want, d.committedKeys("db.d", name))
			d.requireValid("db.d")
			d.reopen()
			for _, ns := range []string{"db.c", "db.d"} {
				x := d.Catalog.Current().Collection(ns).Index(name)
				require.Equal(t, tc.multikey, x.Multikey(), ns)
			}
		})
	}
}

func TestIndexKeyErrors(t *testing.T) {
	for _, tc := range []struct {
		name, key, doc string
		code           mongoerr.Code
		text           string
	}{
		{"parallel arrays", `{"a": 1, "b": 1}`, `{"_id": 1, "a": [1], "b": [2]}`, mongoerr.CannotIndexParallelArrays, "cannot index parallel arrays [b] [a]"},
		{"parallel below one", `{"x.a": 1, "x.b": 1}`, `{"_id": 1, "x": [{"a": [1], "b": [2]}]}`, mongoerr.CannotIndexParallelArrays, "cannot index parallel arrays [b] [a]"},
		{"ambiguous", `{"a.0": 1}`, `{"_id": 1, "a": [{"0": 1}]}`, 16746, "Ambiguous field name found in array"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := open(t)
			require.NoError(t, d.index("db.c", tc.key, ""))
			requireCode(t, d.insert("db.c", tc.doc), tc.code, tc.text)
			require.Empty(t, d.docs("db.c"))

			require.NoError(t, d.insert("db.d", tc.doc))
			requireCode(t, d.index("db.d", tc.key, ""), tc.code, tc.text)
			require.Len(t, d.Catalog.Current().Collection("db.d").Indexes, 1)
			d.requireValid("db.d")
		})
	}
}

func TestLongKeys(t *testing.T) {
	d := open(t)
	require.NoError(t, d.index("db.c", `{"a": 1, "b": 1}`, `{"unique": true}`))
	long := func(id int, tail string) string {
		b := make([]byte, 5000)
		for i := range b {
			b[i] = 'x'
		}
		return bsonx.NewBuilder(nil).Int32("_id", int32(id)).String("a", string(b)+tail).Int32("b", 1).Build().String()
	}
	insert := func(json string) error {
		return d.insert("db.c", quoteKeys(json))
	}
	require.NoError(t, insert(long(1, "a")))
	require.NoError(t, insert(long(2, "b")))
	err := insert(long(3, "a"))
	requireCode(t, err, mongoerr.DuplicateKey, "E11000 duplicate key error collection: db.c index: a_1_b_1 dup key: { a: \"xxx")
	require.Equal(t, int32(1), mongoerr.From(err).Fields.LookupPath("keyValue", "b").Int32())
	d.requireValid("db.c")
}
