package txn_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/txn"
)

// model is what a collection holds: _id to document.
type model map[int32]bsonx.Doc

// uniqueTaken reports whether another document has the unique key of n.
func (m model) uniqueTaken(n bsonx.Doc) bool {
	u := n.Lookup("u")
	for _, other := range m {
		if !u.IsMissing() && !bsonx.Equal(other.Lookup("_id"), n.Lookup("_id")) && bsonx.Equal(other.Lookup("u"), u) {
			return true
		}
	}
	return false
}

// TestMetamorphic runs random transactions, with savepoints, DDL and reopening in between,
// against a model, on both layouts.
func TestMetamorphic(t *testing.T) {
	for seed := range uint64(8) {
		for _, options := range []string{`{}`, clustered} {
			t.Run(fmt.Sprintf("seed %d %s", seed, options), func(t *testing.T) {
				d := open(t)
				d.create("db.c", options)
				require.NoError(t, d.index("db.c", `{"u": 1}`, `{"unique": true, "sparse": true}`))
				m := &metamorphic{db: d, r: rand.New(rand.NewPCG(seed, 7)), committed: model{}, indexes: map[string]bool{}}
				for range 60 {
					m.step()
				}
				m.check()
			})
		}
	}
}

type metamorphic struct {
	*db
	r         *rand.Rand
	committed model
	indexes   map[string]bool
}

func (m *metamorphic) step() {
	switch m.r.IntN(12) {
	case 0:
		m.toggleIndex()
	case 1:
		m.reopen()
		m.check()
	case 2:
		require.NoError(m.t, m.rename("db.c", "db.tmp", false))
		require.NoError(m.t, m.rename("db.tmp", "db.c", true))
		require.NoError(m.t, m.Reclaim(m.ctx()))
	default:
		m.transaction()
	}
}

func (m *metamorphic) toggleIndex() {
	keys := []string{`{"a": 1}`, `{"a.b": -1, "u": 1}`, `{"a": 1, "c": 1}`, `{"a.0": 1}`, `{"c": 1}`}
	key := keys[m.r.IntN(len(keys))]
	name := indexSpec(m.t, key, "").Lookup("name").Str()
	if m.indexes[name] {
		dropIndex(m.db, name)
		delete(m.indexes, name)
		return
	}
	options := []string{"", `{"sparse": true}`, `{"partialFilterExpression": {"c": 1}}`}[m.r.IntN(3)]
	require.NoError(m.t, m.index("db.c", key, options))
	m.indexes[name] = true
}

// transaction makes some changes, some of which it takes back.
func (m *metamorphic) transaction() {
	x := m.begin(txn.Options{Session: m.r.IntN(2) == 0})
	defer x.Rollback()
	own := maps.Clone(m.committed)
	for range m.r.IntN(12) {
		sp, before := x.Savepoint(), maps.Clone(own)
		m.change(x, own)
		if m.r.IntN(6) == 0 {
			x.RollbackTo(sp)
			own = before
		}
	}
	require.ElementsMatch(m.t, own.docs(), m.all(&x.View, "db.c"), "the transaction sees its own writes")
	if m.r.IntN(5) > 0 {
		m.commit(x)
		m.committed = own
	}
}

func (m *metamorphic) change(x *txn.Txn, own model) {
	c := m.coll(x, "db.c")
	n := m.document(int32(m.r.IntN(25)))
	id := n.Lookup("_id").Int32()
	rid, old, ok, err := x.GetByID(m.ctx(), c, n.Lookup("_id"), nil)
	require.NoError(m.t, err)
	require.Equal(m.t, own[id] != nil, ok)
	sp := x.Savepoint()
	switch {
	case !ok:
		_, err = x.Insert(m.ctx(), c, n)
	case m.r.IntN(4) == 0:
		require.NoError(m.t, x.Delete(m.ctx(), c, rid, old))
		delete(own, id)
		return
	default:
		err = x.Update(m.ctx(), c, rid, old, n)
	}
	if own.uniqueTaken(n) {
		requireCode(m.t, err, mongoerr.DuplicateKey, "index: u_1")
		x.RollbackTo(sp)
		return
	}
	require.NoError(m.t, err)
	own[id] = n
}

// document makes one whose fields are indexed in all kinds of ways.
func (m *metamorphic) document(id int32) bsonx.Doc {
	b := bsonx.NewBuilder(nil).Int32("_id", id)
	small := func() bsonx.Value {
		i := m.r.IntN(5)
		return []bsonx.Value{bsonx.Int32(int32(i)), bsonx.Double(float64(i)), bsonx.Int64(int64(i)), bsonx.String("s"), bsonx.Null}[m.r.IntN(5)]
	}
	sub := func() bsonx.Value { return bsonx.Document(bsonx.NewBuilder(nil).Value("b", small()).Build()) }
	switch m.r.IntN(7) {
	case 0:
		b.Value("a", small())
	case 1:
		b.Value("a", bsonx.MakeArray())
	case 2:
		b.Value("a", bsonx.MakeArray(small(), small(), sub()))
	case 3:
		b.Value("a", sub())
	case 4:
		b.Value("a", bsonx.MakeArray(sub(), sub()))
	case 5:
		b.Value("a", bsonx.MakeArray(bsonx.MakeArray(small()), small()))
	}
	if m.r.IntN(2) == 0 {
		b.Int32("c", int32(m.r.IntN(2)))
	}
	if m.r.IntN(2) == 0 {
		b.Value("u", []bsonx.Value{bsonx.Int32(int32(m.r.IntN(30))), bsonx.Double(float64(m.r.IntN(30)))}[m.r.IntN(2)])
	}
	return b.Build()
}

func (m model) docs() []string {
	docs := make([]string, 0, len(m))
	for _, id := range slices.Sorted(maps.Keys(m)) {
		docs = append(docs, m[id].String())
	}
	return docs
}

func (m *metamorphic) check() {
	m.t.Helper()
	require.ElementsMatch(m.t, m.committed.docs(), m.docs("db.c"))
	m.requireValid("db.c")
}
