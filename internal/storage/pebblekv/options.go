package pebblekv

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options configure a store. The zero value works.
type Options struct {
	// FS is where the files are; nil is the operating system's file system.
	FS vfs.FS

	// CacheBytes is the size of the block cache, 256 MB by default.
	CacheBytes int64

	// MemTableBytes is the size of one memtable, 32 MB by default, and
	// MemTables how many may exist before writes stall, 2 by default.
	MemTableBytes int64
	MemTables     int

	// TxnMemory bounds the writes and locks of all open transactions together,
	// TxnMemoryMax those of one; 256 MB each by default.
	TxnMemory    int64
	TxnMemoryMax int64

	// Logger receives the few events worth an operator's attention; nil is
	// slog.Default.
	Logger *slog.Logger

	// Now is the wall clock, time.Now by default.
	Now func() time.Time

	// Fatal is called when the store cannot go on, before anything that rests
	// on the failed write is acknowledged. It should not return; the default
	// logs one line and exits. If it does return, every further call fails.
	Fatal func(error)

	// MustLock tells which keys must be locked before they are written. It is
	// checked in builds with the tag invariants only.
	MustLock func(key []byte) bool
}

const (
	defaultCacheBytes    = 256 << 20
	defaultMemTableBytes = 32 << 20
	defaultMemTables     = 2
	defaultTxnMemory     = 256 << 20
)

func (o *Options) withDefaults() *Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = defaultCacheBytes
	}
	if c.MemTableBytes == 0 {
		c.MemTableBytes = defaultMemTableBytes
	}
	if c.MemTables == 0 {
		c.MemTables = defaultMemTables
	}
	if c.TxnMemory == 0 {
		c.TxnMemory = defaultTxnMemory
	}
	if c.TxnMemoryMax == 0 {
		c.TxnMemoryMax = defaultTxnMemory
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Fatal == nil {
		log := c.Logger
		c.Fatal = func(err error) {
			log.Error("storage failed, ending the process", "error", err)
			os.Exit(1)
		}
	}
	return &c
}

func (o *Options) validate() error {
	switch {
	case o.CacheBytes < 0, o.MemTableBytes < 0, o.TxnMemory < 0, o.TxnMemoryMax < 0:
		return fmt.Errorf("storage: a size option is negative")
	case o.MemTableBytes < 1<<16:
		return fmt.Errorf("storage: MemTableBytes is %d, less than 64 KB", o.MemTableBytes)
	case o.MemTableBytes > 1<<30:
		return fmt.Errorf("storage: MemTableBytes is %d, more than 1 GB", o.MemTableBytes)
	case o.MemTables < 2:
		return fmt.Errorf("storage: MemTables is %d, less than 2", o.MemTables)
	}
	return nil
}

// pebbleOptions translates o. Numbers that differ from Pebble's defaults were
// chosen by measurement, see docs/storage.md.
func (db *DB) pebbleOptions() *pebble.Options {
	o := db.opts
	p := &pebble.Options{
		FS:                          logFS{o.FS, db.fail},
		CacheSize:                   o.CacheBytes,
		MemTableSize:                uint64(o.MemTableBytes),
		MemTableStopWritesThreshold: o.MemTables,
		FormatMajorVersion:          formatMajor,
		Comparer:                    comparer,
		Merger:                      merger,
		L0CompactionThreshold:       2,
		L0CompactionFileThreshold:   500,
		L0StopWritesThreshold:       l0StopWrites,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                4096,
		FlushDelayDeleteRange:       5 * time.Second,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		Logger:                      pebbleLogger{db},
		EventListener:               db.eventListener(),
	}
	p.Levels[0].BlockSize = 16 << 10
	p.Levels[0].IndexBlockSize = 256 << 10
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	// Nearly all keys are in the last level: a filter there would say yes.
	p.Levels[len(p.Levels)-1].FilterPolicy = pebble.NoFilterPolicy
	p.Experimental.EnableColumnarBlocks = func() bool { return true }
	p.Experimental.EnableDeleteOnlyCompactionExcises = func() bool { return true }
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	return p
}

// pebbleLogger drops Pebble's chatter and turns its fatal errors into ours.
type pebbleLogger struct{ db *DB }

func (pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.db.opts.Logger.Warn("storage", "event", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.db.fail(fmt.Errorf("storage: "+format, args...))
}
