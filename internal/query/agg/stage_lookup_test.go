package agg_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
)

func TestLookup(t *testing.T) {
	colls := map[string][]bsonx.Doc{
		"f": docs(t, "[{'_id': 1, 'x': 1}, {'_id': 2, 'x': [1, 2]}, {'_id': 3}, {'_id': 4, 'x': null}, {'_id': 5, 'x': 3.0}]"),
	}
	for _, indexed := range []bool{false, true} {
		for _, tc := range []stageCase{
			{
				in: "[{'a': 1}]", pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'as': 'r'}}]",
				want: "[{'a': 1, 'r': [{'_id': 1, 'x': 1}, {'_id': 2, 'x': [1, 2]}]}]",
			},
			{
				name: "local arrays", in: "[{'a': [2, 3]}]", pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'as': 'r'}}]",
				want: "[{'a': [2, 3], 'r': [{'_id': 2, 'x': [1, 2]}, {'_id': 5, 'x': 3.0}]}]",
			},
			{
				name: "missing and null", in: "[{'b': 0}, {'a': null}]", pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'as': 'r'}}]",
				want: "[{'b': 0, 'r': [{'_id': 3}, {'_id': 4, 'x': null}]}, {'a': null, 'r': [{'_id': 3}, {'_id': 4, 'x': null}]}]",
			},
			{
				name: "overwrites as", in: "[{'a': 9, 'b': {'r': 5, 's': 6}}]", pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'as': 'b.r'}}]",
				want: "[{'a': 9, 'b': {'r': [], 's': 6}}]",
			},
			{
				name: "unknown collection", in: "[{'a': 1}]", pipeline: "[{'$lookup': {'from': 'none', 'localField': 'a', 'foreignField': 'x', 'as': 'r'}}]",
				want: "[{'a': 1, 'r': []}]",
			},
			{
				name: "regular expressions are values", in: "[{'a': [{'$regularExpression': {'pattern': '1', 'options': ''}}, 3]}]", pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'as': 'r'}}, {'$unwind': '$r'}, {'$replaceWith': '$r'}]",
				want: "[{'_id': 5, 'x': 3.0}]",
			},
			{
				name: "fields and pipeline", in: "[{'a': 1, 'm': 1}]", pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'let': {'m': '$m'}, 'pipeline': [{'$match': {'$expr': {'$gt': ['$_id', '$$m']}}}], 'as': 'r'}}]",
				want: "[{'a': 1, 'm': 1, 'r': [{'_id': 2, 'x': [1, 2]}]}]",
			},
			{
				name: "correlated", in: "[{'a': 4}, {'a': 5}]", pipeline: "[{'$lookup': {'from': 'f', 'let': {'v': '$a'}, 'pipeline': [{'$match': {'$expr': {'$gte': ['$_id', '$$v']}}}, {'$count': 'n'}], 'as': 'r'}}]",
				want: "[{'a': 4, 'r': [{'n': 2}]}, {'a': 5, 'r': [{'n': 1}]}]",
			},
			{
				name: "nested variables", in: "[{'a': 5}]", pipeline: "[{'$lookup': {'from': 'f', 'let': {'v': '$a'}, 'pipeline': [{'$match': {'_id': 1}}, {'$lookup': {'from': 'f', 'pipeline': [{'$match': {'$expr': {'$eq': ['$_id', '$$v']}}}], 'as': 'in'}}], 'as': 'r'}}]",
				want: "[{'a': 5, 'r': [{'_id': 1, 'x': 1, 'in': [{'_id': 5, 'x': 3.0}]}]}]",
			},
			{
				name: "unwound", in: "[{'a': 1}, {'a': 7}, {'a': 3}]", pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'as': 'r'}}, {'$unwind': {'path': '$r', 'includeArrayIndex': 'i'}}]",
				want: "[{'a': 1, 'r': {'_id': 1, 'x': 1}, 'i': {'$numberLong': '0'}}, {'a': 1, 'r': {'_id': 2, 'x': [1, 2]}, 'i': {'$numberLong': '1'}}, {'a': 3, 'r': {'_id': 5, 'x': 3.0}, 'i': {'$numberLong': '0'}}]",
			},
			{
				name: "unwound, preserving", in: "[{'a': 3}, {'a': 7, 'r': 1}, {'a': 3}]", pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'as': 'r'}}, {'$unwind': {'path': '$r', 'preserveNullAndEmptyArrays': true}}]",
				want: "[{'a': 3, 'r': {'_id': 5, 'x': 3.0}}, {'a': 7}, {'a': 3, 'r': {'_id': 5, 'x': 3.0}}]",
			},
			{
				name: "unwound, preserving, nested", in: "[{'a': 7}]", pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'as': 'r.s'}}, {'$unwind': {'path': '$r.s', 'preserveNullAndEmptyArrays': true}}]",
				want: "[{'a': 7, 'r': {}}]",
			},
			{
				name: "unwound pipeline", in: "[{'a': 3}, {'a': 4}]", pipeline: "[{'$lookup': {'from': 'f', 'pipeline': [{'$skip': 3}, {'$project': {'_id': 1}}], 'as': 'r'}}, {'$unwind': '$r'}]",
				want: "[{'a': 3, 'r': {'_id': 4}}, {'a': 3, 'r': {'_id': 5}}, {'a': 4, 'r': {'_id': 4}}, {'a': 4, 'r': {'_id': 5}}]",
			},
			{
				name: "fields and documents", in: "[{'a': 2}, {'a': 3}]", pipeline: "[{'$lookup': {'localField': 'a', 'foreignField': 'q', 'pipeline': [{'$documents': [{'q': 1}, {'q': 2}]}, {'$addFields': {'z': 1}}], 'as': 'r'}}]",
				want: "[{'a': 2, 'r': [{'q': 2, 'z': 1}]}, {'a': 3, 'r': []}]",
			},
			{
				name: "documents", in: "[{'a': 5}]", pipeline: "[{'$lookup': {'let': {'v': '$a'}, 'pipeline': [{'$documents': [{'q': '$$v'}]}], 'as': 'r'}}]",
				want: "[{'a': 5, 'r': [{'q': 5}]}]",
			},
		} {
			t.Run(fmt.Sprintf("%s/indexed=%v", tc.name, indexed), func(t *testing.T) {
				src := &fakeSources{colls: colls, indexes: map[string]bool{"f.x": indexed}}
				tc.check(t, testOptions(), src)
			})
		}
	}
}

