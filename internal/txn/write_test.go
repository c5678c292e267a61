package txn_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// clustered is the create option of clustered collections.
const clustered = `{"clusteredIndex": {"key": {"_id": 1}, "unique": true}}`

// layouts runs a test on both record layouts, in db.c.
func layouts(t *testing.T, fn func(t *testing.T, d *db)) {
	for name, options := range map[string]string{"heap": `{}`, "clustered": clustered} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			d.create("db.c", options)
			fn(t, d)
			d.requireValid("db.c")
			d.reopen()
			d.requireValid("db.c")
		})
	}
}

func TestReadWrittenDocuments(t *testing.T) {
	layouts(t, func(t *testing.T, d *db) {
		require.NoError(t, d.index("db.c", `{"a": 1}`, ""))
		require.NoError(t, d.insert("db.c", `{"_id": 1, "a": "x"}`, `{"_id": 2, "a": "y"}`, `{"_id": 3, "a": "x"}`))
		v, err := d.View(d.ctx(), "db.c")
		require.NoError(t, err)
		defer v.Close()
		c, err := v.Collection(d.ctx(), "db.c")
		require.NoError(t, err)

		prefix := []byte("prefix")
		rid, got, ok, err := v.GetByID(d.ctx(), c, bsonx.Double(2), prefix)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, `{ _id: 2, a: "y" }`, got.String())
		byID, ok, err := v.LookupID(d.ctx(), c, bsonx.Int64(2), nil)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, rid, byID)
		got, ok, err = v.Get(d.ctx(), c, rid, prefix)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, `{ _id: 2, a: "y" }`, got.String())

		_, _, ok, err = v.GetByID(d.ctx(), c, bsonx.Int32(9), nil)
		require.NoError(t, err)
		require.False(t, ok)
		_, ok, err = v.LookupID(d.ctx(), c, bsonx.Int32(9), nil)
		require.NoError(t, err)
		require.False(t, ok)

		n, err := d.Count(d.ctx(), c)
		require.NoError(t, err)
		require.EqualValues(t, 3, n)
	})
}

