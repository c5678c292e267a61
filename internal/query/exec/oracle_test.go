package exec_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
	"github.com/tandemdb/tandem/internal/txn"
)

func openStore(t testing.TB) *txn.Store {
	t.Helper()
	eng, err := pebblekv.Open("db", &pebblekv.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = eng.Close() })
	s, err := txn.Open(t.Context(), eng, nil)
	require.NoError(t, err)
	return s
}

func doc(t testing.TB, v any) bsonx.Doc {
	t.Helper()
	b, err := bson.Marshal(v)
	require.NoError(t, err)
	return b
}

// The values that the fields of random documents take: few, so that queries meet them, and of
// many types.
func randomValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(14); {
	case n < 4:
		return int32(r.IntN(5))
	case n == 4:
		return float64(r.IntN(5)) + 0.5
	case n == 5:
		return int64(r.IntN(5))
	case n < 8:
		return string("aAbBcC"[r.IntN(6)]) + []string{"", "\u0301"}[r.IntN(5)/4]
	case n == 8:
		return nil
	case n == 9:
		return r.IntN(2) == 0
	case n == 10 && depth > 0:
		return bson.D{{Key: "c", Value: randomValue(r, depth-1)}}
	case n < 13 && depth > 0:
		arr := bson.A{}
		for range r.IntN(3) {
			arr = append(arr, randomValue(r, depth-1))
		}
		return arr
	}
	return int32(r.IntN(5))
}

// randomDocument makes a document. Only the fields in arrays have arrays as values: two of them
// cannot be in one index.
func randomDocument(r *rand.Rand, id int, arrays string) bson.D {
	d := bson.D{{Key: "_id", Value: int32(id)}}
	for _, f := range []string{"a", "b", "d"} {
		if r.IntN(5) == 0 {
			continue
		}
		v := randomValue(r, 2)
		for !strings.Contains(arrays, f) && hasArray(v) {
			v = randomValue(r, 2)
		}
		d = append(d, bson.E{Key: f, Value: v})
	}
	return d
}

func hasArray(v any) bool {
	switch v := v.(type) {
	case bson.A:
		return true
	case bson.D:
		return hasArray(v[0].Value)
	}
	return false
}

func randomPredicate(r *rand.Rand) any {
	v := randomValue(r, 1)
	switch r.IntN(12) {
	case 0:
		return bson.D{{Key: "$gt", Value: v}}
	case 1:
		return bson.D{{Key: "$lte", Value: v}}
	case 2:
		return bson.D{{Key: "$gte", Value: v}, {Key: "$lt", Value: randomValue(r, 0)}}
	case 3:
		return bson.D{{Key: "$in", Value: bson.A{v, randomValue(r, 1), randomValue(r, 0)}}}
	case 4:
		return bson.D{{Key: "$ne", Value: v}}
	case 5:
		return bson.D{{Key: "$exists", Value: r.IntN(2) == 0}}
	case 6:
		return bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "$gte", Value: randomValue(r, 0)}, {Key: "$lte", Value: randomValue(r, 0)}}}}
	case 7:
		return bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "c", Value: randomValue(r, 0)}}}}
	case 8:
		return bson.D{{Key: "$regex", Value: "^" + string(rune('a'+r.IntN(4)))}}
	case 9:
		return bson.D{{Key: "$not", Value: bson.D{{Key: "$gt", Value: v}}}}
	}
	return v
}

func randomFilter(r *rand.Rand, depth int) bson.D {
	if depth > 0 && r.IntN(4) == 0 {
		op := []string{"$or", "$and", "$nor"}[r.IntN(3)]
		return bson.D{{Key: op, Value: bson.A{randomFilter(r, depth-1), randomFilter(r, depth-1)}}}
	}
	f := bson.D{}
	for _, p := range []string{"a", "b", "a.c", "b.c", "d", "_id"} {
		if r.IntN(4) == 0 {
			f = append(f, bson.E{Key: p, Value: randomPredicate(r)})
		}
	}
	return f
}

var oracleIndexes = []bson.D{
	{{Key: "a", Value: 1}},
	{{Key: "b", Value: -1}},
	{{Key: "a", Value: 1}, {Key: "d", Value: -1}},
	{{Key: "d", Value: 1}, {Key: "b", Value: 1}},
	{{Key: "a.c", Value: 1}},
	{{Key: "b.c", Value: -1}, {Key: "d", Value: 1}},
}

// oracleCollations are what queries and indexes of these tests compare by.
func oracleCollations(t *testing.T) []*collation.Collation {
	out := []*collation.Collation{nil}
	for _, strength := range []int{1, 2, 3} {
		c, err := collation.Parse(doc(t, bson.D{{Key: "locale", Value: "en"}, {Key: "strength", Value: strength}}))
		require.NoError(t, err)
		out = append(out, c)
	}
	return out
}

