package pebblekv

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// counterCache holds the newest value of each counter that was ever asked for:
// reading it from Pebble adds up all operands since the last flush.
type counterCache struct {
	mu sync.RWMutex
	m  map[string]*atomic.Int64 // changed with commitMu held, too
}

func (c *counterCache) get(key []byte) *atomic.Int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.m[string(key)]
}

// apply adds what a commit changes. Called with commitMu held.
func (c *counterCache) apply(deltas []counterDelta) {
	for i := range deltas {
		if v := c.get(deltas[i].key); v != nil {
			v.Add(deltas[i].delta)
		}
	}
}

// Counter returns the newest committed value of a counter.
func (db *DB) Counter(_ context.Context, key []byte) (int64, error) {
	if err := db.check(); err != nil {
		return 0, err
	}
	var buf [64]byte
	k := appendCounter(buf[:0], key)
	if v := db.counters.get(k); v != nil {
		return v.Load(), nil
	}
	return db.loadCounter(k)
}

// loadCounter reads a counter and keeps it up to date from then on. No commit
// may come between.
func (db *DB) loadCounter(key []byte) (int64, error) {
	db.commitMu.Lock()
	defer db.commitMu.Unlock()
	if err := db.check(); err != nil {
		return 0, err
	}
	if v := db.counters.get(key); v != nil {
		return v.Load(), nil
	}
	n, err := db.readCounter(key)
	if err != nil {
		return 0, err
	}
	v := new(atomic.Int64)
	v.Store(n)
	db.counters.mu.Lock()
	defer db.counters.mu.Unlock()
	if db.counters.m == nil {
		db.counters.m = make(map[string]*atomic.Int64)
	}
	db.counters.m[string(key)] = v
	return n, nil
}

func (db *DB) readCounter(key []byte) (int64, error) {
	v, c, err := db.pdb.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, errors.Join(storage.ErrCorruption, c.Close())
	}
	return int64(binary.LittleEndian.Uint64(v)), c.Close()
}