func TestIterators(t *testing.T) {
	layouts(t, func(t *testing.T, d *db) {
		require.NoError(t, d.index("db.c", `{"a": 1}`, ""))
		require.NoError(t, d.insert("db.c", `{"_id": 1, "a": 10}`, `{"_id": 2, "a": 20}`, `{"_id": 3, "a": 20}`, `{"_id": 4, "a": 30}`))
		v, err := d.View(d.ctx(), "db.c")
		require.NoError(t, err)
		defer v.Close()
		c, err := v.Collection(d.ctx(), "db.c")
		require.NoError(t, err)
		two, _, err := v.LookupID(d.ctx(), c, bsonx.Int32(2), nil)
		require.NoError(t, err)
		four, _, err := v.LookupID(d.ctx(), c, bsonx.Int32(4), nil)
		require.NoError(t, err)

		for _, tc := range []struct {
			r    txn.RecordRange
			want []int32
		}{
			{txn.RecordRange{}, []int32{1, 2, 3, 4}},
			{txn.RecordRange{Reverse: true}, []int32{4, 3, 2, 1}},
			{txn.RecordRange{Lo: two, Hi: four}, []int32{2, 3}},
			{txn.RecordRange{Lo: two, Reverse: true}, []int32{4, 3, 2}},
		} {
			it, err := v.Records(d.ctx(), c, tc.r)
			require.NoError(t, err)
			var ids []int32
			for it.Next() {
				ids = append(ids, it.Doc().Lookup("_id").Int32())
			}
			require.NoError(t, it.Close())
			require.Equal(t, tc.want, ids)
		}

		it, err := v.Records(d.ctx(), c, txn.RecordRange{})
		require.NoError(t, err)
		require.True(t, it.Seek(four))
		require.Equal(t, four, it.RID())
		require.True(t, it.Seek(two))
		require.EqualValues(t, 2, it.Doc().Lookup("_id").Int32())
		require.NoError(t, it.Close())

		x := c.Index("a_1")
		twenty := keyenc.Append(nil, bsonx.Int32(20))
		for _, tc := range []struct {
			lo, hi  []byte
			reverse bool
			want    []string
		}{
			{nil, nil, false, []string{"10", "20", "20", "30"}},
			{twenty, nil, false, []string{"20", "20", "30"}},
			{nil, twenty, true, []string{"10"}},
			{twenty, append(slices.Clip(twenty), keyenc.Above), true, []string{"20", "20"}},
		} {
			it, err := v.Entries(d.ctx(), c, x, tc.lo, tc.hi, tc.reverse)
			require.NoError(t, err)
			var got []string
			for it.Next() {
				got = append(got, tuple(t, x, it))
			}
			require.NoError(t, it.Close())
			require.Equal(t, tc.want, got)
		}
		e, err := v.Entries(d.ctx(), c, x, nil, nil, true)
		require.NoError(t, err)
		require.True(t, e.Seek(append(slices.Clip(twenty), keyenc.Above)))
		require.Equal(t, twenty, e.Key())
		require.NoError(t, e.Close())

		// One iterator over several ranges, of an index that is not unique and of one that is.
		for _, x := range []*catalog.Index{x, c.IDIndex()} {
			if x == nil {
				continue // clustered
			}
			all := walk(t, d, v, c, x, false, [2][]byte{})
			for _, v1 := range []int32{1, 2, 3, 10, 20} {
				for _, v2 := range []int32{2, 3, 4, 20, 30} {
					mid, end := keyenc.Append(nil, bsonx.Int32(v1)), keyenc.Append(nil, bsonx.Int32(v2))
					if bytes.Compare(mid, end) >= 0 {
						continue
					}
					up := walk(t, d, v, c, x, false, [2][]byte{nil, mid}, [2][]byte{mid, end}, [2][]byte{end, nil})
					require.Equal(t, all, up)
					down := walk(t, d, v, c, x, true, [2][]byte{end, nil}, [2][]byte{mid, end}, [2][]byte{nil, mid})
					slices.Reverse(down)
					require.Equal(t, all, down)
				}
			}
		}
	})
}

// walk returns what one iterator finds in several ranges.
func walk(t *testing.T, d *db, v *txn.View, c *catalog.Collection, x *catalog.Index, reverse bool, ranges ...[2][]byte) (got []string) {
	t.Helper()
	e, err := v.Entries(d.ctx(), c, x, nil, nil, reverse)
	require.NoError(t, err)
	for _, r := range ranges {
		e.Narrow(r[0], r[1])
		for e.Next() {
			got = append(got, tuple(t, x, e))
		}
	}
	require.NoError(t, e.Close())
	return got
}

func TestUpdateAndDelete(t *testing.T) {
	layouts(t, func(t *testing.T, d *db) {
		require.NoError(t, d.index("db.c", `{"a": 1}`, ""))
		require.NoError(t, d.index("db.c", `{"u": 1}`, `{"unique": true, "sparse": true}`))
		require.NoError(t, d.insert("db.c", `{"_id": 1, "a": [1, 2], "u": 1}`, `{"_id": 2, "a": 3}`))

		x := d.begin(txn.Options{})
		require.NoError(t, d.update(x, "db.c", `{"_id": 1, "a": [2, 4], "u": 1.0}`))
		require.Equal(t, []string{"2", "3", "4"}, d.keys(&x.View, "db.c", "a_1"), "own writes are seen")
		require.Equal(t, []string{"1.0"}, d.keys(&x.View, "db.c", "u_1"), "the type is kept")
		require.NoError(t, d.update(x, "db.c", `{"_id": 2, "a": 3, "u": 2}`))
		require.NoError(t, d.remove(x, "db.c", 1))
		require.Equal(t, []string{`{ _id: 2, a: 3, u: 2 }`}, d.all(&x.View, "db.c"))
		require.NoError(t, d.update(x, "db.c", `{"_id": 2, "u": 1}`), "the key was freed in this transaction")
		d.commit(x)

		require.Equal(t, []string{`{ _id: 2, u: 1 }`}, d.docs("db.c"))
		require.Equal(t, []string{"null"}, d.committedKeys("db.c", "a_1"))
		require.Equal(t, []string{"1"}, d.committedKeys("db.c", "u_1"))
	})
}

