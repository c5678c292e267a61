package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

var durabilityTests = []test{
	{"SyncedCommitIsDurable", func(e *env) {
		ts := e.write("a", "1")
		ctx, cancel := context.WithCancel(e.ctx())
		cancel()
		require.NoError(e, e.eng.WaitDurable(ctx, ts), "nothing to wait for")
	}},
	{"BufferedCommitBecomesDurable", func(e *env) {
		ts := e.writeBuffered("a", "1")
		start := time.Now()
		require.NoError(e, e.eng.WaitDurable(e.ctx(), ts))
		require.Less(e, time.Since(start), 5*time.Second)
	}},
	{"WaitDurableOfManyAtOnce", func(e *env) {
		errs := make(chan error, 100)
		ctx := e.ctx()
		for range 100 {
			ts := e.writeBuffered("a", "1")
			go func() { errs <- e.eng.WaitDurable(ctx, ts) }()
		}
		for range 100 {
			require.NoError(e, <-errs)
		}
	}},
	{"CommitsSurviveReopening", func(e *env) {
		e.write("a", "1", "b", "1")
		e.write("b", "-")
		ts := e.writeBuffered("c", "1")
		t := e.begin()
		t.write("open", "1")
		t.Rollback()
		e.reopen()
		require.Equal(e, []string{"a=1", "c=1"}, e.snapshot().scan("", "", storage.ScanOptions{}))
		require.GreaterOrEqual(e, e.now(), ts)
		require.Greater(e, e.write("d", "1"), ts)
	}},
	{"OpenTransactionsDoNotSurviveReopening", func(e *env) {
		t := e.begin()
		t.write("a", "1")
		e.reopen()
		require.Equal(e, "-", e.get("a"))
		require.NoError(e, e.begin().lock("a"))
	}},
	{"TimestampsRiseAcrossReopening", func(e *env) {
		last := e.now()
		for range 5 {
			ts := e.writeBuffered("a", "1")
			require.Greater(e, ts, last)
			last = ts
			e.reopen()
		}
	}},
	{"Checkpoint", func(e *env) {
		e.write("a", "1")
		dir := e.TempDir() + "/checkpoint"
		if err := e.eng.Checkpoint(e.ctx(), dir); err != nil {
			require.ErrorIs(e, err, storage.ErrUnsupported)
			return
		}
		require.Error(e, e.eng.Checkpoint(e.ctx(), dir), "the directory exists")
	}},
	{"DestroyRange", func(e *env) {
		e.write("a", "1", "b", "1", "c", "1")
		old, open := e.snapshot(), e.begin()
		require.NoError(e, e.eng.DestroyRange(e.ctx(), []byte("a"), []byte("c")))
		require.Equal(e, []string{"c=1"}, e.snapshot().scan("", "", storage.ScanOptions{}))
		all := []string{"a=1", "b=1", "c=1"}
		require.Equal(e, all, old.scan("", "", storage.ScanOptions{}))
		require.Equal(e, all, open.scan("", "", storage.ScanOptions{}))
		e.write("b", "2")
		e.reopen()
		require.Equal(e, []string{"b=2", "c=1"}, e.snapshot().scan("", "", storage.ScanOptions{}))
		require.NoError(e, e.eng.DestroyRange(e.ctx(), []byte("c"), nil))
		require.NoError(e, e.eng.DestroyRange(e.ctx(), []byte("c"), []byte("b")))
		require.Equal(e, []string{"b=2"}, e.snapshot().scan("", "", storage.ScanOptions{}))
	}},
}