func TestLookupReadsOnceWhatDoesNotVary(t *testing.T) {
	colls := map[string][]bsonx.Doc{"f": docs(t, "[{'_id': 1, 'x': 1}]")}
	in := "[{'a': 1}, {'a': 1}, {'a': 1}]"
	for _, tc := range []struct {
		pipeline string
		opened   int
	}{
		{"[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'x', 'as': 'r'}}]", 1},
		{"[{'$lookup': {'from': 'f', 'pipeline': [], 'as': 'r'}}]", 1},
		{"[{'$lookup': {'from': 'f', 'let': {'a': '$a'}, 'pipeline': [], 'as': 'r'}}]", 3},
		{"[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': '_id', 'as': 'r'}}]", 1},
		{"[{'$lookup': {'from': 'f', 'pipeline': [], 'as': 'r'}}, {'$unwind': '$r'}]", 1},
	} {
		src := &fakeSources{colls: colls, indexes: map[string]bool{"f._id": true}}
		got, err := stageCase{in: in, pipeline: tc.pipeline}.run(t, testOptions(), src)
		require.NoError(t, err)
		require.Len(t, got, 3)
		for _, d := range got {
			require.False(t, d.Lookup("r").Doc().IsEmpty())
		}
		require.Equal(t, tc.opened, src.opened, tc.pipeline)
	}
}

func TestLookupRefuses(t *testing.T) {
	runCases(t, []stageCase{
		{pipeline: "[{'$lookup': 1}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'from': 'f', 'as': 'r'}}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'as': 'r'}}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'pipeline': [], 'as': 'r'}}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'from': 'f', 'localField': 'a', 'foreignField': 'b', 'let': {}, 'as': 'r'}}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'from': 1, 'pipeline': [], 'as': 'r'}}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'from': 'f', 'pipeline': []}}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'pipeline': [], 'as': 'r'}}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'from': 'f', 'pipeline': 1, 'as': 'r'}}]", code: mongoerr.TypeMismatch},
		{pipeline: "[{'$lookup': {'from': 'f', 'pipeline': [], 'as': '$r'}}]", code: 16410},
		{pipeline: "[{'$lookup': {'from': 'f', 'pipeline': [], 'as': 'r', 'x': 1}}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'from': 'f', 'let': {'X': 1}, 'pipeline': [], 'as': 'r'}}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$lookup': {'from': 'f', 'pipeline': [{'$match': {'$expr': '$$v'}}], 'as': 'r'}}]", code: 17276},
		{pipeline: "[{'$lookup': {'from': '', 'pipeline': [], 'as': 'r'}}]", code: mongoerr.InvalidNamespace},
	})
}