func TestDuplicateKeys(t *testing.T) {
	layouts(t, func(t *testing.T, d *db) {
		require.NoError(t, d.index("db.c", `{"a": 1}`, `{"unique": true}`))
		require.NoError(t, d.index("db.c", `{"b": 1, "c": -1}`, `{"unique": true, "sparse": true}`))
		require.NoError(t, d.insert("db.c", `{"_id": 1, "a": 1, "b": 1, "c": 1}`))
		for _, tc := range []struct{ doc, text, pattern, value string }{
			{`{"_id": 1.0, "a": 9}`, "E11000 duplicate key error collection: db.c index: _id_ dup key: { _id: 1.0 }", "{ _id: 1 }", "{ _id: 1.0 }"},
			{`{"_id": 2, "a": 1.0}`, "E11000 duplicate key error collection: db.c index: a_1 dup key: { a: 1.0 }", "{ a: 1 }", "{ a: 1.0 }"},
			{`{"_id": 2, "a": [7, 1]}`, "index: a_1 dup key: { a: 1 }", "{ a: 1 }", "{ a: 1 }"},
			{`{"_id": 2, "a": 2, "b": 1, "c": 1}`, "index: b_1_c_-1 dup key: { b: 1, c: 1 }", "{ b: 1, c: -1 }", "{ b: 1, c: 1 }"},
		} {
			err := d.insert("db.c", tc.doc)
			requireCode(t, err, mongoerr.DuplicateKey, tc.text)
			fields := mongoerr.From(err).Fields
			require.Equal(t, tc.pattern, fields.Lookup("keyPattern").Doc().String())
			require.Equal(t, tc.value, fields.Lookup("keyValue").Doc().String())
		}
		require.NoError(t, d.insert("db.c", `{"_id": 3}`), "one document may lack the field")
		requireCode(t, d.insert("db.c", `{"_id": 4}`), mongoerr.DuplicateKey, "dup key: { a: null }")

		x := d.session()
		requireCode(t, d.update(x, "db.c", `{"_id": 3, "a": 1}`), mongoerr.DuplicateKey, "index: a_1")
		c := d.coll(x, "db.c")
		_, err := x.Insert(d.ctx(), c, doc(t, `{"_id": 5, "a": 5}`))
		require.NoError(t, err)
		_, err = x.Insert(d.ctx(), c, doc(t, `{"_id": 6, "a": 5}`))
		requireCode(t, err, mongoerr.DuplicateKey, "index: a_1")
		x.Rollback()
		require.Len(t, d.docs("db.c"), 2)
	})
}

func TestSavepoints(t *testing.T) {
	d := open(t)
	require.NoError(t, d.insert("db.c", `{"_id": 1}`))
	x := d.begin(txn.Options{})
	c := d.coll(x, "db.c")
	_, err := x.Insert(d.ctx(), c, doc(t, `{"_id": 2}`))
	require.NoError(t, err)
	sp := x.Savepoint()
	_, err = x.Insert(d.ctx(), c, doc(t, `{"_id": 3}`))
	require.NoError(t, err)
	require.NoError(t, d.remove(x, "db.c", 1))
	_, err = x.CreateCollection(d.ctx(), "db.other", nil)
	require.NoError(t, err)
	x.RollbackTo(sp)
	other, err := x.Collection(d.ctx(), "db.other")
	require.NoError(t, err)
	require.Nil(t, other)
	d.commit(x)
	require.Equal(t, []string{"{ _id: 1 }", "{ _id: 2 }"}, d.docs("db.c"))
	require.Nil(t, d.Catalog.Current().Collection("db.other"))
	d.requireValid("db.c")
}

