package pebblekv

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// lockDirectory makes dir if needed and takes its lock, so that the mistakes
// users make get an error of their own.
func (db *DB) lockDirectory(dir string) error {
	if err := db.makeDirectory(dir); err != nil {
		return openError(dir, err)
	}
	lock, err := pebble.LockDirectory(dir, db.opts.FS)
	switch {
	case err == nil:
		db.lock = lock
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOSPC):
		return openError(dir, err)
	default:
		return fmt.Errorf("%w: directory %q is in use by another process: %w", storage.ErrLocked, dir, err)
	}
	if err := db.clearAborted(dir); err != nil {
		return errors.Join(openError(dir, err), lock.Close())
	}
	return nil
}

// makeDirectory makes dir and its parents, and syncs where their names are.
func (db *DB) makeDirectory(dir string) error {
	fsys := db.opts.FS
	var missing []string
	for d := dir; ; d = fsys.PathDir(d) {
		if _, err := fsys.Stat(d); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, d)
		if fsys.PathDir(d) == d {
			break
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := fsys.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range missing {
		parent, err := fsys.OpenDir(fsys.PathDir(d))
		if err != nil {
			return err
		}
		if err := errors.Join(parent.Sync(), parent.Close()); err != nil {
			return err
		}
	}
	return nil
}

// clearAborted removes what a power cut left of the making of a store: Pebble's
// marker may have reached the disk without the manifest it names. Then nothing
// that was written can have been acknowledged, since the first sync of the
// directory would have saved the manifest, too.
func (db *DB) clearAborted(dir string) error {
	fsys := db.opts.FS
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	marked := false
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "marker.manifest."):
			marked = true
		case strings.HasPrefix(name, "MANIFEST-"), strings.HasSuffix(name, ".sst"), strings.HasSuffix(name, ".blob"):
			return nil
		case strings.HasSuffix(name, ".log"):
			if info, err := fsys.Stat(fsys.PathJoin(dir, name)); err != nil || info.Size() > 0 {
				return err
			}
		}
	}
	if !marked {
		return nil
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "marker.") && !strings.HasPrefix(name, "OPTIONS-") && !strings.HasSuffix(name, ".log") {
			continue
		}
		if err := fsys.Remove(fsys.PathJoin(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func openError(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("storage: directory %q is not writable: %w", dir, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("storage: no space left in directory %q: %w", dir, err)
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w in directory %q: %w", storage.ErrCorruption, dir, err)
	}
	return fmt.Errorf("storage: cannot open directory %q: %w", dir, err)
}
