// Package tandemtest gives tests a database of their own: in memory, ready in
// milliseconds, without a port, and gone with the test.
//
//	func TestOrders(t *testing.T) {
//		db := tandemtest.New(t)
//		orders := db.Database("shop").Collection("orders")
//		…
//	}
//
// Tests that share expensive fixtures load them once, take a [DB.Snapshot] and
// [DB.Restore] it before each case.
package tandemtest

import (
	"context"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/tandemdb/tandem"
)

// DB is a client of the official driver, connected to a database that exists for one test.
type DB struct {
	*mongo.Client

	t  testing.TB
	db *tandem.DB
}

// Sizes that are plenty for tests and cost little to set up.
const (
	cacheBytes     = 32 << 20
	memTableBytes  = 8 << 20
	txnMemoryBytes = 256 << 20
)

// New returns a client of a new, empty database in memory. Both are closed when the test
// and its subtests have ended. It fails the test if there is no database to be had.
func New(t testing.TB) *DB {
	t.Helper()
	return NewWithOptions(t, nil)
}

// NewWithOptions is New for a database with options, such as a clock that the test moves.
// The database is in memory in any case.
func NewWithOptions(t testing.TB, opts *tandem.Options) *DB {
	t.Helper()
	var o tandem.Options
	if opts != nil {
		o = *opts
	}
	o.InMemory = true
	if o.CacheBytes == 0 {
		o.CacheBytes = cacheBytes
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = memTableBytes
	}
	if o.TxnMemoryBytes == 0 {
		o.TxnMemoryBytes = txnMemoryBytes
	}
	db, err := tandem.Open("", &o)
	if err != nil {
		t.Fatalf("tandemtest: open: %v", err)
	}
	client, err := db.Client(context.Background())
	if err != nil {
		_ = db.Close()
		t.Fatalf("tandemtest: connect: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := client.Disconnect(context.Background()); err != nil {
			t.Errorf("tandemtest: disconnect: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("tandemtest: close: %v", err)
		}
	})
	return &DB{Client: client, t: t, db: db}
}

// Embedded returns the database itself, for tests that serve it on a port or want
// clients with options of their own.
func (d *DB) Embedded() *tandem.DB { return d.db }

// Snapshot is the content of a database at one moment.
type Snapshot struct{ s *tandem.Snapshot }

// Snapshot copies the committed content of the database: collections, indexes and users.
func (d *DB) Snapshot() Snapshot {
	d.t.Helper()
	s, err := d.db.Snapshot(context.Background())
	if err != nil {
		d.t.Fatalf("tandemtest: snapshot: %v", err)
	}
	return Snapshot{s}
}

// Restore puts the content of the database back to what it was at the snapshot. The
// client stays connected; open cursors, sessions and transactions come to nothing. It
// can be called any number of times, but not while statements run.
func (d *DB) Restore(s Snapshot) {
	d.t.Helper()
	if err := d.db.Restore(context.Background(), s.s); err != nil {
		d.t.Fatalf("tandemtest: restore: %v", err)
	}
}