func TestWriteConflicts(t *testing.T) {
	layouts(t, func(t *testing.T, d *db) {
		require.NoError(t, d.index("db.c", `{"u": 1}`, `{"unique": true, "sparse": true}`))
		require.NoError(t, d.insert("db.c", `{"_id": 1, "u": 1}`, `{"_id": 2, "u": 2}`))
		insert := func(x *txn.Txn, json string) error {
			_, err := x.Insert(d.ctx(), d.coll(x, "db.c"), doc(t, json))
			return err
		}
		for name, tc := range map[string]struct{ first, second func(x *txn.Txn) error }{
			"update and update": {
				func(x *txn.Txn) error { return d.update(x, "db.c", `{"_id": 1, "u": 1, "v": 1}`) },
				func(x *txn.Txn) error { return d.update(x, "db.c", `{"_id": 1, "u": 1, "v": 2}`) },
			},
			"delete and update": {
				func(x *txn.Txn) error { return d.remove(x, "db.c", 1) },
				func(x *txn.Txn) error { return d.update(x, "db.c", `{"_id": 1}`) },
			},
			"update and delete": {
				func(x *txn.Txn) error { return d.update(x, "db.c", `{"_id": 1}`) },
				func(x *txn.Txn) error { return d.remove(x, "db.c", 1) },
			},
			"same new _id": {
				func(x *txn.Txn) error { return insert(x, `{"_id": 9}`) },
				func(x *txn.Txn) error { return insert(x, `{"_id": 9.0}`) },
			},
			"same unique key": {
				func(x *txn.Txn) error { return insert(x, `{"_id": 8, "u": 8}`) },
				func(x *txn.Txn) error { return insert(x, `{"_id": 9, "u": 8}`) },
			},
			"freed unique key": {
				func(x *txn.Txn) error { return d.update(x, "db.c", `{"_id": 1}`) },
				func(x *txn.Txn) error { return insert(x, `{"_id": 9, "u": 1}`) },
			},
			"locked records": {
				func(x *txn.Txn) error { return lockByID(d, x, 1, 2) },
				func(x *txn.Txn) error { return lockByID(d, x, 2) },
			},
		} {
			t.Run(name, func(t *testing.T) {
				a, b, late := d.session(), d.session(), d.session()
				d.coll(b, "db.c")
				d.coll(late, "db.c")
				require.NoError(t, tc.first(a))
				open := requireConflict(t, tc.second(b))
				require.Zero(t, open.CommittedAt, "the first one is open")
				require.Same(t, a.Storage().Info(), open.Holder)
				before := d.docs("db.c")
				d.commit(a)
				if name != "locked records" {
					require.NotZero(t, requireConflict(t, tc.second(late)).CommittedAt)
				}
				b.Rollback()
				late.Rollback()
				d.restore(before)
			})
		}
	})
}

func lockByID(d *db, x *txn.Txn, ids ...int32) error {
	c := d.coll(x, "db.c")
	var rids [][]byte
	for _, id := range ids {
		rid, ok, err := x.LookupID(d.ctx(), c, bsonx.Int32(id), nil)
		require.NoError(d.t, err)
		require.True(d.t, ok)
		rids = append(rids, rid)
	}
	return x.LockRecords(d.ctx(), c, rids...)
}

// restore makes db.c hold these documents again.
func (d *db) restore(docs []string) {
	d.t.Helper()
	require.NoError(d.t, d.write("db.c", func(x *txn.Txn, c *catalog.Collection) error {
		it, err := x.Records(d.ctx(), c, txn.RecordRange{})
		require.NoError(d.t, err)
		defer it.Close()
		for it.Next() {
			require.NoError(d.t, x.Delete(d.ctx(), c, it.RID(), it.Doc()))
		}
		for _, s := range docs {
			_, err := x.Insert(d.ctx(), c, doc(d.t, quoteKeys(s)))
			require.NoError(d.t, err)
		}
		return nil
	}))
}

