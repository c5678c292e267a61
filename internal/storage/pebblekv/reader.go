package pebblekv

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/tandemdb/tandem/internal/storage"
)

// reader is a Reader of one committed state. It is used by one goroutine at a
// time.
type reader struct {
	mu     sync.Mutex // held during each call; against Close of the engine
	core   readCore
	ts     storage.Timestamp // zero until known
	kept   *keptSnapshot     // for an older state
	closed bool
	keyBuf [64]byte

	shard      *readerShard
	prev, next *reader
}

// readers lists the open readers, so that Close of the engine can close those
// that were forgotten. It takes no part in reading.
type readers struct{ shards [16]readerShard }

type readerShard struct {
	mu   sync.Mutex
	head *reader
	_    [48]byte // a cache line of its own
}

func (l *readers) add(r *reader) {
	r.shard = &l.shards[rand.Uint32()%uint32(len(l.shards))]
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	if r.next = r.shard.head; r.next != nil {
		r.next.prev = r
	}
	r.shard.head = r
}

func (l *readers) remove(r *reader) {
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	if r.prev == nil {
		r.shard.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	}
	r.prev, r.next = nil, nil
}

func (l *readers) all() []*reader {
	var out []*reader
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		for r := sh.head; r != nil; r = r.next {
			out = append(out, r)
		}
		sh.mu.Unlock()
	}
	return out
}

// Snapshot returns a reader of the newest state, or of an older one that is
// kept. It is one Pebble iterator and registers nowhere.
func (db *DB) Snapshot(ctx context.Context, at storage.Timestamp) (storage.Reader, error) {
	if err := db.check(); err != nil {
		return nil, err
	}
	if at != 0 {
		return db.snapshotAt(ctx, at)
	}
	r, err := db.newReader()
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (db *DB) newReader() (*reader, error) {
	r := &reader{}
	if err := db.openReader(r); err != nil {
		return nil, err
	}
	commits, published := db.commits.Load(), db.now()
	it, err := db.pdb.NewIter(nil)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.core.base = it
	if commits&1 == 0 && db.commits.Load() == commits {
		r.ts = published
	}
	return r, nil
}

// openReader registers r, which must be closed from then on.
func (db *DB) openReader(r *reader) error {
	r.core.db, r.core.mu, r.core.key = db, &r.mu, r.keyBuf[:0]
	db.open.Add(1)
	db.readers.add(r)
	if db.closed.Load() { // Close may not have seen it
		return errors.Join(storage.ErrClosed, r.Close())
	}
	return nil
}

// enter begins a call; r.mu ends it.
func (r *reader) enter() error {
	r.mu.Lock()
	err := storage.ErrClosed
	if !r.closed {
		err = r.core.db.check()
	}
	if err != nil {
		r.mu.Unlock()
	}
	return err
}

func (r *reader) Get(_ context.Context, key, dst []byte) ([]byte, bool, error) {
	if err := r.enter(); err != nil {
		return dst, false, err
	}
	defer r.mu.Unlock()
	r.core.key = appendData(r.core.key[:0], key)
	v, ok, err := r.core.get(r.core.key)
	if !ok {
		return dst, false, err
	}
	return append(dst, v...), true, nil
}

func (r *reader) BatchGet(ctx context.Context, keys [][]byte, fn func(int, []byte) error) error {
	if err := r.enter(); err != nil {
		return err
	}
	r.mu.Unlock() // fn may use the reader
	return r.core.batchGet(ctx, keys, nil, fn)
}

func (r *reader) Scan(_ context.Context, lo, hi []byte, o storage.ScanOptions) (storage.Iter, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.mu.Unlock()
	i, err := r.core.scan(nil, lo, hi, o)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Timestamp reads the fixed key only if a commit was under way when the
// snapshot was taken. It is zero where the store cannot be read.
func (r *reader) Timestamp() storage.Timestamp {
	if r.ts != 0 || r.enter() != nil {
		return r.ts
	}
	defer r.mu.Unlock()
	ts, err := r.core.timestamp()
	if err != nil {
		r.core.db.fail(err)
		return 0
	}
	r.ts = ts
	return ts
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.core.reset()
	r.kept.unref()
	r.core.db.readers.remove(r)
	r.core.db.open.Add(-1)
	return err
}
