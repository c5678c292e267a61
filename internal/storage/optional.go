package storage

import "context"

// The interfaces here are what some engines can do beyond Engine and Txn. They
// are found by type assertion.

// HistoryKeeper is an Engine that can keep older states readable. An engine
// bounds their number and their age since the last use.
type HistoryKeeper interface {
	// Keep keeps the state named at for Snapshot and Begin. It fails with
	// ErrSnapshotTooOld where that state is gone, with ErrSnapshotInFuture
	// where it does not exist yet.
	Keep(ctx context.Context, at Timestamp) error

	// KeepNow keeps the newest state and returns its name.
	KeepNow(ctx context.Context) (Timestamp, error)
}

// ChangeTrimmer is an Engine whose recorded changes can be dropped.
type ChangeTrimmer interface {
	// TrimChanges drops the payloads at or below upTo. Changes from before it
	// fails with ErrSnapshotTooOld afterwards.
	TrimChanges(ctx context.Context, upTo Timestamp) error
}

// FailureTeller is a Txn that knows before its next Lock or Commit that it will
// fail.
type FailureTeller interface {
	// Err returns ErrTxnMemory after a Put, Delete, Add or SetChange that did
	// not fit, until a RollbackTo before it.
	Err() error
}

// Tokener is a Txn that can name itself for CommitStatus before its Commit.
type Tokener interface {
	Token() TxnToken
}

// SizeEstimator is an Engine that knows about how many bytes a range takes on
// disk.
type SizeEstimator interface {
	EstimateSize(lo, hi []byte) (int64, error)
}
