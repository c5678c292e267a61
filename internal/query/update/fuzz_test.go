package update_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/update"
)

// FuzzApply parses any update and applies it to any document: it must not panic, and what it
// makes must be valid BSON that a second reading finds unchanged where nothing changed.
func FuzzApply(f *testing.F) {
	for _, s := range []struct{ doc, update, filter string }{
		{`{"_id":1,"a":[1,{"b":2}],"c":{"d":1}}`, `{"$set":{"a.1.b":3,"c.e":1},"$inc":{"c.d":1}}`, `{"_id":1}`},
		{`{"_id":1,"a":[1,2,3]}`, `{"$push":{"a":{"$each":[4],"$sort":-1,"$slice":2,"$position":0}}}`, `{"a":1}`},
		{`{"_id":1,"a":[1,2,3]}`, `{"$mul":{"a.$[]":2},"$rename":{"x":"y"}}`, `{"x":5}`},
		{`{"_id":1,"a":[{"k":1}]}`, `{"$set":{"a.$.k":2},"$addToSet":{"s":1},"$pull":{"p":{"$gt":1}}}`, `{"a.k":1}`},
		{`{"_id":1,"n":7}`, `{"$bit":{"n":{"and":3}},"$min":{"m":1},"$max":{"x":1},"$pop":{"q":1}}`, `{"$and":[{"n":7}]}`},
		{`{"_id":1,"n":7}`, `{"n":8,"t":1}`, `{"_id.a":1}`},
	} {
		f.Add([]byte(doc(f, s.doc)), []byte(doc(f, s.update)), []byte(doc(f, s.filter)), 0)
	}
	f.Fuzz(func(t *testing.T, docBytes, spec, filter []byte, positional int) {
		for _, b := range [][]byte{docBytes, spec, filter} {
			if bsonx.Validate(b, bsonx.MaxDepth) != nil {
				return
			}
		}
		scope := expr.NewScope(nil)
		u, err := update.Parse(bsonx.Document(spec), &update.Options{Scope: scope, Upsert: true, Filter: filter})
		if err != nil {
			return
		}
		c := scope.NewContext()
		positional = max(-1, min(positional, 1<<20))
		if out, changed, err := u.Apply(nil, docBytes, c, positional); err == nil {
			require.NoError(t, bsonx.Validate(out, bsonx.MaxDepth))
			require.Equal(t, string(docBytes) != string(out), changed)
		}
		if out, err := u.Insert(nil, c, func() bsonx.Value { return bsonx.Int32(1) }); err == nil {
			require.NoError(t, bsonx.Validate(out, bsonx.MaxDepth))
			first, _, _ := out.First()
			require.Equal(t, "_id", first)
		}
	})
}
