package storagetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

var iterTests = []test{
	{"BoundsAndDirections", func(e *env) {
		e.write("a", "1", "c", "3", "e", "5")
		t := e.begin()
		t.write("b", "2", "c", "-", "e", "x", "f", "6")
		for _, tc := range []struct {
			lo, hi string
			o      storage.ScanOptions
			want   []string
		}{
			{"", "", storage.ScanOptions{}, []string{"a=1", "b=2", "e=x", "f=6"}},
			{"", "", storage.ScanOptions{Reverse: true}, []string{"f=6", "e=x", "b=2", "a=1"}},
			{"b", "e", storage.ScanOptions{}, []string{"b=2"}},
			{"b", "f", storage.ScanOptions{Reverse: true}, []string{"e=x", "b=2"}},
			{"c", "d", storage.ScanOptions{}, nil},
			{"c", "c", storage.ScanOptions{}, nil},
			{"d", "c", storage.ScanOptions{}, nil},
			{"d", "c", storage.ScanOptions{Reverse: true}, nil},
			{"", "", storage.ScanOptions{Limit: 2}, []string{"a=1", "b=2"}},
			{"", "", storage.ScanOptions{Limit: 3, Reverse: true}, []string{"f=6", "e=x", "b=2"}},
			{"bb", "", storage.ScanOptions{}, []string{"e=x", "f=6"}},
			{"", "ee", storage.ScanOptions{Reverse: true}, []string{"e=x", "b=2", "a=1"}},
		} {
			require.Equal(e, tc.want, t.scan(tc.lo, tc.hi, tc.o), "%+v", tc)
		}
	}},
	{"KeysOnly", func(e *env) {
		e.write("a", "1")
		t := e.begin()
		t.write("b", "2")
		it, err := t.Scan(e.ctx(), nil, nil, storage.ScanOptions{KeysOnly: true})
		require.NoError(e, err)
		defer it.Close()
		var keys []string
		for it.Next() {
			keys = append(keys, string(it.Key()))
		}
		require.Equal(e, []string{"a", "b"}, keys)
	}},
	{"Seek", func(e *env) {
		e.write("b", "1", "d", "1", "f", "1", "h", "1")
		t := e.begin()
		t.write("c", "2", "d", "-", "g", "2", "h", "2")
		for _, reverse := range []bool{false, true} {
			it, err := t.Scan(e.ctx(), []byte("b"), []byte("h"), storage.ScanOptions{Reverse: reverse})
			require.NoError(e, err)
			present := []string{"b=1", "c=2", "f=1", "g=2"}
			for _, key := range []string{"c", "d", "a", "g", "h", "z", "bb", "b", "ff", "gg"} {
				want := seekModel(present, key, reverse)
				var got []string
				for ok := it.Seek([]byte(key)); ok; ok = it.Next() {
					got = append(got, entry(it))
				}
				require.Equal(e, want, got, "seek %s, reverse %v", key, reverse)
			}
			require.NoError(e, it.Close())
		}
	}},
	{"LaterOwnWritesDoNotShow", func(e *env) {
		e.write("a", "1", "b", "1", "c", "1")
		t := e.begin()
		t.write("b", "2")
		it, err := t.Scan(e.ctx(), nil, nil, storage.ScanOptions{})
		require.NoError(e, err)
		require.True(e, it.Next())
		t.write("b", "3", "c", "-", "bb", "3")
		require.Equal(e, []string{"b=2", "c=1"}, drain(it))
		require.NoError(e, it.Close())
		require.Equal(e, []string{"a=1", "b=3", "bb=3"}, t.scan("", "", storage.ScanOptions{}))
	}},
	{"KeysMovedForwardByTheOwnLoop", func(e *env) {
		// What an update of an indexed field does while it walks that index.
		t := e.begin()
		for i := range 100 {
			t.write(fmt.Sprintf("k%05d", i), "v")
		}
		t.commit()
		t = e.begin()
		for i := 100; i < 200; i++ {
			t.write(fmt.Sprintf("k%05d", i), "v")
		}
		for _, reverse := range []bool{false, true} {
			it, err := t.Scan(e.ctx(), nil, nil, storage.ScanOptions{Reverse: reverse})
			require.NoError(e, err)
			seen := 0
			for it.Next() {
				seen++
				require.LessOrEqual(e, seen, 200)
				var n int
				_, err := fmt.Sscanf(string(it.Key()), "k%d", &n)
				require.NoError(e, err)
				t.write(string(it.Key()), "-")
				if reverse {
					n -= 1000
				} else {
					n += 1000
				}
				t.write(fmt.Sprintf("k%05d", n), "v")
			}
			require.NoError(e, it.Close())
			require.Equal(e, 200, seen)
		}
		require.Len(e, t.scan("", "", storage.ScanOptions{}), 200)
	}},
	{"SeveralAtOnceAndGetsBetween", func(e *env) {
		e.write("a", "1", "b", "2", "c", "3")
		for _, r := range []storage.Reader{e.snapshot(), e.begin()} {
			one, err := r.Scan(e.ctx(), nil, nil, storage.ScanOptions{})
			require.NoError(e, err)
			two, err := r.Scan(e.ctx(), []byte("b"), nil, storage.ScanOptions{Reverse: true})
			require.NoError(e, err)
			require.True(e, one.Next())
			require.True(e, two.Next())
			require.Equal(e, "2", get(e, r, "b"))
			require.Equal(e, "a=1", entry(one))
			require.Equal(e, "c=3", entry(two))
			require.NoError(e, one.Close())
			require.Equal(e, []string{"a=1"}, scan(e, r, "", "b", storage.ScanOptions{}))
			require.Equal(e, "1", get(e, r, "a"))
			require.Equal(e, []string{"b=2"}, drain(two))
			require.NoError(e, two.Close())
			require.NoError(e, two.Close())
		}
	}},
	{"RandomWalksAgreeWithAModel", func(e *env) {
		seed := rand.Uint64()
		e.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 1))
		key := func() string { return fmt.Sprintf("%03d", rnd.IntN(200)) }
		model := map[string]string{}
		t := e.begin()
		change := func(n int) {
			for i := range n {
				k, v := key(), fmt.Sprint(i)
				if rnd.IntN(3) == 0 {
					v = "-"
				}
				t.write(k, v)
				model[k] = v
			}
		}
		change(150)
		t.commit()
		t = e.begin()
		change(100)
		var all []string
		for k, v := range model {
			if v != "-" {
				all = append(all, k)
			}
		}
		slices.Sort(all)
		for range 200 {
			randomWalk(e, t, rnd, all, model, key)
		}
	}},
}

