package pebblekv

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// The limits of the engine. A key must fit several times into a block of the
// index, and a transaction into Pebble's batch.
const (
	maxKey      = 64 << 10
	maxValue    = 48 << 20
	maxTxnBytes = 1 << 30
)

// Limits states the bounds of keys, values and transactions.
func (db *DB) Limits() storage.Limits {
	return storage.Limits{
		MaxKey: maxKey, MaxValue: maxValue, MaxTxnBytes: int(min(maxTxnBytes, db.memory.oneTxn, db.memory.total)),
	}
}

// Commit publishes the writes. It is not interrupted by ctx once the critical
// section is entered: its outcome is never unknown, except where the disk fails.
func (t *txn) Commit(ctx context.Context, d storage.Durability) (storage.Timestamp, error) {
	s, err := t.enter()
	if err != nil {
		return 0, err
	}
	if s.refused != nil || s.ov.empty() {
		ts, err := s.ts, s.refused
		t.leave()
		t.Rollback()
		if err != nil {
			return 0, err
		}
		// What a read-only transaction has seen must survive, too.
		if d == storage.Synced {
			err = t.db.WaitDurable(ctx, ts)
		}
		return ts, err
	}
	b, err := s.batch()
	if err == nil {
		err = t.db.throttle.admit(ctx, b, t.db.done)
	}
	if err != nil {
		t.leave()
		t.Rollback()
		return 0, err
	}
	ts, err := t.db.commit(t, s, b, d)
	if err != nil {
		t.leave()
		t.Rollback()
		return 0, err
	}
	if t.waited.Load() {
		t.db.releaseWaiters(s.held.keys)
	}
	t.end(s)
	t.leave()
	t.db.sweepLocks()
	return ts, t.db.settle(t, b, ts, d)
}

// The batch begins with the fixed timestamp key and, where there is one, the
// change: the places of the timestamp in it are known.
const (
	// A record is a kind byte, then key and value, each after its length. The
	// lengths of these keys take one byte.
	batchHeader   = 12
	timestampAt   = batchHeader + 1 + 1 + 2 + 1
	changeStampAt = timestampAt + timestampLen + 1 + 1 + 1
)

// batch builds the Pebble batch of the writes, without the timestamp.
func (s *txnState) batch() (*pebble.Batch, error) {
	b := s.t.db.pdb.NewBatch()
	var zero [timestampLen]byte
	if err := b.Set(keyTimestamp, zero[:], nil); err != nil {
		return nil, err
	}
	if s.ov.change != nil {
		s.core.key = appendChange(s.core.key[:0], 0)
		if err := b.Set(s.core.key, s.ov.change, nil); err != nil {
			return nil, err
		}
	}
	for _, c := range s.ov.counters {
		if c.delta == 0 {
			continue
		}
		var delta [8]byte
		binary.LittleEndian.PutUint64(delta[:], uint64(c.delta))
		if err := b.Merge(c.key, delta[:], nil); err != nil {
			return nil, err
		}
	}
	var err error
	s.ov.tree.Scan(func(it item) bool {
		switch {
		case it.key[0] == spaceEnd: // the sentinel
		case it.value == nil:
			err = b.Delete(it.key, nil)
		default:
			err = b.Set(it.key, it.value, nil)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	if b.Len() > maxTxnBytes {
		return nil, storage.ErrTxnTooLarge
	}
	return b, nil
}

// patch writes the timestamp into the batch.
func (s *txnState) patch(b *pebble.Batch, ts storage.Timestamp) {
	repr := b.Repr()
	binary.BigEndian.PutUint64(repr[timestampAt:], uint64(ts))
	if s.ov.change != nil {
		binary.BigEndian.PutUint64(repr[changeStampAt:], uint64(ts))
	}
}

// commit is the critical section. On error nothing has happened.
func (db *DB) commit(t *txn, s *txnState, b *pebble.Batch, d storage.Durability) (storage.Timestamp, error) {
	db.commitMu.Lock()
	defer db.commitMu.Unlock()
	if err := db.check(); err != nil {
		return 0, err
	}
	if !t.phase.CompareAndSwap(phaseOpen, phaseCommitting) {
		return 0, fmt.Errorf("storage: the transaction was fenced off: %w", storage.ErrClosed)
	}
	ts, err := db.tick()
	if err != nil {
		return 0, err
	}
	s.patch(b, ts)
	db.commits.Add(1)
	defer db.commits.Add(1)
	if d == storage.Synced {
		db.durable.syncing(ts)
	}
	if err := db.apply(b, d); err != nil {
		return 0, err
	}
	t.info.SetState(storage.StateCommitted, ts)
	db.counters.apply(s.ov.counters)
	db.sweep.push(swept{t, ts, s.held})
	for _, fn := range s.ov.hooks {
		fn(ts)
	}
	db.publish(ts)
	return ts, nil
}

// apply applies b without waiting for the disk. Pebble panics where it cannot
// write the log; a caller that recovers must not go on as if nothing had happened.
func (db *DB) apply(b *pebble.Batch, d storage.Durability) (err error) {
	defer func() {
		if r := recover(); r != nil {
			db.stuck.Store(true)
			err = fmt.Errorf("storage: the write-ahead log could not be written: %v", r)
		}
		if err != nil {
			db.fail(err)
		}
	}()
	if d == storage.Synced {
		return db.pdb.ApplyNoSyncWait(b, pebble.Sync)
	}
	return db.pdb.Apply(b, pebble.NoSync)
}

// settle waits for the disk where the caller wants it.
func (db *DB) settle(t *txn, b *pebble.Batch, ts storage.Timestamp, d storage.Durability) error {
	if d != storage.Synced {
		db.durable.noteDirty(db)
		return b.Close()
	}
	if err := db.awaitSync(b); err != nil {
		return &storage.UndeterminedError{Token: db.token(t), Cause: err}
	}
	db.durable.ratchet(ts)
	return nil
}

// awaitSync waits for the disk and closes b. A failure is the end: nothing that
// rests on b may be acknowledged, by this or by any other commit.
func (db *DB) awaitSync(b *pebble.Batch) error {
	if err := b.SyncWait(); err != nil {
		err = fmt.Errorf("storage: the write-ahead log could not be synced: %w", err)
		db.fail(err)
		return err
	}
	if err := db.failed.Load(); err != nil {
		return *err
	}
	return b.Close()
}
