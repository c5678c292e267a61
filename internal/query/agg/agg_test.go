package agg_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/expr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// doc reads relaxed extended JSON with single quotes for strings.
func doc(t testing.TB, s string) bsonx.Doc {
	t.Helper()
	var raw bson.Raw
	require.NoError(t, bson.UnmarshalExtJSON([]byte(strings.ReplaceAll(s, "'", `"`)), false, &raw), "JSON: %s", s)
	return bsonx.Doc(raw)
}

// array reads a JSON array as a BSON array.
func array(t testing.TB, s string) bsonx.Doc {
	t.Helper()
	return doc(t, "{'a': "+s+"}").Lookup("a").Doc()
}

func docs(t testing.TB, s string) (out []bsonx.Doc) {
	t.Helper()
	for it := array(t, s).Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return out
		}
		out = append(out, v.Doc())
	}
}

// fakeSources serves collections from memory. The methods filter by running a $match.
type fakeSources struct {
	colls   map[string][]bsonx.Doc
	indexes map[string]bool // "coll.path"
	opened  int
}

func (s *fakeSources) Collection(ctx context.Context, db, coll string, filter bsonx.Doc, scope *expr.Scope) (agg.Iterator, error) {
	s.opened++
	if filter == nil {
		return agg.Docs(s.colls[coll]), nil
	}
	stage := bsonx.NewBuilder(nil).Doc("$match", filter).Build()
	p, err := agg.Parse(bsonx.MakeArray(bsonx.Document(stage)).Doc(), &agg.Options{DB: db, Coll: coll, Scope: scope})
	if err != nil {
		return nil, err
	}
	return p.Run(ctx, agg.Docs(s.colls[coll]), s)
}

func (s *fakeSources) Pipeline(ctx context.Context, _, coll string, p *agg.Pipeline) (agg.Iterator, error) {
	s.opened++
	return p.Run(ctx, agg.Docs(s.colls[coll]), s)
}

func (s *fakeSources) Index(_ context.Context, _, coll, path string, _ *collation.Collation) (agg.Index, error) {
	if !s.indexes[coll+"."+path] {
		return nil, nil
	}
	return fakeIndex{}, nil
}

// fakeIndex leaves everything to queries.
type fakeIndex struct{}

func (fakeIndex) Find(context.Context, bsonx.Value) (agg.Iterator, bool, error) {
	return nil, false, nil
}

// stageCase is one pipeline with what it makes of its input, or the code it fails with.
type stageCase struct {
	name     string
	in       string
	pipeline string
	want     string
	code     mongoerr.Code
}

func (tc stageCase) run(t *testing.T, opts *agg.Options, src agg.Sources) ([]bsonx.Doc, error) {
	t.Helper()
	p, err := agg.Parse(array(t, tc.pipeline), opts)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	it, err := p.Run(ctx, agg.Docs(docs(t, tc.in)), src)
	if err != nil {
		return nil, err
	}
	return agg.Collect(ctx, it)
}

func (tc stageCase) check(t *testing.T, opts *agg.Options, src agg.Sources) {
	t.Helper()
	if tc.in == "" {
		tc.in = "[]"
	}
	got, err := tc.run(t, opts, src)
	if tc.code != 0 {
		require.Error(t, err)
		require.Equal(t, tc.code, mongoerr.From(err).Code, "error: %v", err)
		return
	}
	require.NoError(t, err)
	require.Equal(t, format(docs(t, tc.want)), format(got))
}

func format(ds []bsonx.Doc) string {
	var sb strings.Builder
	for _, d := range ds {
		fmt.Fprintln(&sb, d)
	}
	return sb.String()
}

func testOptions() *agg.Options { return &agg.Options{DB: "db", Coll: "coll"} }

func runCases(t *testing.T, cases []stageCase) {
	t.Helper()
	for _, tc := range cases {
		name := tc.name
		if name == "" {
			name = tc.pipeline
		}
		t.Run(name, func(t *testing.T) { tc.check(t, testOptions(), &fakeSources{}) })
	}
}
