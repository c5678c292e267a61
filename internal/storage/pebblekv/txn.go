package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// txn is the handle of a transaction. It is small, because the lock table and
// conflicts keep it alive after the end; everything else is in txnState, which
// is pooled.
type txn struct {
	info   storage.TxnInfo
	db     *DB
	phase  atomic.Uint32
	waited atomic.Bool // others queue for its keys

	mu sync.Mutex // held during each call; against Close of the engine
	s  *txnState  // nil once ended
}

// The phases of a transaction, beside its public state: a commit in its critical
// section cannot be fenced any more, and ends within microseconds.
const (
	phaseOpen uint32 = iota
	phaseCommitting
	phaseFenced
)

// txnState is what an open transaction needs.
type txnState struct {
	t    *txn
	core readCore
	ts   storage.Timestamp
	ov   overlay
	held *keyList

	wait     time.Duration
	brief    bool          // its snapshot is an iterator
	tooOld   bool          // may not lock: the table forgot commits above ts
	kept     *keptSnapshot // the snapshot, if it is a kept one
	bytes    int64
	reserved int64
	refused  error // why Lock and Commit fail

	lower      storage.Timestamp // in the registry
	prev, next *txnState
}

var txnStates = sync.Pool{New: func() any {
	s := &txnState{}
	s.ov.tree = newTree()
	return s
}}

// Begin starts a transaction. The order of the steps is the point, see the
// package comment.
func (db *DB) Begin(_ context.Context, o storage.TxnOptions) (storage.Txn, error) {
	if err := db.check(); err != nil {
		return nil, err
	}
	t := &txn{db: db}
	t.mu.Lock() // once registered, the background looks at it
	defer t.mu.Unlock()
	t.info.ID = db.txnID.Add(1)
	t.info.Started = db.opts.Now()
	t.info.Tag = o.Tag
	t.info.SetState(storage.StateOpen, 0)
	s := txnStates.Get().(*txnState)
	s.t, s.core.db, s.core.mu, s.wait, s.brief = t, db, &t.mu, o.LockWait, o.Brief
	s.held = keyLists.Get().(*keyList)
	t.s = s
	if err := db.begin(s, o.At); err != nil {
		t.s = nil
		putKeys(s.held)
		s.recycle()
		return nil, err
	}
	t.info.Start = s.ts
	return t, nil
}

func (db *DB) begin(s *txnState, at storage.Timestamp) error {
	if at != 0 {
		return db.beginAt(s, at)
	}
	db.reg.add(s, db.now)
	db.step("begin: registered")
	if db.closed.Load() { // Close has not seen it
		db.reg.remove(s)
		return storage.ErrClosed
	}
	if err := db.takeSnapshot(s); err != nil {
		db.reg.remove(s)
		return err
	}
	return nil
}

// takeSnapshot gives s the newest state and its exact timestamp. s must be
// registered.
func (db *DB) takeSnapshot(s *txnState) error {
	commits, published := db.commits.Load(), db.now()
	db.step("begin: published")
	if s.brief {
		// An iterator is a snapshot, too. Making it takes no lock in Pebble, and
		// closing it does not look for compactions; but it pins memtables.
		it, err := db.pdb.NewIter(nil)
		if err != nil {
			return err
		}
		s.core.base = it
	} else {
		s.core.snap = db.pdb.NewSnapshot()
	}
	db.step("begin: snapshot")
	if commits&1 == 0 && db.commits.Load() == commits {
		s.ts = published
		return nil
	}
	ts, err := s.core.timestamp()
	if err != nil {
		return errors.Join(err, s.dropSnapshot())
	}
	s.ts = ts
	return nil
}

// dropSnapshot closes the snapshot and all iterators on it.
func (s *txnState) dropSnapshot() error {
	err := s.core.reset()
	if s.kept != nil {
		s.kept.unref()
		s.kept, s.core.snap = nil, nil
	}
	if s.core.snap != nil {
		err = errors.Join(err, s.core.snap.Close())
		s.core.snap = nil
	}
	return err
}

// recycle returns s to the pool. Its snapshot must be closed.
func (s *txnState) recycle() {
	s.ov.reset()
	s.t, s.core.db, s.core.mu, s.held = nil, nil, nil, nil
	s.ts, s.wait, s.brief, s.tooOld, s.refused, s.lower = 0, 0, false, false, nil, 0
	txnStates.Put(s)
}

// enter begins a call that reads or writes; leave ends it.
func (t *txn) enter() (*txnState, error) {
	t.mu.Lock()
	if t.s == nil {
		t.mu.Unlock()
		return nil, storage.ErrClosed
	}
	t.s.plantReadLatest()
	return t.s, nil
}

func (t *txn) leave() { t.mu.Unlock() }

// Get reads a key, own writes first.
func (t *txn) Get(_ context.Context, key, dst []byte) ([]byte, bool, error) {
	s, err := t.enter()
	if err != nil {
		return dst, false, err
	}
	defer t.leave()
	if s.refused != nil {
		return dst, false, s.refused
	}
	v, ok, err := s.get(key)
	if !ok {
		return dst, false, err
	}
	return append(dst, v...), true, nil
}

