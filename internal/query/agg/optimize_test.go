package agg_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/query/agg"
)

func TestOptimize(t *testing.T) {
	for _, tc := range []struct{ name, pipeline, want string }{
		{"merge", "[{'$match': {'a': 1}}, {'$match': {'b': 2}}, {'$match': {}}]", "[{'$match': {'$and': [{'a': 1}, {'b': 2}]}}]"},
		{"top k", "[{'$sort': {'a': 1}}, {'$limit': 5}]", "[{'$sort': {'sortKey': {'a': 1}, 'limit': {'$numberLong': '5'}}}, {'$limit': 5}]"},
		{"top k with skip", "[{'$sort': {'a': 1}}, {'$skip': 2}, {'$limit': 5}]", "[{'$sort': {'sortKey': {'a': 1}, 'limit': {'$numberLong': '7'}}}, {'$skip': 2}, {'$limit': 5}]"},
		{
			"top k through a projection", "[{'$sort': {'a': 1}}, {'$project': {'a': 1}}, {'$skip': 1}, {'$limit': 5}]",
			"[{'$sort': {'sortKey': {'a': 1}, 'limit': {'$numberLong': '6'}}}, {'$skip': 1}, {'$limit': 5}, {'$project': {'a': 1}}]",
		},
		{"limit stays behind unwind", "[{'$unwind': '$a'}, {'$limit': 5}]", "[{'$unwind': '$a'}, {'$limit': 5}]"},
		{"before sort", "[{'$sort': {'a': 1}}, {'$match': {'a': 1}}]", "[{'$match': {'a': 1}}, {'$sort': {'sortKey': {'a': 1}}}]"},
		{"in part", "[{'$unwind': '$a'}, {'$match': {'b': 1, 'a': 2}}]", "[{'$match': {'b': 1}}, {'$unwind': '$a'}, {'$match': {'a': 2}}]"},
		{"in parts of parts", "[{'$lookup': {'from': 'f', 'pipeline': [], 'as': 'r'}}, {'$unwind': '$a'}, {'$match': {'$and': [{'b': 1, 'r': 3}, {'$and': [{'a': 2}, {'c': 4}]}]}}]", "[{'$match': {'$and': [{'b': 1}, {'c': 4}]}}, {'$lookup': {'from': 'f', 'pipeline': [], 'as': 'r'}}, {'$match': {'r': 3}}, {'$unwind': '$a'}, {'$match': {'a': 2}}]"},
		{"renamed", "[{'$project': {'z': '$a'}}, {'$match': {'z.b': 1}}]", "[{'$match': {'a.b': 1}}, {'$project': {'z': '$a'}}]"},
		{"renamed twice", "[{'$project': {'y': '$x'}}, {'$addFields': {'z': '$y'}}, {'$match': {'$or': [{'z': 1}, {'_id': 2}]}}]", "[{'$match': {'$or': [{'x': 1}, {'_id': 2}]}}, {'$project': {'y': '$x'}}, {'$addFields': {'z': '$y'}}]"},
		{"renamed in part", "[{'$project': {'z': '$a', 's': {'$add': ['$a', 1]}}}, {'$match': {'z': 1, 's': 2}}]", "[{'$match': {'a': 1}}, {'$project': {'z': '$a', 's': {'$add': ['$a', 1]}}}, {'$match': {'s': 2}}]"},
		{"not of a longer path", "[{'$project': {'z': '$a.b'}}, {'$match': {'z': 1}}]", "[{'$project': {'z': '$a.b'}}, {'$match': {'z': 1}}]"},
		{"not in expressions", "[{'$project': {'z': '$a'}}, {'$match': {'$expr': {'$eq': ['$z', 1]}}}]", "[{'$project': {'z': '$a'}}, {'$match': {'$expr': {'$eq': ['$z', 1]}}}]"},
		{"not across a barrier", "[{'$sort': {'a': 1}}, {'$_internalInhibitOptimization': {}}, {'$match': {'a': 1}}]", "[{'$sort': {'sortKey': {'a': 1}}}, {'$_internalInhibitOptimization': {}}, {'$match': {'a': 1}}]"},
		{"before unwind", "[{'$unwind': '$a'}, {'$match': {'b': 1}}]", "[{'$match': {'b': 1}}, {'$unwind': '$a'}]"},
		{"not before what it unwinds", "[{'$unwind': '$a'}, {'$match': {'a.b': 1}}]", "[{'$unwind': '$a'}, {'$match': {'a.b': 1}}]"},
		{"not before its index", "[{'$unwind': {'path': '$a', 'includeArrayIndex': 'i'}}, {'$match': {'i': 1}}]", "[{'$unwind': {'path': '$a', 'includeArrayIndex': 'i'}}, {'$match': {'i': 1}}]"},
		{"not before the whole document", "[{'$unwind': '$a'}, {'$match': {'$expr': {'$eq': ['$$ROOT', 1]}}}]", "[{'$unwind': '$a'}, {'$match': {'$expr': {'$eq': ['$$ROOT', 1]}}}]"},
		{"not before limit", "[{'$limit': 1}, {'$match': {'b': 1}}]", "[{'$limit': 1}, {'$match': {'b': 1}}]"},
		{"not before limited sort", "[{'$sort': {'a': 1}}, {'$limit': 1}, {'$match': {'b': 1}}]", "[{'$sort': {'sortKey': {'a': 1}, 'limit': {'$numberLong': '1'}}}, {'$limit': 1}, {'$match': {'b': 1}}]"},
		{
			"lookup and unwind", "[{'$lookup': {'from': 'f', 'pipeline': [], 'as': 'r'}}, {'$unwind': '$r'}, {'$unwind': '$x'}]",
			"[{'$lookup': {'from': 'f', 'pipeline': [], 'as': 'r', 'unwinding': {'preserveNullAndEmptyArrays': false}}}, {'$unwind': '$x'}]",
		},
		{
			"before lookup and merged", "[{'$match': {'a': 1}}, {'$lookup': {'from': 'f', 'pipeline': [], 'as': 'r'}}, {'$match': {'b': 1}}, {'$match': {'r': []}}]",
			"[{'$match': {'$and': [{'a': 1}, {'b': 1}]}}, {'$lookup': {'from': 'f', 'pipeline': [], 'as': 'r'}}, {'$match': {'r': []}}]",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := agg.Parse(array(t, tc.pipeline), testOptions())
			require.NoError(t, err)
			require.Equal(t, format(docs(t, tc.want)), format(p.Explain(nil)))
		})
	}
}

