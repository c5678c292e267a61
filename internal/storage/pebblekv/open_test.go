package pebblekv_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
)

// openMem opens a small store in memory.
func openMem(t testing.TB, opts pebblekv.Options) *pebblekv.DB {
	t.Helper()
	if opts.FS == nil {
		opts.FS = vfs.NewMem()
	}
	if opts.CacheBytes == 0 {
		opts.CacheBytes = 1 << 20
	}
	db, err := pebblekv.Open("store", &opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestOpenTwiceInOneProcess(t *testing.T) {
	dir := t.TempDir()
	db, err := pebblekv.Open(dir, nil)
	require.NoError(t, err)
	_, err = pebblekv.Open(dir, nil)
	require.ErrorIs(t, err, storage.ErrLocked)
	require.ErrorContains(t, err, dir)
	require.NoError(t, db.Close())
	db, err = pebblekv.Open(dir, nil)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// TestOpenInTwoProcesses runs this test's binary again on the same directory.
func TestOpenInTwoProcesses(t *testing.T) {
	if dir := os.Getenv("PEBBLEKV_TEST_OPEN"); dir != "" {
		_, err := pebblekv.Open(dir, nil)
		fmt.Println(err)
		return
	}
	dir := t.TempDir()
	db, err := pebblekv.Open(dir, nil)
	require.NoError(t, err)
	defer db.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestOpenInTwoProcesses$")
	cmd.Env = append(os.Environ(), "PEBBLEKV_TEST_OPEN="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "is in use by another process")
	require.Contains(t, string(out), dir)
}

func TestOpenWhereNothingCanBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	_, err := pebblekv.Open(filepath.Join(dir, "store"), nil)
	require.ErrorContains(t, err, dir)
	if os.Getuid() == 0 {
		return // root may write everywhere
	}
	dir = t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	_, err = pebblekv.Open(dir, nil)
	require.ErrorContains(t, err, "not writable")
}

func TestOpenRefusesForeignStores(t *testing.T) {
	fs := vfs.NewMem()
	p, err := pebble.Open("store", &pebble.Options{FS: fs, Logger: quiet{}})
	require.NoError(t, err)
	require.NoError(t, p.Close())
	_, err = pebblekv.Open("store", &pebblekv.Options{FS: fs})
	require.ErrorContains(t, err, "comparer")
}

func TestOpenRefusesBadOptions(t *testing.T) {
	for _, o := range []pebblekv.Options{
		{CacheBytes: -1}, {MemTableBytes: 1}, {MemTableBytes: 1 << 40}, {MemTables: 1}, {TxnMemory: -1}, {TxnMemoryMax: -1},
	} {
		o.FS = vfs.NewMem()
		_, err := pebblekv.Open("store", &o)
		require.Error(t, err, "%+v", o)
	}
}

// TestCheckpointIsAStore opens a copy that was made under writes.
func TestCheckpointIsAStore(t *testing.T) {
	ctx := context.Background()
	fs := vfs.NewMem()
	db := openMem(t, pebblekv.Options{FS: fs})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 500 {
			put(t, db, map[string]string{"a": fmt.Sprint(i), "b": fmt.Sprint(i)}, storage.Buffered)
		}
	}()
	require.NoError(t, db.Checkpoint(ctx, "copy"))
	<-done
	cp, err := pebblekv.Open("copy", &pebblekv.Options{FS: fs, CacheBytes: 1 << 20})
	require.NoError(t, err)
	defer func() { require.NoError(t, cp.Close()) }()
	r, err := cp.Snapshot(ctx, 0)
	require.NoError(t, err)
	defer r.Close()
	a, _, err := r.Get(ctx, []byte("a"), nil)
	require.NoError(t, err)
	b, _, err := r.Get(ctx, []byte("b"), nil)
	require.NoError(t, err)
	require.Equal(t, a, b)
	put(t, cp, map[string]string{"a": "x"}, storage.Synced)
}

func TestMetrics(t *testing.T) {
	ctx := context.Background()
	db := openMem(t, pebblekv.Options{})
	ts := put(t, db, map[string]string{"a": "1"}, storage.Synced)
	tx, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	require.NoError(t, tx.Lock(ctx, []storage.LockRequest{{Key: []byte("b")}}))
	m, err := db.Metrics()
	require.NoError(t, err)
	require.Equal(t, 1, m.OpenTxns)
	require.Equal(t, ts, m.Published)
	require.Equal(t, ts, m.Durable)
	require.GreaterOrEqual(t, m.LockedKeys, 1)
	require.Positive(t, m.MemTableBytes)
	require.Positive(t, m.WALBytes)
	tx.Rollback()
	n, err := db.EstimateSize(nil, nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, int64(0))
	n, err = db.EstimateSize([]byte("b"), []byte("a"))
	require.NoError(t, err)
	require.Zero(t, n)
}

// put commits values in one transaction, locking nothing.
func put(t testing.TB, db *pebblekv.DB, kv map[string]string, d storage.Durability) storage.Timestamp {
	t.Helper()
	tx, err := db.Begin(context.Background(), storage.TxnOptions{})
	require.NoError(t, err)
	for k, v := range kv {
		tx.Put([]byte(k), []byte(v))
	}
	ts, err := tx.Commit(context.Background(), d)
	require.NoError(t, err)
	return ts
}

// fakeClock is a wall clock that tests move.
type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time { return c.now }

func TestClockSetBackNeverRepeatsATimestamp(t *testing.T) {
	fs := vfs.NewCrashableMem()
	clock := &fakeClock{time.Unix(1_700_000_000, 0)}
	open := func(fs vfs.FS) *pebblekv.DB {
		db, err := pebblekv.Open("store", &pebblekv.Options{FS: fs, CacheBytes: 1 << 20, Now: clock.Now})
		require.NoError(t, err)
		return db
	}
	db := open(fs)
	var last storage.Timestamp
	for _, step := range []time.Duration{0, time.Second, 3 * time.Second, -time.Hour, 4 * time.Second, 8 * time.Second, time.Hour, -3 * time.Hour, 12 * time.Second} {
		clock.now = clock.now.Add(step)
		for range 3 {
			ts := put(t, db, map[string]string{"a": "1"}, storage.Buffered)
			require.Greater(t, ts, last)
			last = ts
		}
		// The power is cut; nothing unsynced is left, the clock is a year behind.
		crashed := fs.CrashClone(vfs.CrashCloneCfg{})
		require.NoError(t, db.Close())
		fs, db = crashed, nil
		clock.now = clock.now.Add(-365 * 24 * time.Hour)
		db = open(fs)
		clock.now = clock.now.Add(365 * 24 * time.Hour)
	}
	require.NoError(t, db.Close())
}

func TestCleanCloseSkipsNoTimestamps(t *testing.T) {
	fs := vfs.NewMem()
	clock := &fakeClock{time.Unix(1_700_000_000, 0)}
	for range 5 {
		db, err := pebblekv.Open("store", &pebblekv.Options{FS: fs, CacheBytes: 1 << 20, Now: clock.Now})
		require.NoError(t, err)
		ts := put(t, db, map[string]string{"a": "1"}, storage.Buffered)
		require.EqualValues(t, clock.now.Unix(), ts.Seconds())
		require.NoError(t, db.Close())
	}
}

func TestHistoryExpires(t *testing.T) {
	ctx := context.Background()
	clock := &fakeClock{time.Unix(1_700_000_000, 0)}
	db := openMem(t, pebblekv.Options{Now: clock.Now})
	ts := put(t, db, map[string]string{"a": "1"}, storage.Buffered)
	require.NoError(t, db.Keep(ctx, ts))
	put(t, db, map[string]string{"a": "2"}, storage.Buffered)
	for range 3 { // each use renews it
		clock.now = clock.now.Add(299 * time.Second)
		r, err := db.Snapshot(ctx, ts)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
	clock.now = clock.now.Add(301 * time.Second)
	_, err := db.Snapshot(ctx, ts)
	require.ErrorIs(t, err, storage.ErrSnapshotTooOld)
}
