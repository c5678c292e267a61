package txn_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

func (d *db) fill(ns string, n int, format string) {
	d.t.Helper()
	require.NoError(d.t, d.write(ns, func(x *txn.Txn, c *catalog.Collection) error {
		for i := range n {
			if _, err := x.Insert(d.ctx(), c, doc(d.t, fmt.Sprintf(format, i))); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestBuildInChunks(t *testing.T) {
	layouts(t, func(t *testing.T, d *db) {
		d.fill("db.c", 2500, `{"_id": %[1]d, "a": %[1]d, "u": "text %[1]d"}`)
		res, err := d.CreateIndexes(d.ctx(), "db.c", []bsonx.Doc{
			indexSpec(t, `{"a": -1}`, ""), indexSpec(t, `{"u": 1}`, `{"unique": true}`), indexSpec(t, `{"a": 1, "u": 1}`, `{"partialFilterExpression": {"a": 7}}`),
		}, storage.Synced)
		require.NoError(t, err)
		require.Equal(t, 3, res.After-res.Before)
		require.Len(t, d.committedKeys("db.c", "u_1"), 2500)
		require.Equal(t, []string{`7, "text 7"`}, d.committedKeys("db.c", "a_1_u_1"))
	})
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	d := open(t)
	d.fill("db.c", 1500, `{"_id": %d}`)
	require.NoError(t, d.insert("db.c", `{"_id": "x", "u": 1}`, `{"_id": "y", "u": 1.0}`))
	err := d.index("db.c", `{"u": 1}`, `{"unique": true, "sparse": true}`)
	requireCode(t, err, mongoerr.DuplicateKey, "E11000 duplicate key error collection: db.c index: u_1 dup key: { u: 1.0 }")
	require.Equal(t, "{ u: 1 }", mongoerr.From(err).Fields.Lookup("keyPattern").Doc().String())

	ctx, cancel := context.WithCancel(d.ctx())
	cancel()
	_, err = d.CreateIndexes(ctx, "db.c", []bsonx.Doc{indexSpec(t, `{"a": 1}`, "")}, storage.Synced)
	require.ErrorIs(t, err, context.Canceled)

	require.Len(t, d.Catalog.Current().Collection("db.c").Indexes, 1)
	lo, _ := layout.GarbageRange()
	require.Zero(t, d.stored(append(lo, 0, 0, 0, 0)), "the garbage list is empty")
	for id := d.Catalog.Current().Collection("db.c").Indexes[0].ID + 1; id < 10; id++ {
		require.Zero(t, d.stored(layout.AppendIndexPrefix(nil, id)))
	}
	d.requireValid("db.c")
	require.NoError(t, d.index("db.c", `{"u": 1}`, ""))
	d.requireValid("db.c")
}

// TestAbandonedBuild holds that a build that a crash interrupted is destroyed at start.
func TestAbandonedBuild(t *testing.T) {
	d := open(t)
	require.NoError(t, d.insert("db.c", `{"_id": 1}`))
	first := layout.AppendIndexPrefix(nil, 500)
	x := d.begin(txn.Options{})
	x.Storage().Put(layout.Garbage(uint64(x.Timestamp()), first), []byte{})
	x.Storage().Put(append(first, "entry"...), []byte{})
	d.commit(x)
	require.Equal(t, 1, d.stored(first))
	d.reopen()
	require.Zero(t, d.stored(first))
	d.requireValid("db.c")
}

// TestBuildWaitsForOpenTransactions holds that a build sees what open transactions commit, and
// that a no-op build waits for nobody.
func TestBuildWaitsForOpenTransactions(t *testing.T) {
	d := open(t)
	require.NoError(t, d.insert("db.c", `{"_id": 1, "a": 1}`))
	require.NoError(t, d.index("db.c", `{"b": 1}`, ""))
	x := d.session()
	_, err := x.Insert(d.ctx(), d.coll(x, "db.c"), doc(t, `{"_id": 2, "a": 2}`))
	require.NoError(t, err)
	require.NoError(t, d.index("db.c", `{"b": 1}`, ""))
	built := make(chan error)
	go func() { built <- d.index("db.c", `{"a": 1}`, "") }()
	select {
	case err := <-built:
		require.Fail(t, "the build did not wait", err)
	case <-time.After(20 * time.Millisecond):
	}
	require.NoError(t, d.update(x, "db.c", `{"_id": 1, "a": [5, 6]}`))
	d.commit(x)
	require.NoError(t, <-built)
	require.Equal(t, []string{"2", "5", "6"}, d.committedKeys("db.c", "a_1"))
	d.requireValid("db.c")
}

// TestBuildAgainstWriters creates and drops indexes while plain writers and session
// transactions change documents, then compares every index with the records.
func TestBuildAgainstWriters(t *testing.T) {
	layouts(t, func(t *testing.T, d *db) {
		d.fill("db.c", 300, `{"_id": %[1]d, "a": %[1]d}`)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(w), 1))
				for {
					select {
					case <-stop:
						return
					default:
					}
					if err := randomWrites(d, r, w%2 == 0); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for i := range 12 {
			require.NoError(t, d.index("db.c", `{"a": 1}`, ""))
			require.NoError(t, d.index("db.c", `{"b": 1, "a": -1}`, `{"sparse": true}`))
			time.Sleep(time.Millisecond)
			if i%3 == 0 {
				d.requireValid("db.c")
			}
			dropIndex(d, "a_1")
			dropIndex(d, "b_1_a_-1")
			require.NoError(t, d.Reclaim(d.ctx()))
		}
		require.NoError(t, d.index("db.c", `{"a": 1}`, ""))
		close(stop)
		wg.Wait()
	})
}

func dropIndex(d *db, name string) {
	d.t.Helper()
	x, err := d.BeginDDL(d.ctx(), txn.Options{}, "db.c")
	require.NoError(d.t, err)
	defer x.Rollback()
	c, err := x.ForDDL(d.ctx(), "db.c")
	require.NoError(d.t, err)
	_, err = x.DropIndexes(d.ctx(), c, bsonx.String(name))
	require.NoError(d.t, err)
	d.commit(x)
}

// randomWrites makes up to five changes in one transaction. Errors that the interleaving may
// cause are no failure: the transaction is then rolled back.
func randomWrites(d *db, r *rand.Rand, session bool) error {
	x, err := d.Begin(d.ctx(), txn.Options{Session: session})
	if err != nil {
		return err
	}
	defer x.Rollback()
	for range 1 + r.IntN(5) {
		if err = randomWrite(d, x, r); err != nil {
			break
		}
	}
	if err == nil && r.IntN(5) > 0 {
		_, err = x.Commit(d.ctx(), storage.Buffered)
	}
	var conflict *storage.ConflictError
	switch {
	case errors.As(err, &conflict):
		x.Rollback()
		return d.Await(d.ctx(), conflict)
	case mongoerr.Is(err, mongoerr.LockTimeout), mongoerr.Is(err, mongoerr.SnapshotUnavailable), mongoerr.Is(err, mongoerr.DuplicateKey):
		return nil
	}
	return err
}

func randomWrite(d *db, x *txn.Txn, r *rand.Rand) error {
	c, err := x.ForWrite(d.ctx(), "db.c")
	if err != nil {
		return err
	}
	id := bsonx.Int32(int32(r.IntN(400)))
	b := bsonx.NewBuilder(nil).Value("_id", id)
	switch r.IntN(4) {
	case 0:
		b.Int32("a", int32(r.IntN(50)))
	case 1:
		b.Value("a", bsonx.MakeArray(bsonx.Int32(int32(r.IntN(50))), bsonx.String("x"))).Int32("b", 1)
	case 2:
		b.Double("a", float64(r.IntN(50))).Value("b", bsonx.MakeArray())
	}
	n := b.Build()
	rid, old, ok, err := x.GetByID(d.ctx(), c, id, nil)
	switch {
	case err != nil:
		return err
	case !ok:
		_, err = x.Insert(d.ctx(), c, n)
		return err
	case r.IntN(4) == 0:
		return x.Delete(d.ctx(), c, rid, old)
	}
	return x.Update(d.ctx(), c, rid, old, n)
}