// seekModel returns the entries at or after key in scan direction.
func seekModel(present []string, key string, reverse bool) []string {
	var out []string
	for _, p := range present {
		if k := p[:1]; k == key || (k > key) != reverse {
			out = append(out, p)
		}
	}
	if reverse {
		slices.Reverse(out)
	}
	return out
}

// randomWalk compares one iterator under random moves with the sorted keys.
func randomWalk(e *env, t *tx, rnd *rand.Rand, all []string, model map[string]string, key func() string) {
	lo, hi := key(), key()
	if lo > hi {
		lo, hi = hi, lo
	}
	var in []string
	for _, k := range all {
		if k >= lo && k < hi {
			in = append(in, k)
		}
	}
	reverse := rnd.IntN(2) == 0
	it, err := t.Scan(e.ctx(), []byte(lo), []byte(hi), storage.ScanOptions{Reverse: reverse})
	require.NoError(e, err)
	defer it.Close()
	// The position in scan direction of the next entry.
	next := 0
	at := func(i int) string {
		if reverse {
			i = len(in) - 1 - i
		}
		return in[i]
	}
	for range 50 {
		var ok bool
		if rnd.IntN(3) == 0 {
			k := key()
			next = sort.Search(len(in), func(i int) bool {
				if reverse {
					return at(i) <= k
				}
				return at(i) >= k
			})
			ok = it.Seek([]byte(k))
		} else {
			ok = it.Next()
		}
		require.Equal(e, next < len(in), ok)
		if ok {
			require.Equal(e, at(next)+"="+model[at(next)], entry(it))
			next++
		}
	}
}
