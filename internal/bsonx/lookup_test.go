package bsonx_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// FuzzLookup compares Lookup with iteration, on malformed documents, too.
func FuzzLookup(f *testing.F) {
	d := bsonx.NewBuilder(nil).Int32("a", 1).String("b", "text").Bool("a longer name than most", true).
		Value("re", bsonx.Regex("a", "i")).Value("bin", bsonx.Binary(0, []byte{1})).Value("id", bsonx.ObjectID([12]byte{})).
		StartArray("l").End().Value("n", bsonx.Null).Double("x", 1).Build()
	for _, key := range []string{"", "a", "b", "a longer name than most", "x", "none"} {
		f.Add([]byte(d), key)
	}
	f.Fuzz(func(t *testing.T, b []byte, key string) {
		if strings.IndexByte(key, 0) >= 0 {
			return // no field has such a name
		}
		want := bsonx.Value{}
		for it := bsonx.Doc(b).Iter(); ; {
			k, v, ok := it.Next()
			if !ok {
				break
			}
			if k == key {
				want = v
				break
			}
		}
		require.True(t, bsonx.Identical(want, bsonx.Doc(b).Lookup(key)))
	})
}
