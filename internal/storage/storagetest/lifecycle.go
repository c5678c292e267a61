package storagetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

var lifecycleTests = []test{
	{"CloseIsIdempotentAndFinal", func(e *env) {
		e.write("a", "1")
		require.NoError(e, e.eng.Close())
		require.NoError(e, e.eng.Close())
		ctx := e.ctx()
		_, err := e.eng.Now(ctx)
		require.ErrorIs(e, err, storage.ErrClosed)
		_, err = e.eng.Snapshot(ctx, 0)
		require.ErrorIs(e, err, storage.ErrClosed)
		_, err = e.eng.Begin(ctx, storage.TxnOptions{})
		require.ErrorIs(e, err, storage.ErrClosed)
		_, err = e.eng.Changes(ctx, 0)
		require.ErrorIs(e, err, storage.ErrClosed)
		_, err = e.eng.Counter(ctx, []byte("n"))
		require.ErrorIs(e, err, storage.ErrClosed)
		_, _, err = e.eng.CommitStatus(ctx, "x")
		require.ErrorIs(e, err, storage.ErrClosed)
		require.ErrorIs(e, e.eng.DestroyRange(ctx, nil, nil), storage.ErrClosed)
		require.ErrorIs(e, e.eng.WaitDurable(ctx, 1), storage.ErrClosed)
		require.ErrorIs(e, e.eng.Await(ctx, &storage.ConflictError{}), storage.ErrClosed)
	}},
	{"CloseEndsOpenTransactionsAndWaiters", func(e *env) {
		one := e.begin()
		one.write("a", "1")
		c := requireConflict(e, e.begin().lock("a"), "a")
		two := e.beginWith(storage.TxnOptions{LockWait: testTimeout})
		ctx := e.ctx()
		done := make(chan error, 2)
		go func() { done <- e.eng.Await(ctx, c) }()
		go func() { done <- two.lock("a") }()
		time.Sleep(pause)
		require.NoError(e, e.eng.Close())
		for range 2 {
			require.Error(e, <-done)
		}
		_, err := one.Commit(ctx, storage.Synced)
		require.ErrorIs(e, err, storage.ErrClosed)
		_, _, err = one.Get(ctx, []byte("a"), nil)
		require.ErrorIs(e, err, storage.ErrClosed)
		one.Rollback()
		e.eng = e.f.Reopen(e.T, e.eng)
		require.Equal(e, "-", e.get("a"))
	}},
	{"ClosedReaderFails", func(e *env) {
		e.write("a", "1")
		s := e.snapshot()
		it, err := s.Scan(e.ctx(), nil, nil, storage.ScanOptions{})
		require.NoError(e, err)
		require.NoError(e, s.Close())
		require.NoError(e, s.Close())
		require.False(e, it.Next())
		require.ErrorIs(e, it.Close(), storage.ErrClosed)
		_, _, err = s.Reader.Get(e.ctx(), []byte("a"), nil)
		require.ErrorIs(e, err, storage.ErrClosed)
		_, err = s.Scan(e.ctx(), nil, nil, storage.ScanOptions{})
		require.ErrorIs(e, err, storage.ErrClosed)
		require.ErrorIs(e, s.BatchGet(e.ctx(), nil, nil), storage.ErrClosed)
	}},
}
