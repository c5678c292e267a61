package pebblekv_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

// crashLog is what the clients of one run know.
type crashLog struct {
	mu      sync.Mutex
	commits []loggedCommit
}

type loggedCommit struct {
	id      int
	ts      storage.Timestamp
	durable bool // it was acknowledged as such
}

func (l *crashLog) add(c loggedCommit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commits = append(l.commits, c)
}

func (l *crashLog) copy() []loggedCommit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]loggedCommit(nil), l.commits...)
}

// powerCut is the state of the disk at one moment and what had been acknowledged
// before.
type powerCut struct {
	fs           *vfs.MemFS
	acknowledged []loggedCommit
}

// TestPowerCuts cuts the power at sync points under concurrent commits, drops
// unsynced data at random, and checks what is left.
func TestPowerCuts(t *testing.T) {
	runs, cutsMax := 4, 20
	if testing.Short() {
		runs = 1
	}
	for run := range runs {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, uint64(run)))
			cuts, log := runAndCut(t, rnd, cutsMax)
			require.NotEmpty(t, cuts)
			for _, cut := range cuts {
				checkCut(t, cut, log)
			}
		})
	}
}

// runAndCut runs clients and copies the disk just before some of the syncs.
func runAndCut(t *testing.T, rnd *rand.Rand, cutsMax int) ([]powerCut, []loggedCommit) {
	mem := vfs.NewCrashableMem()
	var log crashLog
	var cuts []powerCut
	var mu sync.Mutex
	cut := func() {
		acknowledged := log.copy() // before the copy of the disk
		cuts = append(cuts, powerCut{acknowledged: acknowledged, fs: mem.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: rnd.IntN(101), RNG: rand.New(rand.NewPCG(rnd.Uint64(), 1)),
		})})
	}
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		default:
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if len(cuts) < cutsMax && rnd.IntN(8) == 0 {
			cut()
		}
		return nil
	}))
	db, err := pebblekv.Open("store", &pebblekv.Options{
		FS: fs, CacheBytes: 1 << 20, MemTableBytes: 128 << 10,
		Logger: slog.New(slog.DiscardHandler), // tiny memtables stall
	})
	require.NoError(t, err)
	var ids atomic.Int64
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(c), 3))
			for range 150 {
				d := storage.Durability(rnd.IntN(2))
				if err := crashCommit(db, &log, int(ids.Add(1)), d, rnd); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	mu.Lock()
	cut()
	mu.Unlock()
	require.NoError(t, db.Close())
	return cuts, log.copy()
}

// crashCommit writes a record, an entry that points to it, a change, and counts it.
func crashCommit(db *pebblekv.DB, log *crashLog, id int, d storage.Durability, rnd *rand.Rand) error {
	ctx := context.Background()
	t, err := db.Begin(ctx, storage.TxnOptions{})
	if err != nil {
		return err
	}
	defer t.Rollback()
	payload := make([]byte, rnd.IntN(2000))
	t.Put(fmt.Appendf(nil, "r%06d", id), payload)
	t.Put(fmt.Appendf(nil, "i%06d", id), nil)
	t.Put([]byte("last"), binary.BigEndian.AppendUint64(nil, uint64(id)))
	t.Add([]byte("n"), 1)
	t.SetChange(fmt.Append(nil, id))
	ts, err := t.Commit(ctx, d)
	if err != nil {
		return err
	}
	log.add(loggedCommit{id, ts, d == storage.Synced})
	return nil
}

// checkCut opens what a power cut left, with the clock set back a day.
func checkCut(t *testing.T, cut powerCut, log []loggedCommit) {
	ctx := context.Background()
	db, err := pebblekv.Open("store", &pebblekv.Options{
		FS: cut.fs, CacheBytes: 1 << 20, MemTableBytes: 128 << 10,
		Now: func() time.Time { return time.Now().Add(-24 * time.Hour) },
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	now, err := db.Now(ctx)
	require.NoError(t, err)

	// Every acknowledged durable commit is there; what is there is exactly what
	// was committed up to the newest timestamp.
	present := map[int]bool{}
	count := 0
	for _, c := range log {
		if present[c.id] = c.ts <= now; present[c.id] {
			count++
		}
	}
	highest := now
	for _, c := range cut.acknowledged {
		highest = max(highest, c.ts)
		if c.durable {
			require.True(t, present[c.id], "commit %d was acknowledged and is lost", c.id)
		}
	}
	r, err := db.Snapshot(ctx, 0)
	require.NoError(t, err)
	defer r.Close()
	for _, c := range log {
		for _, kind := range []string{"r", "i"} {
			_, ok, err := r.Get(ctx, fmt.Appendf(nil, "%s%06d", kind, c.id), nil)
			require.NoError(t, err)
			require.Equal(t, present[c.id], ok, "%s of commit %d at %d, newest is %d", kind, c.id, c.ts, now)
		}
	}
	n, err := db.Counter(ctx, []byte("n"))
	require.NoError(t, err)
	require.EqualValues(t, count, n)
	it, err := db.Changes(ctx, 0)
	require.NoError(t, err)
	changes := 0
	for it.Next() {
		changes++
	}
	require.NoError(t, it.Close())
	require.Equal(t, count, changes)

	// No timestamp that anybody has seen comes again.
	tx, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	tx.Put([]byte("last"), nil)
	ts, err := tx.Commit(ctx, storage.Synced)
	require.NoError(t, err)
	require.Greater(t, ts, highest)
}
