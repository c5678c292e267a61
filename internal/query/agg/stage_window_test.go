package agg_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// windows makes a pipeline with one output r, whose other fields go away.
func windows(options, output string) string {
	return fmt.Sprintf("[{'$setWindowFields': {%s'output': {'r': %s}}}, {'$project': {'_id': 0, 'r': 1}}]", options, output)
}

func results(vals string) string {
	var sb strings.Builder
	for i, v := range strings.Split(vals, ";") {
		if i > 0 {
			sb.WriteString(",")
		}
		sb.WriteString("{'r': " + strings.TrimSpace(v) + "}")
	}
	return "[" + sb.String() + "]"
}

func TestSetWindowFields(t *testing.T) {
	in := "[{'g': 1, 'x': 3, 'n': 30}, {'g': 2, 'x': 1, 'n': 5}, {'g': 1, 'x': 1, 'n': 10}, {'g': 1, 'x': 2, 'n': 20}, {'g': 2, 'x': 1, 'n': 6}]"
	byX, byGX := "'sortBy': {'x': 1}, ", "'partitionBy': '$g', 'sortBy': {'x': 1}, "
	runCases(t, []stageCase{
		{name: "whole documents, sorted by partition", in: in, pipeline: "[{'$setWindowFields': {" + byGX + "'output': {'a.s': {'$sum': '$n'}, 'k': {'$rank': {}}}}}]", want: `[
			{'g': 1, 'x': 1, 'n': 10, 'a': {'s': 60}, 'k': 1}, {'g': 1, 'x': 2, 'n': 20, 'a': {'s': 60}, 'k': 2}, {'g': 1, 'x': 3, 'n': 30, 'a': {'s': 60}, 'k': 3},
			{'g': 2, 'x': 1, 'n': 5, 'a': {'s': 11}, 'k': 1}, {'g': 2, 'x': 1, 'n': 6, 'a': {'s': 11}, 'k': 1}]`},
		{name: "no partition, no order", in: in, pipeline: windows("", "{'$sum': '$n'}"), want: results("71; 71; 71; 71; 71")},
		{name: "no input", in: "[]", pipeline: windows("", "{'$sum': '$n'}"), want: "[]"},
		{name: "running", in: in, pipeline: windows(byGX, "{'$sum': '$n', 'window': {'documents': ['unbounded', 'current']}}"), want: results("10; 30; 60; 5; 11")},
		{name: "moving", in: in, pipeline: windows(byGX, "{'$avg': '$n', 'window': {'documents': [-1, 0]}}"), want: results("10.0; 15.0; 25.0; 5.0; 5.5")},
		{name: "ahead", in: in, pipeline: windows(byGX, "{'$push': '$n', 'window': {'documents': [1, 'unbounded']}}"), want: results("[20, 30]; [30]; []; [6]; []")},
		{name: "range", in: in, pipeline: windows(byX, "{'$sum': '$n', 'window': {'range': [-1, 0]}}"), want: results("21; 21; 21; 41; 50")},
		{
			name: "range of dates", in: "[{'t': {'$date': '2024-01-31T00:00:00Z'}}, {'t': {'$date': '2024-02-29T00:00:00Z'}}, {'t': {'$date': '2024-03-31T00:00:00Z'}}]",
			pipeline: windows("'sortBy': {'t': 1}, ", "{'$count': {}, 'window': {'range': [0, 1], 'unit': 'month'}}"), want: results("2; 1; 1"),
		},
		{name: "denseRank", in: in, pipeline: windows(byX, "{'$denseRank': {}}"), want: results("1; 1; 1; 2; 3")},
		{name: "rank", in: in, pipeline: windows(byX, "{'$rank': {}}"), want: results("1; 1; 1; 4; 5")},
		{name: "documentNumber", in: in, pipeline: windows(byX, "{'$documentNumber': {}}"), want: results("1; 2; 3; 4; 5")},
		{name: "shift", in: in, pipeline: windows(byGX, "{'$shift': {'output': '$n', 'by': 1, 'default': 'none'}}"), want: results("20; 30; 'none'; 6; 'none'")},
		{name: "shift back", in: in, pipeline: windows(byGX, "{'$shift': {'output': '$n', 'by': -1}}"), want: results("null; 10; 20; null; 5")},
		{name: "expMovingAvg", in: "[{'x': 1, 'n': 1}, {'x': 2, 'n': 'no'}, {'x': 3, 'n': 2}]", pipeline: windows(byX, "{'$expMovingAvg': {'input': '$n', 'N': 3}}"), want: results("1; 1; 1.5")},
		{name: "derivative", in: "[{'x': 1, 'n': 1}, {'x': 3, 'n': 5}]", pipeline: windows(byX, "{'$derivative': {'input': '$n'}, 'window': {'documents': [-1, 0]}}"), want: results("null; 2.0")},
		{
			name: "derivative of dates", in: "[{'x': {'$date': '2024-01-01T00:00:00Z'}, 'n': 1}, {'x': {'$date': '2024-01-01T01:00:00Z'}, 'n': 5}]",
			pipeline: windows(byX, "{'$derivative': {'input': '$n', 'unit': 'hour'}, 'window': {'documents': [-1, 0]}}"), want: results("null; 4.0"),
		},
		{name: "integral", in: "[{'x': 0, 'n': 0}, {'x': 2, 'n': 2}, {'x': 4, 'n': 2}]", pipeline: windows(byX, "{'$integral': {'input': '$n'}, 'window': {'documents': ['unbounded', 'current']}}"), want: results("0.0; 2.0; 6.0")},
		{name: "covariance", in: "[{'x': 0, 'y': 1}, {'x': 2, 'y': 5}, {'x': 4, 'y': 9}]", pipeline: windows("", "{'$covariancePop': ['$x', '$y']}"), want: results("5.333333333333333; 5.333333333333333; 5.333333333333333")},
		{name: "locf", in: "[{'n': 1}, {}, {'n': null}, {'n': 2}, {}]", pipeline: windows("", "{'$locf': '$n'}"), want: results("1; 1; 1; 2; 2")},
		{name: "linearFill", in: "[{'x': 0}, {'x': 1, 'n': 10}, {'x': 2}, {'x': 3}, {'x': 5, 'n': 30}, {'x': 6}]", pipeline: windows(byX, "{'$linearFill': '$n'}"), want: results("null; 10; 15.0; 20.0; 30; null")},
		{name: "top of a window", in: in, pipeline: windows(byX, "{'$top': {'output': '$n', 'sortBy': {'n': -1}}, 'window': {'documents': [0, 1]}}"), want: results("10; 10; 20; 30; 30")},
		{pipeline: "[{'$setWindowFields': 1}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$setWindowFields': {}}]", code: 40414},
		{pipeline: "[{'$setWindowFields': {'output': {}, 'x': 1}}]", code: 40415},
		{pipeline: "[{'$setWindowFields': {'output': {'a': {'$sum': 1}, 'a.b': {'$sum': 1}}}}]", code: 6307900},
		{pipeline: windows("", "{'$nope': 1}"), code: mongoerr.FailedToParse},
		{pipeline: windows("", "{'$sum': 1, 'x': 1}"), code: mongoerr.FailedToParse},
		{pipeline: windows("", "{'$sum': 1, 'window': {'documents': [0, 1]}}"), code: 5339901},
		{pipeline: windows("", "{'$sum': 1, 'window': {'range': [0, 1]}}"), code: 5339902},
		{pipeline: windows("'sortBy': {'x': -1}, ", "{'$sum': 1, 'window': {'range': [0, 1]}}"), code: 8947401},
		{pipeline: windows(byX, "{'$sum': 1, 'window': {'documents': [1, 0]}}"), code: 5339900},
		{pipeline: windows(byX, "{'$sum': 1, 'window': {'documents': [0.5, 1]}}"), code: mongoerr.FailedToParse},
		{pipeline: windows(byX, "{'$sum': 1, 'window': {'documents': ['x', 1]}}"), code: mongoerr.FailedToParse},
		{pipeline: windows("", "{'$rank': {}}"), code: 5371602},
		{pipeline: windows(byX, "{'$rank': 1}"), code: 5371603},
		{pipeline: windows(byX, "{'$rank': {}, 'window': {}}"), code: 5371601},
		{in: "[{'x': 'a'}]", pipeline: windows(byX, "{'$sum': 1, 'window': {'range': [0, 1]}}"), code: 5429413},
		{in: "[{'x': 1}]", pipeline: windows(byX, "{'$sum': 1, 'window': {'range': [0, 1], 'unit': 'day'}}"), code: 5429414},
		{in: "[{'g': [1]}]", pipeline: windows("'partitionBy': '$g', ", "{'$sum': 1}"), code: mongoerr.TypeMismatch},
		{in: "[{'x': 1, 'n': 'a'}]", pipeline: windows(byX, "{'$linearFill': '$n'}"), code: mongoerr.TypeMismatch},
		{pipeline: windows("'sortBy': {'x': 1, 'y': 1}, ", "{'$documentNumber': {}}"), code: 5371602},
		{pipeline: windows("'partitionBy': [1], 'sortBy': {'x': 1, 'y': 1}, ", "{'$rank': {}}"), code: 5371602},
		{pipeline: windows("'partitionBy': [1], ", "{'$sum': 1}"), code: mongoerr.TypeMismatch},
		{pipeline: windows(byX, "{'$integral': {'input': '$y', 'unit': 'month'}}"), code: 5490710},
		{in: "[{'x': 1}]", pipeline: windows(byX, "{'$integral': {'input': '$x', 'unit': 'day'}}"), code: 5423901},
		{in: "[{'x': {'$date': '2024-01-31T00:00:00Z'}}]", pipeline: windows(byX, "{'$integral': {'input': '$x'}}"), code: 5423902},
		{in: "[{'x': 1}, {'x': 1}]", pipeline: windows(byX, "{'$linearFill': '$n'}"), code: 6050106},
	})
}

