package storagetest

import (
	"math"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

var counterTests = []test{
	{"CountersAddUp", func(e *env) {
		require.Zero(e, e.counter("n"))
		t := e.begin()
		t.Add([]byte("n"), 5)
		t.Add([]byte("n"), -2)
		t.Add([]byte("m"), math.MaxInt64)
		require.True(e, t.Writes())
		require.Zero(e, e.counter("n"))
		t.commit()
		require.EqualValues(e, 3, e.counter("n"))
		require.EqualValues(e, math.MaxInt64, e.counter("m"))
		e.reopen()
		require.EqualValues(e, 3, e.counter("n"))
		require.EqualValues(e, math.MaxInt64, e.counter("m"))
	}},
	{"CountersDoNotConflict", func(e *env) {
		one, two := e.begin(), e.begin()
		one.Add([]byte("n"), 1)
		two.Add([]byte("n"), 2)
		one.commit()
		require.EqualValues(e, 1, e.counter("n"))
		two.commit()
		require.EqualValues(e, 3, e.counter("n"))
	}},
	{"CountersAreAKeySpaceOfTheirOwn", func(e *env) {
		t := e.begin()
		t.write("n", "value")
		t.Add([]byte("n"), 1)
		t.commit()
		require.Equal(e, "value", e.get("n"))
		require.Equal(e, []string{"n=value"}, e.snapshot().scan("", "", storage.ScanOptions{}))
		require.EqualValues(e, 1, e.counter("n"))
	}},
	{"RolledBackCountersDoNotCount", func(e *env) {
		t := e.begin()
		t.Add([]byte("n"), 1)
		t.Rollback()
		require.Zero(e, e.counter("n"))
	}},
	{"ZeroIsNoChange", func(e *env) {
		t := e.begin()
		t.Add([]byte("n"), 1)
		t.Add([]byte("n"), -1)
		require.False(e, t.Writes())
		t.commit()
		require.Zero(e, e.counter("n"))
	}},
	{"ManyAddersLoseNothing", func(e *env) {
		const adders, rounds = 16, 50
		ctx := e.ctx()
		var wg sync.WaitGroup
		errs := make(chan error, 2*adders)
		for range adders {
			wg.Go(func() {
				for range rounds {
					t, err := e.eng.Begin(ctx, storage.TxnOptions{})
					if err != nil {
						errs <- err
						return
					}
					t.Add([]byte("n"), 1)
					if _, err := t.Commit(ctx, storage.Buffered); err != nil {
						errs <- err
						return
					}
					if _, err := e.eng.Counter(ctx, []byte("n")); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(e, err)
		}
		require.EqualValues(e, adders*rounds, e.counter("n"))
		e.reopen()
		require.EqualValues(e, adders*rounds, e.counter("n"))
	}},
}
