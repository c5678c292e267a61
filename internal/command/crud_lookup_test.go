package command_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// joined runs a $lookup from l to c with small batches and returns what it found for each document.
func joined(c *client, more bson.D, between func()) []string {
	cmd := append(bson.D{{Key: "aggregate", Value: "l"}, {Key: "cursor", Value: d("batchSize", 3)}, {Key: "pipeline", Value: bson.A{
		d("$lookup", d("from", "c", "localField", "v", "foreignField", "a", "as", "o")),
		d("$project", d("o", d("$sortArray", d("input", "$o._id", "sortBy", 1)))),
	}}}, more...)
	r := c.run("t", cmd).ok()
	out := r.batch()
	for id := r.int("cursor.id"); id != 0; id = r.int("cursor.id") {
		between()
		r = c.run("t", bson.D{{Key: "getMore", Value: id}, {Key: "collection", Value: "l"}, {Key: "batchSize", Value: 3}}).ok()
		vals, err := r.Lookup("cursor", "nextBatch").Array().Values()
		require.NoError(r.t, err)
		for _, v := range vals {
			out = append(out, v.Document().String())
		}
	}
	return out
}

func seedJoin(t *testing.T, c *client) {
	long := strings.Repeat("x", 3000)
	values := bson.A{
		1, 2.0, int64(2), "s", "S", nil,
		bson.A{},
		bson.A{1, 2},
		bson.A{2, 2},
		bson.A{bson.A{1}},
		d("b", 1), true, long + "a", long + "b",
		bson.Regex{Pattern: "s"},
		bson.MinKey{},
		bson.MaxKey{},
	}
	var l, f bson.A
	for i, v := range values {
		l = append(l, d("_id", i, "v", v))
		f = append(f, d("_id", i, "a", v, "b", bson.A{i, i + 1}), d("_id", 100+i, "a", v))
	}
	l, f = append(l, d("_id", 50)), append(f, d("_id", 50))
	c.run("t", d("insert", "l", "documents", l)).ok()
	c.run("t", d("insert", "c", "documents", f)).ok()
}

// A join finds the same through an index, whichever it is, as without.
func TestLookupThroughIndexes(t *testing.T) {
	loose := bson.D{{Key: "collation", Value: d("locale", "en", "strength", 1)}}
	c := newServer(t).connect()
	seedJoin(t, c)
	nothing := func() {}
	for _, more := range []bson.D{nil, loose} {
		want := joined(c, more, nothing)
		require.Contains(t, strings.Join(want, "\n"), `107`) // something was found
		for _, index := range []string{
			`{"key": {"a": 1}, "name": "i"}`,
			`{"key": {"a": -1}, "name": "i"}`,
			`{"key": {"a": 1, "b": 1}, "name": "i"}`,
			`{"key": {"b": 1, "a": 1}, "name": "i"}`,
			`{"key": {"a": 1}, "name": "i", "sparse": true}`,
			`{"key": {"a": "hashed"}, "name": "i"}`,
			`{"key": {"a": 1}, "name": "i", "collation": {"locale": "en", "strength": 1}}`,
		} {
			r := c.run("t", ej(t, `{"createIndexes": "c", "indexes": [`+index+`]}`))
			if r.int("ok") == 0 {
				continue // a kind that there is not
			}
			require.Equal(t, want, joined(c, more, nothing), index)
			// It goes on when the index is dropped, and made again, between two batches.
			n := 0
			require.Equal(t, want, joined(c, more, func() {
				if n++; n%2 == 1 {
					c.run("t", d("dropIndexes", "c", "index", "i")).ok()
				} else {
					c.run("t", ej(t, `{"createIndexes": "c", "indexes": [`+index+`]}`)).ok()
				}
			}), index)
			c.run("t", d("dropIndexes", "c", "index", "i"))
		}
	}
}

// A join by _id finds the document, in a clustered collection, too, and sees the transaction's own
// writes.
func TestLookupByID(t *testing.T) {
	for _, options := range []bson.D{nil, {{Key: "clusteredIndex", Value: ej(t, `{"key": {"_id": 1}, "unique": true}`)}}} {
		c := newServer(t).connect()
		c.run("t", append(d("create", "c"), options...)).ok()
		c.run("t", d("insert", "c", "documents", bson.A{d("_id", 1), d("_id", d("x", 1)), d("_id", "s")})).ok()
		var l bson.A
		for i, v := range []any{1, 1.0, d("x", 1), "s", bson.A{1, "s"}, nil, 7} {
			l = append(l, d("_id", i, "v", v))
		}
		c.run("t", d("insert", "l", "documents", l)).ok()
		join := bson.D{{Key: "aggregate", Value: "l"}, {Key: "cursor", Value: d()}, {Key: "pipeline", Value: bson.A{
			d("$lookup", d("from", "c", "localField", "v", "foreignField", "_id", "as", "o")),
			d("$project", d("_id", 0, "n", d("$size", "$o"))),
		}}}
		counts := func(ns ...int) (out []string) {
			for _, n := range ns {
				out = append(out, fmt.Sprintf(`{"n":%d}`, n))
			}
			return out
		}
		require.Equal(t, counts(1, 1, 1, 1, 2, 0, 0), c.run("t", join).batch())
		c.run("t", d("insert", "c", "documents", bson.A{d("_id", 7)}, "lsid", lsid(1), "txnNumber", int64(1), "autocommit", false, "startTransaction", true)).ok()
		in := append(join, bson.E{Key: "lsid", Value: lsid(1)}, bson.E{Key: "txnNumber", Value: int64(1)}, bson.E{Key: "autocommit", Value: false})
		require.Equal(t, counts(1, 1, 1, 1, 2, 0, 1), c.run("t", in).batch())
	}
}
