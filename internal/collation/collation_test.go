package collation_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func doc(t testing.TB, json string) bsonx.Doc {
	t.Helper()
	var raw bson.Raw
	require.NoError(t, bson.UnmarshalExtJSON([]byte(json), false, &raw))
	return bsonx.Doc(raw)
}

func parse(t testing.TB, json string) *collation.Collation {
	t.Helper()
	c, err := collation.Parse(doc(t, json))
	require.NoError(t, err)
	return c
}

// TestOrder sorts words: each is followed by the relation to the next.
func TestOrder(t *testing.T) {
	for _, tc := range []struct{ name, spec, order string }{
		{"primary", `{"locale":"en","strength":1}`, "a = A = á = Á < b"},
		{"secondary", `{"locale":"en","strength":2}`, "a = A < á = Á < b"},
		{"tertiary", `{"locale":"en"}`, "a < A < á < Á < à < b"},
		{"the regional locale", `{"locale":"en_US"}`, "a < A < b < B"},
		{"POSIX", `{"locale":"en_US_POSIX"}`, "A < B < a < b"},
		{"composed and decomposed", `{"locale":"en"}`, "é = e\u0301 < f"},
		{"normalisation", `{"locale":"en","normalization":true}`, "a\u0327\u0301 = a\u0301\u0327 < b"},
		{"identical", `{"locale":"en","strength":5}`, "a < a\u0000 < b"},
		{"letters of their own", `{"locale":"sv"}`, "a < o < z < å < ä < ö"},
		{"accents only", `{"locale":"de"}`, "a < ä < o < ö < ss < ß < z"},
		{"a variant", `{"locale":"de@collation=phonebook"}`, "ad < ae < ä < af"},
		{"digraphs", `{"locale":"cs"}`, "c < č < d < h < ch < i"},
		{"Spanish", `{"locale":"es"}`, "n < nz < ñ < o"},
		{"Polish", `{"locale":"pl"}`, "l < lz < ł < m < z < ź < ż"},
		{"Turkish", `{"locale":"tr"}`, "h < ı < I < i < İ < j"},
		{"Norwegian", `{"locale":"nb"}`, "a < z < æ < ø < å"},
		{"Danish has capitals first", `{"locale":"da"}`, "A < a < z < æ < ø < å"},
		{"Estonian", `{"locale":"et"}`, "s < š < z < ž < t < õ < ä < ö < ü < x"},
		{"Canadian French", `{"locale":"fr_CA"}`, "cote < côte < coté < côté"},
		{"French", `{"locale":"fr"}`, "cote < coté < côte < côté"},
		{"backwards", `{"locale":"fr","backwards":true}`, "cote < côte < coté < côté"},
		{"upper case first", `{"locale":"en","caseFirst":"upper"}`, "A < a < á < Ab < ab < B < b"},
		{"lower case first", `{"locale":"en","caseFirst":"lower"}`, "a < A < b < B"},
		{"case without accents", `{"locale":"en","strength":1,"caseLevel":true}`, "a = á < A = Á < b"},
		{"case after accents", `{"locale":"en","strength":2,"caseLevel":true}`, "a < A < á < Á < b"},
		{"a ligature", `{"locale":"en","strength":1,"caseLevel":true}`, "ae = æ < af"},
		{"text order of digits", `{"locale":"en"}`, "1 < 10 < 2"},
		{"numeric order", `{"locale":"en","numericOrdering":true}`, "1 = 01 < 2 < 10 < a1 < a2 < a10 < b"},
		{"punctuation counts", `{"locale":"en"}`, "a b < a-b < ab"},
		{"punctuation is ignored", `{"locale":"en","alternate":"shifted"}`, "ab = a-b = a b = a.b < abc"},
		{"symbols are not ignored", `{"locale":"en","alternate":"shifted"}`, "a$b < ab"},
		{"spaces are ignored", `{"locale":"en","alternate":"shifted","maxVariable":"space"}`, "a-b < ab = a b"},
		{"ignored but for ties", `{"locale":"en","alternate":"shifted","strength":4}`, "a b < a-b < ab < ac"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := parse(t, tc.spec)
			words := strings.FieldsFunc(tc.order, func(r rune) bool { return r == '<' || r == '=' })
			var relations []int
			for _, r := range tc.order {
				switch r {
				case '<':
					relations = append(relations, -1)
				case '=':
					relations = append(relations, 0)
				}
			}
			for i, r := range relations {
				a, b := strings.Trim(words[i], " "), strings.Trim(words[i+1], " ")
				require.Equal(t, r, c.Compare(bsonx.String(a), bsonx.String(b)), "%q and %q", a, b)
				require.Equal(t, -r, c.Compare(bsonx.String(b), bsonx.String(a)), "%q and %q", b, a)
				require.Equal(t, r, bytes.Compare(c.AppendKey(nil, []byte(a)), c.AppendKey(nil, []byte(b))))
			}
		})
	}
}

