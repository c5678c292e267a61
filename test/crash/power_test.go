package crash_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem"
)

// cut is the disk as a power cut would have left it, and what the clients knew just before and
// just after.
type cut struct {
	fs            *vfs.MemFS
	before, after *ledger
}

// A power cut loses what was not synced. The disk is copied at sync points, with a random part of
// the unsynced data, while the workload goes on; each copy must be a sound database.
func TestSurvivesPowerCut(t *testing.T) {
	cuts := 300
	if testing.Short() {
		cuts = 40
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	disk := vfs.NewCrashableMem()
	l := newLedger()
	out := make(chan cut, cuts)
	var syncs, taken atomic.Int64
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 2))
	watch := errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		default:
			return nil
		}
		if syncs.Add(1)%3 != 0 || taken.Load() >= int64(cuts) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if taken.Add(1) > int64(cuts) {
			return nil
		}
		before := l.snapshot()
		clone := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		out <- cut{clone, before, l.snapshot()}
		return nil
	})
	db, addr := serve(t, errorfs.Wrap(disk, watch))
	setUp(t, addr)
	taken.Store(0)
	for len(out) > 0 {
		<-out
	}
	var wg sync.WaitGroup
	for _, c := range newClients(l) {
		wg.Go(func() { c.run(addr) })
	}
	require.Eventually(t, func() bool { return taken.Load() >= int64(cuts) }, time.Minute, 5*time.Millisecond)
	require.NoError(t, db.Close())
	wg.Wait()
	for len(out) > 0 {
		c := <-out
		db, addr := serve(t, c.fs)
		check(t, addr, c.before, c.after, nil)
		require.NoError(t, db.Close())
	}
}

// serve opens a database on a file system and serves it.
func serve(t *testing.T, fs vfs.FS) (*tandem.DB, string) {
	t.Helper()
	db, err := tandem.Open("db", &tandem.Options{FS: fs, CacheBytes: 16 << 20, MemTableBytes: 4 << 20})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = db.Serve(l) }()
	return db, l.Addr().String()
}
