package agg_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
)

// fakeWriter is one collection in memory.
type fakeWriter struct {
	docs   []bsonx.Doc
	unique bool
	fail   error // of the next insert
	nextID int32
}

func (w *fakeWriter) HasUniqueIndex(context.Context, agg.Namespace, []string) (bool, error) {
	return w.unique, nil
}

func (w *fakeWriter) Insert(_ context.Context, _ agg.Namespace, d bsonx.Doc) error {
	if w.fail != nil {
		return w.fail
	}
	if d.Lookup("_id").IsMissing() {
		w.nextID++
		d = bsonx.NewBuilder(nil).String("_id", fmt.Sprint("new", w.nextID)).Append(d).Build()
	}
	for _, old := range w.docs {
		if bsonx.Equal(old.Lookup("_id"), d.Lookup("_id")) {
			return mongoerr.New(mongoerr.DuplicateKey, "duplicate")
		}
	}
	w.docs = append(w.docs, d.Clone())
	return nil
}

func (w *fakeWriter) Update(ctx context.Context, _ agg.Namespace, filter bsonx.Doc, change func(bsonx.Doc) (bsonx.Doc, error)) (bool, error) {
	src := &fakeSources{}
	for i, d := range w.docs {
		src.colls = map[string][]bsonx.Doc{"c": {d}}
		it, err := src.Collection(ctx, "db", "c", filter, nil)
		if err != nil {
			return false, err
		}
		found, err := agg.Collect(ctx, it)
		if err != nil {
			return false, err
		}
		if len(found) == 1 {
			changed, err := change(d)
			if err != nil {
				return false, err
			}
			w.docs[i] = changed.Clone()
			return true, nil
		}
	}
	return false, nil
}

func (w *fakeWriter) Replace(context.Context, agg.Namespace) (agg.Replacement, error) {
	return &fakeReplacement{to: w, fakeWriter: fakeWriter{fail: w.fail}}, nil
}

type fakeReplacement struct {
	fakeWriter
	to *fakeWriter
}

func (r *fakeReplacement) Insert(ctx context.Context, d bsonx.Doc) error {
	return r.fakeWriter.Insert(ctx, agg.Namespace{}, d)
}

func (r *fakeReplacement) Commit(context.Context) error {
	r.to.docs = r.docs
	return nil
}

func (r *fakeReplacement) Abort(context.Context) {}

func runWriter(t *testing.T, in, pipeline string, w agg.Writer) error {
	t.Helper()
	p, err := agg.Parse(array(t, pipeline), testOptions())
	require.NoError(t, err)
	require.NotNil(t, p.Writer())
	it, err := p.Run(t.Context(), agg.Docs(docs(t, in)), nil)
	require.NoError(t, err)
	err = p.Writer().Run(t.Context(), it, w)
	require.NoError(t, it.Close())
	return err
}