// TestSetWindowFieldsSpills holds partitions that were on disk against those from memory. What the
// functions read must fit in memory.
func TestSetWindowFieldsSpills(t *testing.T) {
	var sb strings.Builder
	for i := range 60 {
		fmt.Fprintf(&sb, ",{'_id': %d, 'p': %d, 'x': %d, 'fill': '%s'}", i, i/50, i*7%60, strings.Repeat("f", 200))
	}
	tc := stageCase{
		in: "[" + sb.String()[1:] + "]",
		pipeline: `[{'$setWindowFields': {'partitionBy': '$p', 'sortBy': {'x': 1}, 'output': {
			's': {'$sum': '$x', 'window': {'documents': [-2, 2]}}, 'r': {'$rank': {}}, 'l': {'$shift': {'output': '$x', 'by': -1}}}}}]`,
	}
	want, err := tc.run(t, testOptions(), nil)
	require.NoError(t, err)
	require.Len(t, want, 60)

	opts := testOptions()
	opts.MemoryMax = 8000
	_, err = tc.run(t, opts, nil)
	require.Equal(t, mongoerr.QueryExceededMemoryLimitNoDiskUse, mongoerr.From(err).Code, "the sort needs the disk already")
	opts.AllowDiskUse, opts.TempDir = true, t.TempDir()
	got, err := tc.run(t, opts, nil)
	require.NoError(t, err)
	require.Equal(t, format(want), format(got))

	opts.MemoryMax = 2000
	_, err = tc.run(t, opts, nil)
	require.Equal(t, mongoerr.Code(5414201), mongoerr.From(err).Code)
}

func TestSetWindowFieldsBoundsPartitions(t *testing.T) {
	opts := testOptions()
	opts.MemoryMax = 100
	tc := stageCase{in: "[{'a': 1}, {'a': 2}, {'a': 3}]", pipeline: windows("", "{'$sum': '$a'}")}
	_, err := tc.run(t, opts, nil)
	require.Equal(t, mongoerr.Code(5643011), mongoerr.From(err).Code)
}
