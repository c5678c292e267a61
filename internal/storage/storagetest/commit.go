package storagetest

import (
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

var commitTests = []test{
	{"TimestampsRise", func(e *env) {
		before := e.now()
		require.NotZero(e, before)
		for i := range 100 {
			ts := e.writeBuffered("a", fmt.Sprint(i))
			require.Greater(e, ts, before)
			require.Equal(e, ts, e.now())
			require.Equal(e, ts, e.snapshot().Timestamp())
			require.Equal(e, ts, e.begin().Timestamp())
			before = ts
		}
	}},
	{"ReadOnlyCommitReturnsItsSnapshot", func(e *env) {
		ts := e.write("a", "1")
		t := e.begin()
		require.Equal(e, "1", t.get("a"))
		require.False(e, t.Writes())
		require.Equal(e, ts, t.commit())
		require.Equal(e, ts, e.now())
	}},
	{"LocksAloneAreNoWrites", func(e *env) {
		ts := e.write("a", "1")
		t := e.begin()
		require.NoError(e, t.lock("a"))
		require.Equal(e, ts, t.commit())
		require.NoError(e, e.begin().lock("a"))
	}},
	{"EndedTransactionIsClosed", func(e *env) {
		for _, end := range []func(*tx){func(t *tx) { t.commit() }, func(t *tx) { t.Rollback() }, func(t *tx) { require.NoError(e, t.Close()) }} {
			t := e.begin()
			t.write("a", "1")
			it, err := t.Scan(e.ctx(), nil, nil, storage.ScanOptions{})
			require.NoError(e, err)
			end(t)
			require.False(e, it.Next())
			require.ErrorIs(e, it.Close(), storage.ErrClosed)
			_, _, err = t.Get(e.ctx(), []byte("a"), nil)
			require.ErrorIs(e, err, storage.ErrClosed)
			require.ErrorIs(e, t.lock("a"), storage.ErrClosed)
			require.ErrorIs(e, t.Refresh(e.ctx()), storage.ErrClosed)
			_, err = t.Scan(e.ctx(), nil, nil, storage.ScanOptions{})
			require.ErrorIs(e, err, storage.ErrClosed)
			_, err = t.Commit(e.ctx(), storage.Synced)
			require.ErrorIs(e, err, storage.ErrClosed)
			t.Put([]byte("x"), []byte("x"))
			t.Rollback()
			t.Rollback()
			require.Equal(e, "-", e.get("x"))
		}
	}},
	{"RollbackAfterCommitUndoesNothing", func(e *env) {
		for range 10 { // an engine that pools transactions must not end another one
			t := e.begin()
			t.write("a", "1")
			t.commit()
			other := e.begin()
			other.write("b", "1")
			t.Rollback()
			require.NoError(e, t.Close())
			require.Equal(e, "1", other.get("b"))
			requireConflict(e, e.begin().lock("b"), "b")
			other.commit()
		}
	}},
	{"OnCommitRunsInTimestampOrderBeforePublication", func(e *env) {
		const committers, rounds = 16, 30
		ctx := e.ctx()
		var seen []storage.Timestamp // written by the callbacks without a lock of its own
		early := 0
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
					t.OnCommit(func(ts storage.Timestamp) {
						seen = append(seen, ts)
						if now, err := e.eng.Now(ctx); err != nil || now >= ts {
							early++
						}
					})
					if _, err := t.Commit(ctx, storage.Buffered); err != nil {
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
		require.Len(e, seen, committers*rounds)
		require.IsIncreasing(e, seen)
		require.Zero(e, early, "a timestamp was published before its callback")
	}},
	{"OnCommitDoesNotRunAfterRollback", func(e *env) {
		t := e.begin()
		t.write("a", "1")
		t.OnCommit(func(storage.Timestamp) { require.Fail(e, "callback ran") })
		t.Rollback()
	}},
	{"OnCommitAloneIsACommit", func(e *env) {
		before := e.now()
		t := e.begin()
		var at storage.Timestamp
		t.OnCommit(func(ts storage.Timestamp) { at = ts })
		require.True(e, t.Writes())
		require.Equal(e, t.commit(), at)
		require.Greater(e, at, before)
	}},
	{"InfoOutlivesTheTransaction", func(e *env) {
		t := e.beginWith(storage.TxnOptions{Tag: 7})
		info := t.Info()
		require.Equal(e, storage.StateOpen, info.State())
		require.Equal(e, t.Timestamp(), info.Start)
		require.Equal(e, 7, info.Tag)
		t.write("a", "1")
		ts := t.commit()
		require.Equal(e, storage.StateCommitted, info.State())
		require.Equal(e, ts, info.CommittedAt())
		t = e.begin()
		t.Rollback()
		require.Equal(e, storage.StateAborted, t.Info().State())
		require.NotEqual(e, info.ID, t.Info().ID)
	}},
	{"BytesGrow", func(e *env) {
		t := e.begin()
		require.Zero(e, t.Bytes())
		t.write("a", string(make([]byte, 10_000)))
		require.GreaterOrEqual(e, t.Bytes(), 10_000)
	}},
	{"CommitStatus", func(e *env) {
		tell := func(t *tx) storage.TxnToken {
			tok, ok := t.Txn.(storage.Tokener)
			if !ok {
				e.Skip("the engine's transactions have no tokens before Commit")
			}
			return tok.Token()
		}
		status := func(token storage.TxnToken) (storage.State, storage.Timestamp) {
			state, ts, err := e.eng.CommitStatus(e.ctx(), token)
			require.NoError(e, err)
			return state, ts
		}
		one := e.begin()
		one.write("a", "1")
		token := tell(one)
		require.LessOrEqual(e, len(token), 64)
		ts := one.commit()
		state, at := status(token)
		require.Equal(e, storage.StateCommitted, state)
		require.Equal(e, ts, at)

		two := e.begin()
		two.write("a", "2")
		token = tell(two)
		two.Rollback()
		state, _ = status(token)
		require.Equal(e, storage.StateAborted, state)

		// Asking about an open transaction decides that it does not commit.
		three := e.begin()
		three.write("a", "3")
		token = tell(three)
		state, _ = status(token)
		require.Equal(e, storage.StateAborted, state)
		_, err := three.Commit(e.ctx(), storage.Synced)
		require.Error(e, err)
		require.Equal(e, "1", e.get("a"))
		require.NoError(e, e.begin().lock("a"))
		state, _ = status(token)
		require.Equal(e, storage.StateAborted, state)

		state, _ = status("unheard of")
		require.Equal(e, storage.StateUnknown, state)
	}},
	{"CommitStatusRacesWithCommit", func(e *env) {
		for i := range 200 {
			t := e.begin()
			tok, ok := t.Txn.(storage.Tokener)
			if !ok {
				e.Skip("the engine's transactions have no tokens before Commit")
			}
			t.write("a", fmt.Sprint(i))
			token := tok.Token()
			done := make(chan error, 1)
			ctx := e.ctx()
			go func() {
				_, err := t.Commit(ctx, storage.Buffered)
				done <- err
			}()
			state, _, err := e.eng.CommitStatus(ctx, token)
			require.NoError(e, err)
			if err := <-done; err != nil {
				require.Equal(e, storage.StateAborted, state)
			} else {
				require.Equal(e, storage.StateCommitted, state)
			}
		}
	}},
}
