package agg_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

func TestFill(t *testing.T) {
	in := "[{'g': 1, 'x': 1, 'n': 1}, {'g': 1, 'x': 2}, {'g': 2, 'x': 1, 'n': null}, {'g': 1, 'x': 3, 'n': 5, 'z': 0}]"
	runCases(t, []stageCase{
		{in: in, pipeline: "[{'$fill': {'output': {'n': {'value': 0}, 'z': {'value': '$x'}}}}]", want: `[
			{'g': 1, 'x': 1, 'n': 1, 'z': 1}, {'g': 1, 'x': 2, 'n': 0, 'z': 2}, {'g': 2, 'x': 1, 'n': 0, 'z': 1}, {'g': 1, 'x': 3, 'n': 5, 'z': 0}]`},
		{in: in, pipeline: "[{'$fill': {'partitionByFields': ['g'], 'sortBy': {'x': 1}, 'output': {'n': {'method': 'linear'}, 'z': {'value': 7}}}}]", want: `[
			{'g': 1, 'x': 1, 'n': 1, 'z': 7}, {'g': 1, 'x': 2, 'n': 3.0, 'z': 7}, {'g': 1, 'x': 3, 'n': 5, 'z': 0}, {'g': 2, 'x': 1, 'n': null, 'z': 7}]`},
		{in: in, pipeline: "[{'$fill': {'partitionBy': '$g', 'sortBy': {'x': 1}, 'output': {'n': {'method': 'locf'}}}}, {'$project': {'_id': 0, 'n': 1}}]", want: "[{'n': 1}, {'n': 1}, {'n': 5}, {'n': null}]"},
		{pipeline: "[{'$fill': 1}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$fill': {}}]", code: 40414},
		{pipeline: "[{'$fill': {'output': {}}}]", code: 6050203},
		{pipeline: "[{'$fill': {'output': {'a': 1}}}]", code: 6050200},
		{pipeline: "[{'$fill': {'output': {'a': {'value': 1, 'method': 'locf'}}}}]", code: 6050201},
		{pipeline: "[{'$fill': {'output': {'a': {'method': 'x'}}}}]", code: 6050202},
		{pipeline: "[{'$fill': {'output': {'a': {'method': 'locf', 'other': 1}}}}]", code: 40415},
		{pipeline: "[{'$fill': {'output': {'a': {'method': 1}}}}]", code: mongoerr.TypeMismatch},
		{pipeline: "[{'$fill': {'partitionBy': '$a', 'partitionByFields': ['a'], 'output': {'a': {'value': 1}}}}]", code: 6050204},
		{pipeline: "[{'$fill': {'output': {'a': {'value': 1}}, 'x': 1}}]", code: 40415},
	})
}

func TestDensify(t *testing.T) {
	runCases(t, []stageCase{
		{in: "[{'x': 5}, {'x': 1, 'y': 0}, {'x': 2.5}, {'y': 1}]", pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 2, 'bounds': 'full'}}}]", want: "[{'y': 1}, {'x': 1, 'y': 0}, {'x': 2.5}, {'x': 3}, {'x': 5}]"},
		{
			name: "full over partitions", in: "[{'g': 1, 'x': 1}, {'g': 1, 'x': 3}, {'g': 2, 'x': 2}]", pipeline: "[{'$densify': {'field': 'x', 'partitionByFields': ['g'], 'range': {'step': 1, 'bounds': 'full'}}}]",
			want: "[{'g': 1, 'x': 1}, {'g': 2, 'x': 1}, {'g': 2, 'x': 2}, {'g': 1, 'x': 2}, {'g': 1, 'x': 3}, {'g': 2, 'x': 3}]",
		},
		{
			name: "partition", in: "[{'g': 1, 'x': 1}, {'g': 1, 'x': 3}, {'g': 2, 'x': 2}, {'g': 2, 'x': 4}]", pipeline: "[{'$densify': {'field': 'x', 'partitionByFields': ['g'], 'range': {'step': 1, 'bounds': 'partition'}}}]",
			want: "[{'g': 1, 'x': 1}, {'g': 1, 'x': 2}, {'g': 1, 'x': 3}, {'g': 2, 'x': 2}, {'g': 2, 'x': 3}, {'g': 2, 'x': 4}]",
		},
		{name: "explicit", in: "[{'x': -5}, {'x': 1}, {'x': 9}]", pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': [0, 3]}}}]", want: "[{'x': -5}, {'x': 0}, {'x': 1}, {'x': 2}, {'x': 9}]"},
		{name: "explicit without documents", in: "[]", pipeline: "[{'$densify': {'field': 'x.y', 'range': {'step': 1, 'bounds': [0, 2]}}}]", want: "[{'x': {'y': 0}}, {'x': {'y': 1}}]"},
		{
			name: "explicit over partitions", in: "[{'g': 1, 'x': 1}, {'g': 2, 'x': 0}]", pipeline: "[{'$densify': {'field': 'x', 'partitionByFields': ['g'], 'range': {'step': 1, 'bounds': [0, 2]}}}]",
			want: "[{'g': 1, 'x': 0}, {'g': 1, 'x': 1}, {'g': 2, 'x': 0}, {'g': 2, 'x': 1}]",
		},
		{name: "dates", in: "[{'t': {'$date': '2024-01-31T00:00:00Z'}}, {'t': {'$date': '2024-03-30T00:00:00Z'}}]", pipeline: "[{'$densify': {'field': 't', 'range': {'step': 1, 'unit': 'month', 'bounds': 'full'}}}, {'$count': 'n'}]", want: "[{'n': 4}]"},
		{in: "[{'x': 0}, {'x': 1000000}]", pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': 'full'}}}, {'$count': 'n'}]", code: 5897900},
		{in: "[{'x': 'a'}]", pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': 'full'}}}]", code: 5733201},
		{in: "[{'x': 1}]", pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'unit': 'day', 'bounds': 'full'}}}]", code: 6053601},
		{pipeline: "[{'$densify': 1}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$densify': {'field': 'x'}}]", code: 40414},
		{pipeline: "[{'$densify': {'range': {'step': 1, 'bounds': 'full'}}}]", code: 40414},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1}}}]", code: 40414},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'bounds': 'full'}}}]", code: 40414},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 'a', 'bounds': 'full'}}}]", code: mongoerr.TypeMismatch},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': 'full', 'unit': 1}}}]", code: mongoerr.TypeMismatch},
		{pipeline: "[{'$densify': {'field': 'x', 'partitionByFields': ['x'], 'range': {'step': 1, 'bounds': 'full'}}}]", code: 8993000},
		{pipeline: "[{'$densify': {'field': 'x', 'partitionByFields': ['x.y'], 'range': {'step': 1, 'bounds': 'full'}}}]", code: 8993000},
		{pipeline: "[{'$densify': {'field': 'x.y', 'partitionByFields': ['x'], 'range': {'step': 1, 'bounds': 'full'}}}]", code: 9554500},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 0, 'bounds': 'full'}}}]", code: 5733401},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1.5, 'unit': 'day', 'bounds': 'full'}}}]", code: 6586400},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': 1}}}]", code: 5733404},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': 'x'}}}]", code: 5946802},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': 'partition'}}}]", code: 5733408},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': [1]}}}]", code: 5733403},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': [2, 1]}}}]", code: 5733402},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': [1, 2.5]}}}]", code: 5876900},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'unit': 'day', 'bounds': [1, 2]}}}]", code: 5733409},
		{pipeline: "[{'$densify': {'field': 'x', 'range': {'step': 1, 'bounds': ['a', 'b']}}}]", code: 5946800},
	})
}

