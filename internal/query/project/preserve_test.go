package project_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/project"
)

func TestPreserves(t *testing.T) {
	for _, tc := range []struct {
		spec      string
		yes, no   []string
		addFields bool
	}{
		{spec: `{"a": 1, "b.c": 1}`, yes: []string{"_id", "a", "a.x", "b.c", "b.c.d"}, no: []string{"b", "b.x", "c", "b.0.c"}},
		{spec: `{"a": 1, "_id": 0, "d": "$a"}`, yes: []string{"a"}, no: []string{"_id", "d", "d.x"}},
		{spec: `{"a": 0, "b.c": 0}`, yes: []string{"_id", "c", "b.x"}, no: []string{"a", "a.x", "b", "b.c"}},
		{spec: `{"a": 1, "b.c": "$x"}`, addFields: true, yes: []string{"_id", "c"}, no: []string{"a", "a.x", "b", "b.c", "b.x"}},
	} {
		p, err := project.Compile(parse(t, tc.spec), expr.NewScope(nil), project.Aggregate, nil)
		if tc.addFields {
			p, err = project.CompileAddFields(parse(t, tc.spec), expr.NewScope(nil))
		}
		require.NoError(t, err)
		for _, path := range tc.yes {
			require.True(t, p.Preserves(path), "%s of %s", path, tc.spec)
		}
		for _, path := range tc.no {
			require.False(t, p.Preserves(path), "%s of %s", path, tc.spec)
		}
	}
}
