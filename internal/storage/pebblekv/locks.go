package pebblekv

import (
	"hash/maphash"
	"sync"

	"github.com/tandemdb/tandem/internal/storage"
)

// lockShards is how many mutexes guard the lock table.
const lockShards = 256

// lockTable says for each key who holds it and who committed it last.
type lockTable struct {
	seed   maphash.Seed
	shards [lockShards]lockShard
}

type lockShard struct {
	mu   sync.Mutex
	m    map[string]*lockEntry // made at first use
	free []*lockEntry
}

// lockEntry is the state of one key. A holder that has ended is as good as none:
// the end of a transaction changes its own state only, so freeing all its locks
// costs nothing in the critical section, and whoever comes next folds it in.
type lockEntry struct {
	key   string
	owner *txn
	last  *txn // the last committer, nil where it is below the floor
	queue []*waiter
}

// freeEntries bounds the entries a shard keeps for reuse.
const freeEntries = 64

func (lt *lockTable) init() { lt.seed = maphash.MakeSeed() }

func (lt *lockTable) shard(key []byte) *lockShard {
	return &lt.shards[maphash.Bytes(lt.seed, key)%lockShards]
}

func (lt *lockTable) shardOf(key string) *lockShard {
	return &lt.shards[maphash.String(lt.seed, key)%lockShards]
}

// fold brings e up to date with the end of its owner.
func (e *lockEntry) fold() {
	if e.owner == nil {
		return
	}
	switch e.owner.info.State() {
	case storage.StateCommitted:
		e.last, e.owner = e.owner, nil
	case storage.StateAborted:
		e.owner = nil
	}
}

func (sh *lockShard) insert(key []byte) *lockEntry {
	var e *lockEntry
	if n := len(sh.free); n > 0 {
		e, sh.free = sh.free[n-1], sh.free[:n-1]
	} else {
		e = new(lockEntry)
	}
	e.key = string(key)
	if sh.m == nil {
		sh.m = make(map[string]*lockEntry)
	}
	sh.m[e.key] = e
	return e
}

// drop removes e if nobody needs it any more.
func (sh *lockShard) drop(e *lockEntry) {
	if e.owner != nil || e.last != nil || len(e.queue) > 0 {
		return
	}
	delete(sh.m, e.key)
	if len(sh.free) < freeEntries {
		*e = lockEntry{queue: e.queue[:0]}
		sh.free = append(sh.free, e)
	}
}

// acquire gives key to t, whose snapshot is at ts. Where it cannot, it returns
// the transaction in the way: open, or committed after ts. taken is the
// entry's key where t did not hold it before.
func (lt *lockTable) acquire(t *txn, ts storage.Timestamp, key []byte) (taken string, inTheWay *txn) {
	sh := lt.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.m[string(key)]
	if e == nil {
		e = sh.insert(key)
		e.owner = t
		return e.key, nil
	}
	if e.owner == t {
		return "", nil
	}
	e.fold()
	switch {
	case plantNoConflicts:
	case e.owner != nil:
		return "", e.owner
	case e.last != nil && e.last.info.CommittedAt() > ts:
		return "", e.last
	}
	e.owner = t
	if len(e.queue) > 0 {
		t.waited.Store(true) // others queue behind t now
	}
	return e.key, nil
}

// holds reports whether t holds key.
func (lt *lockTable) holds(t *txn, key []byte) bool {
	sh := lt.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.m[string(key)]
	return e != nil && e.owner == t
}

// release takes keys away from t, which has not committed, and lets waiters on.
func (db *DB) release(t *txn, keys []string) {
	for _, key := range keys {
		sh := db.locks.shardOf(key)
		sh.mu.Lock()
		if e := sh.m[key]; e != nil {
			if e.owner == t {
				e.owner = nil
			}
			db.wakeNext(e)
			sh.drop(e)
		}
		sh.mu.Unlock()
	}
}

// releaseWaiters lets those on who queue for the keys of t, which has committed.
func (db *DB) releaseWaiters(keys []string) {
	for _, key := range keys {
		sh := db.locks.shardOf(key)
		sh.mu.Lock()
		if e := sh.m[key]; e != nil {
			db.wakeNext(e)
		}
		sh.mu.Unlock()
	}
}

// forget removes what the table knows of t's commit, which no snapshot is older
// than any more.
func (lt *lockTable) forget(t *txn, keys []string) {
	for _, key := range keys {
		sh := lt.shardOf(key)
		sh.mu.Lock()
		if e := sh.m[key]; e != nil {
			e.fold()
			if e.last == t {
				e.last = nil
			}
			sh.drop(e)
		}
		sh.mu.Unlock()
	}
}

// size returns the number of entries.
func (lt *lockTable) size() int {
	n := 0
	for i := range lt.shards {
		sh := &lt.shards[i]
		sh.mu.Lock()
		n += len(sh.m)
		sh.mu.Unlock()
	}
	return n
}
