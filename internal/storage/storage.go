// Package storage is the contract between the document layer and a
// transactional, ordered key-value engine.
//
// The layer above reaches the store only through a [Txn] or a [Reader]. An
// engine gives snapshot isolation with first-writer-wins conflicts that are
// reported when a key is locked, never at commit. Package storagetest is this
// contract in executable form.
package storage

import (
	"context"
	"time"
)

// Timestamp names exactly one state of the store. It has the shape of a BSON
// timestamp: seconds since the epoch in the upper 32 bits, an increment in the
// lower 32 bits. Timestamp order is commit order is visibility order.
type Timestamp uint64

// MakeTimestamp builds a Timestamp from its two BSON halves.
func MakeTimestamp(seconds, increment uint32) Timestamp {
	return Timestamp(uint64(seconds)<<32 | uint64(increment))
}

// Seconds returns the upper half: seconds since the Unix epoch.
func (t Timestamp) Seconds() uint32 { return uint32(t >> 32) }

// Increment returns the lower half: the ordinal within the second.
func (t Timestamp) Increment() uint32 { return uint32(t) }

// Engine is one open store. All methods are safe for concurrent use.
type Engine interface {
	// Now returns the newest published timestamp: every commit at or below it
	// is visible to a Snapshot or Txn begun afterwards.
	Now(ctx context.Context) (Timestamp, error)

	// Snapshot returns a reader of the state named by at; zero means now.
	// It fails with ErrSnapshotTooOld where that state is no longer kept.
	Snapshot(ctx context.Context, at Timestamp) (Reader, error)

	// Begin starts a read-write transaction on the newest state, or on the
	// state opts.At names.
	Begin(ctx context.Context, opts TxnOptions) (Txn, error)

	// Await returns when the holder named by the conflict has ended, at once
	// if it already has, or with ctx's error.
	Await(ctx context.Context, conflict *ConflictError) error

	// WaitDurable returns when every commit at or below ts would survive a
	// power cut.
	WaitDurable(ctx context.Context, ts Timestamp) error

	// CommitStatus resolves an undetermined commit. It fences: after it
	// answered Aborted, that transaction can never commit.
	CommitStatus(ctx context.Context, token TxnToken) (State, Timestamp, error)

	// Changes iterates over the payloads of Txn.SetChange in commit order,
	// starting above from and never past the durable timestamp.
	Changes(ctx context.Context, from Timestamp) (ChangeIter, error)

	// Counter returns the newest committed value of a counter that Txn.Add
	// changes; zero where it was never changed.
	Counter(ctx context.Context, key []byte) (int64, error)

	// DestroyRange removes [lo, hi) for good and at once. It is not
	// transactional: the caller guarantees that nobody writes the range any
	// more. Snapshots and transactions that have begun still see it.
	DestroyRange(ctx context.Context, lo, hi []byte) error

	// Checkpoint writes a consistent, openable copy of the store to dir,
	// which must not exist. Engines that cannot return ErrUnsupported.
	Checkpoint(ctx context.Context, dir string) error

	// Limits states what the layer above must chunk by.
	Limits() Limits

	// Close ends the engine. Open transactions are rolled back. It is
	// idempotent.
	Close() error
}

// Limits are an engine's hard bounds, in bytes.
type Limits struct {
	MaxKey      int
	MaxValue    int
	MaxTxnBytes int
}

// Reader reads one immutable state.
type Reader interface {
	// Get appends the value of key to dst and returns the extended slice, which
	// the caller owns, and whether the key exists.
	Get(ctx context.Context, key, dst []byte) ([]byte, bool, error)

	// BatchGet calls fn for every key that exists, in the order of keys. value
	// is valid during the call only.
	BatchGet(ctx context.Context, keys [][]byte, fn func(i int, value []byte) error) error

	// Scan iterates over [lo, hi), a nil bound being open, in the state as of
	// this call: later writes of the own transaction do not show. It copies lo and hi.
	Scan(ctx context.Context, lo, hi []byte, opts ScanOptions) (Iter, error)

	// Timestamp names the state that is read (own writes apart).
	Timestamp() Timestamp

	// Close releases the reader. It is idempotent; for a Txn it is Rollback.
	Close() error
}

// ScanOptions tune a Scan.
type ScanOptions struct {
	Reverse  bool
	Limit    int  // at most this many entries; zero is no limit
	KeysOnly bool // Value may return nil
}