func TestBucketAuto(t *testing.T) {
	in := "[{'a': 5}, {'a': 1}, {'a': 2}, {'a': 3}, {'a': 4}, {'a': 5}]"
	runCases(t, []stageCase{
		{in: in, pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 2}}]", want: "[{'_id': {'min': 1, 'max': 4}, 'count': 3}, {'_id': {'min': 4, 'max': 5}, 'count': 3}]"},
		{in: in, pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 9, 'output': {'s': {'$sum': '$a'}}}}]", want: `[
			{'_id': {'min': 1, 'max': 2}, 's': 1}, {'_id': {'min': 2, 'max': 3}, 's': 2}, {'_id': {'min': 3, 'max': 4}, 's': 3}, {'_id': {'min': 4, 'max': 5}, 's': 4}, {'_id': {'min': 5, 'max': 5}, 's': 10}]`},
		{name: "equal values stay together", in: "[{'a': 1}, {'a': 1}, {'a': 1}, {'a': 2}]", pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 4}}]", want: "[{'_id': {'min': 1, 'max': 2}, 'count': 3}, {'_id': {'min': 2, 'max': 2}, 'count': 1}]"},
		{name: "powers of two", in: "[{'a': 0}, {'a': 1}, {'a': 3}, {'a': 9}]", pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 2, 'granularity': 'POWERSOF2'}}]", want: "[{'_id': {'min': 0.0, 'max': 2.0}, 'count': 2}, {'_id': {'min': 2.0, 'max': 16.0}, 'count': 2}]"},
		{name: "renard", in: "[{'a': 10}, {'a': 20}, {'a': 30}, {'a': 90}]", pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 2, 'granularity': 'R5'}}]", want: "[{'_id': {'min': 6.3, 'max': 25.0}, 'count': 2}, {'_id': {'min': 25.0, 'max': 100.0}, 'count': 2}]"},
		{in: "[]", pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 2}}]", want: "[]"},
		{
			name: "input order", in: "[{'i': 0, 'a': 4}, {'i': 1, 'a': 3}, {'i': 2, 'a': 2}, {'i': 3, 'a': 1}]",
			pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 2, 'output': {'p': {'$push': '$i'}, 'f': {'$first': '$i'}}}}]",
			want:     "[{'_id': {'min': 1, 'max': 3}, 'p': [2, 3], 'f': 2}, {'_id': {'min': 3, 'max': 4}, 'p': [0, 1], 'f': 0}]",
		},
		{name: "n of the group key", pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 2, 'output': {'f': {'$firstN': {'input': '$a', 'n': '$x'}}}}}]", code: 4544714},
		{pipeline: "[{'$bucketAuto': {'groupBy': 'a', 'buckets': 2}}]", code: 40239},
		{pipeline: "[{'$bucketAuto': 1}]", code: 40240},
		{pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 'x'}}]", code: 40241},
		{pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 1.5}}]", code: 40242},
		{pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 0}}]", code: 40243},
		{pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 1, 'output': 1}}]", code: 40244},
		{pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 1, 'x': 1}}]", code: 40245},
		{pipeline: "[{'$bucketAuto': {'groupBy': '$a'}}]", code: 40246},
		{pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 1, 'granularity': 'x'}}]", code: 40257},
		{in: "[{'a': 'x'}]", pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 1, 'granularity': 'E192'}}]", code: 40258},
		{in: "[{'a': -1}]", pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 1, 'granularity': '1-2-5'}}]", code: 40260},
		{pipeline: "[{'$bucketAuto': {'groupBy': '$a', 'buckets': 1, 'granularity': 1}}]", code: 40261},
	})
}
