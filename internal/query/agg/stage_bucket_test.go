package agg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/query/agg"
)

func TestBucket(t *testing.T) {
	in := "[{'a': 5}, {'a': 0}, {'a': 9.9}, {'a': 10}, {'a': 'x'}]"
	runCases(t, []stageCase{
		{
			in: in, pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0, 5, 10], 'default': 'other'}}]",
			want: "[{'_id': 0, 'count': 1}, {'_id': 5, 'count': 2}, {'_id': 'other', 'count': 2}]",
		},
		{in: "[{'a': 1}, {'a': 2}]", pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0, 5], 'output': {'s': {'$sum': '$a'}}}}]", want: "[{'_id': 0, 's': 3}]"},
		{in: in, pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0, 5, 10]}}]", code: 40066},
		{pipeline: "[{'$bucket': 1}]", code: 40201},
		{pipeline: "[{'$bucket': {'groupBy': 'a', 'boundaries': [0, 1]}}]", code: 40202},
		{pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': 1}}]", code: 40200},
		{pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0, '$b']}}]", code: 40191},
		{pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0]}}]", code: 40192},
		{pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0, 'x']}}]", code: 40193},
		{pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [1, 0]}}]", code: 40194},
		{pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0, 1], 'default': '$b'}}]", code: 40195},
		{pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0, 1], 'output': 1}}]", code: 40196},
		{pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0, 1], 'x': 1}}]", code: 40197},
		{pipeline: "[{'$bucket': {'groupBy': '$a'}}]", code: 40198},
		{pipeline: "[{'$bucket': {'groupBy': '$a', 'boundaries': [0, 2], 'default': 1}}]", code: 40199},
	})
}

func TestSortByCount(t *testing.T) {
	runCases(t, []stageCase{
		{in: "[{'a': 1}, {'a': 2}, {'a': 2}]", pipeline: "[{'$sortByCount': '$a'}]", want: "[{'_id': 2, 'count': 2}, {'_id': 1, 'count': 1}]"},
		{in: "[{'a': 1}, {'a': 2}, {'a': 5}]", pipeline: "[{'$sortByCount': {'$gt': ['$a', 1]}}]", want: "[{'_id': true, 'count': 2}, {'_id': false, 'count': 1}]"},
		{pipeline: "[{'$sortByCount': {'a': 1}}]", code: 40147},
		{pipeline: "[{'$sortByCount': 'a'}]", code: 40148},
		{pipeline: "[{'$sortByCount': 1}]", code: 40149},
	})
}

func TestSample(t *testing.T) {
	runCases(t, []stageCase{
		{in: "[{'a': 1}]", pipeline: "[{'$sample': {'size': 5}}]", want: "[{'a': 1}]"},
		{in: "[]", pipeline: "[{'$sample': {'size': 5}}]", want: "[]"},
		{pipeline: "[{'$sample': 1}]", code: 28745},
		{pipeline: "[{'$sample': {'size': 'x'}}]", code: 28746},
		{pipeline: "[{'$sample': {'size': -1}}]", code: 28747},
		{pipeline: "[{'$sample': {'size': 1, 'x': 1}}]", code: 28748},
		{pipeline: "[{'$sample': {}}]", code: 28749},
	})
}

func TestSampleIsUniform(t *testing.T) {
	in := docs(t, "[{'a': 0}, {'a': 1}, {'a': 2}, {'a': 3}, {'a': 4}]")
	p, err := agg.Parse(array(t, "[{'$sample': {'size': 2}}]"), testOptions())
	require.NoError(t, err)
	counts := make([]int, len(in))
	for range 5000 {
		it, err := p.Run(t.Context(), agg.Docs(in), nil)
		require.NoError(t, err)
		got, err := agg.Collect(t.Context(), it)
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.NotEqual(t, got[0], got[1])
		for _, d := range got {
			counts[d.Lookup("a").Int32()]++
		}
	}
	for _, n := range counts {
		require.InDelta(t, 2000, n, 250)
	}
}

func TestRedact(t *testing.T) {
	in := `[{'_id': 1, 'l': 1, 'a': {'l': 5, 'x': 1}, 'b': [{'l': 1, 'y': 2}, {'l': 9}, 7, [{'l': 9}, {'l': 0}]], 'c': {'l': 2}}, {'_id': 2, 'l': 9}]`
	runCases(t, []stageCase{
		{
			in: in, pipeline: "[{'$redact': {'$cond': [{'$gt': ['$l', 3]}, '$$PRUNE', '$$DESCEND']}}]",
			want: "[{'_id': 1, 'l': 1, 'b': [{'l': 1, 'y': 2}, 7, [{'l': 0}]], 'c': {'l': 2}}]",
		},
		{in: in, pipeline: "[{'$redact': '$$KEEP'}, {'$skip': 1}]", want: "[{'_id': 2, 'l': 9}]"},
		{in: in, pipeline: "[{'$redact': '$$PRUNE'}]", want: "[]"},
		{in: in, pipeline: "[{'$redact': '$l'}]", code: 17053},
	})
}

func TestSort(t *testing.T) {
	in := "[{'_id': 1, 'a': 3}, {'_id': 2, 'a': 1}, {'_id': 3}, {'_id': 4, 'a': [0, 9]}, {'_id': 5, 'a': 2}]"
	runCases(t, []stageCase{
		{in: in, pipeline: "[{'$sort': {'a': 1}}]", want: "[{'_id': 3}, {'_id': 4, 'a': [0, 9]}, {'_id': 2, 'a': 1}, {'_id': 5, 'a': 2}, {'_id': 1, 'a': 3}]"},
		{in: in, pipeline: "[{'$sort': {'a': -1, '_id': 1}}, {'$limit': 2}]", want: "[{'_id': 4, 'a': [0, 9]}, {'_id': 1, 'a': 3}]"},
		{in: in, pipeline: "[{'$sort': {'a': 1}}, {'$skip': 1}, {'$limit': 1}]", want: "[{'_id': 4, 'a': [0, 9]}]"},
		{pipeline: "[{'$sort': 1}]", code: 15973},
		{pipeline: "[{'$sort': {}}]", code: 15976},
		{pipeline: "[{'$sort': {'a': 'x'}}]", code: 15974},
		{pipeline: "[{'$sort': {'a': 2}}]", code: 15975},
	})
}