// get returns the value of key, valid until the next read.
func (s *txnState) get(key []byte) ([]byte, bool, error) {
	s.core.key = appendData(s.core.key[:0], key)
	if v, hit := s.ov.get(s.core.key); hit {
		return v, v != nil, nil
	}
	return s.core.get(s.core.key)
}

// BatchGet reads keys, own writes first.
func (t *txn) BatchGet(ctx context.Context, keys [][]byte, fn func(int, []byte) error) error {
	s, err := t.enter()
	if err != nil {
		return err
	}
	refused := s.refused
	t.leave() // fn may use the transaction
	if refused != nil {
		return refused
	}
	return s.core.batchGet(ctx, keys, &s.ov, fn)
}

// Scan iterates over a range as of now.
func (t *txn) Scan(_ context.Context, lo, hi []byte, o storage.ScanOptions) (storage.Iter, error) {
	s, err := t.enter()
	if err != nil {
		return nil, err
	}
	defer t.leave()
	if s.refused != nil {
		return nil, s.refused
	}
	i, err := s.core.scan(&s.ov, lo, hi, o)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Timestamp names the state that is read, zero after the end.
func (t *txn) Timestamp() storage.Timestamp {
	s, err := t.enter()
	if err != nil {
		return 0
	}
	defer t.leave()
	return s.ts
}

// Lock takes keys for writing.
func (t *txn) Lock(ctx context.Context, reqs []storage.LockRequest) error {
	s, err := t.enter()
	if err != nil {
		return err
	}
	defer t.leave()
	switch {
	case s.refused != nil:
		return s.refused
	case s.tooOld:
		return fmt.Errorf("%w: it can be read, but not written on", storage.ErrSnapshotTooOld)
	}
	before := len(s.held.keys)
	if err = s.lockAll(ctx, reqs); err == nil {
		err = s.checkModes(reqs)
	}
	if err != nil {
		s.unlockFrom(before)
	}
	return err
}

// unlockFrom frees the keys taken since n were held.
func (s *txnState) unlockFrom(n int) {
	taken := s.held.keys[n:]
	s.t.db.release(s.t, taken)
	clear(taken)
	s.held.keys = s.held.keys[:n]
}

// lockAll takes the keys, waiting where the transaction may.
func (s *txnState) lockAll(ctx context.Context, reqs []storage.LockRequest) error {
	var deadline time.Time
	for i := range reqs {
		for {
			conflict, err := s.lockOne(reqs[i].Key)
			if err != nil {
				return err
			}
			if conflict == nil {
				break
			}
			if s.wait <= 0 || conflict.CommittedAt != 0 {
				return conflict
			}
			if deadline.IsZero() {
				deadline = time.Now().Add(s.wait)
			}
			if err := s.waitFor(ctx, conflict, deadline); err != nil {
				return err
			}
		}
	}
	return nil
}

// commitLooks is how often Lock looks again at a holder in its critical section.
const commitLooks = 3

// lockOne tries to take one key.
func (s *txnState) lockOne(key []byte) (*storage.ConflictError, error) {
	db := s.t.db
	for looks := 0; ; looks++ {
		taken, other := db.locks.acquire(s.t, s.ts, key)
		if other == nil {
			if taken == "" {
				return nil, nil
			}
			s.held.keys = append(s.held.keys, taken)
			return nil, s.charge(len(key) + entryOverhead)
		}
		if other.info.State() != storage.StateOpen || looks == commitLooks ||
			other.phase.Load() != phaseCommitting {
			return &storage.ConflictError{
				Key: append([]byte(nil), key...), Holder: &other.info, CommittedAt: other.info.CommittedAt(),
			}, nil
		}
		// The snapshot may have this commit already, while its locks are not
		// stamped yet: that is not a conflict.
		db.commitMu.Lock()
		db.commitMu.Unlock() //nolint:staticcheck // waits for the critical section to end
	}
}

// waitFor waits until the holder has ended, in the order of arrival.
func (s *txnState) waitFor(ctx context.Context, c *storage.ConflictError, deadline time.Time) error {
	db := s.t.db
	if err := db.waits.add(&s.t.info, c.Holder); err != nil {
		return err
	}
	defer db.waits.remove(&s.t.info)
	wctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err := db.await(wctx, c.Key, c.Holder)
	if err != nil && ctx.Err() == nil && wctx.Err() != nil {
		return c // LockWait has passed
	}
	return err
}

// checkModes judges the conditions of locked keys.
func (s *txnState) checkModes(reqs []storage.LockRequest) error {
	for _, r := range reqs {
		if r.Mode == storage.LockAny {
			continue
		}
		v, ok, err := s.get(r.Key)
		switch {
		case err != nil:
			return err
		case ok && r.Mode == storage.LockAbsent:
			return &storage.KeyExistsError{Key: append([]byte(nil), r.Key...), Value: append([]byte(nil), v...)}
		case !ok && r.Mode == storage.LockExist:
			return &storage.KeyMissingError{Key: append([]byte(nil), r.Key...)}
		}
	}
	return nil
}

// Put buffers a write.
func (t *txn) Put(key, value []byte) {
	s, err := t.enter()
	if err != nil {
		return
	}
	defer t.leave()
	s.mustHold(key)
	if s.admit(len(key), len(value)) {
		s.ov.set(s.ov.arena.copy(spaceData, key), s.ov.arena.copy(-1, value))
	}
}

// Delete buffers a delete.
func (t *txn) Delete(key []byte) {
	s, err := t.enter()
	if err != nil {
		return
	}
	defer t.leave()
	s.mustHold(key)
	if s.admit(len(key), 0) {
		s.ov.set(s.ov.arena.copy(spaceData, key), nil)
	}
}

// Add changes a counter.
func (t *txn) Add(key []byte, delta int64) {
	s, err := t.enter()
	if err != nil {
		return
	}
	defer t.leave()
	if s.admit(len(key), 0) {
		s.ov.add(s.ov.arena.copy(spaceCounter, key), delta)
	}
}

// SetChange sets the payload for Engine.Changes.
func (t *txn) SetChange(payload []byte) {
	s, err := t.enter()
	if err != nil {
		return
	}
	defer t.leave()
	if payload == nil {
		s.ov.setChange(nil)
		return
	}
	if s.admit(0, len(payload)) {
		s.ov.setChange(s.ov.arena.copy(-1, payload))
	}
}

// admit charges a write. One that does not fit is dropped, and the transaction
// can only be rolled back, at least to a savepoint before it.
func (s *txnState) admit(key, value int) bool {
	if s.refused != nil {
		return false
	}
	err := s.charge(key + value + entryOverhead)
	if err == nil && (key > maxKey || value > maxValue) {
		err = fmt.Errorf("%w: a key of %d bytes with a value of %d", storage.ErrTxnTooLarge, key, value)
	}
	if err != nil {
		s.refused = err
		s.ov.undo = append(s.ov.undo, undoRecord{kind: undoRefused})
		return false
	}
	return true
}

// mustHold panics in invariant builds if a key is written without its lock.
func (s *txnState) mustHold(key []byte) {
	db := s.t.db
	if invariants && db.opts.MustLock != nil && db.opts.MustLock(key) && !db.locks.holds(s.t, key) {
		panic(fmt.Sprintf("pebblekv: key %x is written without its lock", key))
	}
}

// OnCommit registers a callback of the critical section.
func (t *txn) OnCommit(fn func(storage.Timestamp)) {
	s, err := t.enter()
	if err != nil {
		return
	}
	defer t.leave()
	s.ov.addHook(fn)
}

// Refresh moves the snapshot to now.
func (t *txn) Refresh(context.Context) error {
	s, err := t.enter()
	if err != nil {
		return err
	}
	defer t.leave()
	if err := t.db.check(); err != nil {
		return err
	}
	if err := s.dropSnapshot(); err != nil {
		return err
	}
	// The old lower bound protects until the new one is in place.
	t.db.reg.move(s, t.db.now)
	s.tooOld = false
	return t.db.takeSnapshot(s)
}

// Savepoint names the current state of the own writes.
func (t *txn) Savepoint() storage.Savepoint {
	s, err := t.enter()
	if err != nil {
		return 0
	}
	defer t.leave()
	return storage.Savepoint(s.ov.savepoint())
}

// RollbackTo returns to a savepoint.
func (t *txn) RollbackTo(sp storage.Savepoint) {
	s, err := t.enter()
	if err != nil {
		return
	}
	defer t.leave()
	if s.ov.rollbackTo(int(sp)) {
		s.refused = nil
	}
}

// Bytes is the memory that the writes and locks take.
func (t *txn) Bytes() int {
	s, err := t.enter()
	if err != nil {
		return 0
	}
	defer t.leave()
	return int(s.bytes)
}

// Err returns why Lock and Commit would fail: storage.ErrTxnMemory after a write
// that did not fit.
func (t *txn) Err() error {
	s, err := t.enter()
	if err != nil {
		return err
	}
	defer t.leave()
	return s.refused
}

// Writes reports whether there is anything to commit.
func (t *txn) Writes() bool {
	s, err := t.enter()
	if err != nil {
		return false
	}
	defer t.leave()
	return !s.ov.empty()
}

// Info returns what others see of the transaction.
func (t *txn) Info() *storage.TxnInfo { return &t.info }

// Close is Rollback.
func (t *txn) Close() error {
	t.Rollback()
	return nil
}

// Rollback drops the writes and frees the locks.
func (t *txn) Rollback() {
	s, err := t.enter()
	if err != nil {
		return
	}
	defer t.leave()
	t.info.SetState(storage.StateAborted, 0)
	t.db.release(t, s.held.keys)
	putKeys(s.held)
	t.end(s)
}

// end gives back what the transaction used. Its locks are taken care of.
func (t *txn) end(s *txnState) {
	if err := s.dropSnapshot(); err != nil && !errors.Is(err, pebble.ErrClosed) {
		t.db.opts.Logger.Warn("storage: closing a snapshot", "error", err)
	}
	t.db.reg.remove(s)
	s.discharge()
	t.s = nil
	s.recycle()
}
