package pebblekv

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// historyMax and historyAge bound the kept states: their number, and the time
// since the last use.
const (
	historyMax = 64
	historyAge = 300 * time.Second
)

// history keeps the states that a reply has named. Pebble can make a snapshot of
// the newest state only.
type history struct {
	mu   sync.Mutex
	kept []*keptSnapshot // least recently used first
}

type keptSnapshot struct {
	h    *history
	snap *pebble.Snapshot
	ts   storage.Timestamp
	used time.Time
	refs int // one of the list, one a reader; guarded by history.mu
}

// unref ends one use; a nil snapshot has none.
func (k *keptSnapshot) unref() {
	if k == nil {
		return
	}
	k.h.mu.Lock()
	defer k.h.mu.Unlock()
	k.unrefLocked()
}

func (k *keptSnapshot) unrefLocked() {
	if k.refs--; k.refs == 0 {
		_ = k.snap.Close() // fails only where it is closed
	}
}

// get returns a use of the kept state named ts, nil if there is none.
func (h *history) get(ts storage.Timestamp, now time.Time) *keptSnapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.kept, func(k *keptSnapshot) bool { return k.ts == ts })
	if i < 0 {
		return nil
	}
	k := h.kept[i]
	k.used = now
	k.refs++
	h.kept = append(slices.Delete(h.kept, i, i+1), k)
	return k
}

// add keeps snap under the name ts, in the place of the state that was not used
// for the longest time.
func (h *history) add(snap *pebble.Snapshot, ts storage.Timestamp, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.kept) >= historyMax {
		h.kept[0].unrefLocked()
		h.kept = slices.Delete(h.kept, 0, 1)
	}
	h.kept = append(h.kept, &keptSnapshot{h: h, snap: snap, ts: ts, used: now, refs: 1})
}

// expire drops states that were not used for historyAge.
func (h *history) expire(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for n < len(h.kept) && now.Sub(h.kept[n].used) > historyAge {
		h.kept[n].unrefLocked()
		n++
	}
	h.kept = slices.Delete(h.kept, 0, n)
}

func (h *history) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.kept {
		k.unrefLocked()
	}
	h.kept = nil
}

func (h *history) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.kept)
}

// exact returns a snapshot of the newest state and its timestamp.
func (db *DB) exact() (*pebble.Snapshot, storage.Timestamp, error) {
	s := txnState{}
	s.core.db = db
	if err := db.takeSnapshot(&s); err != nil {
		return nil, 0, err
	}
	snap := s.core.snap
	if err := s.core.reset(); err != nil {
		return nil, 0, err
	}
	return snap, s.ts, nil
}

// find returns a use of the state named at: a kept one, or the newest, which is
// then kept.
func (db *DB) find(at storage.Timestamp) (*keptSnapshot, error) {
	now := db.opts.Now()
	db.history.expire(now)
	if k := db.history.get(at, now); k != nil {
		return k, nil
	}
	if at > db.now() {
		return nil, storage.ErrSnapshotInFuture
	}
	snap, ts, err := db.exact()
	if err != nil {
		return nil, err
	}
	if ts != at {
		_ = snap.Close()
		return nil, storage.ErrSnapshotTooOld
	}
	db.history.add(snap, ts, now)
	if k := db.history.get(at, now); k != nil {
		return k, nil
	}
	return nil, storage.ErrSnapshotTooOld
}

// Keep keeps the state named at for later Snapshot and Begin calls. It fails with
// storage.ErrSnapshotTooOld where that state is neither kept nor the newest.
func (db *DB) Keep(_ context.Context, at storage.Timestamp) error {
	if err := db.check(); err != nil {
		return err
	}
	k, err := db.find(at)
	if err != nil {
		return err
	}
	k.unref()
	return nil
}

// KeepNow keeps the newest state and returns its name.
func (db *DB) KeepNow(context.Context) (storage.Timestamp, error) {
	if err := db.check(); err != nil {
		return 0, err
	}
	snap, ts, err := db.exact()
	if err != nil {
		return 0, err
	}
	now := db.opts.Now()
	if k := db.history.get(ts, now); k != nil {
		k.unref()
		return ts, snap.Close()
	}
	db.history.add(snap, ts, now)
	return ts, nil
}

func (db *DB) snapshotAt(_ context.Context, at storage.Timestamp) (storage.Reader, error) {
	k, err := db.find(at)
	if err != nil {
		return nil, err
	}
	r := &reader{ts: at, kept: k}
	r.core.snap = k.snap
	if err := db.openReader(r); err != nil {
		return nil, err
	}
	return r, nil
}

// beginAt starts a transaction on an older state. It can write only if the lock
// table still knows every commit since.
func (db *DB) beginAt(s *txnState, at storage.Timestamp) error {
	s.tooOld = !db.reg.addAt(s, at)
	k, err := db.find(at)
	if err != nil {
		db.reg.remove(s)
		return err
	}
	s.kept, s.core.snap, s.ts = k, k.snap, k.ts
	return nil
}