func TestCompareWithinValues(t *testing.T) {
	c := parse(t, `{"locale":"en","strength":2}`)
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{`{"v":["a","B"]}`, `{"v":["A","b"]}`, 0},
		{`{"v":["a"]}`, `{"v":["A","b"]}`, -1},
		{`{"v":{"x":"a"}}`, `{"v":{"x":"A"}}`, 0},
		{`{"v":{"X":"a"}}`, `{"v":{"x":"A"}}`, -1}, // names are no text
		{`{"v":{"x":[{"y":"é"}]}}`, `{"v":{"x":[{"y":"É"}]}}`, 0},
		{`{"v":"a"}`, `{"v":1}`, 1},
		{`{"v":{"x":1}}`, `{"v":{"x":"A"}}`, -1},
		{`{"v":{"$symbol":"a"}}`, `{"v":"A"}`, 0},
		{`{"v":2}`, `{"v":2.5}`, -1},
	} {
		a, b := doc(t, tc.a).Lookup("v"), doc(t, tc.b).Lookup("v")
		require.Equal(t, tc.want, c.Compare(a, b), "%s and %s", tc.a, tc.b)
		require.Equal(t, -tc.want, c.Compare(b, a), "%s and %s", tc.b, tc.a)
		require.Equal(t, tc.want == 0, c.Equal(a, b))
	}
}

func TestSimple(t *testing.T) {
	c := parse(t, `{"locale":"simple","strength":2}`)
	require.Nil(t, c)
	require.Equal(t, 1, c.Compare(bsonx.String("a"), bsonx.String("A")))
	require.Equal(t, []byte("xA"), c.AppendKey([]byte("x"), []byte("A")))
	require.Equal(t, "simple", c.Locale())
	require.True(t, collation.Same(c, nil))
	require.False(t, collation.Same(c, parse(t, `{"locale":"en"}`)))
	require.True(t, collation.Same(parse(t, `{"locale":"en"}`), parse(t, `{"strength":3.0,"locale":"en"}`)))
}

