package pebblekv

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/storage"
)

// Waiters for a key queue in its lock entry, first come, first served. When the
// holder ends, the first one is let on. The others stay, since the first will
// most likely take the key and they would wake in vain: with many clients on one
// hot document that is most of the work. If it does not take the key within
// handoffWait, the next one is let on.

// handoffWait is how long the first waiter has for taking the key.
const handoffWait = time.Millisecond

type waiter struct {
	ch chan struct{} // closed when let on
}

// Await returns when the holder of the conflict has ended, or later where others
// were in the queue before.
func (db *DB) Await(ctx context.Context, c *storage.ConflictError) error {
	if c.Holder == nil || c.Holder.State() != storage.StateOpen {
		return db.check()
	}
	return db.await(ctx, c.Key, c.Holder)
}

func (db *DB) await(ctx context.Context, key []byte, holder *storage.TxnInfo) error {
	if err := db.check(); err != nil {
		return err
	}
	w := db.enqueue(key, holder)
	if w == nil {
		return nil
	}
	select {
	case <-w.ch:
		return nil
	case <-ctx.Done():
		db.dequeue(key, w)
		return ctx.Err()
	case <-db.done:
		return storage.ErrClosed
	}
}

// enqueue queues a waiter for key, nil if holder does not have it any more.
func (db *DB) enqueue(key []byte, holder *storage.TxnInfo) *waiter {
	sh := db.locks.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.m[string(key)]
	if e == nil || e.owner == nil || &e.owner.info != holder {
		return nil
	}
	// The holder's end stores its state, then looks at waited; here it is the
	// other way round, so one of the two sees the other.
	e.owner.waited.Store(true)
	if holder.State() != storage.StateOpen {
		return nil
	}
	w := &waiter{ch: make(chan struct{})}
	e.queue = append(e.queue, w)
	return w
}

// dequeue takes out a waiter that gave up. If it was let on just then, the next
// one is.
func (db *DB) dequeue(key []byte, w *waiter) {
	sh := db.locks.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.m[string(key)]
	if e == nil {
		return
	}
	if i := slices.Index(e.queue, w); i >= 0 {
		e.queue = slices.Delete(e.queue, i, i+1)
	} else {
		db.wakeNext(e)
	}
	sh.drop(e)
}

// wakeNext lets the first waiter on if the key is free. Called with the shard's
// mutex held.
func (db *DB) wakeNext(e *lockEntry) {
	if len(e.queue) == 0 || e.owner != nil && e.owner.info.State() == storage.StateOpen {
		return
	}
	close(e.queue[0].ch)
	e.queue = slices.Delete(e.queue, 0, 1)
	if len(e.queue) > 0 {
		key := e.key
		time.AfterFunc(handoffWait, func() { db.passOn(key) })
	}
}

// passOn lets the next waiter on if the one before did not take the key.
func (db *DB) passOn(key string) {
	sh := db.locks.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.m[key]; e != nil {
		db.wakeNext(e)
		sh.drop(e)
	}
}

// waitGraph says which transaction waits for which.
type waitGraph struct {
	mu    sync.Mutex
	edges map[*storage.TxnInfo]*storage.TxnInfo
}

// add notes that t waits for holder, unless that would close a circle.
func (g *waitGraph) add(t, holder *storage.TxnInfo) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for h := holder; h != nil; h = g.edges[h] {
		if h == t {
			return storage.ErrDeadlock
		}
	}
	if g.edges == nil {
		g.edges = make(map[*storage.TxnInfo]*storage.TxnInfo)
	}
	g.edges[t] = holder
	return nil
}

func (g *waitGraph) remove(t *storage.TxnInfo) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.edges, t)
}
