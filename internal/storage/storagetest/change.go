package storagetest

import (
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

type change struct {
	ts      storage.Timestamp
	payload string
}

// changes returns the payloads after from.
func changes(e *env, from storage.Timestamp) []change {
	e.Helper()
	it, err := e.eng.Changes(e.ctx(), from)
	require.NoError(e, err)
	var out []change
	for it.Next() {
		out = append(out, change{it.Timestamp(), string(it.Payload())})
	}
	require.NoError(e, it.Err())
	require.NoError(e, it.Close())
	require.NoError(e, it.Close())
	return out
}

var changeTests = []test{
	{"PayloadsComeInCommitOrder", func(e *env) {
		require.Empty(e, changes(e, 0))
		var want []change
		for i := range 10 {
			t := e.begin()
			t.write("a", fmt.Sprint(i))
			payload := []byte(fmt.Sprintf("change %d", i))
			t.SetChange(payload)
			payload[0] = 'x'
			want = append(want, change{t.commit(), fmt.Sprintf("change %d", i)})
		}
		require.Equal(e, want, changes(e, 0))
		require.Equal(e, want[4:], changes(e, want[3].ts))
		require.Empty(e, changes(e, want[9].ts))
		e.reopen()
		require.Equal(e, want, changes(e, 0))
	}},
	{"OnePayloadACommit", func(e *env) {
		t := e.begin()
		t.SetChange([]byte("first"))
		t.SetChange([]byte("second"))
		require.True(e, t.Writes())
		ts := t.commit()
		require.Equal(e, []change{{ts, "second"}}, changes(e, 0))
	}},
	{"NoPayloadNoChange", func(e *env) {
		e.write("a", "1")
		t := e.begin()
		t.write("a", "2")
		t.SetChange([]byte("x"))
		t.SetChange(nil)
		t.commit()
		require.Empty(e, changes(e, 0))
		require.Equal(e, []string{"a=2"}, e.snapshot().scan("", "", storage.ScanOptions{}))
	}},
	{"RolledBackPayloadsDoNotShow", func(e *env) {
		t := e.begin()
		t.write("a", "1")
		t.SetChange([]byte("x"))
		t.Rollback()
		require.Empty(e, changes(e, 0))
	}},
	{"ChangesEndAtTheDurableTimestamp", func(e *env) {
		var want []change
		for i := range 20 {
			t := e.begin()
			t.write("a", fmt.Sprint(i))
			t.SetChange([]byte("x"))
			ts, err := t.Commit(e.ctx(), storage.Buffered)
			require.NoError(e, err)
			want = append(want, change{ts, "x"})
			got := changes(e, 0)
			require.LessOrEqual(e, len(got), len(want))
			require.Equal(e, want[:len(got)], append([]change{}, got...))
		}
		require.NoError(e, e.eng.WaitDurable(e.ctx(), e.now()))
		require.Equal(e, want, changes(e, 0))
	}},
	{"ChangesOfManyCommittersHaveNoHoles", func(e *env) {
		const committers, rounds = 16, 20
		ctx := e.ctx()
		var wg sync.WaitGroup
		errs := make(chan error, committers)
		for c := range committers {
			wg.Go(func() {
				for n := range rounds {
					t, err := e.eng.Begin(ctx, storage.TxnOptions{})
					if err != nil {
						errs <- err
						return
					}
					t.Put(fmt.Appendf(nil, "c%d", c), fmt.Append(nil, n))
					t.SetChange(fmt.Appendf(nil, "%d", c))
					if _, err := t.Commit(ctx, storage.Durability(n%2)); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		// A follower reads from where it was, and must miss nothing.
		var followed []change
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		follow := func() {
			from := storage.Timestamp(0)
			if n := len(followed); n > 0 {
				from = followed[n-1].ts
			}
			followed = append(followed, changes(e, from)...)
		}
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
				follow()
			}
		}
		close(errs)
		for err := range errs {
			require.NoError(e, err)
		}
		require.NoError(e, e.eng.WaitDurable(e.ctx(), e.now()))
		follow()
		require.Equal(e, changes(e, 0), followed)
		require.Len(e, followed, committers*rounds)
	}},
	{"TrimmedChangesAreGone", func(e *env) {
		trimmer, ok := e.eng.(storage.ChangeTrimmer)
		if !ok {
			e.Skip("the engine trims by itself")
		}
		var all []change
		for range 5 {
			t := e.begin()
			t.SetChange([]byte("x"))
			all = append(all, change{t.commit(), "x"})
		}
		require.NoError(e, trimmer.TrimChanges(e.ctx(), all[2].ts))
		for range 2 {
			_, err := e.eng.Changes(e.ctx(), all[1].ts)
			require.ErrorIs(e, err, storage.ErrSnapshotTooOld)
			require.Equal(e, all[3:], changes(e, all[2].ts))
			require.Equal(e, "-", e.get("a"))
			e.reopen()
		}
	}},
}
