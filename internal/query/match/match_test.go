package match_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// TestMatch lists, for each filter, documents that it matches and documents that it does not.
func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		filter  string
		yes, no []string
	}{
		{`{}`, []string{`{}`, `{"a":1}`}, nil},

		// Equality and null.
		{`{"a":1}`, []string{`{"a":1}`, `{"a":1.0}`, `{"a":{"$numberLong":"1"}}`, `{"a":{"$numberDecimal":"1.00"}}`, `{"a":[2,1]}`}, []string{`{}`, `{"a":"1"}`, `{"a":true}`, `{"a":[[1]]}`, `{"a":{"b":1}}`}},
		{`{"a":[1,2]}`, []string{`{"a":[1,2]}`, `{"a":[[1,2],3]}`}, []string{`{"a":[2,1]}`, `{"a":[1,2,3]}`, `{"a":1}`}},
		{`{"a":{"b":1,"c":2}}`, []string{`{"a":{"b":1,"c":2}}`, `{"a":[{"b":1,"c":2}]}`}, []string{`{"a":{"c":2,"b":1}}`, `{"a":{"b":1}}`}},
		{`{"a":{"b":1,"$gt":2}}`, []string{`{"a":{"b":1,"$gt":2}}`}, []string{`{"a":3}`}},
		{`{"a":null}`, []string{`{}`, `{"a":null}`, `{"a":[1,null]}`}, []string{`{"a":{}}`, `{"a":[]}`, `{"a":[[]]}`, `{"a":[{"b":null}]}`, `{"a":{"$undefined":true}}`, `{"a":0}`}},
		{`{"a.b":null}`, []string{`{}`, `{"a":null}`, `{"a":4}`, `{"a":{}}`, `{"a":{"b":null}}`, `{"a":[{"b":3},{}]}`, `{"a":[{"b":null}]}`}, []string{`{"a":{"b":"hi"}}`, `{"a":[]}`, `{"a":[[]]}`, `{"a":[1,"s"]}`, `{"a":[null,null]}`, `{"a":[{"b":1},{"b":3}]}`}},
		{`{"a.b":{"$ne":null}}`, []string{`{"a":{"b":"hi"}}`, `{"a":[]}`, `{"a":[[]]}`, `{"a":[1,2]}`, `{"a":[null]}`, `{"a":[{"b":1}]}`}, []string{`{}`, `{"a":null}`, `{"a":4}`, `{"a":[{"b":3},{}]}`}},
		{`{"a":{"$exists":false}}`, []string{`{}`, `{"b":1}`}, []string{`{"a":null}`, `{"a":[]}`}},
		{`{"a":{"$exists":1}}`, []string{`{"a":null}`, `{"a":[]}`}, []string{`{}`}},
		{`{"a.b":{"$exists":false}}`, []string{`{}`, `{"a":null}`, `{"a":3}`, `{"a":{}}`, `{"a":[]}`, `{"a":[1,{"c":1}]}`}, []string{`{"a":{"b":null}}`, `{"a":[{"c":1},{"b":1}]}`}},
		{`{"a":{"$ne":5}}`, []string{`{}`, `{"a":4}`, `{"a":[1,2]}`}, []string{`{"a":5}`, `{"a":[1,5]}`}},
		{`{"a":{"$ref":"c","$id":1}}`, []string{`{"a":{"$ref":"c","$id":1}}`}, []string{`{"a":1}`}},
		{`{"a":{"$eq":{"$regularExpression":{"pattern":"x","options":""}}}}`, []string{`{"a":{"$regularExpression":{"pattern":"x","options":""}}}`}, []string{`{"a":"x"}`}},

		// Inequalities.
		{`{"a":{"$gt":1}}`, []string{`{"a":2}`, `{"a":1.5}`, `{"a":[0,9]}`, `{"a":{"$numberDouble":"Infinity"}}`}, []string{`{"a":1}`, `{"a":"2"}`, `{}`, `{"a":null}`, `{"a":{"$numberDouble":"NaN"}}`, `{"a":[[5]]}`, `{"a":{"$date":"2020-01-01T00:00:00Z"}}`}},
		{`{"a":{"$lt":5}}`, []string{`{"a":4}`}, []string{`{"a":{"$numberDouble":"NaN"}}`, `{"a":null}`, `{"a":{"$minKey":1}}`}},
		{`{"a":{"$lte":{"$numberDouble":"NaN"}}}`, []string{`{"a":{"$numberDouble":"NaN"}}`, `{"a":{"$numberDecimal":"NaN"}}`}, []string{`{"a":1}`}},
		{`{"a":{"$lt":{"$numberDouble":"NaN"}}}`, nil, []string{`{"a":{"$numberDouble":"NaN"}}`, `{"a":1}`}},
		{`{"a":{"$gte":null}}`, []string{`{}`, `{"a":null}`}, []string{`{"a":1}`}},
		{`{"a":{"$gt":null}}`, nil, []string{`{}`, `{"a":null}`, `{"a":1}`}},
		{`{"a":{"$gt":{"$minKey":1}}}`, []string{`{"a":1}`, `{"a":null}`, `{"a":{"$maxKey":1}}`}, []string{`{"a":{"$minKey":1}}`}},
		{`{"a":{"$lt":{"$maxKey":1}}}`, []string{`{"a":1}`, `{"a":{"$minKey":1}}`}, []string{`{"a":{"$maxKey":1}}`}},
		{`{"a":{"$gt":1,"$lt":5}}`, []string{`{"a":3}`, `{"a":[0,9]}`}, []string{`{"a":[0]}`, `{"a":[9]}`}},
		{`{"a":{"$gt":[1]}}`, []string{`{"a":[2]}`, `{"a":[1,0]}`, `{"a":[[2]]}`}, []string{`{"a":[1]}`, `{"a":2}`}},
		{`{"a":{"$gte":"b"}}`, []string{`{"a":"b"}`, `{"a":"bb"}`, `{"a":{"$symbol":"c"}}`}, []string{`{"a":"a"}`, `{"a":5}`}},

		// Paths.
		{`{"a.b":1}`, []string{`{"a":{"b":1}}`, `{"a":[{"b":2},{"b":1}]}`, `{"a":{"b":[1]}}`, `{"a":[{"b":[3,1]}]}`}, []string{`{"a":[[{"b":1}]]}`, `{"a.b":1}`}},
		{`{"a.0":1}`, []string{`{"a":[1,2]}`, `{"a":{"0":1}}`, `{"a":[{"0":1}]}`, `{"a":[5,{"0":1}]}`}, []string{`{"a":[2,1]}`, `{"a":[[1,2]]}`}},
		{`{"a.0":[1,2]}`, []string{`{"a":[[1,2]]}`}, []string{`{"a":[3,[1,2]]}`}},
		{`{"a.0.b":1}`, []string{`{"a":[{"b":1}]}`, `{"a":{"0":{"b":1}}}`, `{"a":[[{"b":1}]]}`, `{"a":[{"0":{"b":1}}]}`}, []string{`{"a":[{},{"b":1}]}`}},
		{`{"a.01":1}`, []string{`{"a":{"01":1}}`}, []string{`{"a":[0,1]}`}},
		{`{"a.0":{"$exists":true}}`, []string{`{"a":[1]}`, `{"a":[{"0":1}]}`}, []string{`{"a":[]}`, `{"a":1}`}},

		// Lists.
		{`{"a":{"$in":[1,"x"]}}`, []string{`{"a":1.0}`, `{"a":"x"}`, `{"a":[9,"x"]}`}, []string{`{}`, `{"a":2}`}},
		{`{"a":{"$in":[null,3]}}`, []string{`{}`, `{"a":null}`, `{"a":3}`}, []string{`{"a":1}`}},
		{`{"a":{"$in":[]}}`, nil, []string{`{}`, `{"a":[]}`}},
		{`{"a":{"$in":[[1]]}}`, []string{`{"a":[1]}`, `{"a":[[1]]}`}, []string{`{"a":1}`}},
		{`{"a":{"$in":[{"$regularExpression":{"pattern":"^ab","options":"i"}},7]}}`, []string{`{"a":"ABC"}`, `{"a":7}`}, []string{`{"a":"cab"}`}},
		{`{"a":{"$nin":[1,2]}}`, []string{`{}`, `{"a":3}`, `{"a":[3]}`}, []string{`{"a":1}`, `{"a":[3,2]}`}},
		{`{"a":{"$nin":[]}}`, []string{`{}`, `{"a":1}`}, nil},

		// Logic.
		{`{"$or":[{"a":1},{"b":1}]}`, []string{`{"a":1}`, `{"b":1}`}, []string{`{"c":1}`}},
		{`{"$nor":[{"a":1},{"b":1}]}`, []string{`{"c":1}`}, []string{`{"a":1}`, `{"b":1}`}},
		{`{"$and":[{"a":1},{"$or":[{"b":1},{"b":2}]}]}`, []string{`{"a":1,"b":2}`}, []string{`{"a":1}`, `{"b":2}`}},
		{`{"a":{"$not":{"$gt":1}}}`, []string{`{}`, `{"a":1}`, `{"a":"x"}`}, []string{`{"a":2}`, `{"a":[0,2]}`}},
		{`{"a":{"$not":{"$regularExpression":{"pattern":"x","options":""}}}}`, []string{`{"a":"y"}`, `{}`}, []string{`{"a":"axb"}`}},
		{`{"$alwaysTrue":1}`, []string{`{}`}, nil},
		{`{"$alwaysFalse":1}`, nil, []string{`{}`}},
		{`{"a":1,"$comment":"x"}`, []string{`{"a":1}`}, []string{`{"a":2}`}},
		{`{"$sampleRate":1}`, []string{`{}`}, nil},
		{`{"$sampleRate":0.0}`, nil, []string{`{}`}},

		// Arrays.
		{`{"a":{"$size":2}}`, []string{`{"a":[1,2]}`}, []string{`{"a":[[1,2]]}`, `{"a":[1]}`, `{}`, `{"a":2}`}},
		{`{"a":{"$all":[1,2]}}`, []string{`{"a":[2,3,1]}`}, []string{`{"a":[1]}`, `{"a":1}`}},
		{`{"a":{"$all":[1]}}`, []string{`{"a":1}`, `{"a":[1]}`}, []string{`{"a":2}`}},
		{`{"a":{"$all":[[1,2]]}}`, []string{`{"a":[1,2]}`, `{"a":[[1,2]]}`}, []string{`{"a":[2,1]}`}},
		{`{"a":{"$all":[]}}`, nil, []string{`{"a":[]}`, `{}`}},
		{`{"a":{"$all":[{"$elemMatch":{"b":1}},{"$elemMatch":{"b":2,"c":3}}]}}`, []string{`{"a":[{"b":1},{"b":2,"c":3}]}`}, []string{`{"a":[{"b":1},{"b":2}]}`}},
		{`{"a":{"$elemMatch":{"$gt":1,"$lt":5}}}`, []string{`{"a":[0,3]}`}, []string{`{"a":[0,9]}`, `{"a":3}`, `{"a":[[3]]}`}},
		{`{"a":{"$elemMatch":{"b":1,"c":2}}}`, []string{`{"a":[{"b":1,"c":2}]}`}, []string{`{"a":[{"b":1},{"c":2}]}`, `{"a":{"b":1,"c":2}}`}},
		{`{"a":{"$elemMatch":{"$eq":null}}}`, []string{`{"a":[1,null]}`}, []string{`{}`, `{"a":null}`, `{"a":[]}`}},
		{`{"a":{"$elemMatch":{"b":null}}}`, []string{`{"a":[{}]}`, `{"a":[{"b":null}]}`, `{"a":[[]]}`}, []string{`{"a":{}}`, `{"a":[1,2]}`}},
		{`{"a":{"$elemMatch":{"$or":[{"b":1},{"c":1}]}}}`, []string{`{"a":[{"c":1}]}`}, []string{`{"a":[{"d":1}]}`}},
		{`{"a":{"$elemMatch":{"$not":{"$gt":3}}}}`, []string{`{"a":[1,9]}`}, []string{`{"a":[9]}`}},
		{`{"a":{"$elemMatch":{"$elemMatch":{"$gt":3}}}}`, []string{`{"a":[[1],[4]]}`}, []string{`{"a":[4]}`}},
		{`{"a.b":{"$elemMatch":{"$gt":3}}}`, []string{`{"a":{"b":[4]}}`, `{"a":[{"b":[4]}]}`}, []string{`{"a":[{"b":4}]}`}},
		{`{"a":{"$not":{"$elemMatch":{"b":1}}}}`, []string{`{}`, `{"a":[{"b":2}]}`}, []string{`{"a":[{"b":1}]}`}},

		// Types.
		{`{"a":{"$type":"number"}}`, []string{`{"a":1}`, `{"a":1.5}`, `{"a":["x",1]}`}, []string{`{"a":"x"}`, `{}`}},
		{`{"a":{"$type":"array"}}`, []string{`{"a":[]}`, `{"a":[1]}`}, []string{`{"a":1}`}},
		{`{"a":{"$type":[2,"null"]}}`, []string{`{"a":"x"}`, `{"a":null}`}, []string{`{}`, `{"a":1}`}},
		{`{"a":{"$type":-1}}`, []string{`{"a":{"$minKey":1}}`}, []string{`{"a":{"$maxKey":1}}`}},

		// Numbers.
		{`{"a":{"$mod":[4,1]}}`, []string{`{"a":5}`, `{"a":5.9}`, `{"a":[2,9]}`, `{"a":{"$numberDecimal":"5.5"}}`}, []string{`{"a":4}`, `{"a":"5"}`, `{"a":{"$numberDouble":"NaN"}}`}},
		{`{"a":{"$mod":[4,-1]}}`, []string{`{"a":-5}`}, []string{`{"a":5}`, `{"a":3}`}},
		{`{"a":{"$mod":[-1,0]}}`, []string{`{"a":{"$numberLong":"-9223372036854775808"}}`}, nil},
		{`{"a":{"$bitsAllSet":[0,2]}}`, []string{`{"a":5}`, `{"a":7.0}`, `{"a":-1}`, `{"a":{"$binary":{"base64":"BQ==","subType":"00"}}}`}, []string{`{"a":4}`, `{"a":5.5}`, `{"a":"5"}`}},
		{`{"a":{"$bitsAllClear":5}}`, []string{`{"a":2}`, `{"a":0}`}, []string{`{"a":1}`}},
		{`{"a":{"$bitsAnySet":{"$binary":{"base64":"BQ==","subType":"00"}}}}`, []string{`{"a":4}`}, []string{`{"a":2}`}},
		{`{"a":{"$bitsAnyClear":[0,200]}}`, []string{`{"a":1}`, `{"a":{"$binary":{"base64":"AQ==","subType":"00"}}}`}, []string{`{"a":-1}`}},
		{`{"a":{"$bitsAllSet":[]}}`, []string{`{"a":0}`}, []string{`{"a":"x"}`}},

		// $expr sees the document without expanding arrays.
		{`{"$expr":{"$gt":["$a","$b"]}}`, []string{`{"a":2,"b":1}`, `{"a":[0],"b":5}`}, []string{`{"a":1,"b":2}`}},
		{`{"$expr":true}`, []string{`{}`}, nil},
	} {
		f := compile(t, tc.filter)
		for _, d := range tc.yes {
			require.True(t, matches(t, f, d), "%s should match %s", tc.filter, d)
		}
		for _, d := range tc.no {
			require.False(t, matches(t, f, d), "%s should not match %s", tc.filter, d)
		}
	}
}

