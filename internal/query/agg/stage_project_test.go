package agg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/expr"
)

func TestProjectStages(t *testing.T) {
	in := "[{'_id': 1, 'a': {'b': 2, 'c': 3}, 'd': 4}]"
	runCases(t, []stageCase{
		{in: in, pipeline: "[{'$project': {'a.b': 1, 'x': '$d'}}]", want: "[{'_id': 1, 'a': {'b': 2}, 'x': 4}]"},
		{in: in, pipeline: "[{'$project': {'_id': 0, 'a': 0}}]", want: "[{'d': 4}]"},
		{in: in, pipeline: "[{'$addFields': {'a.e': '$d', 'f': 1}}]", want: "[{'_id': 1, 'a': {'b': 2, 'c': 3, 'e': 4}, 'd': 4, 'f': 1}]"},
		{in: in, pipeline: "[{'$set': {'a': '$$REMOVE'}}]", want: "[{'_id': 1, 'd': 4}]"},
		{in: in, pipeline: "[{'$unset': ['a.b', 'd']}]", want: "[{'_id': 1, 'a': {'c': 3}}]"},
		{pipeline: "[{'$project': 1}]", code: 15969},
		{pipeline: "[{'$project': {}}]", code: 51272},
		{pipeline: "[{'$project': {'a': 1, 'b': 0}}]", code: 31254},
		{pipeline: "[{'$project': {'a': {'$nope': 1}}}]", code: 31325},
		{pipeline: "[{'$addFields': 1}]", code: 40272},
		{pipeline: "[{'$set': {'a': {'$nope': 1}}}]", code: mongoerr.InvalidPipelineOperator},
		{pipeline: "[{'$unset': 1}]", code: 31002},
		{pipeline: "[{'$unset': []}]", code: 31119},
	})
}

func TestMatchMovesBeforeProjections(t *testing.T) {
	for _, tc := range []struct{ pipeline, want string }{
		{"[{'$project': {'a': 1, 'b': '$c'}}, {'$match': {'a': 1}}, {'$match': {'b': 2}}]", "[{'$match': {'$and': [{'a': 1}, {'c': 2}]}}, {'$project': {'a': 1, 'b': '$c'}}]"},
		{"[{'$addFields': {'x': 1}}, {'$match': {'a': 1}}]", "[{'$match': {'a': 1}}, {'$addFields': {'x': 1}}]"},
		{"[{'$unset': 'x'}, {'$match': {'x.y': 1}}]", "[{'$project': {'x': false, '_id': true}}, {'$match': {'x.y': 1}}]"},
		{"[{'$set': {'x': 1}}, {'$replaceWith': '$x'}]", "[{'$addFields': {'x': 1}}, {'$replaceRoot': {'newRoot': '$x'}}]"},
		{"[{'$setWindowFields': {'partitionBy': '$p', 'sortBy': {'t': -1}, 'output': {}}}]", "[{'$sort': {'sortKey': {'p': 1, 't': -1}}}, {'$_internalSetWindowFields': {'partitionBy': '$p', 'sortBy': {'t': -1}, 'output': {}}}]"},
	} {
		p, err := agg.Parse(array(t, tc.pipeline), testOptions())
		require.NoError(t, err)
		require.Equal(t, format(docs(t, tc.want)), format(p.Explain(nil)))
	}
}

func TestUpdatePipeline(t *testing.T) {
	for _, tc := range []struct {
		in, pipeline, want string
		code               mongoerr.Code
	}{
		{in: "{'_id': 1, 'a': 2}", pipeline: "[]", want: "{'_id': 1, 'a': 2}"},
		{in: "{'_id': 1, 'a': 2}", pipeline: "[{'$set': {'b': {'$add': ['$a', '$$n']}}}, {'$unset': 'a'}, {'$addFields': {'c': '$b'}}]", want: "{'_id': 1, 'b': 7, 'c': 7}"},
		{in: "{'_id': 1, 'a': {'x': 1}}", pipeline: "[{'$replaceWith': '$a'}, {'$project': {'y': '$x'}}]", want: "{'y': 1}"},
		{in: "{'_id': 1, 'a': 2}", pipeline: "[{'$replaceRoot': {'newRoot': '$a'}}]", code: 40228},
		{pipeline: "[{'$match': {}}]", code: mongoerr.InvalidOptions},
		{pipeline: "[{'$group': {'_id': 1}}]", code: mongoerr.InvalidOptions},
		{pipeline: "[{'$out': 'x'}]", code: mongoerr.InvalidOptions},
		{pipeline: "[{'$nope': 1}]", code: 40324},
	} {
		t.Run(tc.pipeline, func(t *testing.T) {
			scope, err := expr.NewScope(nil).WithLet(doc(t, "{'n': 5}"))
			require.NoError(t, err)
			u, err := agg.ParseUpdate(array(t, tc.pipeline), scope)
			if err == nil {
				var got []byte
				if got, err = u.Apply(nil, doc(t, tc.in)); tc.code == 0 {
					require.NoError(t, err)
					require.Equal(t, []byte(doc(t, tc.want)), got)
				}
			}
			if tc.code != 0 {
				require.Error(t, err)
				require.Equal(t, tc.code, mongoerr.From(err).Code, "error: %v", err)
			}
		})
	}
}