func TestMerge(t *testing.T) {
	target := "[{'_id': 1, 'k': 'a', 'v': 1, 'w': 1}, {'_id': 2, 'k': 'b', 'v': 2}]"
	for _, tc := range []struct {
		name, in, merge string
		want            string
		code            mongoerr.Code
		noIndex         bool
	}{
		{
			name: "default", in: "[{'_id': 1, 'v': 9}, {'_id': 3, 'v': 3}]", merge: "'t'",
			want: "[{'_id': 1, 'k': 'a', 'v': 9, 'w': 1}, {'_id': 2, 'k': 'b', 'v': 2}, {'_id': 3, 'v': 3}]",
		},
		{
			name: "replace, discard", in: "[{'_id': 1, 'v': 9}, {'_id': 3}]", merge: "{'into': 't', 'whenMatched': 'replace', 'whenNotMatched': 'discard'}",
			want: "[{'_id': 1, 'v': 9}, {'_id': 2, 'k': 'b', 'v': 2}]",
		},
		{name: "not matched fails", in: "[{'_id': 3}]", merge: "{'into': 't', 'whenNotMatched': 'fail'}", code: 13113},
		{name: "matched fails", in: "[{'_id': 1}]", merge: "{'into': 't', 'whenMatched': 'fail'}", code: mongoerr.DuplicateKey},
		{
			name: "keep existing", in: "[{'_id': 1, 'v': 9}, {'_id': 3}]", merge: "{'into': 't', 'whenMatched': 'keepExisting'}",
			want: "[{'_id': 1, 'k': 'a', 'v': 1, 'w': 1}, {'_id': 2, 'k': 'b', 'v': 2}, {'_id': 3}]",
		},
		{
			name: "by other field", in: "[{'k': 'b', 'v': 5}, {'k': 'c'}]", merge: "{'into': 't', 'on': 'k'}",
			want: "[{'_id': 1, 'k': 'a', 'v': 1, 'w': 1}, {'_id': 2, 'k': 'b', 'v': 5}, {'_id': 'new1', 'k': 'c'}]",
		},
		{name: "another _id", in: "[{'_id': 7, 'k': 'b'}]", merge: "{'into': 't', 'on': ['k']}", code: mongoerr.ImmutableField},
		{name: "no index", in: "[]", merge: "{'into': 't', 'on': 'k'}", code: 51183, noIndex: true},
		{name: "no value", in: "[{'v': 1}]", merge: "{'into': 't', 'on': 'k'}", code: 51132},
		{name: "array value", in: "[{'k': [1]}]", merge: "{'into': 't', 'on': 'k'}", code: 51185},
		{name: "no _id", in: "[{'v': 1}]", merge: "'t'", want: "[{'_id': 1, 'k': 'a', 'v': 1, 'w': 1}, {'_id': 2, 'k': 'b', 'v': 2}, {'_id': 'new1', 'v': 1}]"},
		{
			name: "pipeline", in: "[{'_id': 1, 'v': 9}, {'_id': 3}]", merge: "{'into': 't', 'let': {'n': {'$add': ['$v', 1]}}, 'whenMatched': [{'$set': {'v': {'$add': ['$v', '$$new.v', '$$n']}}}, {'$unset': ['k', 'w']}]}",
			want: "[{'_id': 1, 'v': 20}, {'_id': 2, 'k': 'b', 'v': 2}, {'_id': 3}]",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &fakeWriter{docs: docs(t, target), unique: !tc.noIndex}
			err := runWriter(t, tc.in, "[{'$merge': "+tc.merge+"}]", w)
			if tc.code != 0 {
				require.Error(t, err)
				require.Equal(t, tc.code, mongoerr.From(err).Code, "error: %v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, format(docs(t, tc.want)), format(w.docs))
		})
	}
}

func TestOut(t *testing.T) {
	w := &fakeWriter{docs: docs(t, "[{'_id': 1}]")}
	require.NoError(t, runWriter(t, "[{'_id': 2}, {'_id': 3}]", "[{'$skip': 1}, {'$out': {'db': 'other', 'coll': 't'}}]", w))
	require.Equal(t, format(docs(t, "[{'_id': 3}]")), format(w.docs))

	w.fail = errors.New("disk full")
	require.ErrorIs(t, runWriter(t, "[{'_id': 4}]", "[{'$out': 't'}]", w), w.fail)
	require.Equal(t, format(docs(t, "[{'_id': 3}]")), format(w.docs), "a failed $out leaves the target alone")
}

func TestWriterTarget(t *testing.T) {
	p, err := agg.Parse(array(t, "[{'$limit': 1}, {'$merge': {'into': {'db': 'x', 'coll': 'y'}, 'on': ['a', 'b']}}]"), testOptions())
	require.NoError(t, err)
	w := p.Writer()
	require.Equal(t, "$merge", w.Stage)
	require.Equal(t, agg.Namespace{DB: "x", Coll: "y"}, w.Target)
	require.Equal(t, []string{"a", "b"}, w.On)
	require.Len(t, p.Explain(nil), 2)
}

func TestWritersRefuse(t *testing.T) {
	runCases(t, []stageCase{
		{pipeline: "[{'$out': 'a'}, {'$limit': 1}]", code: 40601},
		{pipeline: "[{'$facet': {'a': [{'$out': 'a'}]}}]", code: 40600},
		{pipeline: "[{'$unionWith': {'coll': 'a', 'pipeline': [{'$merge': 'a'}]}}]", code: 31441},
		{pipeline: "[{'$out': 1}]", code: 16990},
		{pipeline: "[{'$out': {'db': 'x'}}]", code: 40414},
		{pipeline: "[{'$out': {'db': 'x', 'coll': 'y', 'z': 1}}]", code: 40415},
		{pipeline: "[{'$out': {'db': 'x', 'coll': 'y', 'timeseries': {'timeField': 't'}}}]", code: mongoerr.NotImplemented},
		{pipeline: "[{'$out': 'system.x'}]", code: 17385},
		{pipeline: "[{'$out': {'db': 'config', 'coll': 'y'}}]", code: 31321},
		{pipeline: "[{'$merge': 1}]", code: 51182},
		{pipeline: "[{'$merge': {'on': 'a'}}]", code: 40414},
		{pipeline: "[{'$merge': {'into': 1}}]", code: 51178},
		{pipeline: "[{'$merge': {'into': 't', 'on': 1}}]", code: 51186},
		{pipeline: "[{'$merge': {'into': 't', 'on': []}}]", code: 51187},
		{pipeline: "[{'$merge': {'into': 't', 'on': [1]}}]", code: 51134},
		{pipeline: "[{'$merge': {'into': 't', 'on': ['a', 'a']}}]", code: 31465},
		{pipeline: "[{'$merge': {'into': 't', 'whenMatched': 'x'}}]", code: mongoerr.BadValue},
		{pipeline: "[{'$merge': {'into': 't', 'whenMatched': 1}}]", code: 51191},
		{pipeline: "[{'$merge': {'into': 't', 'whenMatched': 'fail', 'whenNotMatched': 'discard'}}]", code: 51181},
		{pipeline: "[{'$merge': {'into': 't', 'let': {'a': 1}}}]", code: 51199},
		{pipeline: "[{'$merge': {'into': 't', 'let': {'new': 1}, 'whenMatched': []}}]", code: 51273},
		{pipeline: "[{'$merge': {'into': 't', 'whenMatched': [{'$match': {}}]}}]", code: mongoerr.InvalidOptions},
		{pipeline: "[{'$merge': {'into': 't', 'x': 1}}]", code: 40415},
	})
	_, err := agg.Parse(array(t, "[{'$out': 'a'}]"), &agg.Options{DB: "db", Coll: "c", InTransaction: true})
	require.Equal(t, mongoerr.OperationNotSupportedInTransaction, mongoerr.From(err).Code)
}
