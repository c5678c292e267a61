package tandem

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Snapshot is the state of a database in memory at one moment. It can be restored any
// number of times.
type Snapshot struct {
	fs vfs.FS
}

// errNotInMemory is what Snapshot and Restore say of a database on disk.
var errNotInMemory = errors.New("tandem: only a database in memory has snapshots")

// Snapshot copies the committed state of a database in memory.
func (db *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	if !db.opts.InMemory {
		return nil, errNotInMemory
	}
	db.swap.Lock()
	defer db.swap.Unlock()
	if db.closed.Load() {
		return nil, ErrClosed
	}
	const dir = "checkpoint"
	if err := db.router.current.Load().engine.Checkpoint(ctx, dir); err != nil {
		return nil, fmt.Errorf("tandem: snapshot: %w", err)
	}
	s := &Snapshot{fs: vfs.NewMem()}
	err := cloneDir(db.opts.FS, s.fs, dir, db.path)
	return s, errors.Join(err, db.opts.FS.RemoveAll(dir))
}

// Restore makes a database in memory what it was when the snapshot was taken.
// Connections stay; cursors and open transactions end, and so does every statement that
// runs meanwhile, with an error.
func (db *DB) Restore(_ context.Context, s *Snapshot) error {
	if !db.opts.InMemory {
		return errNotInMemory
	}
	db.swap.Lock()
	defer db.swap.Unlock()
	if db.closed.Load() {
		return ErrClosed
	}
	fs := vfs.NewMem()
	if err := cloneDir(s.fs, fs, db.path, db.path); err != nil {
		return err
	}
	st, err := openStack(db, fs)
	if err != nil {
		return err
	}
	old := db.router.current.Swap(st)
	db.opts.FS = fs
	return old.close()
}

func cloneDir(from, to vfs.FS, src, dst string) error {
	ok, err := vfs.Clone(from, to, src, dst)
	switch {
	case err != nil:
		return fmt.Errorf("tandem: copy the store: %w", err)
	case !ok:
		return errors.New("tandem: copy the store: there is none")
	}
	return nil
}
