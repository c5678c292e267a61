package exec_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// batches is a query that is read in parts, as by getMore.
type batches struct {
	t   *testing.T
	st  *exec.State
	cur *exec.Cursor
}

func startBatches(t *testing.T, st *exec.State, f *exec.Find) *batches {
	t.Helper()
	q, err := f.Compile()
	require.NoError(t, err)
	t.Cleanup(st.Close)
	c, err := st.Collection(t.Context(), "t.c")
	require.NoError(t, err)
	cur, err := q.Open(t.Context(), st, c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cur.Close() })
	return &batches{t, st, cur}
}

// next reads up to n documents, then pauses.
func (b *batches) next(n int) (out []string) {
	b.t.Helper()
	for len(out) < n {
		d, ok, err := b.cur.Next(b.t.Context())
		require.NoError(b.t, err)
		if !ok {
			break
		}
		out = append(out, d.String())
	}
	b.st.Pause()
	return out
}

func createIndex(t *testing.T, s *txn.Store, key bson.D) {
	t.Helper()
	spec := doc(t, bson.D{{Key: "key", Value: key}, {Key: "name", Value: "x"}})
	_, err := s.CreateIndexes(t.Context(), "t.c", []bsonx.Doc{spec}, storage.Buffered)
	require.NoError(t, err)
}

// numbered inserts documents with _id, a and b from 1 to n.
func numbered(t *testing.T, s *txn.Store, n int) {
	t.Helper()
	ds := make([]any, n)
	for i := range ds {
		ds[i] = bson.D{{Key: "_id", Value: i + 1}, {Key: "a", Value: i + 1}, {Key: "b", Value: i + 1}}
	}
	insertMany(t, s, "t.c", ds...)
}

