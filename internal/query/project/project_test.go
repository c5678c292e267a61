package project_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
	"github.com/tandemdb/tandem/internal/query/project"
)

func parse(t testing.TB, s string) bsonx.Doc {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(s), false, &d), s)
	b, err := bson.Marshal(d)
	require.NoError(t, err)
	return b
}

func apply(t testing.TB, p *project.Projection, s *expr.Scope, doc bsonx.Doc) (bsonx.Doc, error) {
	t.Helper()
	c := s.NewContext()
	c.Reset(doc)
	return p.Append(nil, doc, c)
}

func TestFind(t *testing.T) {
	const doc = `{"_id": 1, "a": 1, "b": {"c": 2, "d": 3}, "arr": [1, {"c": 4, "d": 5}, {"d": 6}, [{"c": 7}]], "n": [3, 1, 2]}`
	for _, tc := range []struct {
		spec, filter, want string
		code               mongoerr.Code
	}{
		{spec: `{"a": 1}`, want: `{"_id": 1, "a": 1}`},
		{spec: `{"_id": 1}`, want: `{"_id": 1}`},
		{spec: `{"_id": 0, "a": true}`, want: `{"a": 1}`},
		{spec: `{"n": 1, "a": 1}`, want: `{"_id": 1, "a": 1, "n": [3, 1, 2]}`},
		{spec: `{"b.c": 1}`, want: `{"_id": 1, "b": {"c": 2}}`},
		{spec: `{"b": {"c": 1}}`, want: `{"_id": 1, "b": {"c": 2}}`},
		{spec: `{"arr.c": 1}`, want: `{"_id": 1, "arr": [{"c": 4}, {}, [{"c": 7}]]}`},
		{spec: `{"a.x": 1}`, want: `{"_id": 1}`},
		{spec: `{"a": 0, "b": 0, "arr": 0}`, want: `{"_id": 1, "n": [3, 1, 2]}`},
		{spec: `{"_id": 0}`, want: `{"a": 1, "b": {"c": 2, "d": 3}, "arr": [1, {"c": 4, "d": 5}, {"d": 6}, [{"c": 7}]], "n": [3, 1, 2]}`},
		{spec: `{"arr.c": 0, "n": 0, "b": 0}`, want: `{"_id": 1, "a": 1, "arr": [1, {"d": 5}, {"d": 6}, [{}]]}`},
		{spec: `{"x": "$a", "a": 1}`, want: `{"_id": 1, "a": 1, "x": 1}`},
		{spec: `{"a": {"$add": ["$a", 1]}, "n": 1}`, want: `{"_id": 1, "n": [3, 1, 2], "a": 2}`},
		{spec: `{"b.e": "$a"}`, want: `{"_id": 1, "b": {"e": 1}}`},
		{spec: `{"x.y": "lit"}`, want: `{"_id": 1, "x": {"y": "lit"}}`},
		{spec: `{"n": {"$slice": 1}, "arr": 0, "b": 0}`, want: `{"_id": 1, "a": 1, "n": [3]}`},
		{spec: `{"n": {"$slice": -2}, "a": 1}`, want: `{"_id": 1, "a": 1, "n": [1, 2]}`},
		{spec: `{"n": {"$slice": [1, 1]}, "a": 1}`, want: `{"_id": 1, "a": 1, "n": [1]}`},
		{spec: `{"n": {"$slice": [-2, 5]}, "a": 1}`, want: `{"_id": 1, "a": 1, "n": [1, 2]}`},
		{spec: `{"arr": {"$elemMatch": {"d": {"$gt": 5}}}}`, want: `{"_id": 1, "arr": [{"d": 6}]}`},
		{spec: `{"n": {"$elemMatch": {"$lt": 3}}, "a": 1}`, want: `{"_id": 1, "a": 1, "n": [1]}`},
		{spec: `{"n": {"$elemMatch": {"$gt": 30}}}`, want: `{"_id": 1}`},
		{spec: `{"n.$": 1}`, filter: `{"n": {"$lt": 3}}`, want: `{"_id": 1, "n": [1]}`},
		{spec: `{"arr.$": 1}`, filter: `{"arr.d": 6}`, want: `{"_id": 1, "arr": [{"d": 6}]}`},
		{spec: `{"a": 1, "b": 0}`, code: 31254},
		{spec: `{"a": 0, "b": 1}`, code: 31253},
		{spec: `{"a": 0, "b": "$x"}`, code: 31310},
		{spec: `{"a": 0, "b": {"$add": [1, 2]}}`, code: 31252},
		{spec: `{"b": "$x", "a": 0}`, code: 31254},
		{spec: `{"b": {"$add": [1, 2]}, "_id": 0}`, want: `{"b": 3}`},
		{spec: `{"_id": 1, "a": 0, "b": 0, "arr": 0}`, want: `{"_id": 1, "n": [3, 1, 2]}`},
		{spec: `{"_id": "$a", "n": 1}`, want: `{"n": [3, 1, 2], "_id": 1}`},
		{spec: `{"_id.x": 1, "a": 1}`, want: `{"a": 1}`},
		{spec: `{}`, want: doc},
		{spec: `{"b.e": "$a", "b.c": 1, "a": 1}`, want: `{"_id": 1, "a": 1, "b": {"c": 2, "e": 1}}`},
		{spec: `{"a.e": "$_id", "n": 1}`, want: `{"_id": 1, "n": [3, 1, 2], "a": {"e": 1}}`},
		{spec: `{"arr.e": "$a"}`, want: `{"_id": 1, "arr": [{"e": 1}, {"e": 1}, {"e": 1}, [{"e": 1}]]}`},
		{spec: `{"b": {"c": 1}, "b.d": 1}`, want: `{"_id": 1, "b": {"c": 2, "d": 3}}`},
		{spec: `{"n": {"$slice": 2}}`, want: `{"_id": 1, "a": 1, "b": {"c": 2, "d": 3}, "arr": [1, {"c": 4, "d": 5}, {"d": 6}, [{"c": 7}]], "n": [3, 1]}`},
		{spec: `{"_id": 1, "n": {"$slice": 2}}`, want: `{"_id": 1, "n": [3, 1]}`},
		{spec: `{"_id": 0, "n": {"$slice": [5, 2]}, "arr": 0, "b": 0}`, want: `{"a": 1, "n": []}`},
		{spec: `{"n": {"$slice": [{"$numberLong": "9000000000"}, {"$numberDecimal": "1.5"}]}, "a": 1}`, want: `{"_id": 1, "a": 1, "n": []}`},
		{spec: `{"n": {"$slice": ["$n", 1]}, "a": 1}`, want: `{"_id": 1, "a": 1, "n": [3]}`},
		{spec: `{"n": {"$slice": "x"}}`, code: 28667},
		{spec: `{"n": {"$slice": [1, -1]}}`, code: 28724},
		{spec: `{"_id": 0, "n": {"$elemMatch": {"$lt": 3}}}`, want: `{"n": [1]}`},
		{spec: `{"arr": 0, "b": 0, "n": {"$elemMatch": {"$lt": 3}}}`, want: `{"_id": 1, "a": 1, "n": [1]}`},
		{spec: `{"n": {"$elemMatch": {"$lt": 3}}, "a": 1, "x": "$a"}`, want: `{"_id": 1, "a": 1, "n": [1], "x": 1}`},
		{spec: `{"n": {"$elemMatch": 3}}`, code: 31274},
		{spec: `{"b.n": {"$elemMatch": {"$lt": 3}}}`, code: 31275},
		{spec: `{"n.$": 1, "arr": {"$elemMatch": {"$lt": 3}}}`, filter: `{"n": 1}`, code: 31255},
		{spec: `{"arr": {"$elemMatch": {"$lt": 3}}, "n.$": 1}`, filter: `{"n": 1}`, code: 31256},
		{spec: `{"n.$": "x"}`, filter: `{"n": 1}`, code: 31308},
		{spec: `{"n.$": {"$add": [1, 2]}}`, filter: `{"n": 1}`, code: 31271},
		{spec: `{".$": 1}`, filter: `{"n": 1}`, code: 5392900},
		{spec: `{"arr.d.$": 1}`, filter: `{"arr.d": 6}`, want: `{"_id": 1, "arr": [{"d": 6}]}`},
		{spec: `{"a.$": 1}`, filter: `{"a": 1}`, want: `{"_id": 1, "a": 1}`},
		{spec: `{"n.$": 1}`, filter: `{"arr.c": 4}`, want: `{"_id": 1, "n": [1]}`},
		{spec: `{"n.$": 1, "a": 1}`, filter: `{"$expr": {"$eq": ["$a", 1]}, "n": {"$gt": 1}}`, want: `{"_id": 1, "a": 1, "n": [3]}`},
		{spec: `{"a": {"$meta": "textScore"}}`, code: 40218},
		{spec: `{"a": {"$meta": "other"}}`, code: 17308},
		{spec: `{"a": {"$meta": 1}}`, code: 17307},
		{spec: `{"a": {"$meta": "recordId"}, "a.b": 1}`, code: 31249},
		{spec: `{"a": {"$foo": 1}}`, code: 31325},
		{spec: `{"a": 1, "a.b": 1}`, code: 31249},
		{spec: `{"a.b": 1, "a": 1}`, code: 31250},
		{spec: `{"a": 1, "a": 1}`, code: 31250},
		{spec: `{"a": {"$x": 1, "b": 1}}`, code: 16410},
		{spec: `{"a": {}}`, code: 51270},
		{spec: `{"": 1}`, code: 40352},
		{spec: `{"a.": 1}`, code: 40353},
		{spec: `{"a..b": 1}`, code: 15998},
		{spec: `{"n.$": 1, "arr.$": 1}`, filter: `{"n": 1}`, code: 31276},
		{spec: `{"n.$": 0}`, filter: `{"n": 1}`, code: 31395},
		{spec: `{"n.$": 1}`, filter: `{"_id": 1}`, code: 51246},
		{spec: `{"n.$.x": 1}`, filter: `{"n": 1}`, code: 31394},
	} {
		t.Run(tc.spec, func(t *testing.T) {
			s := expr.NewScope(nil)
			filter := `{}`
			if tc.filter != "" {
				filter = tc.filter
			}
			f, err := match.Compile(parse(t, filter), s)
			require.NoError(t, err)
			var got bsonx.Doc
			p, err := project.Compile(parse(t, tc.spec), s, project.Find, f)
			if err == nil {
				got, err = apply(t, p, s, parse(t, doc))
			}
			if tc.code != 0 {
				require.True(t, mongoerr.Is(err, tc.code), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, parse(t, tc.want).String(), got.String())
		})
	}
}

func TestAddFields(t *testing.T) {
	const doc = `{"_id": 1, "a": 1, "b": {"c": 2}, "arr": [1, {"c": 4}]}`
	for _, tc := range []struct {
		spec, want string
		code       mongoerr.Code
	}{
		{spec: `{"x": 1}`, want: `{"_id": 1, "a": 1, "b": {"c": 2}, "arr": [1, {"c": 4}], "x": 1}`},
		{spec: `{"a": {"$add": ["$a", 1]}}`, want: `{"_id": 1, "a": 2, "b": {"c": 2}, "arr": [1, {"c": 4}]}`},
		{spec: `{"b.d": "$a", "y.z": 1}`, want: `{"_id": 1, "a": 1, "b": {"c": 2, "d": 1}, "arr": [1, {"c": 4}], "y": {"z": 1}}`},
		{spec: `{"arr.d": 9}`, want: `{"_id": 1, "a": 1, "b": {"c": 2}, "arr": [{"d": 9}, {"c": 4, "d": 9}]}`},
		{spec: `{"a": "$$REMOVE"}`, want: `{"_id": 1, "b": {"c": 2}, "arr": [1, {"c": 4}]}`},
		{spec: `{"a.x": 5}`, want: `{"_id": 1, "a": {"x": 5}, "b": {"c": 2}, "arr": [1, {"c": 4}]}`},
		{spec: `{"b": {"e": 1}}`, want: `{"_id": 1, "a": 1, "b": {"c": 2, "e": 1}, "arr": [1, {"c": 4}]}`},
		{spec: `{"b": {}}`, want: `{"_id": 1, "a": 1, "b": {}, "arr": [1, {"c": 4}]}`},
		{spec: `{}`, code: 40177},
		{spec: `{"a": 1, "a.b": 1}`, code: 31249},
	} {
		t.Run(tc.spec, func(t *testing.T) {
			s := expr.NewScope(nil)
			var got bsonx.Doc
			p, err := project.CompileAddFields(parse(t, tc.spec), s)
			if err == nil {
				got, err = apply(t, p, s, parse(t, doc))
			}
			if tc.code != 0 {
				require.True(t, mongoerr.Is(err, tc.code), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, parse(t, tc.want).String(), got.String())
		})
	}
}

func TestAggregateErrors(t *testing.T) {
	for spec, code := range map[string]mongoerr.Code{
		`{}`:                                     51272,
		`{"a.$": 1}`:                             31324,
		`{"a": {"$elemMatch": {"b": 1}}}`:        mongoerr.InvalidPipelineOperator,
		`{"a": {"$foo": 1}}`:                     31325,
		`{"a": {"$add": [1, {"$foo": 1}]}}`:      mongoerr.InvalidPipelineOperator,
		`{"a": {"$slice": 1}}`:                   28667,
		`{"a": {"b": {"$add": [1, 2]}}, "c": 0}`: 31254,
	} {
		_, err := project.Compile(parse(t, spec), expr.NewScope(nil), project.Aggregate, nil)
		require.True(t, mongoerr.Is(err, code), "%s: %v", spec, err)
	}
}

// TestManyFields has more fields than fit a word.
func TestManyFields(t *testing.T) {
	spec, doc, want := bsonx.NewBuilder(nil), bsonx.NewBuilder(nil), bsonx.NewBuilder(nil)
	for i := range 100 {
		name := fmt.Sprintf("f%d", i)
		spec.StartDoc(name).Int32("x", int32(i)).End()
		doc.StartDoc(name).Bool("y", true).End()
		want.StartDoc(name).Bool("y", true).Int32("x", int32(i)).End()
	}
	s := expr.NewScope(nil)
	p, err := project.CompileAddFields(spec.Build(), s)
	require.NoError(t, err)
	got, err := apply(t, p, s, doc.Build())
	require.NoError(t, err)
	require.Equal(t, want.Build().String(), got.String())
}

func TestUnset(t *testing.T) {
	for spec, want := range map[string]string{
		`"a"`:          `{"b": {"c": 2, "d": 3}}`,
		`["a", "b.c"]`: `{"b": {"d": 3}}`,
	} {
		p, err := project.CompileUnset(parse(t, `{"v": `+spec+`}`).Lookup("v"))
		require.NoError(t, err)
		got, err := apply(t, p, expr.NewScope(nil), parse(t, `{"a": 1, "b": {"c": 2, "d": 3}}`))
		require.NoError(t, err)
		require.Equal(t, parse(t, want).String(), got.String())
	}
	for spec, code := range map[string]mongoerr.Code{`1`: 31002, `[]`: 31119, `[1]`: 31120} {
		_, err := project.CompileUnset(parse(t, `{"v": `+spec+`}`).Lookup("v"))
		require.True(t, mongoerr.Is(err, code), "%s: %v", spec, err)
	}
}

func TestDeps(t *testing.T) {
	for spec, want := range map[string][]string{
		`{"a": 1, "_id": 0}`:        {"a"},
		`{"a.b": 1}`:                {"a.b", "_id"},
		`{"x": {"$add": ["$p.q"]}}`: {"p.q", "_id"},
		`{"a": 0}`:                  nil,
		`{"x": "$$ROOT"}`:           nil,
	} {
		p, err := project.Compile(parse(t, spec), expr.NewScope(nil), project.Find, nil)
		require.NoError(t, err)
		got, whole := p.Deps()
		require.Equal(t, want == nil, whole, spec)
		require.Equal(t, want, got, spec)
	}
}

func TestAppendAllocates(t *testing.T) {
	s := expr.NewScope(nil)
	p, err := project.Compile(parse(t, `{"a": 1, "b.c": 1}`), s, project.Find, nil)
	require.NoError(t, err)
	doc := parse(t, `{"_id": 1, "a": 1, "b": {"c": 2, "d": 3}, "x": "y"}`)
	c := s.NewContext()
	c.Reset(doc)
	buf := make([]byte, 0, 1000)
	require.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = p.Append(buf[:0], doc, c) }))
}

