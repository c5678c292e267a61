package tandem

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tandemdb/tandem/internal/server"
	"github.com/tandemdb/tandem/internal/storage"
)

// Errors that Open and the methods of DB wrap.
var (
	// ErrLocked means that another process has the directory open.
	ErrLocked = storage.ErrLocked
	// ErrClosed means that the database is closed.
	ErrClosed = errors.New("tandem: database is closed")
	// ErrNoUsers means that authentication is required and nobody could pass it.
	ErrNoUsers = errors.New("tandem: authentication is required, but the database has no users")
)

// memoryPath is the path that stands for a database in memory.
const memoryPath = ":memory:"

// Close gives statements this long before it interrupts them, and open
// transactions, for which others may wait, a part of it.
const (
	statementGrace   = 3 * time.Second
	transactionGrace = 500 * time.Millisecond
)

// DB is an open database. Its methods are safe for concurrent use.
type DB struct {
	opts   Options
	path   string // inside opts.FS
	server *server.Server
	router router

	swap sync.Mutex // held by Restore and Close

	closeOnce sync.Once
	closed    atomic.Bool
	closeErr  error
}

// Open opens the database in the directory path, and creates it if there is none.
// The path ":memory:" is a new database in memory. opts may be nil.
func Open(path string, opts *Options) (*DB, error) {
	db := &DB{opts: opts.withDefaults()}
	if path == memoryPath {
		db.opts.InMemory = true
	}
	if err := db.opts.validate(); err != nil {
		return nil, err
	}
	switch {
	case db.opts.InMemory:
		db.path, db.opts.FS = "data", vfs.NewMem()
	case path == "":
		return nil, errors.New("tandem: no path to open")
	case db.opts.FS == nil:
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("tandem: %w", err)
		}
		db.path, db.opts.FS = abs, vfs.Default
	default:
		db.path = path
	}
	db.server = server.New(server.Options{
		Handler:        &db.router,
		Logger:         db.opts.Logger,
		TLS:            db.opts.TLS,
		Advertise:      db.opts.Advertise,
		MaxConnections: db.opts.MaxConnections,
		Now:            db.opts.Now,
	})
	st, err := openStack(db, db.opts.FS)
	if err != nil {
		return nil, err
	}
	db.router.current.Store(st)
	if err := db.ensureRoot(st); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// ensureRoot creates the root user of the options.
func (db *DB) ensureRoot(st *stack) error {
	if db.opts.RootUser != "" {
		return st.service.EnsureUser(context.Background(), "admin", db.opts.RootUser, db.opts.RootPassword)
	}
	if db.opts.Auth && !st.service.HasUsers() {
		return ErrNoUsers
	}
	return nil
}

// Serve accepts network connections from l until the database is closed, which makes
// it return nil, or l fails. It closes l. It may be called with several listeners.
func (db *DB) Serve(l net.Listener) error {
	err := db.server.Serve(context.Background(), l)
	if errors.Is(err, server.ErrClosed) {
		return ErrClosed
	}
	return err
}

// Close lets running statements finish, for a few seconds at most, aborts open
// transactions, closes all connections and the store. Calling it again returns
// what the first call did.
func (db *DB) Close() error {
	db.closeOnce.Do(func() {
		db.swap.Lock()
		defer db.swap.Unlock()
		db.closed.Store(true)
		st := db.router.current.Load()
		ctx, cancel := context.WithTimeout(context.Background(), statementGrace)
		defer cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			db.server.Shutdown(ctx)
		}()
		select {
		case <-done:
		case <-time.After(transactionGrace):
			// A statement may be waiting for a transaction whose client will never
			// be able to end it.
			st.service.Close()
		}
		<-done
		db.closeErr = st.close()
	})
	return db.closeErr
}
