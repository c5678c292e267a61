package match_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

func fromJSON(t *testing.T, s string) bsonx.Doc {
	t.Helper()
	var raw bson.Raw
	require.NoError(t, bson.UnmarshalExtJSON([]byte(s), false, &raw))
	return bsonx.Doc(raw)
}

func TestExprImpliesEqualities(t *testing.T) {
	for _, tc := range []struct {
		filter  string
		implied []string
	}{
		{`{"$expr": {"$eq": ["$a.b", 1]}}`, []string{"a.b"}},
		{`{"$expr": {"$eq": [1, "$a"]}}`, []string{"a"}},
		{`{"$expr": {"$and": [{"$eq": ["$a", "$$v"]}, {"$gt": ["$b", 1]}, {"$eq": ["$c", "x"]}]}}`, []string{"a", "c"}},
		{`{"$expr": {"$or": [{"$eq": ["$a", 1]}, {"$eq": ["$b", 1]}]}}`, nil},
		{`{"$expr": {"$eq": ["$a", null]}}`, nil},
		{`{"$expr": {"$eq": ["$a", [1]]}}`, nil},
		{`{"$expr": {"$eq": ["$a", "$b"]}}`, nil},
		{`{"$expr": {"$ne": ["$a", 1]}}`, nil},
	} {
		f, err := match.Compile(fromJSON(t, tc.filter), expr.NewScope(nil).WithConst("v", bsonx.Int32(7)))
		require.NoError(t, err)
		var got []string
		match.Walk(f.Root(), func(n match.Node) {
			if c, ok := n.(*match.Compare); ok && c.Op == match.Eq {
				got = append(got, c.Path)
			}
		})
		require.Equal(t, tc.implied, got, tc.filter)
	}
}

func TestExprEqualityIsNotASearchOfArrays(t *testing.T) {
	s := expr.NewScope(nil)
	f, err := match.Compile(fromJSON(t, `{"$expr": {"$eq": ["$a.b", 1]}}`), s)
	require.NoError(t, err)
	for doc, want := range map[string]bool{
		`{"a": {"b": 1}}`: true, `{"a": {"b": [1]}}`: false, `{"a": [{"b": 1}]}`: false, `{}`: false, `{"a": {"b": 1.0}}`: true,
	} {
		ok, err := f.Match(fromJSON(t, doc), s.NewContext())
		require.NoError(t, err)
		require.Equal(t, want, ok, doc)
	}
}