// FuzzCompile checks that compiling and applying end without a panic on whatever specification,
// and that what comes out is a document.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{`{"a": 1, "b.c": {"$add": ["$a", 1]}, "l": {"$slice": [1, 2]}}`, `{"l.$": 1, "_id": 0}`, `{"l": {"$elemMatch": {"x": 1}}, "a": 0}`} {
		f.Add([]byte(parse(f, s)), []byte(parse(f, `{"a": 1, "b": [{"c": 1}, 2], "l": [1, {"x": 1}]}`)))
	}
	f.Fuzz(func(t *testing.T, spec, doc []byte) {
		if bsonx.Validate(spec, 50) != nil || bsonx.Validate(doc, 50) != nil {
			return
		}
		s := expr.NewScope(nil)
		filter, err := match.Compile(parse(t, `{"l": {"$exists": true}}`), s)
		require.NoError(t, err)
		p, err := project.Compile(spec, s, project.Find, filter)
		if err != nil {
			require.NotEqual(t, mongoerr.InternalError, mongoerr.From(err).Code, err)
			return
		}
		if out, err := apply(t, p, s, doc); err == nil {
			require.NoError(t, bsonx.Validate(out, 200))
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	d := bsonx.NewBuilder(nil).Int32("_id", 1)
	for i := range 16 {
		d.String(fmt.Sprintf("field%d", i), "some text of moderate length that fills the document up")
	}
	doc := d.Build()
	for _, spec := range []string{`{"field1": 1, "field5": 1}`, `{"field1": 0}`, `{"x": {"$add": ["$_id", 1]}, "field9": 1}`} {
		b.Run(spec, func(b *testing.B) {
			s := expr.NewScope(nil)
			p, err := project.Compile(parse(b, spec), s, project.Find, nil)
			require.NoError(b, err)
			c := s.NewContext()
			buf := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				c.Reset(doc)
				buf, _ = p.Append(buf[:0], doc, c)
			}
		})
	}
}

// $slice reaches documents in an array, not those in arrays in an array.
func TestSliceInArrays(t *testing.T) {
	for _, tc := range []struct{ spec, doc, want string }{
		{`{"a.b": {"$slice": 1}}`, `{"a": [{"b": [1, 2]}, [{"b": [1, 2]}], 3]}`, `{"a": [{"b": [1]}, [{"b": [1, 2]}], 3]}`},
		{`{"a.b": {"$slice": 1}}`, `{"a": [{"b": [[1, 2], [3]]}]}`, `{"a": [{"b": [[1, 2]]}]}`},
		{`{"a.b.c": {"$slice": 1}}`, `{"a": [{"b": [{"c": [1, 2]}]}, {"b": [[{"c": [1, 2]}]]}]}`, `{"a": [{"b": [{"c": [1]}]}, {"b": [[{"c": [1, 2]}]]}]}`},
		{`{"a.b": {"$slice": 1}, "a.d": {"$add": [1, 2]}}`, `{"a": [[{"b": [1, 2]}]]}`, `{"a": [[{"b": [1, 2], "d": 3}]]}`},
		{`{"a.b": {"$slice": 1}, "e": 1}`, `{"a": [[{"b": [1, 2], "c": 1}]], "f": 1}`, `{"a": [[{"b": [1, 2]}]]}`},
	} {
		s := expr.NewScope(nil)
		p, err := project.Compile(parse(t, tc.spec), s, project.Find, nil)
		require.NoError(t, err, tc.spec)
		got, err := apply(t, p, s, parse(t, tc.doc))
		require.NoError(t, err, tc.spec)
		require.Equal(t, parse(t, tc.want).String(), got.String(), tc.spec)
	}
}
