package agg_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
)

func TestParseRefuses(t *testing.T) {
	special := func(context.Context, string, bsonx.Doc) (agg.Iterator, error) { return agg.Docs(nil), nil }
	coll := agg.Options{DB: "db", Coll: "c", Special: special}
	none := agg.Options{DB: "db", Special: special}
	txn := agg.Options{DB: "db", Coll: "c", InTransaction: true, Special: special}
	for _, tc := range []struct {
		opts     agg.Options
		pipeline string
		code     mongoerr.Code
	}{
		{coll, `[1]`, mongoerr.TypeMismatch},
		{coll, `[{}]`, 40323},
		{coll, `[{'$limit': 1, '$skip': 1}]`, 40323},
		{coll, `[{'$nope': 1}]`, 40324},
		{coll, `[{'limit': 1}]`, 40324},
		{coll, `[{'$limit': 1}, {'$collStats': {}}]`, 40602},
		{coll, `[{'$facet': {'a': [{'$facet': {'b': []}}]}}]`, 40600},
		{coll, `[{'$facet': {'a': [{'$collStats': {}}]}}]`, 40600},
		{coll, `[{'$facet': {'a': [1]}}]`, 40171},
		{coll, `[{'$facet': {'a': [{'$lookup': {'from': 'd', 'as': 'd', 'pipeline': [{'$facet': {'b': []}}]}}]}}]`, 40600},
		{coll, `[{'$facet': {'a': [{'$unionWith': {'coll': 'd', 'pipeline': [{'$indexStats': {}}]}}]}}]`, 40600},
		{coll, `[{'$unionWith': {'coll': 'd', 'pipeline': [{'$out': 'e'}]}}]`, 31441},
		{coll, `[{'$collStats': 1}]`, 40166},
		{coll, `[{'$_internalInhibitOptimization': 1}]`, mongoerr.TypeMismatch},
		{coll, `[{'$_internalInhibitOptimization': {'a': 1}}]`, mongoerr.InvalidOptions},
		{coll, `[{'$indexStats': 1}]`, 28803},
		{coll, `[{'$changeStream': {}}]`, mongoerr.NotImplemented},
		{coll, `[{'$documents': []}]`, mongoerr.InvalidNamespace},
		{coll, `[{'$currentOp': {}}]`, mongoerr.InvalidNamespace},
		{none, `[{'$limit': 1}]`, mongoerr.InvalidNamespace},
		{none, `[]`, mongoerr.InvalidNamespace},
		{txn, `[{'$collStats': {}}]`, mongoerr.OperationNotSupportedInTransaction},
		{txn, `[{'$changeStream': {}}]`, mongoerr.OperationNotSupportedInTransaction},
		{coll, `[{'$limit': 1}, {'$changeStream': {}}]`, 40602},
		{coll, `[{'$geoNear': {}}]`, mongoerr.NotImplemented},
		{txn, `[{'$indexStats': {}}]`, mongoerr.OperationNotSupportedInTransaction},
	} {
		t.Run(tc.pipeline, func(t *testing.T) {
			_, err := agg.Parse(array(t, tc.pipeline), &tc.opts)
			require.Error(t, err)
			require.Equal(t, tc.code, mongoerr.From(err).Code, "error: %v", err)
		})
	}
}

func TestParseLimitsLength(t *testing.T) {
	pipeline := func(n int) bsonx.Doc {
		return array(t, "["+strings.TrimSuffix(strings.Repeat("{'$skip': 1},", n), ",")+"]")
	}
	_, err := agg.Parse(pipeline(1000), testOptions())
	require.NoError(t, err)
	_, err = agg.Parse(pipeline(1001), testOptions())
	require.Equal(t, mongoerr.Code(7749501), mongoerr.From(err).Code)
}

func TestParsedPipelineSharesNoBytes(t *testing.T) {
	arr := array(t, "[{'$unwind': '$abc'}]")
	p, err := agg.Parse(arr, testOptions())
	require.NoError(t, err)
	clear(arr)
	it, err := p.Run(t.Context(), agg.Docs(docs(t, "[{'abc': [1, 2]}]")), nil)
	require.NoError(t, err)
	got, err := agg.Collect(t.Context(), it)
	require.NoError(t, err)
	require.Equal(t, format(docs(t, "[{'abc': 1}, {'abc': 2}]")), format(got))
}

