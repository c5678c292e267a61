package tandem

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tandemdb/tandem/internal/command"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
	"github.com/tandemdb/tandem/internal/txn"
	"github.com/tandemdb/tandem/internal/wire"
)

// stack is everything between the connections and the files.
type stack struct {
	engine  storage.Engine
	service *command.Service
}

// openStack opens the store of db on fs.
func openStack(db *DB, fs vfs.FS) (*stack, error) {
	ctx, o := context.Background(), &db.opts
	engine, err := pebblekv.Open(db.path, &pebblekv.Options{
		FS:            fs,
		CacheBytes:    o.CacheBytes,
		MemTableBytes: o.MemTableBytes / memTables,
		MemTables:     memTables,
		TxnMemory:     o.TxnMemoryBytes,
		Logger:        o.Logger,
		Now:           o.Now,
		Fatal:         o.Fatal,
		MustLock:      layout.MustLock,
	})
	if err != nil {
		return nil, fmt.Errorf("tandem: %w", err)
	}
	service, err := newService(ctx, db, engine)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tandem: %w", err), engine.Close())
	}
	return &stack{engine: engine, service: service}, nil
}

func newService(ctx context.Context, db *DB, engine storage.Engine) (*command.Service, error) {
	o := &db.opts
	store, err := txn.Open(ctx, engine, &txn.StoreOptions{CompileFilter: compilePartial})
	if err != nil {
		return nil, err
	}
	sessions, err := session.Open(ctx, session.Config{Store: store, Logger: o.Logger, Now: o.Now})
	if err != nil {
		return nil, err
	}
	service := command.New(command.Config{
		Store:        store,
		Sessions:     sessions,
		Logger:       o.Logger,
		Now:          o.Now,
		Build:        Version,
		AuthRequired: o.Auth,
		DataDir:      db.path,
		Argv:         o.Argv,
		Stats:        db.server.Stats,
		Shutdown:     o.Shutdown,
		LogLines:     o.LogLines,
		ClearLog:     o.ClearLog,
	})
	if err := service.Start(ctx); err != nil {
		return nil, err
	}
	return service, nil
}

func (s *stack) close() error {
	s.service.Close()
	return s.engine.Close()
}

// router passes statements on to the current stack, so that Restore can replace it
// under open connections.
type router struct {
	current atomic.Pointer[stack]
}

func (r *router) Handle(ctx context.Context, c *command.Conn, m *wire.Message, dst []byte) ([]byte, command.Action) {
	return r.current.Load().service.Handle(ctx, c, m, dst)
}

func (r *router) Next(ctx context.Context, c *command.Conn, m *wire.Message, dst []byte) ([]byte, command.Action) {
	return r.current.Load().service.Next(ctx, c, m, dst)
}

func (r *router) Closed(c *command.Conn) { r.current.Load().service.Closed(c) }
