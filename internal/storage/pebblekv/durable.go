package pebblekv

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/storage"
)

// durability knows up to which timestamp the commits are on stable storage. The
// log is written in commit order, so a synced commit vouches for all before it.
type durability struct {
	upTo     atomic.Uint64 // durable
	inFlight atomic.Uint64 // a sync of commits up to here has been asked for
	unsynced atomic.Bool   // there are buffered commits; the background knows
	wanted   atomic.Bool   // somebody waits for buffered commits

	mu      sync.Mutex
	waiters []durableWaiter
	waiting atomic.Int32
}

type durableWaiter struct {
	ts storage.Timestamp
	ch chan struct{}
}

// syncing notes that the sync of a commit at ts is on its way. Called with
// commitMu held.
func (d *durability) syncing(ts storage.Timestamp) { d.inFlight.Store(uint64(ts)) }

// ratchet raises the durable timestamp and lets waiters on.
func (d *durability) ratchet(ts storage.Timestamp) {
	for {
		old := d.upTo.Load()
		if old >= uint64(ts) {
			return
		}
		if d.upTo.CompareAndSwap(old, uint64(ts)) {
			break
		}
	}
	if d.waiting.Load() == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.waiters[:0]
	for _, w := range d.waiters {
		if w.ts <= ts {
			close(w.ch)
			d.waiting.Add(-1)
		} else {
			kept = append(kept, w)
		}
	}
	clear(d.waiters[len(kept):])
	d.waiters = kept
}

// wait returns a channel that is closed when ts is durable, nil if it is.
func (d *durability) wait(ts storage.Timestamp) chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting.Add(1) // before the look: ratchet stores first, then looks at waiting
	if d.upTo.Load() >= uint64(ts) {
		d.waiting.Add(-1)
		return nil
	}
	ch := make(chan struct{})
	d.waiters = append(d.waiters, durableWaiter{ts, ch})
	return ch
}

// noteDirty notes a buffered commit.
func (d *durability) noteDirty(db *DB) {
	if !d.unsynced.Load() && d.unsynced.CompareAndSwap(false, true) {
		db.wakeBackground()
	}
}

// WaitDurable returns when every commit at or below ts would survive a power
// cut. A timestamp that is not published yet stands for the newest one that is.
func (db *DB) WaitDurable(ctx context.Context, ts storage.Timestamp) error {
	if err := db.check(); err != nil {
		return err
	}
	ts = min(ts, db.now())
	if db.durable.upTo.Load() >= uint64(ts) {
		return nil
	}
	ch := db.durable.wait(ts)
	if ch == nil {
		return nil
	}
	if db.durable.inFlight.Load() < uint64(ts) {
		db.durable.wanted.Store(true)
		db.wakeBackground()
	}
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-db.done:
		return storage.ErrClosed
	case <-db.broken:
		return db.check()
	}
}

// Sync makes every published commit durable.
func (db *DB) Sync() error {
	return db.WaitDurable(context.Background(), db.now())
}

// syncLog syncs the log with an empty record behind all published commits.
func (db *DB) syncLog() error {
	ts := db.now()
	if db.durable.upTo.Load() >= uint64(ts) {
		return nil
	}
	b := db.pdb.NewBatch()
	if err := b.LogData(nil, nil); err != nil {
		return err
	}
	if err := db.applySynced(b); err != nil {
		return err
	}
	db.durable.ratchet(ts)
	return nil
}