// An index that becomes multikey between two batches makes a cursor neither return a document
// twice, nor out of order, nor with an element in the place of its array.
func TestIndexBecomesMultikeyBetweenBatches(t *testing.T) {
	asc, desc := bson.D{{Key: "a", Value: 1}}, bson.D{{Key: "a", Value: -1}}
	from := func(n int) bson.D { return bson.D{{Key: "a", Value: bson.D{{Key: "$gte", Value: n}}}} }
	onlyA := bson.D{{Key: "_id", Value: 0}, {Key: "a", Value: 1}}
	for _, tt := range []struct {
		name   string
		index  bson.D
		find   bson.D // filter, sort, projection
		insert bson.A // the value of a in a document inserted after the first batch of two
		before []string
		after  []string
	}{
		{
			name: "twice", index: asc, find: bson.D{{Key: "filter", Value: from(1)}, {Key: "projection", Value: bson.D{{Key: "b", Value: 1}}}},
			insert: bson.A{3, 4, 5}, before: []string{"{ _id: 1, b: 1 }", "{ _id: 2, b: 2 }"},
			after: []string{"{ _id: 3, b: 3 }", "{ _id: 9, b: 9 }", "{ _id: 4, b: 4 }"},
		},
		{
			name: "in", index: asc,
			find: bson.D{
				{Key: "filter", Value: bson.D{{Key: "a", Value: bson.D{{Key: "$in", Value: bson.A{1, 2, 3, 4}}}}}},
				{Key: "projection", Value: bson.D{{Key: "b", Value: 1}}},
			},
			insert: bson.A{3, 4, 5}, before: []string{"{ _id: 1, b: 1 }", "{ _id: 2, b: 2 }"},
			after: []string{"{ _id: 3, b: 3 }", "{ _id: 9, b: 9 }", "{ _id: 4, b: 4 }"},
		},
		{
			name: "covered", index: asc, find: bson.D{{Key: "filter", Value: from(1)}, {Key: "projection", Value: onlyA}},
			insert: bson.A{3, 5}, before: []string{"{ a: 1 }", "{ a: 2 }"}, after: []string{"{ a: 3 }", "{ a: [ 3, 5 ] }", "{ a: 4 }"},
		},
		{
			name: "order", index: asc,
			find:   bson.D{{Key: "filter", Value: from(1)}, {Key: "sort", Value: asc}, {Key: "projection", Value: onlyA}},
			insert: bson.A{0, 3, 5}, before: []string{"{ a: 1 }", "{ a: 2 }"}, after: []string{"{ a: 3 }", "{ a: 4 }"},
		},
		{
			name: "order, ahead", index: asc,
			find:   bson.D{{Key: "filter", Value: from(1)}, {Key: "sort", Value: asc}, {Key: "projection", Value: onlyA}},
			insert: bson.A{3, 5}, before: []string{"{ a: 1 }", "{ a: 2 }"}, after: []string{"{ a: 3 }", "{ a: [ 3, 5 ] }", "{ a: 4 }"},
		},
		{
			name: "descending order", index: asc,
			find:   bson.D{{Key: "filter", Value: from(1)}, {Key: "sort", Value: desc}, {Key: "projection", Value: onlyA}},
			insert: bson.A{9, 1}, before: []string{"{ a: 4 }", "{ a: 3 }"}, after: []string{"{ a: 2 }", "{ a: 1 }"},
		},
		{
			name: "compound", index: bson.D{{Key: "a", Value: 1}, {Key: "b", Value: -1}},
			find: bson.D{
				{Key: "filter", Value: from(1)},
				{Key: "sort", Value: bson.D{{Key: "a", Value: 1}, {Key: "b", Value: -1}}},
				{Key: "projection", Value: bson.D{{Key: "_id", Value: 0}, {Key: "a", Value: 1}, {Key: "b", Value: 1}}},
			},
			insert: bson.A{3, 4}, before: []string{"{ a: 1, b: 1 }", "{ a: 2, b: 2 }"},
			after: []string{"{ a: [ 3, 4 ], b: 9 }", "{ a: 3, b: 3 }", "{ a: 4, b: 4 }"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := openStore(t)
			numbered(t, s, 4)
			createIndex(t, s, tt.index)
			args := doc(t, tt.find)
			f := &exec.Find{Filter: args.Lookup("filter").Doc(), Sort: args.Lookup("sort").Doc(), Projection: args.Lookup("projection").Doc()}
			b := startBatches(t, exec.NewState(s, "t.c"), f)
			require.Equal(t, tt.before, b.next(2))
			insertMany(t, s, "t.c", bson.D{{Key: "_id", Value: 9}, {Key: "a", Value: tt.insert}, {Key: "b", Value: 9}})
			require.Equal(t, tt.after, b.next(100))
		})
	}
}

// The same where the transaction that reads has itself written the array.
func TestOwnArrayBetweenBatches(t *testing.T) {
	s := openStore(t)
	numbered(t, s, 4)
	createIndex(t, s, bson.D{{Key: "a", Value: 1}})
	x, err := s.Begin(t.Context(), txn.Options{Session: true})
	require.NoError(t, err)
	defer x.Rollback()
	b := startBatches(t, exec.InTxn(x), &exec.Find{
		Filter: doc(t, bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: 0}}}}), Projection: doc(t, bson.D{{Key: "_id", Value: 0}, {Key: "a", Value: 1}}),
	})
	require.Equal(t, []string{"{ a: 1 }", "{ a: 2 }"}, b.next(2))
	w := exec.NewWriter(s, x, "t.c", exec.WriterOptions{})
	require.NoError(t, w.Insert(t.Context(), doc(t, bson.D{{Key: "_id", Value: 9}, {Key: "a", Value: bson.A{3, 4}}}), nil))
	require.Equal(t, []string{"{ a: 3 }", "{ a: [ 3, 4 ] }"}, b.next(2))
	require.Equal(t, []string{"{ a: 4 }"}, b.next(2))
	require.Empty(t, b.next(2))
}

