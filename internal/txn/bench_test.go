package txn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/txn"
)

// BenchmarkInsert inserts into a collection with two further indexes, 100 documents a commit.
func BenchmarkInsert(b *testing.B) {
	d := open(b)
	require.NoError(b, d.index("db.c", `{"a": 1}`, ""))
	require.NoError(b, d.index("db.c", `{"b": 1, "c": -1}`, ""))
	b.ReportAllocs()
	var x *txn.Txn
	var buf []byte
	for i := 0; b.Loop(); i++ {
		if i%100 == 0 {
			if x != nil {
				d.commit(x)
			}
			x = d.begin(txn.Options{})
		}
		builder := bsonx.NewBuilder(buf[:0])
		buf = builder.Int32("_id", int32(i)).String("a", "some text").Int32("b", int32(i)).Double("c", 1.5).Finish()
		if _, err := x.Insert(d.ctx(), d.coll(x, "db.c"), buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGetByID reads one document through a view of its own.
func BenchmarkGetByID(b *testing.B) {
	d := open(b)
	require.NoError(b, d.insert("db.c", `{"_id": 1, "a": "some text"}`))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		v, err := d.View(d.ctx(), "db.c")
		if err != nil {
			b.Fatal(err)
		}
		c, err := v.Collection(d.ctx(), "db.c")
		if err != nil {
			b.Fatal(err)
		}
		_, doc, ok, err := v.GetByID(d.ctx(), c, bsonx.Int32(1), buf[:0])
		if err != nil || !ok {
			b.Fatal("not found")
		}
		buf = doc
		v.Close()
	}
}