func TestSubPipelinesNestAtMost20Deep(t *testing.T) {
	pipeline := "[]"
	for range 20 {
		pipeline = "[{'$lookup': {'from': 'f', 'pipeline': " + pipeline + ", 'as': 'r'}}]"
	}
	_, err := agg.Parse(array(t, pipeline), testOptions())
	require.NoError(t, err)
	pipeline = "[{'$lookup': {'from': 'f', 'pipeline': " + pipeline + ", 'as': 'r'}}]"
	_, err = agg.Parse(array(t, pipeline), testOptions())
	require.Equal(t, mongoerr.MaxSubPipelineDepthExceeded, mongoerr.From(err).Code)
}

func TestNamespaces(t *testing.T) {
	p, err := agg.Parse(array(t, `[{'$lookup': {'from': 'a', 'pipeline': [{'$unionWith': 'b'}], 'as': 'r'}}, {'$unionWith': 'a'}, {'$facet': {'x': [{'$unionWith': 'c'}]}}]`), testOptions())
	require.NoError(t, err)
	require.Equal(t, []agg.Namespace{{DB: "db", Coll: "a"}, {DB: "db", Coll: "b"}, {DB: "db", Coll: "c"}}, p.Namespaces())
}

// TestHashJoinAgreesWithQueries joins random documents by hash table and by queries.
func TestHashJoinAgreesWithQueries(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	values := []string{
		"1", "1.0", "2", "null", "'s'", "[]", "[1]", "[1, 2]", "[[1]]", "[null]", "{'b': 1}", "{'b': [1, 2]}", "[{'b': 1}, {'b': 2}]", "[{'b': [1]}]",
		"[{}, 5]", "{}", "[{'0': 1}]", "{'0': 1}", "[{'b': null}]",
	}
	random := func(n int) string {
		s := ""
		for i := range n {
			s += fmt.Sprintf(",{'_id': %d, 'a': %s}", i, values[rnd.IntN(len(values))])
			if rnd.IntN(5) == 0 {
				s += fmt.Sprintf(",{'_id': %d}", 100+i)
			}
		}
		return "[" + s[1:] + "]"
	}
	for range 200 {
		colls := map[string][]bsonx.Doc{"f": docs(t, random(8))}
		in := random(5)
		for _, field := range []string{"a", "a.b", "a.0", "a.0.b"} {
			tc := stageCase{in: in, pipeline: fmt.Sprintf("[{'$lookup': {'from': 'f', 'localField': '%s', 'foreignField': '%s', 'as': 'r'}}]", field, field)}
			byHash, err := tc.run(t, testOptions(), &fakeSources{colls: colls})
			require.NoError(t, err)
			byQuery, err := tc.run(t, testOptions(), &fakeSources{colls: colls, indexes: map[string]bool{"f." + field: true}})
			require.NoError(t, err)
			require.Equal(t, format(byQuery), format(byHash), "seed %d, field %s", seed, field)
		}
	}
}

func TestUnionWith(t *testing.T) {
	src := func() *fakeSources {
		return &fakeSources{colls: map[string][]bsonx.Doc{"f": docs(t, "[{'x': 1}, {'x': 2}]")}}
	}
	for _, tc := range []stageCase{
		{in: "[{'a': 1}]", pipeline: "[{'$unionWith': 'f'}]", want: "[{'a': 1}, {'x': 1}, {'x': 2}]"},
		{in: "[{'a': 1}]", pipeline: "[{'$unionWith': {'coll': 'f', 'pipeline': [{'$match': {'x': 2}}]}}, {'$skip': 1}]", want: "[{'x': 2}]"},
		{in: "[{'a': 1}]", pipeline: "[{'$unionWith': {'pipeline': [{'$documents': [{'d': 1}]}]}}]", want: "[{'a': 1}, {'d': 1}]"},
		{pipeline: "[{'$unionWith': 1}]", code: mongoerr.FailedToParse},
		{pipeline: "[{'$unionWith': {'coll': 1}}]", code: mongoerr.TypeMismatch},
		{pipeline: "[{'$unionWith': {'coll': 'f', 'x': 1}}]", code: 40415},
		{pipeline: "[{'$unionWith': {'pipeline': []}}]", code: mongoerr.FailedToParse},
	} {
		t.Run(tc.pipeline, func(t *testing.T) { tc.check(t, testOptions(), src()) })
	}
}

