package pebblekv

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// DB is one open store. It implements storage.Engine.
type DB struct {
	opts *Options
	pdb  *pebble.DB
	lock *pebble.Lock

	// commitMu is the critical section of commits, see the package comment.
	commitMu  sync.Mutex
	clock     clock // guarded by commitMu
	markMu    sync.Mutex
	commits   atomic.Uint64 // odd while a commit is in its critical section
	published atomic.Uint64 // timestamp of the newest visible commit

	locks    lockTable
	reg      registry
	sweep    sweepQueue
	waits    waitGraph
	durable  durability
	counters counterCache
	history  history
	memory   memory
	throttle throttle
	tokens   tokens

	txnID   atomic.Uint64
	readers readers
	open    atomic.Int64 // readers and iterators that are not closed
	closed  atomic.Bool
	done    chan struct{} // closed by Close
	failed  atomic.Pointer[error]
	broken  chan struct{} // closed by fail
	stuck   atomic.Bool   // Pebble has panicked

	background sync.WaitGroup
	markWanted atomic.Bool
	kick       chan struct{} // wakes the background goroutine
	hook       func(step string)
}

// closeWait is how long Close waits for readers and iterators before it closes
// them itself. Every call fails from the start of Close, so one that is left
// after this time is not in use.
const closeWait = time.Second

// Open opens the store in dir, creating it if there is none. It fails with
// storage.ErrLocked where another process has it open.
func Open(dir string, opts *Options) (*DB, error) {
	db := &DB{
		opts:   opts.withDefaults(),
		done:   make(chan struct{}),
		broken: make(chan struct{}),
		kick:   make(chan struct{}, 1),
	}
	if err := db.opts.validate(); err != nil {
		return nil, err
	}
	if err := db.lockDirectory(dir); err != nil {
		return nil, err
	}
	db.throttle.init(db.opts.MemTableBytes * int64(db.opts.MemTables-1))
	popts := db.pebbleOptions()
	popts.Lock = db.lock
	pdb, err := pebble.Open(dir, popts)
	if err != nil {
		return nil, errors.Join(openError(dir, err), db.lock.Close())
	}
	db.pdb = pdb
	if err := db.load(); err != nil {
		return nil, errors.Join(openError(dir, err), pdb.Close(), db.lock.Close())
	}
	db.background.Go(db.runBackground)
	return db, nil
}

// load reads what a store knows about itself, or writes it into a new one, and
// reserves timestamps above all that were ever used.
func (db *DB) load() error {
	db.clock.now = db.opts.Now
	db.locks.init()
	db.memory.init(db.opts.TxnMemory, db.opts.TxnMemoryMax)
	db.tokens.epoch = uint64(time.Now().UnixNano())
	format, err := db.meta(keyFormat)
	if err != nil {
		return err
	}
	if format == 0 {
		return db.create()
	}
	if format != formatVersion {
		return fmt.Errorf("format version is %d, this program knows %d", format, formatVersion)
	}
	ts, err := db.meta(keyTimestamp)
	if err != nil {
		return err
	}
	mark, err := db.meta(keyMark)
	if err != nil {
		return err
	}
	db.publish(ts)
	db.durable.ratchet(ts)
	db.clock.mark.Store(uint64(mark))
	db.clock.last = max(ts, mark)
	return db.raiseMark(max(db.clock.last, db.clock.wall()))
}

func (db *DB) create() error {
	ts := db.clock.next()
	mark := storage.MakeTimestamp(ts.Seconds()+markStep, 0)
	b := db.pdb.NewBatch()
	for _, kv := range []struct {
		key   []byte
		value storage.Timestamp
	}{{keyFormat, formatVersion}, {keyTimestamp, ts}, {keyMark, mark}} {
		if err := b.Set(kv.key, encodeTimestamp(kv.value), nil); err != nil {
			return err
		}
	}
	if err := db.applySynced(b); err != nil {
		return err
	}
	db.publish(ts)
	db.durable.ratchet(ts)
	db.clock.mark.Store(uint64(mark))
	return nil
}

// meta reads a fixed key of eight bytes, zero where it is not there.
func (db *DB) meta(key []byte) (storage.Timestamp, error) {
	v, c, err := db.pdb.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	ts, err := decodeTimestamp(v)
	return ts, errors.Join(err, c.Close())
}

func (db *DB) publish(ts storage.Timestamp) { db.published.Store(uint64(ts)) }

// check returns why no call can be served any more.
func (db *DB) check() error {
	if db.closed.Load() {
		return storage.ErrClosed
	}
	if err := db.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// fail ends the process. Where Options.Fatal returns, every further call fails.
func (db *DB) fail(err error) {
	if db.failed.CompareAndSwap(nil, &err) {
		db.opts.Fatal(err)
		close(db.broken)
	}
}

// Close ends the engine: it rolls back open transactions and closes readers,
// after a short wait for calls in progress. It is idempotent.
func (db *DB) Close() error {
	if !db.closed.CompareAndSwap(false, true) {
		return nil
	}
	close(db.done)
	db.background.Wait()
	for deadline := time.Now().Add(closeWait); db.open.Load() > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for _, r := range db.readers.all() {
		_ = r.Close() // its errors are of reads that nobody waits for
	}
	for _, t := range db.reg.all() {
		t.Rollback()
	}
	db.history.close()

	// Whoever was about to commit has seen closed when it got this lock.
	db.commitMu.Lock()
	defer db.commitMu.Unlock()
	if db.stuck.Load() {
		// Pebble has failed with its mutexes held. The log has what was
		// acknowledged; nothing is left to save.
		return db.lock.Close()
	}
	failed := db.failed.Load() != nil
	var err error
	if !failed {
		// A clean end: the next start need not skip the rest of the reservation.
		err = db.setSynced(keyMark, encodeTimestamp(db.clock.last))
	}
	if cerr := db.pdb.Close(); cerr != nil && !failed {
		err = errors.Join(err, fmt.Errorf("storage: close: %w", cerr))
	}
	return errors.Join(err, db.lock.Close())
}
