package agg_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
)

func TestGroup(t *testing.T) {
	in := `[
		{'_id': 1, 'k': 'a', 'n': 1, 's': ['x']}, {'_id': 2, 'k': 'b', 'n': 2.5},
		{'_id': 3, 'k': 'a', 'n': 3, 's': null}, {'_id': 4, 'n': 'no'}, {'_id': 5, 'k': null}]`
	runCases(t, []stageCase{
		{in: in, pipeline: `[{'$group': {'_id': '$k', 'sum': {'$sum': '$n'}, 'avg': {'$avg': '$n'}, 'n': {'$sum': 1}}}]`, want: `[
			{'_id': 'a', 'sum': 4, 'avg': 2.0, 'n': 2}, {'_id': 'b', 'sum': 2.5, 'avg': 2.5, 'n': 1}, {'_id': null, 'sum': 0, 'avg': null, 'n': 2}]`},
		{in: in, pipeline: `[{'$group': {'_id': null, 'first': {'$first': '$s'}, 'last': {'$last': '$s'}, 'min': {'$min': '$n'}, 'max': {'$max': '$n'}}}]`, want: `[
			{'_id': null, 'first': ['x'], 'last': null, 'min': 1, 'max': 'no'}]`},
		{in: in, pipeline: `[{'$group': {'_id': null, 'push': {'$push': '$s'}, 'set': {'$addToSet': '$k'}, 'c': {'$count': {}}}}]`, want: `[
			{'_id': null, 'push': [['x'], null], 'set': ['a', 'b', null], 'c': 5}]`},
		{name: "no input", in: "[]", pipeline: "[{'$group': {'_id': null, 'n': {'$sum': 1}}}]", want: "[]"},
		{
			name: "numeric keys are equal across types, the first form stays", in: "[{'a': 1.0}, {'a': 1}, {'a': {'$numberLong': '1'}}, {'a': {'$numberDecimal': '1.0'}}]",
			pipeline: "[{'$group': {'_id': '$a', 'n': {'$sum': 1}}}]", want: "[{'_id': 1.0, 'n': 4}]",
		},
		{
			name: "missing fields of a compound key", in: "[{'a': 1}, {'b': 2}, {'a': 1}]",
			pipeline: "[{'$group': {'_id': {'a': '$a', 'b': '$b'}, 'n': {'$sum': 1}}}]", want: "[{'_id': {'a': 1}, 'n': 2}, {'_id': {'b': 2}, 'n': 1}]",
		},
		{
			name: "deviation", in: "[{'a': 1}, {'a': 3}, {'a': 'x'}]",
			pipeline: "[{'$group': {'_id': null, 'p': {'$stdDevPop': '$a'}, 's': {'$stdDevSamp': '$a'}}}]", want: "[{'_id': null, 'p': 1.0, 's': 1.4142135623730951}]",
		},
		{
			name: "deviation of one", in: "[{'a': 1}]",
			pipeline: "[{'$group': {'_id': null, 'p': {'$stdDevPop': '$a'}, 's': {'$stdDevSamp': '$a'}}}]", want: "[{'_id': null, 'p': 0.0, 's': null}]",
		},
		{
			name: "mergeObjects", in: "[{'a': {'x': 1, 'y': 2}}, {}, {'a': null}, {'a': {'y': 3, 'z': 4}}]",
			pipeline: "[{'$group': {'_id': null, 'm': {'$mergeObjects': '$a'}}}]", want: "[{'_id': null, 'm': {'x': 1, 'y': 3, 'z': 4}}]",
		},
		{in: "[{'a': 1}]", pipeline: "[{'$group': {'_id': null, 'm': {'$mergeObjects': '$a'}}}]", code: 40400},
		{
			name: "sum overflows to long and double", in: "[{'a': 2147483647}, {'a': 1}]",
			pipeline: "[{'$group': {'_id': null, 's': {'$sum': '$a'}}}]", want: "[{'_id': null, 's': {'$numberLong': '2147483648'}}]",
		},
		{
			name: "min and max ignore null", in: "[{'a': null}, {'a': 2}, {}]",
			pipeline: "[{'$group': {'_id': null, 'i': {'$min': '$a'}, 'x': {'$max': '$a'}, 'none': {'$max': '$b'}}}]", want: "[{'_id': null, 'i': 2, 'x': 2, 'none': null}]",
		},
		{pipeline: "[{'$group': 1}]", code: 15947},
		{pipeline: "[{'$group': {'n': {'$sum': 1}}}]", code: 15955},
		{pipeline: "[{'$group': {'_id': 1, 'n': 1}}]", code: 40234},
		{pipeline: "[{'$group': {'_id': 1, 'n': {}}}]", code: 40234},
		{pipeline: "[{'$group': {'_id': 1, 'a.b': {'$sum': 1}}}]", code: 40235},
		{pipeline: "[{'$group': {'_id': 1, '$n': {'$sum': 1}}}]", code: 40236},
		{pipeline: "[{'$group': {'_id': 1, 'n': {'$sum': [1]}}}]", code: 40237},
		{pipeline: "[{'$group': {'_id': 1, 'n': {'$sum': 1, '$avg': 1}}}]", code: 40238},
		{pipeline: "[{'$group': {'_id': 1, 'n': {'$nope': 1}}}]", code: 15952},
		{pipeline: "[{'$group': {'_id': 1, 'n': {'$count': 1}}}]", code: mongoerr.TypeMismatch},
		{pipeline: "[{'$group': {'_id': '$$nope'}}]", code: 17276},
	})
}

