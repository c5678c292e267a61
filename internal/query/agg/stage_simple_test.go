package agg_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
)

func TestLimitSkipCount(t *testing.T) {
	in := "[{'a': 1}, {'a': 2}, {'a': 3}]"
	runCases(t, []stageCase{
		{in: in, pipeline: "[{'$limit': 2}]", want: "[{'a': 1}, {'a': 2}]"},
		{in: in, pipeline: "[{'$limit': 2.0}]", want: "[{'a': 1}, {'a': 2}]"},
		{in: in, pipeline: "[{'$limit': {'$numberDecimal': '2.0'}}]", want: "[{'a': 1}, {'a': 2}]"},
		{in: in, pipeline: "[{'$skip': 2}]", want: "[{'a': 3}]"},
		{in: in, pipeline: "[{'$skip': 0}, {'$limit': 1}]", want: "[{'a': 1}]"},
		{in: in, pipeline: "[{'$skip': 9}]", want: "[]"},
		{pipeline: "[{'$limit': 0}]", code: 15958},
		{pipeline: "[{'$limit': -1}]", code: 5107201},
		{pipeline: "[{'$limit': 1.5}]", code: 5107201},
		{pipeline: "[{'$limit': 'x'}]", code: 5107201},
		{pipeline: "[{'$skip': -1}]", code: 5107200},
		{pipeline: "[{'$skip': 'x'}]", code: 5107200},
		{in: in, pipeline: "[{'$count': 'n'}]", want: "[{'n': 3}]"},
		{in: "[]", pipeline: "[{'$count': 'n'}]", want: "[]"},
		{pipeline: "[{'$count': 1}]", code: 40156},
		{pipeline: "[{'$count': ''}]", code: 40157},
		{pipeline: "[{'$count': '$n'}]", code: 40158},
		{pipeline: "[{'$count': 'a.b'}]", code: 40160},
	})
}

func TestUnwind(t *testing.T) {
	in := `[{'_id': 1, 'a': [1, [2]], 'z': 0}, {'_id': 2, 'a': 'x'}, {'_id': 3, 'a': []}, {'_id': 4, 'a': null}, {'_id': 5}]`
	runCases(t, []stageCase{
		{in: in, pipeline: "[{'$unwind': '$a'}]", want: `[{'_id': 1, 'a': 1, 'z': 0}, {'_id': 1, 'a': [2], 'z': 0}, {'_id': 2, 'a': 'x'}]`},
		{in: in, pipeline: "[{'$unwind': {'path': '$a', 'preserveNullAndEmptyArrays': true}}]", want: `[
			{'_id': 1, 'a': 1, 'z': 0}, {'_id': 1, 'a': [2], 'z': 0}, {'_id': 2, 'a': 'x'}, {'_id': 3}, {'_id': 4, 'a': null}, {'_id': 5}]`},
		{in: in, pipeline: "[{'$unwind': {'path': '$a', 'includeArrayIndex': 'i'}}]", want: `[
			{'_id': 1, 'a': 1, 'z': 0, 'i': 0}, {'_id': 1, 'a': [2], 'z': 0, 'i': 1}, {'_id': 2, 'a': 'x', 'i': null}]`},
		{name: "index replaces the array", in: "[{'a': [5, 6]}]", pipeline: "[{'$unwind': {'path': '$a', 'includeArrayIndex': 'a'}}]", want: "[{'a': 0}, {'a': 1}]"},
		{name: "nested", in: "[{'a': {'b': [1, 2], 'c': 3}}]", pipeline: "[{'$unwind': {'path': '$a.b', 'includeArrayIndex': 'a.i'}}]", want: `[
			{'a': {'b': 1, 'c': 3, 'i': 0}}, {'a': {'b': 2, 'c': 3, 'i': 1}}]`},
		{name: "not through arrays", in: "[{'a': [{'b': [1]}]}]", pipeline: "[{'$unwind': '$a.b'}]", want: "[]"},
		{name: "twice", in: "[{'a': [[1, 2], [3]]}]", pipeline: "[{'$unwind': '$a'}, {'$unwind': '$a'}]", want: "[{'a': 1}, {'a': 2}, {'a': 3}]"},
		{pipeline: "[{'$unwind': 1}]", code: 15981},
		{pipeline: "[{'$unwind': {'path': 1}}]", code: 28808},
		{pipeline: "[{'$unwind': {'path': '$a', 'preserveNullAndEmptyArrays': 1}}]", code: 28809},
		{pipeline: "[{'$unwind': {'path': '$a', 'includeArrayIndex': 1}}]", code: 28810},
		{pipeline: "[{'$unwind': {'path': '$a', 'x': 1}}]", code: 28811},
		{pipeline: "[{'$unwind': {}}]", code: 28812},
		{pipeline: "[{'$unwind': 'a'}]", code: 28818},
		{pipeline: "[{'$unwind': {'path': '$a', 'includeArrayIndex': '$i'}}]", code: 28822},
	})
}

func TestReplaceRoot(t *testing.T) {
	in := "[{'_id': 1, 'a': {'b': 2}}]"
	runCases(t, []stageCase{
		{in: in, pipeline: "[{'$replaceRoot': {'newRoot': '$a'}}]", want: "[{'b': 2}]"},
		{in: in, pipeline: "[{'$replaceWith': {'x': '$a.b', 'y': '$nope'}}]", want: "[{'x': 2}]"},
		{in: in, pipeline: "[{'$replaceWith': '$_id'}]", code: 40228},
		{in: in, pipeline: "[{'$replaceWith': '$nope'}]", code: 40228},
		{pipeline: "[{'$replaceRoot': 1}]", code: 40229},
		{pipeline: "[{'$replaceRoot': {}}]", code: 40414},
		{pipeline: "[{'$replaceRoot': {'newRoot': '$a', 'b': 1}}]", code: 40415},
	})
}

