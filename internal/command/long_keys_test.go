package command_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// longText returns texts that an index stores cut, in order of n, all alike in what it keeps.
func longText(n int) string { return strings.Repeat("x", 1500) + fmt.Sprintf("%03d", n) }

// ids returns the _ids of a reply's first batch as numbers.
func (r reply) ids() []int64 {
	r.t.Helper()
	r.ok()
	vals, err := r.Lookup("cursor", "firstBatch").Array().Values()
	require.NoError(r.t, err)
	out := make([]int64, len(vals))
	for i, v := range vals {
		out[i] = v.Document().Lookup("n").AsInt64()
	}
	return out
}

// Values that an index stores cut are found in their order all the same, before and after a restart.
func TestOrderOfLongValues(t *testing.T) {
	const n = 30
	for _, index := range []bson.D{d("s", 1), d("s", -1), d("k", 1, "s", 1), d("k", 1, "s", -1, "n", 1), d("a", 1)} {
		for _, when := range []string{"before", "after", "clustered"} {
			t.Run(fmt.Sprint(index, when), func(t *testing.T) {
				s := newServer(t)
				c := s.connect()
				create := d("createIndexes", "c", "indexes", bson.A{d("key", index, "name", "x")})
				if when == "clustered" {
					c.run("t", d("create", "c", "clusteredIndex", d("key", d("_id", 1), "unique", true))).ok()
				}
				if when == "before" {
					c.run("t", create).ok()
				}
				var want, reverse []int64
				for i := range n {
					v := (i*7 + 3) % n
					doc := d("_id", longText(v), "n", v, "k", 1, "s", longText(v), "a", bson.A{longText(v), longText(v + n)})
					c.run("t", d("insert", "c", "documents", bson.A{doc})).ok()
					want, reverse = append(want, int64(i)), append(reverse, int64(n-1-i))
				}
				if when != "before" {
					c.run("t", create).ok()
				}
				for range 2 {
					for _, field := range []string{"s", "a", "_id"} {
						sorted := func(dir, limit int) reply {
							return c.run("t", d("find", "c", "filter", d("k", 1), "sort", d(field, dir), "limit", limit))
						}
						require.Equal(t, want, sorted(1, 0).ids(), field)
						require.Equal(t, reverse, sorted(-1, 0).ids(), field)
						require.Equal(t, reverse[:3], sorted(-1, 3).ids(), field)
					}
					covered := c.run("t", d("find", "c", "filter", d("s", d("$gt", longText(n-3))), "sort", d("s", 1), "projection", d("_id", 0, "s", 1))).ok()
					docs, err := covered.Lookup("cursor", "firstBatch").Array().Values()
					require.NoError(t, err)
					require.Len(t, docs, 2)
					require.Equal(t, longText(n-2), docs[0].Document().Lookup("s").StringValue())
					require.True(t, c.run("t", d("validate", "c")).ok().Lookup("valid").Boolean())
					s.restart()
					c = s.connect()
				}
			})
		}
	}
}

// A unique index tells values apart that it stores cut, and min and max refuse them.
func TestUniqueLongValues(t *testing.T) {
	c := newServer(t).connect()
	c.run("t", d("createIndexes", "c", "indexes", bson.A{d("key", d("s", 1), "name", "x", "unique", true)})).ok()
	for i := range 3 {
		require.EqualValues(t, 1, c.run("t", d("insert", "c", "documents", bson.A{d("_id", i, "s", longText(i))})).ok().int("n"))
	}
	r := c.run("t", d("insert", "c", "documents", bson.A{d("_id", 9, "s", longText(1))})).ok()
	require.EqualValues(t, 0, r.int("n"))
	c.run("t", d("find", "c", "hint", d("s", 1), "min", d("s", longText(1)))).fails(2)
	require.Len(t, c.run("t", d("find", "c", "hint", d("s", 1), "min", d("s", "x"), "max", d("s", "y"))).batch(), 3)
}

// A cursor keeps its order where an index gets the first values that it has to cut.
func TestLongValuesBetweenBatches(t *testing.T) {
	c := newServer(t).connect()
	c.run("t", d("createIndexes", "c", "indexes", bson.A{d("key", d("s", 1), "name", "x")})).ok()
	c.run("t", d("insert", "c", "documents", bson.A{d("_id", 1, "s", "a"), d("_id", 2, "s", "z")})).ok()
	r := c.run("t", d("find", "c", "sort", d("s", 1), "batchSize", 1)).ok()
	for i := range 20 {
		c.run("t", d("insert", "c", "documents", bson.A{d("_id", 100+i, "s", longText(19-i))})).ok()
	}
	vals, err := c.run("t", d("getMore", r.int("cursor.id"), "collection", "c")).ok().Lookup("cursor", "nextBatch").Array().Values()
	require.NoError(t, err)
	last := ""
	for _, v := range vals {
		s := v.Document().Lookup("s").StringValue()
		require.LessOrEqual(t, last, s)
		last = s
	}
	require.Equal(t, "z", last)
}