func TestGroupKeepsSeveral(t *testing.T) {
	in := "[{'g': 1, 'p': 'a', 's': 31}, {'g': 1, 'p': 'b', 's': 33}, {'g': 1, 'p': 'c', 's': 99}, {'g': 1, 'p': 'd', 's': 1}, {'g': 2, 'p': 'e', 's': null}, {'g': 2, 'p': 'f'}]"
	group := func(acc string) string {
		return "[{'$group': {'_id': '$g', 'r': " + acc + "}}]"
	}
	runCases(t, []stageCase{
		{in: in, pipeline: group("{'$firstN': {'input': '$s', 'n': 2}}"), want: "[{'_id': 1, 'r': [31, 33]}, {'_id': 2, 'r': [null, null]}]"},
		{in: in, pipeline: group("{'$lastN': {'input': '$s', 'n': 2}}"), want: "[{'_id': 1, 'r': [99, 1]}, {'_id': 2, 'r': [null, null]}]"},
		{in: in, pipeline: group("{'$minN': {'input': '$s', 'n': 2}}"), want: "[{'_id': 1, 'r': [1, 31]}, {'_id': 2, 'r': []}]"},
		{in: in, pipeline: group("{'$maxN': {'input': '$s', 'n': 2}}"), want: "[{'_id': 1, 'r': [99, 33]}, {'_id': 2, 'r': []}]"},
		{in: in, pipeline: group("{'$top': {'output': '$p', 'sortBy': {'s': -1}}}"), want: "[{'_id': 1, 'r': 'c'}, {'_id': 2, 'r': 'e'}]"},
		{in: in, pipeline: group("{'$bottom': {'output': '$p', 'sortBy': {'s': -1}}}"), want: "[{'_id': 1, 'r': 'd'}, {'_id': 2, 'r': 'f'}]"},
		{in: in, pipeline: group("{'$topN': {'output': ['$p', '$s'], 'sortBy': {'s': -1}, 'n': 2}}"), want: "[{'_id': 1, 'r': [['c', 99], ['b', 33]]}, {'_id': 2, 'r': [['e', null], ['f', null]]}]"},
		{in: in, pipeline: group("{'$bottomN': {'output': '$p', 'sortBy': {'s': -1}, 'n': 3}}"), want: "[{'_id': 1, 'r': ['b', 'a', 'd']}, {'_id': 2, 'r': ['e', 'f']}]"},
		{in: in, pipeline: group("{'$median': {'input': '$s', 'method': 'approximate'}}"), want: "[{'_id': 1, 'r': 31.0}, {'_id': 2, 'r': null}]"},
		{in: in, pipeline: group("{'$percentile': {'input': '$s', 'p': [0, 0.9], 'method': 'approximate'}}"), want: "[{'_id': 1, 'r': [1.0, 99.0]}, {'_id': 2, 'r': [null, null]}]"},
		{
			name: "n of the group", in: in, pipeline: "[{'$group': {'_id': {'g': '$g'}, 'r': {'$firstN': {'input': '$p', 'n': {'$cond': [{'$eq': ['$g', 1]}, 3, 1]}}}}}]",
			want: "[{'_id': {'g': 1}, 'r': ['a', 'b', 'c']}, {'_id': {'g': 2}, 'r': ['e']}]",
		},
		{pipeline: group("{'$firstN': 1}"), code: 5787900},
		{pipeline: group("{'$firstN': {'input': 1, 'n': 1, 'x': 1}}"), code: 5787901},
		{pipeline: group("{'$firstN': {'input': 1}}"), code: 5787906},
		{pipeline: group("{'$firstN': {'n': 1}}"), code: 5787907},
		{pipeline: group("{'$firstN': {'input': 1, 'n': 0}}"), code: 5787908},
		{pipeline: group("{'$top': 1}"), code: 5788001},
		{pipeline: group("{'$top': {'output': 1, 'sortBy': {'a': 1}, 'n': 1}}"), code: 5788002},
		{pipeline: group("{'$topN': {'output': 1, 'sortBy': {'a': 1}}}"), code: 5788003},
		{pipeline: group("{'$top': {'sortBy': {'a': 1}}}"), code: 5788004},
		{pipeline: group("{'$top': {'output': 1}}"), code: 5788005},
		{pipeline: group("{'$top': {'output': 1, 'sortBy': 1}}"), code: 10065},
	})
}

