package sortkey_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

func doc(t testing.TB, json string) bsonx.Doc {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(json), false, &d), json)
	b, err := bson.Marshal(d)
	require.NoError(t, err)
	return b
}

func pattern(t testing.TB, json string) *sortkey.Pattern {
	t.Helper()
	p, err := sortkey.Compile(doc(t, json), nil)
	require.NoError(t, err)
	return p
}

// TestOrder lists documents in the order of a pattern; those in one string are equal.
func TestOrder(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		docs    []string
	}{
		{`{"a":1}`, []string{`{"a":{"$minKey":1}}`, `{"a":[]}`, `{} {"a":null} {"a":[null,5]}`, `{"a":{"$numberDouble":"NaN"}}`, `{"a":-1}`, `{"a":1} {"a":1.0} {"a":[1,7]} {"a":[7,1]}`, `{"a":2}`, `{"a":"A"}`, `{"a":"a"}`, `{"a":{"b":1}}`, `{"a":[[1]]}`, `{"a":{"$oid":"000000000000000000000000"}}`, `{"a":false}`, `{"a":true}`, `{"a":{"$date":"2020-01-01T00:00:00Z"}}`, `{"a":{"$maxKey":1}}`}},
		{`{"a":-1}`, []string{`{"a":[1,9]} {"a":9}`, `{"a":[1,5]}`, `{"a":1}`, `{"a":null} {}`, `{"a":[]}`}},
		{`{"a":1,"b":-1}`, []string{`{"a":1,"b":2}`, `{"a":1,"b":1}`, `{"a":1}`, `{"a":2,"b":9}`}},
		{`{"a.b":1}`, []string{`{} {"a":5} {"a":[]} {"a":[{"b":3},{}]} {"a":[1,{"b":2}]} {"a":[[{"b":1}]]}`, `{"a":{"b":1}} {"a":[{"b":1},{"b":9}]}`, `{"a":[{"b":[8,2]},{"b":5}]}`}},
		{`{"a.1":1}`, []string{`{"a":[1]} {}`, `{"a":[9,2]} {"a":{"1":2}}`, `{"a":[0,3]}`}},
		{`{"a.0.b":1}`, []string{`{"a":[{"b":1},{"b":0}]}`, `{"a":[{"b":2}]}`}},
		// The fields of one array advance together: the key is that of one element.
		{`{"a.x":1,"a.y":1}`, []string{`{"a":[{"x":2,"y":1},{"x":1,"y":8}]}`, `{"a":{"x":1,"y":9}}`, `{"a":[{"x":1,"y":10}]}`}},
		{`{"a.x":1,"b":1}`, []string{`{"a":[{"x":4},{"x":1}],"b":3}`, `{"a":[{"x":1}],"b":4}`}},
	} {
		p := pattern(t, tc.pattern)
		var last []byte
		for i, group := range tc.docs {
			var key []byte
			for d := range strings.SplitSeq(group, " ") {
				k, err := p.AppendKey(nil, doc(t, d))
				require.NoError(t, err)
				if key != nil {
					require.Equal(t, key, k, "%s: %s", tc.pattern, group)
				}
				key = k
			}
			if i > 0 {
				require.Negative(t, bytes.Compare(last, key), "%s: %s before %s", tc.pattern, tc.docs[i-1], group)
			}
			last = key
		}
	}
}

func TestParallelArrays(t *testing.T) {
	_, err := pattern(t, `{"a":1,"b":1}`).AppendKey(nil, doc(t, `{"a":[1],"b":[2]}`))
	require.True(t, mongoerr.Is(err, mongoerr.BadValue))
	require.ErrorContains(t, err, "parallel arrays")
	_, err = pattern(t, `{"a.x":1,"a.y":1}`).AppendKey(nil, doc(t, `{"a":[{"x":[1],"y":[2]}]}`))
	require.ErrorContains(t, err, "parallel arrays")
}

func TestAppendKeyAppends(t *testing.T) {
	for _, d := range []string{`{"a":1}`, `{"a":[1,2]}`} {
		key, err := pattern(t, `{"a":1}`).AppendKey(nil, doc(t, d))
		require.NoError(t, err)
		got, err := pattern(t, `{"a":1}`).AppendKey([]byte("x"), doc(t, d))
		require.NoError(t, err)
		require.Equal(t, "x"+string(key), string(got))
	}
}

