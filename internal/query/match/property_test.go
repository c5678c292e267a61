package match_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/match"
)

// generator makes random documents and filters over few fields and values, so that they meet.
type generator struct{ *rand.Rand }

func (g generator) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g generator) scalar() string {
	return g.pick(`null`, `1`, `1.5`, `2`, `{"$numberLong":"2"}`, `{"$numberDouble":"NaN"}`, `"a"`, `"b"`, `true`, `{"$minKey":1}`, `{"$maxKey":1}`, `{"$date":"2020-01-01T00:00:00Z"}`)
}

func (g generator) value(depth int) string {
	switch n := g.IntN(8); {
	case depth == 0 || n < 4:
		return g.scalar()
	case n < 6:
		return g.document(depth - 1)
	}
	s := "["
	for i := range g.IntN(4) {
		if i > 0 {
			s += ","
		}
		s += g.value(depth - 1)
	}
	return s + "]"
}

func (g generator) document(depth int) string {
	s := "{"
	sep := ""
	for _, name := range []string{"a", "b", "0"} {
		if g.IntN(3) > 0 {
			s += sep + fmt.Sprintf("%q:%s", name, g.value(depth))
			sep = ","
		}
	}
	return s + "}"
}

func (g generator) path() string { return g.pick("a", "b", "a", "a.b", "a.0", "a.0.b") }

// condition makes an operator that partial indexes allow.
func (g generator) condition() string {
	switch g.IntN(8) {
	case 0:
		return `{"$exists":true}`
	case 1:
		return `{"$type":` + g.pick(`"number"`, `"string"`, `["int","double","long","decimal"]`, `"array"`, `"null"`) + `}`
	case 2:
		return `{"$in":[` + g.scalar() + `,` + g.scalar() + `]}`
	}
	return `{"` + g.pick("$eq", "$lt", "$lte", "$gt", "$gte") + `":` + g.scalar() + `}`
}

func (g generator) filter(depth int) string {
	if depth > 0 {
		switch g.IntN(5) {
		case 0:
			return `{"$or":[` + g.filter(depth-1) + `,` + g.filter(depth-1) + `]}`
		case 1:
			return `{"$and":[` + g.filter(depth-1) + `,` + g.filter(depth-1) + `]}`
		case 2:
			return fmt.Sprintf(`{%q:{"$ne":%s}}`, g.path(), g.scalar())
		}
	}
	return fmt.Sprintf(`{%q:%s}`, g.path(), g.condition())
}

// TestImpliesIsSound checks on random documents that what Implies promises holds.
func TestImpliesIsSound(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(7, 7))}
	docs := make([]bsonx.Doc, 300)
	for i := range docs {
		docs[i] = doc(t, g.document(3))
	}
	held := 0
	for range 6000 {
		fs, ps := g.filter(2), g.filter(1)
		f, p := compile(t, fs), compile(t, ps)
		if !f.Implies(p) {
			continue
		}
		held++
		for _, d := range docs {
			a, err := f.Match(d, nil)
			require.NoError(t, err)
			b, err := p.Match(d, nil)
			require.NoError(t, err)
			require.True(t, !a || b, "%s implies %s, not on %s", fs, ps, d)
		}
	}
	require.Greater(t, held, 100)
}

// TestEquivalences checks filters that must select the same documents, or opposite ones.
func TestEquivalences(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(3, 3))}
	docs := make([]bsonx.Doc, 200)
	for i := range docs {
		docs[i] = doc(t, g.document(3))
	}
	same := func(a, b string, negated bool) {
		fa, fb := compile(t, a), compile(t, b)
		for _, d := range docs {
			x, err := fa.Match(d, nil)
			require.NoError(t, err)
			y, err := fb.Match(d, nil)
			require.NoError(t, err)
			require.Equal(t, x, y != negated, "%s and %s on %s", a, b, d)
		}
	}
	for range 200 {
		p, v, w, f, h := g.path(), g.scalar(), g.scalar(), g.filter(2), g.filter(2)
		same(fmt.Sprintf(`{%q:%s}`, p, v), fmt.Sprintf(`{%q:{"$in":[%s]}}`, p, v), false)
		same(fmt.Sprintf(`{%q:{"$in":[%s,%s]}}`, p, v, w), fmt.Sprintf(`{"$or":[{%q:%s},{%q:%s}]}`, p, v, p, w), false)
		same(fmt.Sprintf(`{%q:{"$nin":[%s,%s]}}`, p, v, w), fmt.Sprintf(`{"$nor":[{%q:%s},{%q:%s}]}`, p, v, p, w), false)
		same(fmt.Sprintf(`{%q:{"$ne":%s}}`, p, v), fmt.Sprintf(`{%q:{"$eq":%s}}`, p, v), true)
		same(fmt.Sprintf(`{%q:{"$all":[%s,%s]}}`, p, v, w), fmt.Sprintf(`{"$and":[{%q:%s},{%q:%s}]}`, p, v, p, w), false)
		same(f, `{"$nor":[`+f+`]}`, true)
		same(`{"$nor":[`+f+`,`+h+`]}`, `{"$or":[`+f+`,`+h+`]}`, true)
		c := g.condition()
		same(fmt.Sprintf(`{%q:{"$not":%s}}`, p, c), fmt.Sprintf(`{%q:%s}`, p, c), true)
	}
}

// TestComparisons checks every pair of values against the order of BSON within their class.
func TestComparisons(t *testing.T) {
	values := []bsonx.Value{
		bsonx.Null, bsonx.Int32(-1), bsonx.Int32(0), bsonx.Double(math.Copysign(0, -1)), bsonx.Int64(1 << 53), bsonx.Int64(1<<53 + 1), bsonx.Double(1 << 53),
		bsonx.Double(math.NaN()), bsonx.Double(math.Inf(1)), bsonx.Double(0.1), bsonx.String(""), bsonx.String("a"), bsonx.String("a\x00"), bsonx.Symbol("a"),
		bsonx.Document(nil), bsonx.Document(bsonx.NewBuilder(nil).Int32("a", 1).Build()), bsonx.Binary(0, []byte{1}), bsonx.Binary(1, []byte{1}),
		bsonx.ObjectID([12]byte{1}), bsonx.Bool(false), bsonx.Bool(true), bsonx.DateTime(-5), bsonx.DateTime(5), bsonx.Timestamp(1), bsonx.Timestamp(1 << 63),
		bsonx.Regex("a", ""), bsonx.Regex("a", "i"), bsonx.JavaScript("x"),
	}
	for _, v := range values {
		for _, w := range values {
			d := bsonx.NewBuilder(nil).Value("a", v).Build()
			sameClass, c := v.Type.Class() == w.Type.Class(), bsonx.Compare(v, w)
			nan := isNaN(v) != isNaN(w)
			for op, want := range map[string]bool{"$eq": c == 0, "$lt": c < 0 && !nan, "$lte": c <= 0 && !nan, "$gt": c > 0 && !nan, "$gte": c >= 0 && !nan} {
				if w.Type == bsonx.TypeRegex && op != "$eq" {
					continue
				}
				f, err := match.Compile(bsonx.NewBuilder(nil).StartDoc("a").Value(op, w).End().Build(), nil)
				require.NoError(t, err)
				got, err := f.Match(d, nil)
				require.NoError(t, err)
				require.Equal(t, sameClass && want, got, "%s %s %s", bsonx.Format(v), op, bsonx.Format(w))
			}
		}
	}
}

func isNaN(v bsonx.Value) bool { return v.Type == bsonx.TypeDouble && math.IsNaN(v.Double()) }