func TestPrefix(t *testing.T) {
	for _, tc := range []struct {
		name, pipeline string
		filter, sort   string
		skip, limit    int64
		rest           string
		deps           string // "*": whole
	}{
		{name: "nothing", pipeline: "[]", rest: "[]", deps: "*"},
		{
			name: "all of it", pipeline: "[{'$match': {'a': 1}}, {'$sort': {'b': 1}}, {'$skip': 2}, {'$limit': 3}]",
			filter: "{'a': 1}", sort: "{'b': 1}", skip: 2, limit: 3, rest: "[]", deps: "*",
		},
		{name: "limit before skip", pipeline: "[{'$limit': 3}, {'$skip': 2}]", limit: 3, rest: "[{'$skip': 2}]", deps: "*"},
		{name: "sort and limit", pipeline: "[{'$sort': {'b': 1}}, {'$limit': 3}]", sort: "{'b': 1}", limit: 3, rest: "[]", deps: "*"},
		{name: "sort after limit", pipeline: "[{'$limit': 3}, {'$sort': {'b': 1}}]", limit: 3, rest: "[{'$sort': {'sortKey': {'b': 1}}}]", deps: "*"},
		{name: "count", pipeline: "[{'$match': {'a': 1}}, {'$group': {'_id': 1, 'n': {'$sum': 1}}}]", filter: "{'a': 1}", rest: "[{'$group': {'_id': 1, 'n': {'$sum': 1}}}]"},
		{name: "count stage", pipeline: "[{'$count': 'n'}]", rest: "[{'$group': {'_id': {'$const': null}, 'n': {'$sum': {'$const': 1}}}}, {'$project': {'n': true, '_id': false}}]"},
		{name: "group", pipeline: "[{'$unwind': '$c'}, {'$group': {'_id': '$a.b', 'n': {'$sum': '$a'}}}]", rest: "[{'$unwind': '$c'}, {'$group': {'_id': '$a.b', 'n': {'$sum': '$a'}}}]", deps: "a c"},
		{name: "whole", pipeline: "[{'$group': {'_id': null, 'n': {'$push': '$$ROOT'}}}]", rest: "[{'$group': {'_id': null, 'n': {'$push': '$$ROOT'}}}]", deps: "*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := agg.Parse(array(t, tc.pipeline), testOptions())
			require.NoError(t, err)
			pre := p.Prefix()
			require.Equal(t, tc.filter == "", pre.Filter == nil)
			if tc.filter != "" {
				require.Equal(t, doc(t, tc.filter).String(), pre.Filter.String())
			}
			require.Equal(t, tc.sort == "", pre.Sort == nil)
			if tc.sort != "" {
				require.Equal(t, doc(t, tc.sort).String(), pre.Sort.String())
			}
			require.Equal(t, tc.skip, pre.Skip)
			require.Equal(t, tc.limit, pre.Limit)
			require.Equal(t, format(docs(t, tc.rest)), format(pre.Rest.Explain(nil)))
			require.Equal(t, tc.deps == "*", pre.Whole)
			if !pre.Whole {
				require.Equal(t, strings.Fields(tc.deps), append([]string{}, pre.Deps...))
			}
		})
	}
}

func TestProfileCountsWhatStagesReturn(t *testing.T) {
	p, err := agg.Parse(array(t, "[{'$unwind': '$a'}, {'$match': {'a': {'$gt': 1}}}, {'$count': 'n'}]"), testOptions())
	require.NoError(t, err)
	pr, err := p.Profile(t.Context(), agg.Docs(docs(t, "[{'a': [1, 2, 3]}, {'a': 4}]")), nil)
	require.NoError(t, err)
	var returned []int64
	for _, d := range p.Explain(pr) {
		returned = append(returned, d.Lookup("nReturned").Int64())
	}
	require.Equal(t, []int64{4, 3, 1, 1}, returned)
}

func TestExplainOfWriters(t *testing.T) {
	for _, tc := range []struct{ stage, want string }{
		{"{'$out': 'o'}", "{'$out': {'coll': 'o', 'db': 'db'}}"},
		{"{'$merge': 'o'}", "{'$merge': {'into': {'db': 'db', 'coll': 'o'}, 'on': '_id', 'whenMatched': 'merge', 'whenNotMatched': 'insert'}}"},
		{
			"{'$merge': {'into': {'db': 'd', 'coll': 'o'}, 'on': ['a', 'b'], 'whenMatched': [{'$set': {'x': 1}}], 'whenNotMatched': 'fail'}}",
			"{'$merge': {'into': {'db': 'd', 'coll': 'o'}, 'on': ['a', 'b'], 'whenMatched': [{'$set': {'x': 1}}], 'whenNotMatched': 'fail'}}",
		},
	} {
		p, err := agg.Parse(array(t, "["+tc.stage+"]"), testOptions())
		require.NoError(t, err)
		require.Equal(t, format(docs(t, "["+tc.want+"]")), format(p.Explain(nil)))
	}
}