func TestCompileErrors(t *testing.T) {
	wide := bsonx.NewBuilder(nil)
	for i := range 33 {
		wide.Int32(fmt.Sprintf("f%d", i), 1)
	}
	_, err := sortkey.Compile(wide.Build(), nil)
	require.Equal(t, mongoerr.Code(13103), mongoerr.From(err).Code)
	for _, tc := range []struct {
		spec string
		code mongoerr.Code
		text string
	}{
		{`{"a":0}`, 15975, "must be 1 (for ascending) or -1"},
		{`{"a":2}`, 15975, ""},
		{`{"asc":"123"}`, 15974, `Illegal key in $sort specification: asc: "123"`},
		{`{"a":{"b":1}}`, 15974, ""},
		{`{"":1}`, 40352, ""},
		{`{"a.":1}`, 40353, ""},
		{`{"a..b":1}`, 15998, ""},
		{`{"$a":1}`, 16410, ""},
		{`{"a":1,"b":1,"a":-1}`, 7472500, "duplicate keys (field: 'a')"},
		{`{"a":{"$meta":"textScore"}}`, 40218, ""},
		{`{"a":{"$meta":"x"}}`, 31138, ""},
	} {
		_, err := sortkey.Compile(doc(t, tc.spec), nil)
		require.Equal(t, tc.code, mongoerr.From(err).Code, tc.spec)
		require.ErrorContains(t, err, tc.text)
	}
}

// TestSorter sorts random documents with and without limits and files, and checks order,
// stability and that nothing is lost.
func TestSorter(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	const n = 3000
	keys := make([]int32, n)
	for i := range keys {
		keys[i] = r.Int32N(500)
	}
	for _, o := range []sortkey.SorterOptions{
		{},
		{Limit: 1},
		{Limit: 100},
		{Limit: n},
		{Limit: n + 1},
		{MemoryMax: 20_000, AllowDiskUse: true, TempDir: dir},
		{MemoryMax: 20_000, AllowDiskUse: true, TempDir: dir, Limit: 700},
	} {
		s := sortkey.NewSorter(pattern(t, `{"k":1}`), o)
		for i, k := range keys {
			require.NoError(t, s.Add(bsonx.NewBuilder(nil).Int32("k", k).Int32("i", int32(i)).Build()))
		}
		require.NoError(t, s.Sort())
		require.Equal(t, o.MemoryMax > 0, s.Spills() > 1, "%+v", o)
		want := int64(n)
		if o.Limit > 0 {
			want = min(want, o.Limit)
		}
		seen := make([]bool, n)
		lastK, lastI := int32(-1), int32(-1)
		for range want {
			d, ok, err := s.Next()
			require.NoError(t, err)
			require.True(t, ok)
			k, i := d.Lookup("k").Int32(), d.Lookup("i").Int32()
			require.True(t, k > lastK || k == lastK && i > lastI, "%d/%d after %d/%d", k, i, lastK, lastI)
			require.Equal(t, keys[i], k)
			require.False(t, seen[i])
			seen[i], lastK, lastI = true, k, i
		}
		_, ok, err := s.Next()
		require.NoError(t, err)
		require.False(t, ok)
		for i, k := range keys { // nothing better was left out
			require.True(t, seen[i] || k >= lastK)
		}
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSorterMemoryLimit(t *testing.T) {
	s := sortkey.NewSorter(pattern(t, `{"k":1}`), sortkey.SorterOptions{MemoryMax: 1000})
	d := doc(t, `{"k":1,"s":"`+strings.Repeat("x", 500)+`"}`)
	require.NoError(t, s.Add(d))
	err := s.Add(d)
	require.True(t, mongoerr.Is(err, mongoerr.QueryExceededMemoryLimitNoDiskUse))
	require.ErrorContains(t, err, "Sort exceeded memory limit of 1000 bytes")
	require.NoError(t, s.Close())

	// What a limit leaves out takes no memory.
	s = sortkey.NewSorter(pattern(t, `{"k":1}`), sortkey.SorterOptions{MemoryMax: 1000, Limit: 1})
	for range 100 {
		require.NoError(t, s.Add(d))
	}
	require.NoError(t, s.Close())
}

func TestAppendKeyDoesNotAllocate(t *testing.T) {
	p := pattern(t, `{"a":1,"b.c":-1}`)
	plain, array := doc(t, `{"a":5,"b":{"c":"text"}}`), doc(t, `{"a":5,"b":[{"c":"text"},{"c":1}]}`)
	buf := make([]byte, 0, 256)
	allocs := func(d bsonx.Doc) float64 {
		return testing.AllocsPerRun(100, func() {
			if _, err := p.AppendKey(buf, d); err != nil {
				panic(err)
			}
		})
	}
	require.Zero(t, allocs(plain))
	require.LessOrEqual(t, allocs(array), 1.0) // the pool of generators may be empty
}

func BenchmarkSorter(b *testing.B) {
	p := pattern(b, `{"k":1}`)
	docs := make([]bsonx.Doc, 10_000)
	for i := range docs {
		docs[i] = bsonx.NewBuilder(nil).Int32("k", rand.Int32()).String("s", strings.Repeat("x", 200)).Build()
	}
	for _, limit := range []int64{0, 10} {
		b.Run(fmt.Sprintf("limit=%d", limit), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := sortkey.NewSorter(p, sortkey.SorterOptions{Limit: limit})
				for _, d := range docs {
					_ = s.Add(d)
				}
				_ = s.Sort()
				for {
					if _, ok, _ := s.Next(); !ok {
						break
					}
				}
				_ = s.Close()
			}
		})
	}
}
