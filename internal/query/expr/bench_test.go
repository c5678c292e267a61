package expr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/query/expr"
)

func BenchmarkEval(b *testing.B) {
	doc := document(b, `{"a": 7, "b": 2.5, "s": "Hello, wörld", "d": {"$date": "2021-01-03T04:05:06Z"}, "l": [5, 3, 8, 1], "o": {"p": {"q": 1}}}`)
	for _, bm := range []struct{ name, expr string }{
		{"path", `"$o.p.q"`},
		{"add", `{"$add": ["$a", "$b", 1]}`},
		{"compare", `{"$and": [{"$gte": ["$a", 5]}, {"$lt": ["$b", 10]}]}`},
		{"concat", `{"$concat": ["$s", "!"]}`},
		{"substr", `{"$substrCP": ["$s", 7, 3]}`},
		{"regex", `{"$regexMatch": {"input": "$s", "regex": "^hello", "options": "i"}}`},
		{"map", `{"$map": {"input": "$l", "in": {"$multiply": ["$$this", 2]}}}`},
		{"reduce", `{"$reduce": {"input": "$l", "initialValue": 0, "in": {"$add": ["$$value", "$$this"]}}}`},
		{"sort", `{"$sortArray": {"input": "$l", "sortBy": 1}}`},
		{"year", `{"$year": "$d"}`},
		{"dateTrunc", `{"$dateTrunc": {"date": "$d", "unit": "day", "timezone": "Europe/Paris"}}`},
		{"dateToString", `{"$dateToString": {"date": "$d", "format": "%Y-%m-%d"}}`},
		{"switch", `{"$switch": {"branches": [{"case": {"$eq": ["$a", 1]}, "then": 1}, {"case": {"$eq": ["$a", 7]}, "then": 2}], "default": 3}}`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			scope := expr.NewScope(testEnv)
			e, err := expr.Parse(value(b, bm.expr), scope)
			require.NoError(b, err)
			c := scope.NewContext()
			b.ReportAllocs()
			for b.Loop() {
				c.Reset(doc)
				if _, err := e.Eval(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