func TestFacet(t *testing.T) {
	in := "[{'a': 1}, {'a': 2}, {'a': 3}]"
	runCases(t, []stageCase{
		{
			in: in, pipeline: "[{'$facet': {'n': [{'$count': 'n'}], 'all': [], 'two': [{'$skip': 1}, {'$limit': 1}]}}]",
			want: "[{'n': [{'n': 3}], 'all': [{'a': 1}, {'a': 2}, {'a': 3}], 'two': [{'a': 2}]}]",
		},
		{name: "no input", in: "[]", pipeline: "[{'$facet': {'n': [{'$count': 'n'}]}}]", want: "[{'n': []}]"},
		{pipeline: "[{'$facet': {}}]", code: 40169},
		{pipeline: "[{'$facet': {'a': 1}}]", code: 40170},
		{pipeline: "[{'$facet': {'a.b': []}}]", code: 16412},
		{pipeline: "[{'$facet': {'$a': []}}]", code: 16410},
	})
}

func TestFacetSpills(t *testing.T) {
	opts := testOptions()
	opts.MemoryMax = 150
	tc := stageCase{
		in:       "[{'a': 1}, {'a': 2}, {'a': 3}, {'a': 4}]",
		pipeline: "[{'$facet': {'n': [{'$count': 'n'}], 'last': [{'$skip': 3}]}}]",
		code:     mongoerr.QueryExceededMemoryLimitNoDiskUse,
	}
	tc.check(t, opts, nil)
	opts.AllowDiskUse, opts.TempDir = true, t.TempDir()
	tc.code, tc.want = 0, "[{'n': [{'n': 4}], 'last': [{'a': 4}]}]"
	tc.check(t, opts, nil)
}

// endless returns the same document for ever.
type endless struct{ doc bsonx.Doc }

func (it endless) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	return it.doc, ctx.Err() == nil, context.Cause(ctx)
}

func (it endless) Close() error { return nil }

func TestBlockingStagesEndWithTheContext(t *testing.T) {
	for _, pipeline := range []string{
		"[{'$group': {'_id': '$a', 'n': {'$sum': 1}}}]",
		"[{'$count': 'n'}]",
		"[{'$facet': {'a': [{'$count': 'n'}]}}]",
		"[{'$sort': {'a': 1}}, {'$limit': 3}]",
		"[{'$sample': {'size': 3}}]",
		"[{'$match': {'a': 2}}]",
		"[{'$setWindowFields': {'output': {'n': {'$sum': 1}}}}]",
		"[{'$bucketAuto': {'groupBy': '$a', 'buckets': 2}}, {'$limit': 1}]",
	} {
		t.Run(pipeline, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			p, err := agg.Parse(array(t, pipeline), testOptions())
			require.NoError(t, err)
			it, err := p.Run(ctx, endless{doc(t, "{'a': 1}")}, nil)
			require.NoError(t, err)
			_, _, err = it.Next(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NoError(t, it.Close())
		})
	}
}

func TestLongExpressionsEndWithTheContext(t *testing.T) {
	const ever = `{'$reduce': {'input': {'$range': [0, 100000]}, 'initialValue': '$a', 'in': {'$reduce': {'input': {'$range': [0, 100000]}, 'initialValue': 1, 'in': '$$this'}}}}`
	for _, pipeline := range []string{
		"[{'$project': {'x': " + ever + "}}]",
		"[{'$group': {'_id': " + ever + "}}]",
		"[{'$match': {'$expr': " + ever + "}}]",
		"[{'$facet': {'x': [{'$addFields': {'x': " + ever + "}}]}}]",
	} {
		p, err := agg.Parse(array(t, pipeline), testOptions())
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		it, err := p.Run(ctx, agg.Docs(docs(t, "[{'a': 1}]")), nil)
		require.NoError(t, err)
		_, _, err = it.Next(ctx)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded, pipeline)
		require.NoError(t, it.Close())
	}
}

func TestDocsEndWithTheContext(t *testing.T) {
	in := docs(t, "["+strings.TrimSuffix(strings.Repeat("{'a': 1},", 1000), ",")+"]")
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	p, err := agg.Parse(array(t, "[{'$count': 'n'}]"), testOptions())
	require.NoError(t, err)
	it, err := p.Run(ctx, agg.Docs(in), nil)
	require.NoError(t, err)
	_, _, err = it.Next(ctx)
	require.ErrorIs(t, err, stopped)
}

func TestDocuments(t *testing.T) {
	opts := &agg.Options{DB: "db"}
	for _, tc := range []stageCase{
		{pipeline: "[{'$documents': [{'a': 1}, {'b': {'$literal': '$x'}}]}]", want: "[{'a': 1}, {'b': '$x'}]"},
		{pipeline: "[{'$documents': []}]", want: "[]"},
		{pipeline: "[{'$documents': {'a': 1}}]", code: 5858203},
		{pipeline: "[{'$documents': [1]}]", code: 40228},
	} {
		t.Run(tc.pipeline, func(t *testing.T) { tc.check(t, opts, nil) })
	}
	p, err := agg.Parse(array(t, "[{'$documents': []}]"), opts)
	require.NoError(t, err)
	require.True(t, p.HasSource())
}
