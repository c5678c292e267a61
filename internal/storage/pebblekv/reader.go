package pebblekv

import (
	"context"

	"github.com/tandemdb/tandem/internal/storage"
)

// reader is a Reader of one committed state. It is used by one goroutine at a
// time.
type reader struct {
	core   readCore
	ts     storage.Timestamp // zero until known
	kept   *keptSnapshot     // for an older state
	closed bool
	keyBuf [96]byte
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
	r.core.db = db
	r.core.key = r.keyBuf[:0]
	db.open.Add(1)
	if db.closed.Load() { // Close has not seen this reader
		db.open.Add(-1)
		return nil, storage.ErrClosed
	}
	commits, published := db.commits.Load(), db.now()
	it, err := db.pdb.NewIter(nil)
	if err != nil {
		db.open.Add(-1)
		return nil, err
	}
	r.core.base = it
	if commits&1 == 0 && db.commits.Load() == commits {
		r.ts = published
	}
	return r, nil
}

func (r *reader) check() error {
	if r.closed {
		return storage.ErrClosed
	}
	return r.core.db.check()
}

func (r *reader) Get(_ context.Context, key, dst []byte) ([]byte, bool, error) {
	if err := r.check(); err != nil {
		return dst, false, err
	}
	r.core.key = appendData(r.core.key[:0], key)
	v, ok, err := r.core.get(r.core.key)
	if !ok {
		return dst, false, err
	}
	return append(dst, v...), true, nil
}

func (r *reader) BatchGet(ctx context.Context, keys [][]byte, fn func(int, []byte) error) error {
	if err := r.check(); err != nil {
		return err
	}
	return r.core.batchGet(ctx, keys, nil, fn)
}

func (r *reader) Scan(_ context.Context, lo, hi []byte, o storage.ScanOptions) (storage.Iter, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	i, err := r.core.scan(nil, lo, hi, o)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Timestamp reads the fixed key only if a commit was under way when the
// snapshot was taken. It is zero where the store cannot be read.
func (r *reader) Timestamp() storage.Timestamp {
	if r.ts == 0 && r.check() == nil {
		ts, err := r.core.timestamp()
		if err != nil {
			r.core.db.fail(err)
			return 0
		}
		r.ts = ts
	}
	return r.ts
}

func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.core.reset()
	r.kept.unref()
	r.core.db.open.Add(-1)
	return err
}
