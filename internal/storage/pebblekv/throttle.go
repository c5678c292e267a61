package pebblekv

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// throttle slows commits down before Pebble stalls them. A stall would happen
// inside the critical section, where everybody waits for seconds; here only
// writers wait, each a little, and what they write arrives at the speed at which
// Pebble gets rid of it.
//
// Pebble stalls in two cases: the memtable is full while the one before is still
// being flushed, or level 0 has too many sublevels.
type throttle struct {
	stopAt    int64 // memtable bytes at which Pebble stalls
	fill      atomic.Int64
	flushing  atomic.Bool
	rate      atomic.Int64 // bytes a second that flushes achieve
	sublevels atomic.Int32
	sample    atomic.Bool // the background shall look at level 0
	waited    atomic.Int64

	mu   sync.Mutex
	free time.Time // when the bytes let in so far are worked off
}

const (
	l0StopWrites = 24 // sublevels at which Pebble stalls
	l0SlowWrites = 12

	startRate = 32 << 20
	leastRate = 1 << 20

	// entryInMemTable is what an entry takes in a memtable beyond its bytes.
	entryInMemTable = 64

	// throttleLeast is the shortest wait worth a timer, throttleMost the longest
	// that one commit is held up.
	throttleLeast = 500 * time.Microsecond
	throttleMost  = 5 * time.Second
)

func (th *throttle) init(memTableBytes int64) {
	th.stopAt = memTableBytes
	th.rate.Store(startRate)
}

// admit lets a batch in, at once where there is no pressure.
func (th *throttle) admit(ctx context.Context, b *pebble.Batch, done <-chan struct{}) error {
	n := int64(b.Len()) + int64(b.Count())*entryInMemTable
	fill := th.fill.Add(n)
	slow := th.slowdown(fill)
	if slow == 0 {
		return nil
	}
	rate := max(leastRate, float64(th.rate.Load())/slow)
	wait := th.reserve(time.Duration(float64(n) / rate * float64(time.Second)))
	if wait < throttleLeast {
		return nil
	}
	th.waited.Add(int64(wait))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-done:
		return storage.ErrClosed
	}
}

// slowdown is zero without pressure, and otherwise by how much slower than the
// flushes writers have to be.
func (th *throttle) slowdown(fill int64) float64 {
	slow := 0.0
	if th.flushing.Load() {
		if half := th.stopAt / 2; fill > half {
			slow = 0.5 + 2*float64(fill-half)/float64(half)
		}
	}
	if n := th.sublevels.Load(); n > l0SlowWrites {
		slow = max(slow, 1+float64(n-l0SlowWrites))
	}
	return slow
}

// reserve queues work and returns how long to wait for its turn.
func (th *throttle) reserve(work time.Duration) time.Duration {
	now := time.Now()
	th.mu.Lock()
	defer th.mu.Unlock()
	if th.free.Before(now) {
		th.free = now
	}
	wait := min(th.free.Sub(now)+work, throttleMost)
	th.free = now.Add(wait)
	return wait
}

// flushed learns how fast flushes are.
func (th *throttle) flushed(info pebble.FlushInfo) {
	th.flushing.Store(false)
	if info.Err != nil || info.TotalDuration < time.Millisecond || info.InputBytes < 1<<20 {
		return
	}
	rate := int64(float64(info.InputBytes) / info.TotalDuration.Seconds())
	th.rate.Store((3*th.rate.Load() + rate) / 4)
}

// eventListener keeps the throttle informed. Pebble calls it with its mutex held.
func (db *DB) eventListener() *pebble.EventListener {
	th := &db.throttle
	look := func() {
		if th.sample.CompareAndSwap(false, true) {
			db.wakeBackground()
		}
	}
	return &pebble.EventListener{
		WALCreated: func(pebble.WALCreateInfo) { th.fill.Store(0) }, // a new memtable
		FlushBegin: func(pebble.FlushInfo) { th.flushing.Store(true) },
		FlushEnd: func(info pebble.FlushInfo) {
			th.flushed(info)
			look()
		},
		CompactionEnd: func(pebble.CompactionInfo) { look() },
		// Reads of what is corrupt fail; the rest of the store stays usable.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			db.opts.Logger.Error("storage: corruption", "path", info.Path, "error", info.Details)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			db.opts.Logger.Warn("storage: writes stall", "reason", info.Reason)
		},
	}
}

// watchLevels looks at level 0 after it has changed.
func (db *DB) watchLevels() {
	if db.throttle.sample.Swap(false) {
		db.throttle.sublevels.Store(db.pdb.Metrics().Levels[0].Sublevels)
	}
}
