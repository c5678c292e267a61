package txn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/txn"
)

// byID returns the document that a view finds by its _id, empty for none.
func (d *db) byID(v *txn.View, ns string, id bsonx.Value) string {
	d.t.Helper()
	c, err := v.Collection(d.ctx(), ns)
	require.NoError(d.t, err)
	_, got, ok, err := v.GetByID(d.ctx(), c, id, nil)
	require.NoError(d.t, err)
	if !ok {
		return ""
	}
	return got.String()
}

func (d *db) view(ns string) *txn.View {
	d.t.Helper()
	v, err := d.View(d.ctx(), ns)
	require.NoError(d.t, err)
	d.t.Cleanup(v.Close)
	return v
}

func TestFindAgainByID(t *testing.T) {
	const old, replaced = `{ _id: 1, a: "old" }`, `{ _id: 1, a: "new" }`
	one := bsonx.Int32(1)
	replace := func(d *db, x *txn.Txn) {
		require.NoError(d.t, d.remove(x, "db.c", 1))
		_, err := x.Insert(d.ctx(), d.coll(x, "db.c"), doc(d.t, `{"_id": 1, "a": "new"}`))
		require.NoError(d.t, err)
	}
	for name, run := range map[string]func(d *db){
		"in an older and a newer state": func(d *db) {
			before := d.view("db.c")
			require.Equal(d.t, old, d.byID(before, "db.c", one))
			x := d.begin(txn.Options{})
			replace(d, x)
			d.commit(x)
			for range 2 {
				require.Equal(d.t, replaced, d.byID(d.view("db.c"), "db.c", one))
				require.Equal(d.t, old, d.byID(before, "db.c", one))
			}
		},
		"in a transaction that replaces it": func(d *db) {
			x := d.session()
			defer x.Rollback()
			require.Equal(d.t, old, d.byID(&x.View, "db.c", one))
			require.NoError(d.t, d.remove(x, "db.c", 1))
			require.Empty(d.t, d.byID(&x.View, "db.c", one))
			_, err := x.Insert(d.ctx(), d.coll(x, "db.c"), doc(d.t, `{"_id": 1, "a": "new"}`))
			require.NoError(d.t, err)
			require.Equal(d.t, replaced, d.byID(&x.View, "db.c", one))
			require.Equal(d.t, old, d.byID(d.view("db.c"), "db.c", one))
		},
		"after a rollback": func(d *db) {
			x := d.session()
			replace(d, x)
			require.Equal(d.t, replaced, d.byID(&x.View, "db.c", one))
			x.Rollback()
			require.Equal(d.t, old, d.byID(d.view("db.c"), "db.c", one))
		},
		"by an equal number": func(d *db) {
			for _, id := range []bsonx.Value{one, bsonx.Int64(1), bsonx.Double(1)} {
				require.Equal(d.t, old, d.byID(d.view("db.c"), "db.c", id))
			}
		},
		"in another collection": func(d *db) {
			require.Equal(d.t, old, d.byID(d.view("db.c"), "db.c", one))
			require.NoError(d.t, d.insert("db.other", `{"_id": 1, "other": true}`))
			require.Equal(d.t, `{ _id: 1, other: true }`, d.byID(d.view("db.other"), "db.other", one))
		},
		"in spite of hints that are wrong": func(d *db) {
			v := d.view("db.c")
			c, err := v.Collection(d.ctx(), "db.c")
			require.NoError(d.t, err)
			rid, _, err := v.LookupID(d.ctx(), c, bsonx.Int32(2), nil)
			require.NoError(d.t, err)
			for _, wrong := range []int64{layout.HeapID(rid), 1 << 30} {
				require.Equal(d.t, old, d.byID(v, "db.c", one))
				d.MisleadHints(wrong)
				require.Equal(d.t, old, d.byID(v, "db.c", one))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			require.NoError(t, d.insert("db.c", `{"_id": 1, "a": "old"}`, `{"_id": 2, "a": "else"}`))
			run(d)
		})
	}
}