func TestSpec(t *testing.T) {
	for given, want := range map[string]string{ // in the order of listIndexes
		`{"locale":"en","strength":2}`: `{"locale":"en","caseLevel":false,"caseFirst":"off","strength":2,"numericOrdering":false,` +
			`"alternate":"non-ignorable","maxVariable":"punct","normalization":false,"backwards":false,"version":"` + collation.Version + `"}`,
		`{"locale":"fr_CA","version":"57.1"}`: `{"locale":"fr_CA","caseLevel":false,"caseFirst":"off","strength":3,"numericOrdering":false,` +
			`"alternate":"non-ignorable","maxVariable":"punct","normalization":false,"backwards":true,"version":"` + collation.Version + `"}`,
		`{"locale":"da","alternate":"shifted","maxVariable":"space","caseLevel":true}`: `{"locale":"da","caseLevel":true,"caseFirst":"upper","strength":3,` +
			`"numericOrdering":false,"alternate":"shifted","maxVariable":"space","normalization":false,"backwards":false,"version":"` + collation.Version + `"}`,
	} {
		c := parse(t, given)
		require.Equal(t, doc(t, want), c.Spec())
		again, err := collation.Parse(c.Spec())
		require.NoError(t, err)
		require.True(t, collation.Same(c, again), "the document in full means the same")
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		spec string
		code mongoerr.Code
		text string
	}{
		{`{"strength":1}`, 40414, "BSON field 'collation.locale' is missing but a required field"},
		{`{"locale":"en","x":1}`, 40415, "BSON field 'collation.x' is an unknown field."},
		{`{"locale":1}`, mongoerr.TypeMismatch, "BSON field 'collation.locale' is the wrong type 'int', expected type 'string'"},
		{`{"locale":"en","caseLevel":1}`, mongoerr.TypeMismatch, "BSON field 'collation.caseLevel' is the wrong type 'int', expected type 'bool'"},
		{`{"locale":"en","strength":6}`, mongoerr.BadValue, "Enumeration value '6' for field 'collation.strength' is not a valid value."},
		{`{"locale":"en","strength":1.5}`, mongoerr.BadValue, "Enumeration value '1.5' for field 'collation.strength' is not a valid value."},
		{`{"locale":"en","strength":"1"}`, mongoerr.TypeMismatch, "BSON field 'collation.strength' is the wrong type 'string', expected type '[int, long, double]'"},
		{`{"locale":"en","caseFirst":"x"}`, mongoerr.BadValue, "Enumeration value 'x' for field 'collation.caseFirst' is not a valid value."},
		{`{"locale":"en","alternate":"x"}`, mongoerr.BadValue, "Enumeration value 'x' for field 'collation.alternate' is not a valid value."},
		{`{"locale":""}`, mongoerr.BadValue, `Field 'locale' cannot be the empty string in: { locale: "" }`},
		{`{"locale":"xx"}`, mongoerr.BadValue, `Field 'locale' is invalid in: { locale: "xx" }`},
		{`{"locale":"en_GB"}`, mongoerr.BadValue, `Field 'locale' is invalid in: { locale: "en_GB" }`},
		{`{"locale":"th"}`, mongoerr.NotImplemented, "collation with locale 'th' is not supported"},
		{`{"locale":"es@collation=traditional"}`, mongoerr.NotImplemented, "collation with locale 'es@collation=traditional' is not supported"},
		{`{"locale":"ja","strength":4}`, mongoerr.NotImplemented, "collation with locale 'ja' and strength 4 is not supported"},
		{`{"locale":"fr_CA","strength":1}`, mongoerr.BadValue, `'backwards' is invalid with 'strength' of 1 in: { locale: "fr_CA", strength: 1 }`},
		{
			`{"locale":"en","strength":2,"caseFirst":"upper"}`, mongoerr.BadValue,
			`'caseFirst' is invalid unless 'caseLevel' is on or 'strength' is greater than 2 in: { locale: "en", strength: 2, caseFirst: "upper" }`,
		},
		{`{"locale":"en","version":"1"}`, mongoerr.IncompatibleCollationVersion, "Requested collation version 1 but the only available collator version was " +
			collation.Version + `. Requested collation spec: { locale: "en", version: "1" }`},
	} {
		_, err := collation.Parse(doc(t, tc.spec))
		require.Error(t, err, tc.spec)
		e := mongoerr.From(err)
		require.Equal(t, tc.code, e.Code, tc.spec)
		require.Equal(t, tc.text, e.Message)
	}
}

// TestConcurrency compares in many goroutines: what makes keys is not safe to share.
func TestConcurrency(t *testing.T) {
	c := parse(t, `{"locale":"en","strength":3,"caseFirst":"upper"}`)
	want := c.AppendKey(nil, []byte("Résumé"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if !bytes.Equal(want, c.AppendKey(nil, []byte("Résumé"))) {
					t.Error("another key")
				}
				if c.Compare(bsonx.String("résumé"), bsonx.String("resume")) != 1 {
					t.Error("another order")
				}
			}
		})
	}
	wg.Wait()
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"", "a", "Á", "a\u0301", "10", "a b", "\x00", "\xff", "ch", "日本"} {
		f.Add(s, s+"x")
	}
	var all []*collation.Collation
	for _, spec := range []string{
		`{"locale":"en"}`, `{"locale":"cs","strength":1}`, `{"locale":"fr_CA","numericOrdering":true}`,
		`{"locale":"da","alternate":"shifted","strength":4}`, `{"locale":"en","strength":5,"caseLevel":true}`,
	} {
		all = append(all, parse(f, spec))
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, c := range all {
			ka, kb := c.AppendKey(nil, []byte(a)), c.AppendKey([]byte("p"), []byte(b))
			require.Equal(t, byte('p'), kb[0])
			require.Equal(t, bytes.Compare(ka, kb[1:]), c.Compare(bsonx.String(a), bsonx.String(b)))
			require.Equal(t, ka, c.AppendKey(nil, []byte(a)))
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	c := parse(b, `{"locale":"en","strength":2}`)
	x, y := bsonx.String("The quick brown fox"), bsonx.String("the quick brown Fox")
	b.ReportAllocs()
	for b.Loop() {
		c.Compare(x, y)
	}
}
