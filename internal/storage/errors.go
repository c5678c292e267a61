package storage

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Sentinels, for errors.Is.
var (
	// ErrClosed is returned by every call on a closed engine, reader or txn.
	ErrClosed = errors.New("storage: closed")
	// ErrSnapshotTooOld means that the asked-for state is not kept any more.
	ErrSnapshotTooOld = errors.New("storage: snapshot too old")
	// ErrSnapshotInFuture means that the asked-for state does not exist yet.
	ErrSnapshotInFuture = errors.New("storage: snapshot in the future")
	// ErrTxnTooLarge means that the transaction exceeds Limits.MaxTxnBytes.
	ErrTxnTooLarge = errors.New("storage: transaction too large")
	// ErrTxnMemory means that this transaction's writes, or those of all open
	// transactions together, exceed the engine's memory budget.
	ErrTxnMemory = errors.New("storage: transaction memory exhausted")
	// ErrLocked means that another process has the store open.
	ErrLocked = errors.New("storage: locked")
	// ErrDeadlock means that waiting for a lock would never end.
	ErrDeadlock = errors.New("storage: deadlock")
	// ErrUnsupported means that this engine does not have the operation.
	ErrUnsupported = errors.New("storage: not supported by this engine")
	// ErrCorruption means that the store's bytes are not what was written.
	ErrCorruption = errors.New("storage: corruption")
)

// TxnInfo is what others may know about a transaction. It is small, shared by all
// keys of the transaction and outlives it. It may be partial: a distributed
// engine knows only the start timestamp.
type TxnInfo struct {
	ID      uint64
	Started time.Time
	Start   Timestamp
	Tag     any // TxnOptions.Tag

	state  atomic.Uint32
	commit atomic.Uint64
}

// State returns where the transaction stands now.
func (i *TxnInfo) State() State { return State(i.state.Load()) }

// CommittedAt returns the commit timestamp, zero unless State is StateCommitted.
func (i *TxnInfo) CommittedAt() Timestamp { return Timestamp(i.commit.Load()) }

// SetState records the outcome. Only the engine calls it.
func (i *TxnInfo) SetState(s State, committed Timestamp) {
	i.commit.Store(uint64(committed))
	i.state.Store(uint32(s))
}

// ConflictError says that Key could not be locked: Holder has it, or it was
// committed at CommittedAt, after the transaction's timestamp.
type ConflictError struct {
	Key         []byte
	Holder      *TxnInfo  // nil where the engine does not know any more
	CommittedAt Timestamp // zero while the holder is open
}

func (e *ConflictError) Error() string {
	if e.CommittedAt != 0 {
		return fmt.Sprintf("storage: key %x was committed at %d, after the snapshot", e.Key, e.CommittedAt)
	}
	return fmt.Sprintf("storage: key %x is held by another transaction", e.Key)
}

// KeyExistsError says that a key locked with LockAbsent exists.
type KeyExistsError struct {
	Key   []byte
	Value []byte // the existing value, owned by the receiver
}

func (e *KeyExistsError) Error() string { return fmt.Sprintf("storage: key %x exists", e.Key) }

// KeyMissingError says that a key locked with LockExist does not exist.
type KeyMissingError struct{ Key []byte }

func (e *KeyMissingError) Error() string { return fmt.Sprintf("storage: key %x is missing", e.Key) }

// UndeterminedError says that a commit's outcome is not known. Engine.CommitStatus
// resolves Token.
type UndeterminedError struct {
	Token TxnToken
	Cause error
}

func (e *UndeterminedError) Error() string {
	return fmt.Sprintf("storage: outcome of the commit is unknown: %v", e.Cause)
}

func (e *UndeterminedError) Unwrap() error { return e.Cause }
