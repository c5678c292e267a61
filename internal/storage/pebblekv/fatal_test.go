package pebblekv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
)

var errDisk = errors.New("the disk is gone")

// failingStore opens a store whose syncs fail once broken is set.
func failingStore(t *testing.T, fatal func(error)) (db *pebblekv.DB, broken *atomic.Bool) {
	broken = new(atomic.Bool)
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if broken.Load() {
				return errDisk
			}
		}
		return nil
	}))
	db, err := pebblekv.Open("store", &pebblekv.Options{FS: fs, CacheBytes: 1 << 20, Fatal: fatal})
	require.NoError(t, err)
	return db, broken
}

func TestFailedSyncIsFatalBeforeAnyAcknowledgement(t *testing.T) {
	for name, d := range map[string]storage.Durability{"synced": storage.Synced, "buffered": storage.Buffered} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			died := make(chan error, 1)
			var acknowledged atomic.Int64
			var atDeath int64
			var broken *atomic.Bool
			db, broken := failingStore(t, func(err error) {
				atDeath = acknowledged.Load()
				died <- err
			})
			var wg sync.WaitGroup
			start := make(chan struct{})
			for i := range 16 {
				wg.Go(func() {
					<-start
					tx, err := db.Begin(ctx, storage.TxnOptions{})
					if err != nil {
						return // another one has met the failure before
					}
					defer tx.Rollback()
					tx.Put([]byte{byte(i)}, []byte("v"))
					ts, err := tx.Commit(ctx, d)
					if err == nil && d == storage.Buffered {
						err = db.WaitDurable(ctx, ts)
					}
					if err == nil {
						acknowledged.Add(1)
					}
				})
			}
			broken.Store(true)
			close(start)
			wg.Wait()
			require.ErrorIs(t, <-died, errDisk)
			require.Zero(t, atDeath)
			require.Zero(t, acknowledged.Load())
			_, err := db.Begin(ctx, storage.TxnOptions{})
			require.ErrorIs(t, err, errDisk)
			_, err = db.Snapshot(ctx, 0)
			require.ErrorIs(t, err, errDisk)
			broken.Store(false)
			_ = db.Close()
		})
	}
}

func TestACommitThatMetTheFailureIsUndetermined(t *testing.T) {
	ctx := context.Background()
	db, broken := failingStore(t, func(error) {})
	tx, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	tx.Put([]byte("a"), []byte("1"))
	broken.Store(true)
	_, err = tx.Commit(ctx, storage.Synced)
	var u *storage.UndeterminedError
	require.ErrorAs(t, err, &u)
	require.NotEmpty(t, u.Token)
	require.ErrorIs(t, err, errDisk)
	broken.Store(false)
	_ = db.Close()
}

// TestTheProcessEndsWithOneLine runs this test's binary again on a store whose
// log cannot be synced, with the default Options.Fatal.
func TestTheProcessEndsWithOneLine(t *testing.T) {
	if os.Getenv("PEBBLEKV_TEST_FATAL") != "" {
		db, broken := failingStore(t, nil)
		broken.Store(true)
		tx, err := db.Begin(context.Background(), storage.TxnOptions{})
		require.NoError(t, err)
		tx.Put([]byte("a"), make([]byte, 16<<20)) // the log is rotated, too
		_, err = tx.Commit(context.Background(), storage.Synced)
		fmt.Println("acknowledged", err)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestTheProcessEndsWithOneLine$")
	cmd.Env = append(os.Environ(), "PEBBLEKV_TEST_FATAL=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s", out)
	require.Equal(t, 1, exit.ExitCode(), "%s", out)
	require.NotContains(t, string(out), "acknowledged")
	require.Equal(t, 1, strings.Count(strings.TrimSpace(string(out)), "storage failed, ending the process"))
}
