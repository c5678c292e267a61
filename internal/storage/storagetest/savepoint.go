package storagetest

import (
	"fmt"
	"maps"
	"math/rand/v2"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

var savepointTests = []test{
	{"RollbackToTakesBackWrites", func(e *env) {
		e.write("a", "1", "b", "1")
		t := e.begin()
		t.write("a", "2")
		sp := t.Savepoint()
		t.write("a", "3", "b", "-", "c", "3")
		t.RollbackTo(sp)
		require.Equal(e, []string{"a=2", "b=1"}, t.scan("", "", storage.ScanOptions{}))
		t.commit()
		require.Equal(e, []string{"a=2", "b=1"}, e.snapshot().scan("", "", storage.ScanOptions{}))
	}},
	{"MoreThanOnceAndNested", func(e *env) {
		t := e.begin()
		outer := t.Savepoint()
		t.write("a", "1")
		inner := t.Savepoint()
		for i := range 3 {
			t.write("a", fmt.Sprint(i+10), "b", "x")
			t.RollbackTo(inner)
			require.Equal(e, []string{"a=1"}, t.scan("", "", storage.ScanOptions{}))
		}
		t.RollbackTo(outer)
		require.Empty(e, t.scan("", "", storage.ScanOptions{}))
		require.False(e, t.Writes())
		t.write("z", "1")
		t.commit()
		require.Equal(e, []string{"z=1"}, e.snapshot().scan("", "", storage.ScanOptions{}))
	}},
	{"LocksStay", func(e *env) {
		t := e.begin()
		sp := t.Savepoint()
		t.write("a", "1")
		t.RollbackTo(sp)
		requireConflict(e, e.begin().lock("a"), "a")
		t.commit()
		require.NoError(e, e.begin().lock("a"))
	}},
	{"CountersChangesAndCallbacksGoBack", func(e *env) {
		t := e.begin()
		called := ""
		t.Add([]byte("n"), 1)
		t.SetChange([]byte("first"))
		t.OnCommit(func(storage.Timestamp) { called += "1" })
		sp := t.Savepoint()
		t.Add([]byte("n"), 10)
		t.Add([]byte("m"), 10)
		t.SetChange([]byte("second"))
		t.OnCommit(func(storage.Timestamp) { called += "2" })
		t.RollbackTo(sp)
		ts := t.commit()
		require.Equal(e, "1", called)
		require.EqualValues(e, 1, e.counter("n"))
		require.Zero(e, e.counter("m"))
		require.Equal(e, []change{{ts, "first"}}, changes(e, 0))
	}},
	{"AnOpenIteratorIsNotDisturbed", func(e *env) {
		t := e.begin()
		t.write("a", "1")
		sp := t.Savepoint()
		t.write("b", "2", "c", "3")
		it, err := t.Scan(e.ctx(), nil, nil, storage.ScanOptions{})
		require.NoError(e, err)
		require.True(e, it.Next())
		t.RollbackTo(sp)
		require.Equal(e, []string{"b=2", "c=3"}, drain(it))
		require.NoError(e, it.Close())
	}},
	{"RandomSavepointsAgreeWithAModel", func(e *env) {
		seed := rand.Uint64()
		e.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 2))
		t := e.begin()
		model := map[string]string{}
		type mark struct {
			sp    storage.Savepoint
			model map[string]string
		}
		var marks []mark
		for i := range 2000 {
			switch n := rnd.IntN(20); {
			case n < 2:
				marks = append(marks, mark{t.Savepoint(), maps.Clone(model)})
			case n == 2 && len(marks) > 0:
				at := rnd.IntN(len(marks))
				t.RollbackTo(marks[at].sp)
				model = maps.Clone(marks[at].model)
				marks = marks[:at+1]
			case n < 8:
				k := fmt.Sprint(rnd.IntN(60))
				t.write(k, "-")
				delete(model, k)
			default:
				k, v := fmt.Sprint(rnd.IntN(60)), fmt.Sprint(i)
				t.write(k, v)
				model[k] = v
			}
		}
		got := map[string]string{}
		it, err := t.Scan(e.ctx(), nil, nil, storage.ScanOptions{})
		require.NoError(e, err)
		for it.Next() {
			got[string(it.Key())] = string(it.Value())
		}
		require.NoError(e, it.Close())
		require.Equal(e, model, got)
	}},
}
