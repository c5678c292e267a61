package match_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/match"
)

func TestImplies(t *testing.T) {
	for _, tc := range []struct {
		filter  string
		yes, no []string // what follows from it, what does not
	}{
		{
			`{"a":5}`,
			[]string{`{}`, `{"a":5}`, `{"a":{"$gt":4}}`, `{"a":{"$lte":5}}`, `{"a":{"$exists":true}}`, `{"a":{"$type":"number"}}`, `{"a":{"$in":[5,6]}}`, `{"$or":[{"a":5},{"b":1}]}`, `{"a":{"$gt":1,"$lt":9}}`},
			[]string{`{"a":6}`, `{"a":{"$gt":5}}`, `{"b":5}`, `{"a":{"$type":"int"}}`, `{"a":{"$type":"string"}}`, `{"a":5,"b":1}`, `{"a":{"$in":[6]}}`},
		},
		{
			`{"a":{"$gt":5},"b":1}`,
			[]string{`{"a":{"$gt":4}}`, `{"a":{"$gte":5}}`, `{"a":{"$gt":5}}`, `{"b":1}`, `{"a":{"$exists":true},"b":{"$lt":2}}`, `{"a":{"$type":["number"]}}`, `{"a":{"$gt":5},"b":{"$exists":true}}`},
			[]string{`{"a":{"$gt":6}}`, `{"a":{"$lt":9}}`, `{"a":{"$gt":"x"}}`, `{"c":{"$exists":true}}`},
		},
		{`{"a":{"$lt":5}}`, []string{`{"a":{"$lte":5}}`, `{"a":{"$lt":5}}`}, []string{`{"a":{"$lt":4}}`, `{"a":{"$lt":{"$maxKey":1}}}`}},
		{`{"a":{"$lte":5}}`, []string{`{"a":{"$lt":6}}`}, []string{`{"a":{"$lt":5}}`}},
		{`{"a":{"$in":[3,4]}}`, []string{`{"a":{"$gte":3}}`, `{"a":{"$in":[3,4,5]}}`, `{"a":{"$exists":true}}`, `{"a":{"$type":"number"}}`}, []string{`{"a":{"$gt":3}}`, `{"a":{"$in":[3]}}`}},
		{`{"a":null}`, []string{`{"a":null}`, `{"a":{"$in":[null,1]}}`, `{"a":{"$lte":null}}`}, []string{`{"a":{"$exists":true}}`, `{"a":{"$type":"null"}}`, `{"a":{"$lt":null}}`}},
		{`{"a":{"$in":[null,1]}}`, nil, []string{`{"a":{"$exists":true}}`, `{"a":1}`}},
		{`{"a":{"$gte":null}}`, nil, []string{`{"a":{"$exists":true}}`}},
		{`{"a":{"$gt":{"$minKey":1}}}`, nil, []string{`{"a":{"$exists":true}}`, `{"a":{"$type":"minKey"}}`}},
		{`{"a":{"$ne":null}}`, []string{`{"a":{"$exists":true}}`}, []string{`{"b":{"$exists":true}}`, `{"a":1}`}},
		{`{"a.b":{"$ne":null}}`, nil, []string{`{"a.b":{"$exists":true}}`}},
		{`{"$or":[{"a":5},{"a":7}]}`, []string{`{"a":{"$gte":5}}`, `{"$or":[{"a":7},{"a":5},{"b":1}]}`}, []string{`{"a":5}`}},
		{`{"a":{"$type":"int"}}`, []string{`{"a":{"$type":["int","long"]}}`, `{"a":{"$exists":true}}`}, []string{`{"a":{"$type":"long"}}`}},
		{`{"a":{"$regex":"^x"}}`, []string{`{"a":{"$exists":true}}`}, []string{`{"a":"x"}`, `{"a":{"$type":"string"}}`}},
		{`{"a":{"$elemMatch":{"b":1}}}`, []string{`{"a":{"$exists":true}}`}, []string{`{"a.b":1}`}},
		{`{"a":{"$numberDouble":"NaN"}}`, []string{`{"a":{"$lte":{"$numberDouble":"NaN"}}}`}, []string{`{"a":{"$lt":5}}`}},
		{`{}`, []string{`{}`}, []string{`{"a":{"$exists":true}}`}},
		{`{"$alwaysFalse":1}`, []string{`{"a":1}`}, nil},
	} {
		f := compile(t, tc.filter)
		for _, p := range tc.yes {
			require.True(t, f.Implies(compile(t, p)), "%s implies %s", tc.filter, p)
		}
		for _, p := range tc.no {
			require.False(t, f.Implies(compile(t, p)), "%s does not imply %s", tc.filter, p)
		}
	}
}

func TestPartialFilters(t *testing.T) {
	for _, ok := range []string{`{"a":{"$exists":true},"$or":[{"b":{"$gt":1}},{"c":{"$in":[1,2]}}],"d":{"$type":"string"}}`, `{}`} {
		_, err := match.CompileFor(match.Partial, doc(t, ok), nil)
		require.NoError(t, err, ok)
	}
	for _, bad := range []string{`{"a":{"$exists":false}}`, `{"a":{"$ne":1}}`, `{"a":{"$regex":"x"}}`, `{"a":{"$size":1}}`, `{"$nor":[{"a":1}]}`} {
		_, err := match.CompileFor(match.Partial, doc(t, bad), nil)
		requireCode(t, err, mongoerr.CannotCreateIndex, "Expression not supported in partial index")
	}
}
