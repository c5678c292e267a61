// Package pebblekv is the embedded storage engine: snapshot isolation with
// first-writer-wins locks on top of Pebble.
//
// # What it owns
//
// The bytes on disk (key spaces, comparer, merger, format version), the clock
// that names states, the lock table, and the overlay of an open transaction. It
// knows nothing of documents, indexes or sessions.
//
// # How a commit works
//
// The goal is that a timestamp names exactly one state: timestamp order, apply
// order and visibility order are the same. A commit therefore has one short
// critical section, entered with a finished batch:
//
//  1. take the timestamp,
//  2. patch it into the batch, which sets one fixed key to it,
//  3. apply the batch without waiting for the disk,
//  4. mark the transaction committed, which stamps and frees all its locks,
//  5. run the OnCommit callbacks, publish the timestamp.
//
// The sync of the write-ahead log, which Pebble groups, is awaited afterwards.
//
// A snapshot that was taken while no commit was under way has the timestamp
// published before it. Otherwise it reads the fixed key from itself. Either way
// it is exact, and no reader waits for a writer.
//
// # Locks
//
// A key is held by a transaction, and remembers the last one that committed it.
// An entry may be forgotten when its commit is at or below the floor: the
// smallest of the published timestamp and the lower bounds of all registered
// transactions. A transaction registers before it takes its snapshot, and the
// sweeper reads the published timestamp before the registry, so no transaction
// ever begins below the floor.
//
// # Lock order
//
// txn.mu, DB.commitMu, lockShard.mu, then the leaves: registry.mu,
// sweepQueue.mu, durability.mu, history.mu, waitGraph.mu.
package pebblekv
