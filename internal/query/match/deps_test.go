package match_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

func TestPaths(t *testing.T) {
	elem := bsonx.NewBuilder(nil).StartDoc("$elemMatch").Int32("x", 1).End().Build()
	not := bsonx.NewBuilder(nil).StartDoc("$not").Int32("$gt", 1).End().Build()
	either := bsonx.MakeArray(bsonx.Document(bsonx.NewBuilder(nil).Int32("c.d", 1).Build()))
	filter := bsonx.NewBuilder(nil).Int32("a", 1).Doc("b", elem).Doc("e", not).
		Value("$or", either).String("$expr", "$f").Build()
	f, err := match.Compile(filter, nil)
	require.NoError(t, err)
	var paths []string
	exprs := 0
	require.True(t, match.Paths(f.Root(), func(p string) { paths = append(paths, p) }, func(expr.Expr) { exprs++ }))
	require.Equal(t, []string{"a", "b", "e", "c.d"}, paths)
	require.Equal(t, 1, exprs)
}