// fill makes a collection of random documents with the given indexes, each of a random collation.
func fill(t *testing.T, s *txn.Store, r *rand.Rand, n int, clustered bool, arrays string) {
	ctx := t.Context()
	w := exec.NewWriter(s, nil, "t.c", exec.WriterOptions{})
	if clustered {
		tx, err := s.BeginDDL(ctx, txn.Options{}, "t.c")
		require.NoError(t, err)
		_, err = tx.CreateCollection(ctx, "t.c", doc(t, bson.D{{Key: "clusteredIndex", Value: bson.D{
			{Key: "key", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "unique", Value: true},
		}}}))
		require.NoError(t, err)
		_, err = tx.Commit(ctx, storage.Buffered)
		require.NoError(t, err)
	}
	for i := range n {
		err := w.Insert(ctx, doc(t, randomDocument(r, i, arrays)), nil)
		require.NoError(t, err)
	}
	_, err := w.Finish(ctx, storage.Buffered)
	require.NoError(t, err)
	for _, k := range oracleIndexes {
		name := fmt.Sprint(k)
		colls := oracleCollations(t)
		spec := bson.D{
			{Key: "key", Value: k},
			{Key: "name", Value: name},
			{Key: "collation", Value: bson.Raw(colls[r.IntN(len(colls))].Spec())},
		}
		_, err := s.CreateIndexes(ctx, "t.c", []bsonx.Doc{doc(t, spec)}, storage.Buffered)
		if err != nil {
			t.Logf("index %s: %v", name, err) // parallel arrays
		}
	}
}

// run returns what a query finds, pausing now and then as cursors do between batches.
func run(ctx context.Context, t *testing.T, s *txn.Store, f *exec.Find, pause int) []string {
	t.Helper()
	q, err := f.Compile()
	require.NoError(t, err)
	st := exec.NewState(s, "t.c")
	defer st.Close()
	c, err := st.Collection(ctx, "t.c")
	require.NoError(t, err)
	cur, err := q.Open(ctx, st, c)
	require.NoError(t, err)
	defer cur.Close()
	var out []string
	for i := 1; ; i++ {
		d, ok, err := cur.Next(ctx)
		require.NoError(t, err)
		if !ok {
			return out
		}
		out = append(out, d.String())
		if pause > 0 && i%pause == 0 {
			st.Pause()
		}
	}
}

// Whatever the planner chooses, a query finds what reading the whole collection finds, in the
// order asked for.
func TestPlansAgreeWithCollectionScan(t *testing.T) {
	for _, arrays := range []string{"", "a", "b", "d", "abd"} {
		for _, clustered := range []bool{false, true} {
			t.Run(fmt.Sprintf("arrays=%s/clustered=%t", arrays, clustered), func(t *testing.T) {
				testPlansAgree(t, arrays, clustered)
			})
		}
	}
}

func testPlansAgree(t *testing.T, arrays string, clustered bool) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	s := openStore(t)
	fill(t, s, r, 150, clustered, arrays)
	natural := bsonx.Document(doc(t, bson.D{{Key: "$natural", Value: 1}}))
	colls := oracleCollations(t)
	for range 400 {
		filter := randomFilter(r, 2)
		f := doc(t, filter)
		scope := expr.NewScope(&expr.Env{Collation: colls[r.IntN(len(colls))]})
		want := run(t.Context(), t, s, &exec.Find{Filter: f, Hint: natural, Scope: scope}, 0)
		got := run(t.Context(), t, s, &exec.Find{Filter: f, Scope: scope}, r.IntN(4))
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got, "filter %v by %s", filter, scope.Collation().Spec())
		require.Len(t, run(t.Context(), t, s, &exec.Find{Filter: f, Counting: true, Scope: scope}, r.IntN(4)), len(want), "count of %v", filter)
		checkSorted(t, s, r, f, natural, scope)
	}
}

// checkSorted compares a sorted query by index with the same one by scan and sort.
func checkSorted(t *testing.T, s *txn.Store, r *rand.Rand, f bsonx.Doc, natural bsonx.Value, scope *expr.Scope) {
	t.Helper()
	order := bson.D{}
	for _, p := range []string{"a", "d", "b"} {
		if r.IntN(3) == 0 {
			order = append(order, bson.E{Key: p, Value: 1 - 2*r.IntN(2)})
		}
	}
	order = append(order, bson.E{Key: "_id", Value: 1})
	ord := doc(t, order)
	limit := int64(r.IntN(20))
	want, err := collect(t, s, &exec.Find{Filter: f, Sort: ord, Hint: natural, Limit: limit, Scope: scope})
	if err != nil {
		return // parallel arrays cannot be sorted
	}
	got, err := collect(t, s, &exec.Find{Filter: f, Sort: ord, Limit: limit, Scope: scope})
	require.NoError(t, err)
	require.Equal(t, want, got, "filter %v sort %v limit %d by %s", f, order, limit, scope.Collation().Spec())
}

func collect(t *testing.T, s *txn.Store, f *exec.Find) (out []string, err error) {
	t.Helper()
	q, err := f.Compile()
	require.NoError(t, err)
	st := exec.NewState(s, "t.c")
	defer st.Close()
	c, err := st.Collection(t.Context(), "t.c")
	require.NoError(t, err)
	cur, err := q.Open(t.Context(), st, c)
	require.NoError(t, err)
	defer cur.Close()
	for {
		d, ok, err := cur.Next(t.Context())
		if err != nil || !ok {
			return out, err
		}
		out = append(out, d.String())
	}
}