func TestGraphLookup(t *testing.T) {
	colls := map[string][]bsonx.Doc{
		"f": docs(t, "[{'_id': 'a', 'to': ['b', 'c']}, {'_id': 'b', 'to': 'd'}, {'_id': 'c', 'to': 'a'}, {'_id': 'd', 'cold': true}]"),
		"x": docs(t, "[{'k': 1}]"),
	}
	for _, indexed := range []bool{false, true} {
		for _, tc := range []stageCase{
			{in: "[{'s': 'a'}]", pipeline: "[{'$graphLookup': {'from': 'f', 'startWith': '$s', 'connectFromField': 'to', 'connectToField': '_id', 'as': 'r', 'depthField': 'n'}}]", want: `[
				{'s': 'a', 'r': [{'_id': 'a', 'to': ['b', 'c'], 'n': {'$numberLong': '0'}}, {'_id': 'b', 'to': 'd', 'n': {'$numberLong': '1'}}, {'_id': 'c', 'to': 'a', 'n': {'$numberLong': '1'}}, {'_id': 'd', 'cold': true, 'n': {'$numberLong': '2'}}]}]`},
			{in: "[{'s': ['c', 'd']}, {}]", pipeline: "[{'$graphLookup': {'from': 'f', 'startWith': '$s', 'connectFromField': 'to', 'connectToField': '_id', 'as': 'r', 'maxDepth': 0}}]", want: `[
				{'s': ['c', 'd'], 'r': [{'_id': 'c', 'to': 'a'}, {'_id': 'd', 'cold': true}]}, {'r': []}]`},
			{in: "[{'s': 'b'}]", pipeline: "[{'$graphLookup': {'from': 'f', 'startWith': '$s', 'connectFromField': 'to', 'connectToField': '_id', 'as': 'r', 'restrictSearchWithMatch': {'cold': {'$ne': true}}}}]", want: `[
				{'s': 'b', 'r': [{'_id': 'b', 'to': 'd'}]}]`},
			{in: "[{'s': 1}]", pipeline: "[{'$graphLookup': {'from': 'x', 'startWith': '$s', 'connectFromField': 'to', 'connectToField': 'k', 'as': 'r'}}]", code: 40271},
			{pipeline: "[{'$graphLookup': 1}]", code: mongoerr.FailedToParse},
			{pipeline: "[{'$graphLookup': {'as': 'a'}}]", code: mongoerr.FailedToParse},
			{pipeline: "[{'$graphLookup': {'from': ''}}]", code: mongoerr.InvalidNamespace},
			{pipeline: "[{'$graphLookup': {'from': 'f'}}]", code: 40105},
			{pipeline: "[{'$graphLookup': {'from': 'f', 'x': 1}}]", code: 40104},
			{pipeline: "[{'$graphLookup': {'from': 'f', 'as': 1}}]", code: 40103},
			{pipeline: "[{'$graphLookup': {'from': 1}}]", code: mongoerr.FailedToParse},
			{pipeline: "[{'$graphLookup': {'from': 'f', 'maxDepth': 'x'}}]", code: 40100},
			{pipeline: "[{'$graphLookup': {'from': 'f', 'maxDepth': -1}}]", code: 40101},
			{pipeline: "[{'$graphLookup': {'from': 'f', 'maxDepth': 1.5}}]", code: 40102},
			{pipeline: "[{'$graphLookup': {'from': 'f', 'restrictSearchWithMatch': 1}}]", code: 40185},
		} {
			t.Run(fmt.Sprint(indexed, tc.pipeline), func(t *testing.T) {
				tc.check(t, testOptions(), &fakeSources{colls: colls, indexes: map[string]bool{"f._id": indexed}})
			})
		}
	}
}
