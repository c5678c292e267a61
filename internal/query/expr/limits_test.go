package expr_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// A small expression must not make values that exhaust memory.
func TestValuesAreLimited(t *testing.T) {
	for _, in := range []string{
		`{"$concat": ["$$value", "$$value"]}`,
		`["$$value", "$$value"]`,
		`{"a": "$$value", "b": "$$value"}`,
		`{"$map": {"input": ["$$value", "$$value"], "as": "x", "in": {"v": "$$x"}}}`,
		`{"$replaceAll": {"input": "$$value", "find": "x", "replacement": "xxxx"}}`,
		`{"$replaceAll": {"input": "$$value", "find": "", "replacement": "$$value"}}`,
		`{"$zip": {"inputs": [["$$value"], ["$$value"]]}}`,
	} {
		_, err := eval(t, value(t, `{"$reduce": {"input": {"$range": [0, 60]}, "initialValue": "xxxxxxxxxx", "in": `+in+`}}`), nil)
		require.True(t, mongoerr.Is(err, 13548), "%s: %v", in, err)
	}
	_, err := eval(t, value(t, `{"$reduce": {"input": {"$range": [0, 60]}, "initialValue": [1], "in": {"$concatArrays": ["$$value", "$$value"]}}}`), nil)
	require.True(t, mongoerr.Is(err, 13548), "%v", err)
}

func TestLongEvaluationsCanBeInterrupted(t *testing.T) {
	for _, op := range []string{
		`{"$map": {"input": {"$range": [0, 100000]}, "in": 1}}`,
		`{"$filter": {"input": {"$range": [0, 100000]}, "cond": true}}`,
		`{"$reduce": {"input": {"$range": [0, 100000]}, "initialValue": 0, "in": {"$add": ["$$value", 1]}}}`,
	} {
		scope := expr.NewScope(nil)
		e, err := expr.Parse(value(t, op), scope)
		require.NoError(t, err)
		c := scope.NewContext()
		calls := 0
		c.Check = func() error {
			if calls++; calls == 3 {
				return context.Canceled
			}
			return nil
		}
		_, err = e.Eval(c)
		require.ErrorIs(t, err, context.Canceled, op)
		require.Equal(t, 3, calls, op)
	}
}
