package pebblekv

import (
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

func openInternal(t *testing.T) *DB {
	db, err := Open("store", &Options{FS: vfs.NewMem(), CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// overwrite commits key once.
func overwrite(t *testing.T, db *DB, key string) storage.Timestamp {
	ctx := context.Background()
	tx, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	defer tx.Rollback()
	require.NoError(t, tx.Lock(ctx, []storage.LockRequest{{Key: []byte(key)}}))
	tx.Put([]byte(key), []byte("v"))
	ts, err := tx.Commit(ctx, storage.Buffered)
	require.NoError(t, err)
	return ts
}

// TestSweeperBetweenTheStepsOfBegin runs commits and the sweeper at every point
// of Begin. The transaction must see each commit or conflict with it.
func TestSweeperBetweenTheStepsOfBegin(t *testing.T) {
	steps := []string{"begin: registered", "begin: published", "begin: snapshot"}
	for mask := 1; mask < 1<<len(steps); mask++ {
		t.Run(fmt.Sprintf("%03b", mask), func(t *testing.T) {
			db := openInternal(t)
			ctx := context.Background()
			n, paused := 0, false
			commits := map[string]storage.Timestamp{}
			db.hook = func(step string) {
				for i, s := range steps {
					if paused || s != step || mask&(1<<i) == 0 {
						continue
					}
					paused = true // the transactions below have steps, too
					for range 10 {
						key := fmt.Sprintf("k%d", n)
						commits[key] = overwrite(t, db, key)
						n++
					}
					for db.sweepLocks() > 0 {
					}
					paused = false
				}
			}
			tx, err := db.Begin(ctx, storage.TxnOptions{})
			require.NoError(t, err)
			db.hook = nil
			defer tx.Rollback()
			for range 10 { // later commits, and a sweeper that tries again
				key := fmt.Sprintf("k%d", n)
				commits[key] = overwrite(t, db, key)
				n++
			}
			for db.sweepLocks() > 0 {
			}
			for key, ts := range commits {
				_, seen, err := tx.Get(ctx, []byte(key), nil)
				require.NoError(t, err)
				require.Equal(t, ts <= tx.Timestamp(), seen)
				err = tx.Lock(ctx, []storage.LockRequest{{Key: []byte(key)}})
				if seen {
					require.NoError(t, err)
				} else {
					require.ErrorAs(t, err, new(*storage.ConflictError))
				}
			}
		})
	}
}

// TestBeginBetweenTheStepsOfTheSweeper begins transactions while the sweeper has
// read the published timestamp, and when it has the floor.
func TestBeginBetweenTheStepsOfTheSweeper(t *testing.T) {
	for _, at := range []string{"sweep: published", "sweep: floor"} {
		t.Run(at, func(t *testing.T) {
			db := openInternal(t)
			ctx := context.Background()
			hold, err := db.Begin(ctx, storage.TxnOptions{}) // keeps the queue full
			require.NoError(t, err)
			for i := range 20 {
				overwrite(t, db, fmt.Sprintf("k%d", i))
			}
			var tx storage.Txn
			db.hook = func(step string) {
				if step != at {
					return
				}
				db.hook = nil
				hold.Rollback()
				tx, err = db.Begin(ctx, storage.TxnOptions{})
				require.NoError(t, err)
				overwrite(t, db, "late")
			}
			for db.sweepLocks() > 0 {
			}
			defer tx.Rollback()
			require.ErrorAs(t, tx.Lock(ctx, []storage.LockRequest{{Key: []byte("late")}}), new(*storage.ConflictError))
			for i := range 20 {
				require.NoError(t, tx.Lock(ctx, []storage.LockRequest{{Key: fmt.Appendf(nil, "k%d", i)}}))
			}
		})
	}
}

// TestTheLockTableDoesNotGrow checks that entries go when nobody needs them.
func TestTheLockTableDoesNotGrow(t *testing.T) {
	db := openInternal(t)
	ctx := context.Background()
	for i := range 1000 {
		overwrite(t, db, fmt.Sprintf("k%d", i))
	}
	require.LessOrEqual(t, db.locks.size(), sweepBatch)
	old, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	for i := range 1000 {
		overwrite(t, db, fmt.Sprintf("k%d", i))
	}
	require.GreaterOrEqual(t, db.locks.size(), 1000)
	old.Rollback()
	for i := range 400 {
		overwrite(t, db, fmt.Sprintf("k%d", i))
	}
	require.LessOrEqual(t, db.locks.size(), sweepBatch)

	// A transaction that only locks leaves nothing, ended either way.
	for _, commit := range []bool{false, true} {
		tx, err := db.Begin(ctx, storage.TxnOptions{})
		require.NoError(t, err)
		require.NoError(t, tx.Lock(ctx, []storage.LockRequest{{Key: []byte("x")}}))
		if commit {
			_, err = tx.Commit(ctx, storage.Buffered)
			require.NoError(t, err)
		}
		tx.Rollback()
	}
	for db.sweepLocks() > 0 {
	}
	require.Zero(t, db.locks.size())
}

// TestIdleTransactionsPinNoIterators checks that the background closes them and
// that the snapshot stays.
func TestIdleTransactionsPinNoIterators(t *testing.T) {
	db := openInternal(t)
	ctx := context.Background()
	overwrite(t, db, "a")
	tx, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	defer tx.Rollback()
	_, ok, err := tx.Get(ctx, []byte("a"), nil)
	require.NoError(t, err)
	require.True(t, ok)
	overwrite(t, db, "b")
	s := tx.(*txn).s
	db.housekeep()
	require.NotNil(t, s.core.base, "used since the last look")
	db.housekeep()
	require.Nil(t, s.core.base)
	_, ok, err = tx.Get(ctx, []byte("a"), nil)
	require.NoError(t, err)
	require.True(t, ok)
	_, ok, err = tx.Get(ctx, []byte("b"), nil)
	require.NoError(t, err)
	require.False(t, ok)
}
