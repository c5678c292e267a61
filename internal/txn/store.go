// Package txn is the document transaction: records, index entries, catalog and counters,
// read and written through one storage transaction.
//
// A Store is one open database. A Txn is used by one statement at a time; a View is the
// read side, of a transaction or of a plain snapshot.
package txn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// Store is a database of documents on a storage engine. It is safe for concurrent use.
type Store struct {
	Engine  storage.Engine
	Catalog *catalog.Catalog

	// LockTimeout is how long a session transaction waits for a collection lock:
	// maxTransactionLockRequestTimeoutMillis. Negative waits for ever.
	LockTimeout atomic.Int64 // time.Duration

	// NoCreation takes from session transactions the right to create collections:
	// shouldMultiDocTxnCreateCollectionAndIndexes.
	NoCreation atomic.Bool

	// CreationFault, if set, is asked for an error when a session's transaction creates a collection.
	// It is there for tests, and set before the store is used.
	CreationFault func() error

	ids idHints

	compileFilter func(filter bsonx.Doc, coll *collation.Collation) (catalog.Filter, error)

	nextIdent atomic.Uint32
	identMu   sync.Mutex
	identEnd  uint32 // idents below are reserved on disk
	reserveMu sync.Mutex

	building struct {
		sync.Mutex
		m map[layout.Ident]bool // indexes under construction, which are no garbage
	}
}

// StoreOptions are what a Store needs from the layers above it.
type StoreOptions struct {
	// CompileFilter compiles the filter of a partial index with its collation. Without it partial indexes
	// are refused.
	CompileFilter func(filter bsonx.Doc, coll *collation.Collation) (interface{ Matches(doc bsonx.Doc) bool }, error)
}

const (
	identBlock    = 1000
	recordIDBlock = 10_000
)

// DefaultLockTimeout is MongoDB's default of maxTransactionLockRequestTimeoutMillis.
const DefaultLockTimeout = 5 * time.Millisecond

