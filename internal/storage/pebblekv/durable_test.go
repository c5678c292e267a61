package pebblekv_test

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
)

// TestBufferedCommitsAreSyncedByThemselves cuts the power 100 ms after a commit
// that nobody waited for, and keeps nothing unsynced.
func TestBufferedCommitsAreSyncedByThemselves(t *testing.T) {
	ctx := context.Background()
	fs := vfs.NewCrashableMem()
	db := openMem(t, pebblekv.Options{FS: fs})
	for range 3 {
		put(t, db, map[string]string{"a": "1"}, storage.Buffered)
		time.Sleep(100 * time.Millisecond)
	}
	put(t, db, map[string]string{"b": "1"}, storage.Buffered)
	time.Sleep(100 * time.Millisecond)
	left := openMem(t, pebblekv.Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
	r, err := left.Snapshot(ctx, 0)
	require.NoError(t, err)
	defer r.Close()
	_, ok, err := r.Get(ctx, []byte("b"), nil)
	require.NoError(t, err)
	require.True(t, ok)
}

// TestWaitDurableDoesNotWaitForTheBackground asks right after the commit.
func TestWaitDurableDoesNotWaitForTheBackground(t *testing.T) {
	ctx := context.Background()
	db := openMem(t, pebblekv.Options{})
	start := time.Now()
	for range 20 {
		require.NoError(t, db.WaitDurable(ctx, put(t, db, map[string]string{"a": "1"}, storage.Buffered)))
	}
	require.Less(t, time.Since(start), 20*50*time.Millisecond/2)
}
