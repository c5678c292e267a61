package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

var (
	_ storage.Engine        = (*DB)(nil)
	_ storage.HistoryKeeper = (*DB)(nil)
	_ storage.ChangeTrimmer = (*DB)(nil)
	_ storage.SizeEstimator = (*DB)(nil)
	_ storage.FailureTeller = (*txn)(nil)
	_ storage.Tokener       = (*txn)(nil)
)

// Now returns the newest published timestamp.
func (db *DB) Now(context.Context) (storage.Timestamp, error) {
	if err := db.check(); err != nil {
		return 0, err
	}
	return db.now(), nil
}

func (db *DB) now() storage.Timestamp { return storage.Timestamp(db.published.Load()) }

// step lets tests stop between two steps.
func (db *DB) step(name string) {
	if db.hook != nil {
		db.hook(name)
	}
}

// DestroyRange removes [lo, hi). The space comes back with the next compactions,
// which drop files that lie in the range without reading them.
func (db *DB) DestroyRange(_ context.Context, lo, hi []byte) error {
	if err := db.check(); err != nil {
		return err
	}
	first, last := appendData(nil, lo), dataHi
	if hi != nil {
		last = appendData(nil, hi)
	}
	if bytes.Compare(first, last) >= 0 {
		return nil
	}
	return db.pdb.DeleteRange(first, last, pebble.NoSync)
}

// Checkpoint writes a copy of the store to dir, on the same file system, by hard
// links where it can.
func (db *DB) Checkpoint(_ context.Context, dir string) error {
	if err := db.check(); err != nil {
		return err
	}
	if _, err := db.opts.FS.Stat(dir); err == nil {
		return fmt.Errorf("storage: checkpoint directory %q: %w", dir, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("storage: checkpoint directory %q: %w", dir, err)
	}
	if err := db.pdb.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("storage: checkpoint to %q: %w", dir, err)
	}
	return nil
}
