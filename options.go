package tandem

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Version is the version of the program.
const Version = "0.1.0"

// Options configure a database. The zero value works.
type Options struct {
	// InMemory keeps everything in memory; the path is not used then.
	InMemory bool

	// CacheBytes is the size of the block cache, 256 MB by default.
	CacheBytes int64

	// MemTableBytes is the memory for writes that are not in sorted files yet, 64 MB by
	// default.
	MemTableBytes int64

	// TxnMemoryBytes bounds what all open transactions together have written, a
	// quarter of CacheBytes by default. One transaction may write at most 256 MB.
	TxnMemoryBytes int64

	// MaxConnections is the number of network connections at one time, 65,536 by
	// default.
	MaxConnections int

	// Advertise is the host:port that network clients are told to connect to. The default
	// is the address each of them has connected to.
	Advertise string

	// TLS makes Serve accept encrypted connections only.
	TLS *tls.Config

	// Auth makes network clients authenticate before they can do anything. Clients
	// from DB.Client are part of the program and need not.
	Auth bool

	// RootUser and RootPassword, if set, name a user of the database admin that Open
	// creates, or whose password it sets.
	RootUser     string
	RootPassword string

	// Logger gets the log. The default discards it.
	Logger *slog.Logger

	// Now is the wall clock. Tests may set one that they move.
	Now func() time.Time

	// FS is the file system, the operating system's by default. It is there for
	// tests that need disks to fail.
	FS vfs.FS

	// Fatal is called when the disk has failed in such a way that nothing can be
	// acknowledged any more. The default logs the error and ends the process.
	Fatal func(error)

	// Shutdown is called when a client with the right to do so sends the shutdown
	// command, which is refused if Shutdown is nil. It must not wait for Close.
	Shutdown func()

	// Argv is the command line, and LogLines the newest lines of the log, that
	// clients can ask for; ClearLog forgets these. All may be nil.
	Argv     []string
	LogLines func() []string
	ClearLog func()
}

const (
	defaultCacheBytes    = 256 << 20
	defaultMemTableBytes = 64 << 20

	// memTables is the number of memtables that share Options.MemTableBytes: one
	// takes writes while the other is written to a file.
	memTables        = 2
	minMemTableBytes = memTables << 20

	// txnMemoryShare is the part of the cache that transactions may use.
	txnMemoryShare = 4
)

// withDefaults returns a copy of o, which may be nil, without zero fields.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = defaultCacheBytes
	}
	if c.MemTableBytes == 0 {
		c.MemTableBytes = defaultMemTableBytes
	}
	if c.TxnMemoryBytes == 0 {
		c.TxnMemoryBytes = c.CacheBytes / txnMemoryShare
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (o *Options) validate() error {
	switch {
	case o.CacheBytes < 0:
		return fmt.Errorf("tandem: CacheBytes is negative: %d", o.CacheBytes)
	case o.TxnMemoryBytes < 0:
		return fmt.Errorf("tandem: TxnMemoryBytes is negative: %d", o.TxnMemoryBytes)
	case o.MemTableBytes < minMemTableBytes:
		return fmt.Errorf("tandem: MemTableBytes is %d, less than %d", o.MemTableBytes, minMemTableBytes)
	case (o.RootUser == "") != (o.RootPassword == ""):
		return fmt.Errorf("tandem: RootUser and RootPassword go together")
	case o.InMemory && o.FS != nil:
		return fmt.Errorf("tandem: FS does not go with a database in memory")
	}
	return nil
}