// Iter walks a range. It starts before its first entry. It is not safe for
// concurrent use.
type Iter interface {
	// Next moves to the next entry in scan direction and reports whether
	// there is one.
	Next() bool

	// Seek moves to the first entry at or after key in scan direction (so at
	// or before it in byte order when the scan is reversed), forward or
	// backward of the current position, within the scan's bounds.
	Seek(key []byte) bool

	// Key and Value return the current entry, valid until the next call of
	// Next, Seek or Close. They must not be changed.
	Key() []byte
	Value() []byte

	// Err returns the error that ended the iteration, if any.
	Err() error

	// Close releases the iterator and returns Err. It is idempotent.
	Close() error
}

// ChangeIter walks committed change payloads.
type ChangeIter interface {
	Next() bool
	Timestamp() Timestamp
	Payload() []byte // valid until the next call of Next or Close
	Err() error
	Close() error
}

// TxnOptions describe a transaction to begin. The zero value is a transaction on
// the newest state whose Lock fails at the first conflict.
type TxnOptions struct {
	// At begins on an older state that is still kept, zero means now.
	At Timestamp

	// LockWait is how long one Lock call may wait for holders to end. Zero
	// fails at once with *ConflictError, which is MongoDB's behaviour.
	LockWait time.Duration

	// Brief says that the transaction ends within milliseconds, as one that
	// serves a single statement. The engine may then begin it more cheaply, at
	// the price of resources that must not be held for long.
	Brief bool

	// Tag is opaque to the engine and returned in TxnInfo for diagnosis.
	Tag any
}

// Txn is a transaction: a Reader that sees its own writes, and the only way to
// change the store. It is used by one goroutine at a time.
type Txn interface {
	Reader

	// Lock takes the keys for writing. It is the only call that conflicts or
	// waits. A key held by another transaction or committed after Timestamp
	// gives *ConflictError, before any *KeyExistsError or *KeyMissingError of
	// the requested mode. On error no lock of this call is kept.
	Lock(ctx context.Context, reqs []LockRequest) error

	// Put and Delete buffer a write. Records and unique keys must have been
	// locked (invariant builds panic); other index entries contain their
	// record's key and are protected by its lock. The engine copies key and
	// value.
	Put(key, value []byte)
	Delete(key []byte)

	// Add changes a counter by delta. Counters commute: no lock, no conflict.
	// Counter keys are a key space of their own.
	Add(key []byte, delta int64)

	// OnCommit registers fn to be called with the commit timestamp inside the
	// commit's critical section: after the batch was applied, before the
	// timestamp is published, one commit at a time in timestamp order. fn must
	// be short and must not call the engine.
	OnCommit(fn func(Timestamp))

	// SetChange sets the one opaque payload this commit publishes through
	// Engine.Changes.
	SetChange(payload []byte)

	// Refresh moves Timestamp to now and keeps all locks. It may be called
	// only while nothing that was read has been used.
	Refresh(ctx context.Context) error

	// Savepoint names the current state of the own writes; RollbackTo returns
	// to it. Both are O(1). Locks taken since stay held. A savepoint can be
	// used more than once; rolling back forgets the later ones.
	Savepoint() Savepoint
	RollbackTo(Savepoint)

	// Bytes is the memory that the own writes and locks take.
	Bytes() int

	// Writes reports whether there is anything to commit.
	Writes() bool

	// Info returns what other transactions see of this one in conflicts.
	Info() *TxnInfo

	// Commit publishes the writes atomically. It fails with ErrTxnTooLarge,
	// ErrTxnMemory
	// or *UndeterminedError. The transaction has ended afterwards.
	Commit(ctx context.Context, d Durability) (Timestamp, error)

	// Rollback drops the writes and frees the locks. It is idempotent and a
	// no-op after Commit.
	Rollback()
}

// Savepoint is an opaque mark inside one transaction.
type Savepoint int

// LockMode is the condition a locked key must fulfil.
type LockMode uint8

// The lock modes.
const (
	LockAny    LockMode = iota // the key may or may not exist
	LockExist                  // the key must exist, else *KeyMissingError
	LockAbsent                 // the key must not exist, else *KeyExistsError
)

// LockRequest names one key to lock and the condition it must fulfil, judged on
// the transaction's own view.
type LockRequest struct {
	Key  []byte
	Mode LockMode
}

// Durability says when Commit returns.
type Durability uint8

// The durabilities.
const (
	// Synced returns after the commit is on stable storage.
	Synced Durability = iota
	// Buffered returns at once; the engine syncs within 100 ms.
	Buffered
)

// State is the outcome of a transaction.
type State uint8

// The outcomes.
const (
	StateUnknown State = iota
	StateOpen
	StateCommitted
	StateAborted
)

// TxnToken identifies a transaction for CommitStatus. It is opaque and at most
// 64 bytes.
type TxnToken string