// Open loads the catalog from the engine and destroys what index builds left behind that a
// crash interrupted. nil options are the zero StoreOptions. The Store does not close the
// engine.
func Open(ctx context.Context, eng storage.Engine, opts *StoreOptions) (*Store, error) {
	if opts == nil {
		opts = &StoreOptions{}
	}
	s := &Store{Engine: eng, ids: newIDHints(), compileFilter: opts.CompileFilter}
	s.building.m = make(map[layout.Ident]bool)
	s.LockTimeout.Store(int64(DefaultLockTimeout))
	r, err := eng.Snapshot(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	colls, err := s.load(ctx, r)
	if err != nil {
		return nil, err
	}
	s.Catalog = catalog.New(colls)
	mark, _, err := readInt(ctx, r, layout.NextIdent())
	if err != nil {
		return nil, err
	}
	s.nextIdent.Store(uint32(max(mark, 1)))
	s.identEnd = uint32(max(mark, 1))
	return s, s.Reclaim(ctx)
}

func (s *Store) load(ctx context.Context, r storage.Reader) ([]*catalog.Collection, error) {
	lo, hi := layout.CatalogRange()
	it, err := r.Scan(ctx, lo, hi, storage.ScanOptions{})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var colls []*catalog.Collection
	for it.Next() {
		c, err := catalog.Decode(bsonx.Doc(it.Value()).Clone(), r.Timestamp())
		if err != nil {
			return nil, err
		}
		if err := loadState(ctx, r, c); err != nil {
			return nil, err
		}
		for _, x := range c.Indexes {
			if err := s.prepareIndex(x); err != nil {
				return nil, err
			}
		}
		colls = append(colls, c)
	}
	return colls, it.Err()
}

// loadState reads what is kept beside a collection's description.
func loadState(ctx context.Context, r storage.Reader, c *catalog.Collection) error {
	reserved, _, err := readInt(ctx, r, layout.RecordIDs(c.ID))
	if err != nil {
		return err
	}
	c.State.NextID.Store(max(reserved, 1))
	c.State.Reserved.Store(max(reserved, 1))
	if c.Clustered {
		marks, err := loadMarks(ctx, r, c.ID)
		if err != nil {
			return err
		}
		c.State.CutIDs.Store(marks&catalog.CutKeys != 0)
	}
	for _, x := range c.Indexes {
		marks, err := loadMarks(ctx, r, x.ID)
		if err != nil {
			return err
		}
		x.Mark(marks)
	}
	return nil
}

func loadMarks(ctx context.Context, r storage.Reader, id layout.Ident) (marks uint64, err error) {
	lo, hi := layout.MarkRange(id)
	it, err := r.Scan(ctx, lo, hi, storage.ScanOptions{KeysOnly: true})
	if err != nil {
		return 0, err
	}
	for it.Next() {
		k := it.Key()
		marks |= 1 << k[len(k)-1]
	}
	return marks, it.Close()
}

// prepareIndex completes an index that was made from its specification.
func (s *Store) prepareIndex(x *catalog.Index) error {
	if x.PartialFilter == nil {
		return nil
	}
	if s.compileFilter == nil {
		return mongoerr.New(mongoerr.NotImplemented, "index option 'partialFilterExpression' is not supported")
	}
	f, err := s.compileFilter(x.PartialFilter, x.Collation)
	if err != nil {
		return err
	}
	x.Filter = f
	return nil
}

func readInt(ctx context.Context, r storage.Reader, key []byte) (int64, bool, error) {
	b, ok, err := r.Get(ctx, key, nil)
	if err != nil || !ok {
		return 0, false, err
	}
	if len(b) != 8 {
		return 0, false, fmt.Errorf("txn: %w: key %x has a value of %d bytes", storage.ErrCorruption, key, len(b))
	}
	return int64(binary.BigEndian.Uint64(b)), true, nil
}

func encodeInt(i int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// put writes one key in a transaction of its own, without waiting for the disk: whoever
// relies on it commits later, to the same log.
func (s *Store) put(ctx context.Context, key, value []byte) error {
	t, err := s.Engine.Begin(ctx, storage.TxnOptions{LockWait: time.Minute, Brief: true})
	if err != nil {
		return err
	}
	defer t.Rollback()
	for {
		err := t.Lock(ctx, []storage.LockRequest{{Key: key}})
		if err == nil {
			break
		}
		if _, ok := errors.AsType[*storage.ConflictError](err); !ok {
			return err
		}
		if err := t.Refresh(ctx); err != nil {
			return err
		}
	}
	t.Put(key, value)
	_, err = t.Commit(ctx, storage.Buffered)
	return err
}

// newIdent returns an ident that was never used.
func (s *Store) newIdent(ctx context.Context) (layout.Ident, error) {
	s.identMu.Lock()
	defer s.identMu.Unlock()
	id := s.nextIdent.Load()
	if id >= s.identEnd {
		if err := s.put(ctx, layout.NextIdent(), encodeInt(int64(id)+identBlock)); err != nil {
			return 0, err
		}
		s.identEnd = id + identBlock
	}
	s.nextIdent.Store(id + 1)
	return layout.Ident(id), nil
}

// newRecordID returns a heap record id of c that was never used.
func (s *Store) newRecordID(ctx context.Context, c *catalog.Collection) (int64, error) {
	id := c.State.NextID.Add(1) - 1
	if id < c.State.Reserved.Load() {
		return id, nil
	}
	s.reserveMu.Lock()
	defer s.reserveMu.Unlock()
	if id < c.State.Reserved.Load() {
		return id, nil
	}
	end := id + recordIDBlock
	if err := s.put(ctx, layout.RecordIDs(c.ID), encodeInt(end)); err != nil {
		return 0, err
	}
	c.State.Reserved.Store(end)
	return id, nil
}

// Count returns the number of documents of c in the newest committed state.
func (s *Store) Count(ctx context.Context, c *catalog.Collection) (int64, error) {
	return s.Engine.Counter(ctx, layout.CounterRecords(c.ID))
}

// DataSize returns the BSON bytes of c's documents in the newest committed state.
func (s *Store) DataSize(ctx context.Context, c *catalog.Collection) (int64, error) {
	return s.Engine.Counter(ctx, layout.CounterBytes(c.ID))
}