// TestGroupSpills holds the results of merged runs against those from memory.
func TestGroupSpills(t *testing.T) {
	var sb strings.Builder
	for i := range 400 {
		fmt.Fprintf(&sb, ",{'_id': %d, 'k': %d, 'n': %d, 's': 's%d', 'o': {'f%d': %d}}", i, i*7%40, i, i%5, i%3, i)
	}
	tc := stageCase{
		in: "[" + sb.String()[1:] + "]",
		pipeline: `[{'$group': {'_id': '$k', 'sum': {'$sum': '$n'}, 'avg': {'$avg': '$n'}, 'first': {'$first': '$n'}, 'last': {'$last': '$n'},
			'min': {'$min': '$n'}, 'max': {'$max': '$n'}, 'push': {'$push': '$n'}, 'set': {'$addToSet': '$s'}, 'c': {'$count': {}},
			'o': {'$mergeObjects': '$o'}, 'f3': {'$firstN': {'input': '$n', 'n': 3}}, 'l3': {'$lastN': {'input': '$n', 'n': 3}},
			'min3': {'$minN': {'input': '$n', 'n': 3}}, 'max3': {'$maxN': {'input': '$n', 'n': 3}}, 'top': {'$top': {'output': '$n', 'sortBy': {'s': 1}}},
			'top3': {'$topN': {'output': '$n', 'sortBy': {'s': 1}, 'n': 3}}, 'bot3': {'$bottomN': {'output': '$n', 'sortBy': {'s': 1}, 'n': 3}},
			'med': {'$median': {'input': '$n', 'method': 'approximate'}}, 'nothing': {'$first': '$x'}}}]`,
	}
	byID := func(ds []bsonx.Doc) map[string]string {
		m := make(map[string]string)
		for _, d := range ds {
			m[bsonx.Format(d.Lookup("_id"))] = d.String()
		}
		require.Len(t, m, len(ds))
		return m
	}
	want, err := tc.run(t, testOptions(), nil)
	require.NoError(t, err)
	require.Len(t, want, 40)

	opts := testOptions()
	opts.MemoryMax = 5000
	_, err = tc.run(t, opts, nil)
	require.Equal(t, mongoerr.QueryExceededMemoryLimitNoDiskUse, mongoerr.From(err).Code)

	opts.AllowDiskUse, opts.TempDir = true, t.TempDir()
	got, err := tc.run(t, opts, nil)
	require.NoError(t, err)
	require.Equal(t, byID(want), byID(got))
}

func TestGroupDoesNotAllocateForKnownGroups(t *testing.T) {
	in := docs(t, "[{'k': 'a', 'n': 1, 's': 'long enough'}, {'k': 'b', 'n': 2, 's': 'other'}]")
	p, err := agg.Parse(array(t, "[{'$match': {'n': {'$gt': 0}}}, {'$group': {'_id': '$k', 'n': {'$sum': '$n'}, 'm': {'$max': '$n'}, 'l': {'$last': '$s'}}}]"), testOptions())
	require.NoError(t, err)
	perRun := func(n int) float64 {
		src := make([]bsonx.Doc, 0, n)
		for i := range n {
			src = append(src, in[i%len(in)])
		}
		return testing.AllocsPerRun(5, func() {
			it, err := p.Run(t.Context(), agg.Docs(src), nil)
			require.NoError(t, err)
			_, _, err = it.Next(t.Context())
			require.NoError(t, err)
			require.NoError(t, it.Close())
		})
	}
	require.Equal(t, perRun(100), perRun(10000))
}

func BenchmarkMatchGroup(b *testing.B) {
	filler := strings.Repeat("x", 80)
	src := make([]bsonx.Doc, 1000)
	for i := range src {
		bl := bsonx.NewBuilder(nil).Int32("_id", int32(i)).Int32("a", int32(i%100)).Int32("g", int32(i%10)).Int32("n", int32(i))
		for j := range 10 {
			bl.String(fmt.Sprintf("f%d", j), filler)
		}
		src[i] = bl.Build()
	}
	p, err := agg.Parse(array(b, "[{'$match': {'a': {'$gte': 20}, 'n': {'$lt': 900}}}, {'$group': {'_id': '$g', 's': {'$sum': '$n'}, 'c': {'$sum': 1}}}]"), testOptions())
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		it, err := p.Run(b.Context(), agg.Docs(src), nil)
		require.NoError(b, err)
		_, err = agg.Collect(b.Context(), it)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(src)), "ns/doc")
}
