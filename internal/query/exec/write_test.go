package exec_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/query/update"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

func modification(t testing.TB, filter, upd any, multi bool) *exec.Modify {
	t.Helper()
	q, err := (&exec.Find{Filter: doc(t, filter)}).Compile()
	require.NoError(t, err)
	m := &exec.Modify{Query: q, Multi: multi}
	if upd != nil {
		m.Update, err = update.Parse(bsonx.Document(doc(t, upd)), &update.Options{Multi: multi, Filter: doc(t, filter)})
		require.NoError(t, err)
	}
	return m
}

func insertMany(t testing.TB, s *txn.Store, ns string, docs ...any) {
	t.Helper()
	w := exec.NewWriter(s, nil, ns, exec.WriterOptions{})
	for _, d := range docs {
		require.NoError(t, w.Insert(t.Context(), doc(t, d), nil))
	}
	_, err := w.Finish(t.Context(), storage.Buffered)
	require.NoError(t, err)
}

func count(t testing.TB, s *txn.Store, ns string, filter any) int {
	t.Helper()
	q, err := (&exec.Find{Filter: doc(t, filter), Counting: true}).Compile()
	require.NoError(t, err)
	st := exec.NewState(s, ns)
	defer st.Close()
	c, err := st.Collection(t.Context(), ns)
	require.NoError(t, err)
	cur, err := q.Open(t.Context(), st, c)
	require.NoError(t, err)
	defer cur.Close()
	for n := 0; ; n++ {
		_, ok, err := cur.Next(t.Context())
		require.NoError(t, err)
		if !ok {
			return n
		}
	}
}

// Two updates of all documents that come from both ends neither block each other for ever nor
// change a document twice.
func TestOppositeUpdatesEnd(t *testing.T) {
	const docs = 300
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	s := openStore(t)
	ds := make([]any, docs)
	for i := range ds {
		ds[i] = bson.D{{Key: "_id", Value: i}, {Key: "up", Value: 0}, {Key: "down", Value: 0}}
	}
	insertMany(t, s, "t.c", ds...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	natural := func(dir int) bsonx.Value {
		return bsonx.Document(doc(t, bson.D{{Key: "$natural", Value: dir}}))
	}
	for round := range rounds {
		var wg sync.WaitGroup
		for field, dir := range map[string]int{"up": 1, "down": -1} {
			m := modification(t, bson.D{}, bson.D{{Key: "$inc", Value: bson.D{{Key: field, Value: 1}}}}, true)
			q, err := (&exec.Find{Hint: natural(dir)}).Compile()
			require.NoError(t, err)
			m.Query = q
			wg.Go(func() {
				w := exec.NewWriter(s, nil, "t.c", exec.WriterOptions{})
				res, err := w.Modify(ctx, m)
				if err != nil || res.Modified != docs {
					t.Errorf("%s: %v, %d modified", field, err, res.Modified)
				}
				if _, err := w.Finish(ctx, storage.Buffered); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		n := round + 1
		require.Equal(t, docs, count(t, s, "t.c", bson.D{{Key: "up", Value: n}, {Key: "down", Value: n}}))
	}
}

// Increments from many writers are all counted, whether they meet an open transaction or a
// commit after their snapshot.
func TestConcurrentIncrements(t *testing.T) {
	s := openStore(t)
	insertMany(t, s, "t.c", bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 0}})
	var wg sync.WaitGroup
	const writers, each = 8, 100
	for range writers {
		wg.Go(func() {
			for range each {
				w := exec.NewWriter(s, nil, "t.c", exec.WriterOptions{})
				if _, err := w.Modify(t.Context(), modification(t, bson.D{{Key: "_id", Value: 1}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}, false)); err != nil {
					t.Error(err)
				}
				if _, err := w.Finish(t.Context(), storage.Buffered); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, count(t, s, "t.c", bson.D{{Key: "n", Value: writers * each}}))
}

// A plain write waits for an open transaction and then sees what it has done; a write in another
// transaction fails at once.
func TestWriteMeetsOpenTransaction(t *testing.T) {
	s := openStore(t)
	insertMany(t, s, "t.c", bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 0}})
	open, err := s.Begin(t.Context(), txn.Options{Session: true})
	require.NoError(t, err)
	inc := func() *exec.Modify {
		return modification(t, bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: bson.D{{Key: "$lt", Value: 100}}}},
			bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}, false)
	}
	_, err = exec.NewWriter(s, open, "t.c", exec.WriterOptions{}).Modify(t.Context(), inc())
	require.NoError(t, err)

	other, err := s.Begin(t.Context(), txn.Options{Session: true})
	require.NoError(t, err)
	_, err = exec.NewWriter(s, other, "t.c", exec.WriterOptions{}).Modify(t.Context(), inc())
	require.True(t, mongoerr.Is(err, mongoerr.WriteConflict), "%v", err)
	other.Rollback()

	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		w := exec.NewWriter(s, nil, "t.c", exec.WriterOptions{})
		res, err := w.Modify(t.Context(), inc())
		done.Store(true)
		if err != nil || res.Modified != 1 {
			t.Errorf("%v, %d modified", err, res.Modified)
		}
		if _, err := w.Finish(t.Context(), storage.Buffered); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(30 * time.Millisecond)
	require.False(t, done.Load(), "the plain write did not wait")
	_, err = open.Commit(t.Context(), storage.Buffered)
	require.NoError(t, err)
	wg.Wait()
	require.Equal(t, 1, count(t, s, "t.c", bson.D{{Key: "n", Value: 2}}))
}

// A waiting write gives up with the error of its context.
func TestWaitingWriteObeysDeadline(t *testing.T) {
	s := openStore(t)
	insertMany(t, s, "t.c", bson.D{{Key: "_id", Value: 1}})
	open, err := s.Begin(t.Context(), txn.Options{Session: true})
	require.NoError(t, err)
	defer open.Rollback()
	del := modification(t, bson.D{{Key: "_id", Value: 1}}, nil, false)
	_, err = exec.NewWriter(s, open, "t.c", exec.WriterOptions{}).Modify(t.Context(), del)
	require.NoError(t, err)
	expired := mongoerr.New(mongoerr.MaxTimeMSExpired, "operation exceeded time limit")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, expired)
	defer cancel()
	w := exec.NewWriter(s, nil, "t.c", exec.WriterOptions{})
	defer w.Close()
	_, err = w.Modify(ctx, modification(t, bson.D{{Key: "_id", Value: 1}}, nil, false))
	require.True(t, mongoerr.Is(err, mongoerr.MaxTimeMSExpired), "%v", err)
}

// A document that fails leaves what went before in place, and is not there itself.
func TestFailingDocumentKeepsOthers(t *testing.T) {
	s := openStore(t)
	w := exec.NewWriter(s, nil, "t.c", exec.WriterOptions{})
	for i, want := range []bool{true, true, false, true} {
		err := w.Insert(t.Context(), doc(t, bson.D{{Key: "_id", Value: []int{1, 2, 1, 3}[i]}, {Key: "i", Value: i}}), nil)
		if want {
			require.NoError(t, err)
			continue
		}
		require.True(t, mongoerr.Is(err, mongoerr.DuplicateKey), "%v", err)
	}
	_, err := w.Finish(t.Context(), storage.Synced)
	require.NoError(t, err)
	require.Equal(t, 3, count(t, s, "t.c", bson.D{}))
	require.Zero(t, count(t, s, "t.c", bson.D{{Key: "i", Value: 2}}))
}