func TestNames(t *testing.T) {
	for _, names := range [][]string{agg.Stages(), agg.Accumulators(), agg.WindowFunctions()} {
		require.NotEmpty(t, names)
		require.True(t, slices.IsSorted(names))
		require.Len(t, slices.Compact(slices.Clone(names)), len(names))
	}
	require.Contains(t, agg.Stages(), "$match")
	require.NotContains(t, agg.Stages(), "$geoNear")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"[{'$limit': 1}, {'$skip': 2}]",
		"[{'$unwind': {'path': '$a.b', 'includeArrayIndex': 'i'}}]",
		"[{'$facet': {'a': [{'$count': 'n'}], 'b': []}}]",
		"[{'$replaceRoot': {'newRoot': {'a': '$b'}}}]",
		"[{'$documents': [{'a': 1}]}]",
		"[{'$match': {'a.b': {'$gt': 1}}}, {'$sort': {'x': -1}}, {'$project': {'a.b': 1, 'z': {'$add': ['$_id', 1]}}}]",
		"[{'$group': {'_id': {'x': '$x'}, 'a': {'$push': '$a'}, 's': {'$sum': '$_id'}, 't': {'$topN': {'n': 2, 'sortBy': {'a': 1}, 'output': '$x'}}}}]",
		"[{'$bucket': {'groupBy': '$_id', 'boundaries': [0, 2, 4], 'default': 'x'}}, {'$addFields': {'a.c.d': '$count'}}]",
		"[{'$lookup': {'from': 'f', 'localField': 'a.b.c', 'foreignField': 'x', 'let': {'v': '$a'}, 'pipeline': [{'$match': {'$expr': '$$v'}}], 'as': 'r'}}]",
		"[{'$graphLookup': {'from': 'f', 'startWith': '$a', 'connectFromField': 'b', 'connectToField': '_id', 'as': 'r', 'maxDepth': 3}}]",
		"[{'$redact': {'$cond': ['$c', '$$PRUNE', '$$DESCEND']}}, {'$unionWith': 'f'}, {'$sample': {'size': 3}}]",
		"[{'$setWindowFields': {'partitionBy': '$x', 'sortBy': {'_id': 1}, 'output': {'r': {'$sum': '$_id', 'window': {'range': [-1, 'current']}}, 'k': {'$rank': {}}, 's': {'$shift': {'output': '$a', 'by': 1}}}}}]",
		"[{'$densify': {'field': '_id', 'partitionByFields': ['x'], 'range': {'step': 1, 'bounds': [0, 5]}}}, {'$fill': {'sortBy': {'_id': 1}, 'output': {'x': {'method': 'locf'}, 'a': {'value': 1}}}}]",
		"[{'$bucketAuto': {'groupBy': '$_id', 'buckets': 2, 'granularity': 'R5'}}]",
		"[{'$unset': ['a.b', 'x']}, {'$sortByCount': '$_id'}, {'$merge': {'into': 't', 'on': ['a', 'b']}}]",
	} {
		f.Add(s)
	}
	input := docs(f, "[{'_id': 1, 'a': {'b': [1, {'c': 2}]}, 'x': 'y'}, {'_id': 2}]")
	f.Fuzz(func(t *testing.T, text string) {
		// JSON, unlike BSON, stays well-formed under many mutations.
		var raw bson.Raw
		if bson.UnmarshalExtJSON([]byte(`{"p": `+strings.ReplaceAll(text, "'", `"`)+`}`), false, &raw) != nil {
			return
		}
		v := bsonx.Doc(raw).Lookup("p")
		if v.Type != bsonx.TypeArray || bsonx.Validate(raw, bsonx.MaxDepth) != nil || !utf8.ValidString(text) {
			return
		}
		p, err := agg.Parse(v.Doc(), testOptions())
		if err != nil {
			return
		}
		it, err := p.Run(t.Context(), agg.Docs(input), &fakeSources{colls: map[string][]bsonx.Doc{"f": input}})
		if err != nil {
			return
		}
		for range 1000 {
			if d, ok, err := it.Next(t.Context()); err != nil || !ok {
				break
			} else if err := bsonx.Validate(d, 1000); err != nil {
				t.Fatalf("%s made invalid BSON: %v", text, err)
			}
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