// A cursor that has not read anything yet notices, too, that its index is gone.
func TestIndexDroppedBeforeFirstBatch(t *testing.T) {
	for _, read := range []int{0, 2} {
		t.Run(fmt.Sprint(read), func(t *testing.T) {
			s := openStore(t)
			numbered(t, s, 4)
			createIndex(t, s, bson.D{{Key: "a", Value: 1}})
			b := startBatches(t, exec.NewState(s, "t.c"), &exec.Find{Filter: doc(t, bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: 0}}}})})
			require.Len(t, b.next(read), read)
			x, err := s.BeginDDL(t.Context(), txn.Options{}, "t.c")
			require.NoError(t, err)
			defer x.Rollback()
			c, err := x.ForDDL(t.Context(), "t.c")
			require.NoError(t, err)
			_, err = x.DropIndexes(t.Context(), c, bsonx.String("x"))
			require.NoError(t, err)
			_, err = x.Commit(t.Context(), storage.Buffered)
			require.NoError(t, err)
			require.NoError(t, s.Reclaim(t.Context()))
			_, _, err = b.cur.Next(t.Context())
			require.True(t, mongoerr.Is(err, mongoerr.QueryPlanKilled), "%v", err)
		})
	}
}

// An update of many that had to wait for a document looks at that document again, wherever the other
// transaction has put it in the index that the update walks.
func TestUpdateManyFindsMovedDocument(t *testing.T) {
	for name, to := range map[string]any{"behind": 1, "ahead": 4, "array": bson.A{0, 9}, "no match": 0} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			numbered(t, s, 3)
			createIndex(t, s, bson.D{{Key: "a", Value: 1}})
			open, err := s.Begin(t.Context(), txn.Options{Session: true})
			require.NoError(t, err)
			defer open.Rollback()
			move := modification(t, bson.D{{Key: "_id", Value: 2}}, bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: to}}}}, false)
			_, err = exec.NewWriter(s, open, "t.c", exec.WriterOptions{}).Modify(t.Context(), move)
			require.NoError(t, err)

			within := bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: 0}, {Key: "$lt", Value: 5}}}}
			if name == "array" {
				within = bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: 1}, {Key: "$lt", Value: 5}}}}
			}
			many := modification(t, within, bson.D{{Key: "$inc", Value: bson.D{{Key: "b", Value: 10}}}}, true)
			done := make(chan error, 1)
			go func() {
				w := exec.NewWriter(s, nil, "t.c", exec.WriterOptions{})
				_, err := w.Modify(t.Context(), many)
				if err == nil {
					_, err = w.Finish(t.Context(), storage.Buffered)
				}
				done <- err
			}()
			time.Sleep(20 * time.Millisecond) // it waits now
			_, err = open.Commit(t.Context(), storage.Buffered)
			require.NoError(t, err)
			require.NoError(t, <-done)
			want := 12
			if name == "no match" {
				want = 2
			}
			require.Equal(t, 1, count(t, s, "t.c", bson.D{{Key: "_id", Value: 2}, {Key: "b", Value: want}}))
			require.Equal(t, 1, count(t, s, "t.c", bson.D{{Key: "_id", Value: 3}, {Key: "b", Value: 13}}))
		})
	}
}

// An update of many in a transaction changes each document once, though the ranges of its index that it
// comes to later hold what it has written itself.
func TestUpdateManyInTransactionChangesOnce(t *testing.T) {
	s := openStore(t)
	numbered(t, s, 4)
	createIndex(t, s, bson.D{{Key: "a", Value: 1}})
	for _, session := range []bool{true, false} {
		var x *txn.Txn
		if session {
			var err error
			x, err = s.Begin(t.Context(), txn.Options{Session: true})
			require.NoError(t, err)
		}
		in := bson.D{{Key: "a", Value: bson.D{{Key: "$in", Value: bson.A{1, 3, 5}}}}}
		m := modification(t, in, bson.D{{Key: "$inc", Value: bson.D{{Key: "a", Value: 2}}}}, true)
		w := exec.NewWriter(s, x, "t.c", exec.WriterOptions{})
		res, err := w.Modify(t.Context(), m)
		w.Close()
		if x != nil {
			x.Rollback()
		}
		require.NoError(t, err)
		require.EqualValues(t, 2, res.Modified, "session %t", session)
	}
}