func TestConflictErrors(t *testing.T) {
	d := open(t)
	require.NoError(t, d.index("db.c", `{"u": 1}`, `{"unique": true, "sparse": true}`))
	require.NoError(t, d.insert("db.c", `{"_id": "one", "u": 1}`))
	holder := d.begin(txn.Options{Session: true, Tag: tag{}})
	require.NoError(t, d.update(holder, "db.c", `{"_id": "one", "u": 2}`))

	for name, tc := range map[string]struct {
		write func(x *txn.Txn) error
		text  string
		info  string
	}{
		"record": {
			func(x *txn.Txn) error { return d.update(x, "db.c", `{"_id": "one"}`) },
			`WriteConflict error: this operation conflicted with another operation on db.c _id: "one"; it is held by an open transaction`,
			`{ ns: "db.c", _id: "one"`,
		},
		"unique key": {
			func(x *txn.Txn) error {
				_, err := x.Insert(d.ctx(), d.coll(x, "db.c"), doc(t, `{"_id": 5, "u": 1}`))
				return err
			},
			`on db.c index: u_1 key: { u: 1 } _id: "one"; it is held by an open transaction`,
			`{ ns: "db.c", index: "u_1", key: { u: 1 }, _id: "one"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := d.session()
			e := d.ConflictError(requireConflict(t, tc.write(x)))
			require.Equal(t, mongoerr.WriteConflict, e.Code)
			require.Contains(t, e.Message, tc.text)
			require.Contains(t, e.Info.String(), tc.info)
			require.Contains(t, e.Info.String(), `state: "open"`)
			require.Contains(t, e.Info.String(), `lsid: "s1"`)
		})
	}
	x := d.session()
	d.coll(x, "db.c")
	d.commit(holder)
	e := d.ConflictError(requireConflict(t, d.update(x, "db.c", `{"_id": "one"}`)))
	require.Contains(t, e.Message, "it was committed after the snapshot")
	require.Contains(t, e.Info.String(), "committedAt: Timestamp(")
}

type tag struct{}

func (tag) Describe(b *bsonx.Builder) { b.String("lsid", "s1") }

func TestAwaitConflict(t *testing.T) {
	d := open(t)
	require.NoError(t, d.insert("db.c", `{"_id": 1}`))
	a, b := d.session(), d.begin(txn.Options{})
	require.NoError(t, d.update(a, "db.c", `{"_id": 1, "a": 1}`))
	c := requireConflict(t, d.update(b, "db.c", `{"_id": 1, "b": 1}`))
	b.Rollback()
	done := make(chan error)
	go func() { done <- d.Await(d.ctx(), c) }()
	d.commit(a)
	require.NoError(t, <-done)
	require.Equal(t, storage.StateCommitted, c.Holder.State())
}

func TestWriteAllocations(t *testing.T) {
	d := open(t)
	require.NoError(t, d.index("db.c", `{"a": 1}`, ""))
	require.NoError(t, d.index("db.c", `{"b": 1, "c": -1}`, ""))
	docs := make([]bsonx.Doc, 4000)
	for i := range docs {
		docs[i] = bsonx.NewBuilder(nil).Int32("_id", int32(i)).String("a", "some text").Int32("b", int32(i)).Double("c", 1.5).Build()
	}
	x := d.begin(txn.Options{})
	c := d.coll(x, "db.c")
	i := 0
	rids := make([][]byte, len(docs))
	allocs := testing.AllocsPerRun(1000, func() {
		rid, err := x.Insert(d.ctx(), c, docs[i])
		if err != nil {
			t.Fatal(err)
		}
		rids[i] = append(make([]byte, 0, 8), rid...)
		i++
	})
	require.LessOrEqual(t, allocs, 7.0, "insert") // one is the test's, the others the engine's
	i = 0
	changed := make([]bsonx.Doc, len(docs))
	for i := range docs {
		changed[i] = bsonx.NewBuilder(nil).Int32("_id", int32(i)).String("a", "other text").Int32("b", 7).Double("c", 1.5).Build()
	}
	allocs = testing.AllocsPerRun(900, func() {
		if err := x.Update(d.ctx(), c, rids[i], docs[i], changed[i]); err != nil {
			t.Fatal(err)
		}
		i++
	})
	require.LessOrEqual(t, allocs, 4.0, "update")
}