func TestMatchPositional(t *testing.T) {
	for _, tc := range []struct {
		filter, doc string
		pos         int
	}{
		{`{"a":2}`, `{"a":[1,2]}`, 1},
		{`{"a":2}`, `{"a":2}`, -1},
		{`{"a":{"$gte":2}}`, `{"a":[1,2,3]}`, 1},
		{`{"a":[1]}`, `{"a":[1]}`, -1},
		{`{"a.b":2}`, `{"a":[{"b":1},{"b":[0,2]}]}`, 1},
		{`{"a":{"$elemMatch":{"b":2}}}`, `{"a":[{},{},{"b":2}]}`, 2},
		{`{"a.b":{"$elemMatch":{"$gt":1}}}`, `{"a":[{"b":[0]},{"b":[0,0,5]}]}`, 1},
		{`{"a.b":{"$elemMatch":{"$gt":1}}}`, `{"a":{"b":[0,0,5]}}`, 2},
		{`{"a":1,"b":2}`, `{"a":[1],"b":[0,2]}`, 1},
		{`{"$or":[{"a":9},{"b":2}]}`, `{"a":[1],"b":[0,2]}`, -1},
		{`{"$or":[{"a":9},{"a":{"$gt":1}}]}`, `{"a":[1,2]}`, -1},
		{`{"$or":[{"a":9},{"a":2}]}`, `{"a":[1,2]}`, 1},
		{`{"a":{"$in":[3]}}`, `{"a":[1,3]}`, 1},
		{`{"a":{"$ne":3}}`, `{"a":[1,2]}`, -1},
	} {
		f := compile(t, tc.filter)
		ok, pos, err := f.MatchPositional(doc(t, tc.doc), nil)
		require.NoError(t, err)
		require.True(t, ok, tc.filter)
		require.Equal(t, tc.pos, pos, "%s on %s", tc.filter, tc.doc)
	}
}

