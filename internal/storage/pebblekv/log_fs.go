package pebblekv

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logFS tells of every failed write and sync of a write-ahead log before Pebble
// learns of it: Pebble meets some of them with a panic, and after a failed sync
// nobody knows what a second one would mean.
type logFS struct {
	vfs.FS
	fail func(error)
}

// Unwrap returns the file system below, as Pebble's own wrappers do.
func (f logFS) Unwrap() vfs.FS { return f.FS }

func (f logFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return f.wrap(name, file, err)
}

func (f logFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(oldname, newname, c)
	return f.wrap(newname, file, err)
}

func (f logFS) wrap(name string, file vfs.File, err error) (vfs.File, error) {
	if !strings.HasSuffix(name, ".log") {
		return file, err
	}
	if err != nil {
		f.fail(fmt.Errorf("storage: the write-ahead log %s could not be made: %w", name, err))
		return nil, err
	}
	return logFile{file, name, f.fail}, nil
}

type logFile struct {
	vfs.File
	name string
	fail func(error)
}

func (f logFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.check("written", err)
}

func (f logFile) Sync() error { return f.check("synced", f.File.Sync()) }

func (f logFile) SyncData() error { return f.check("synced", f.File.SyncData()) }

func (f logFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.check("synced", err)
}

func (f logFile) check(what string, err error) error {
	if err != nil {
		f.fail(fmt.Errorf("storage: the write-ahead log %s could not be %s: %w", f.name, what, err))
	}
	return err
}