func TestSimplify(t *testing.T) {
	f := compile(t, `{"$and":[{"a":1},{"$and":[{"b":{"$in":[2]}},{"c":{"$gt":1,"$lt":9}}]}]}`)
	and := f.Root().(*match.And)
	require.Len(t, and.Nodes, 4)
	b := and.Nodes[1].(*match.Compare)
	require.Equal(t, "b", b.Path)
	require.Equal(t, match.Eq, b.Op)
	require.IsType(t, &match.Compare{}, compile(t, `{"$or":[{"a":1}]}`).Root())
	require.True(t, compile(t, `{}`).Empty())
	require.True(t, compile(t, `{"$comment":"x"}`).Empty())
	in := compile(t, `{"a":{"$in":[3,1,2,1.0]}}`).Root().(*match.In)
	require.Len(t, in.Values, 3)
	require.False(t, compile(t, `{"a":1}`).NeedsContext())
	require.True(t, compile(t, `{"$or":[{"$expr":"$a"},{"b":1}]}`).NeedsContext())
}

func TestMatchDoesNotAllocate(t *testing.T) {
	f := compile(t, `{"a":{"$gt":3},"b.c":{"$in":[1,"x",null]},"$or":[{"s":{"$regex":"^ab"}},{"s":{"$regex":"a.c$"}}],"l":{"$elemMatch":{"k":2}}}`)
	d := doc(t, `{"_id":1,"a":5,"b":[{"c":"x"}],"s":"zzabc","l":[{"k":1},{"k":2}]}`)
	var c *expr.Context
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if ok, err := f.Match(d, c); !ok || err != nil {
			panic("no match")
		}
	}))
}

func BenchmarkMatch(b *testing.B) {
	f := compile(b, `{"age":{"$gt":20},"city":"Basel"}`)
	d := bsonx.NewBuilder(nil)
	for i := range 16 {
		d.String("field"+string(rune('a'+i)), "some text of moderate length that fills the document up")
	}
	d.Int32("age", 30).String("city", "Basel")
	document := d.Build()
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := f.Match(document, nil); !ok {
			b.Fatal("no match")
		}
	}
}
