package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
)

// engineDB is the storage engine by itself, with keys and values of the sizes that the server
// writes.
type engineDB struct {
	kv storage.Engine
}

// The key ranges that engineDB uses.
const (
	engineRecords layout.Ident = iota + 1
	engineByID
	engineBySeq
	engineByScat
	engineAccounts
	engineAccountsByID
	engineLedger
	engineLedgerByID
)

// sessionRecord stands for the record of a retryable write or a transaction.
var sessionRecord = make([]byte, 80)

func openEngine(dir string) (*engineDB, error) {
	kv, err := pebblekv.Open(filepath.Join(dir, "engine"), &pebblekv.Options{Logger: slog.New(slog.DiscardHandler)})
	return &engineDB{kv: kv}, err
}

func (e *engineDB) usage(context.Context) (usage, error) {
	cpu, err := ownCPU()
	return usage{cpu: cpu, mallocs: -1}, err
}

func rid(id int32) []byte { return layout.AppendHeapID(nil, int64(id)) }

func recordKey(coll layout.Ident, id int32) []byte { return layout.AppendRecord(nil, coll, rid(id)) }

func indexKey(index layout.Ident, v int32) []byte {
	return binary.BigEndian.AppendUint32(layout.AppendIndexPrefix(nil, index), uint32(v))
}

// load writes documents and accounts in transactions of one batch each.
func (e *engineDB) load(ctx context.Context, n int) error {
	for i := 0; i < n; i += batchSize {
		err := e.commit(ctx, storage.Buffered, func(t storage.Txn) error {
			for id := i; id < min(i+batchSize, n); id++ {
				if err := e.put(ctx, t, makeItem(id, n)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return e.commit(ctx, storage.Synced, func(t storage.Txn) error {
		for id := range int32(accounts) {
			if err := insertRecord(ctx, t, engineAccounts, engineAccountsByID, id, make([]byte, 40)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *engineDB) put(ctx context.Context, t storage.Txn, it item) error {
	doc, err := bson.Marshal(it.document())
	if err != nil {
		return err
	}
	t.Put(indexKey(engineBySeq, it.seq), rid(it.id))
	t.Put(indexKey(engineByScat, it.scat), rid(it.id))
	return insertRecord(ctx, t, engineRecords, engineByID, it.id, doc)
}

// insertRecord writes what a document without other indexes than that on _id has in the store.
func insertRecord(ctx context.Context, t storage.Txn, coll, index layout.Ident, id int32, doc []byte) error {
	record, entry := recordKey(coll, id), indexKey(index, id)
	if err := t.Lock(ctx, []storage.LockRequest{{Key: record}, {Key: entry, Mode: storage.LockAbsent}}); err != nil {
		return err
	}
	t.Put(record, doc)
	t.Put(entry, rid(id))
	t.Add(layout.CounterRecords(coll), 1)
	t.Add(layout.CounterBytes(coll), int64(len(doc)))
	return nil
}

// commit runs fn in a transaction.
func (e *engineDB) commit(ctx context.Context, d storage.Durability, fn func(t storage.Txn) error) error {
	t, err := e.kv.Begin(ctx, storage.TxnOptions{Brief: true})
	if err != nil {
		return err
	}
	defer t.Rollback()
	if err := fn(t); err != nil {
		return err
	}
	_, err = t.Commit(ctx, d)
	return err
}

// read runs fn on a snapshot.
func (e *engineDB) read(ctx context.Context, fn func(r storage.Reader) error) error {
	r, err := e.kv.Snapshot(ctx, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	return fn(r)
}

// follow reads the record to which an index entry points.
func follow(ctx context.Context, r storage.Reader, coll layout.Ident, entry []byte) ([]byte, error) {
	id, found, err := r.Get(ctx, entry, nil)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("engine: no entry %x", entry)
	}
	doc, _, err := r.Get(ctx, layout.AppendRecord(nil, coll, id), nil)
	return doc, err
}

func (e *engineDB) findByID(ctx context.Context, w *worker) error {
	return e.find(ctx, indexKey(engineByID, w.any()))
}

func (e *engineDB) findIndexed(ctx context.Context, w *worker) error {
	return e.find(ctx, indexKey(engineByScat, w.any()))
}

func (e *engineDB) find(ctx context.Context, entry []byte) error {
	return e.read(ctx, func(r storage.Reader) error {
		_, err := follow(ctx, r, engineRecords, entry)
		return err
	})
}

func (e *engineDB) rangeInOrder(ctx context.Context, w *worker) error {
	return e.readRange(ctx, engineBySeq, w.rangeStart())
}

func (e *engineDB) rangeScattered(ctx context.Context, w *worker) error {
	return e.readRange(ctx, engineByScat, w.rangeStart())
}

func (e *engineDB) readRange(ctx context.Context, index layout.Ident, start int32) error {
	return e.read(ctx, func(r storage.Reader) error {
		it, err := r.Scan(ctx, indexKey(index, start), indexKey(index, start+rangeSize), storage.ScanOptions{})
		if err != nil {
			return err
		}
		var keys [][]byte
		for it.Next() {
			keys = append(keys, layout.AppendRecord(nil, engineRecords, it.Value()))
		}
		if err := it.Close(); err != nil {
			return err
		}
		out := make([]byte, 0, rangeSize<<10)
		return r.BatchGet(ctx, keys, func(_ int, doc []byte) error {
			out = append(out, doc...)
			return nil
		})
	})
}

// putSession writes the record of a session.
func putSession(ctx context.Context, t storage.Txn, id int32) error {
	key := append(layout.AppendSession(nil), bytes.Repeat(binary.BigEndian.AppendUint32(nil, uint32(id)), 12)...)
	if err := t.Lock(ctx, []storage.LockRequest{{Key: key}}); err != nil {
		return err
	}
	t.Put(key, sessionRecord)
	return nil
}

func (e *engineDB) insert(ctx context.Context, w *worker) error {
	id := w.fresh()
	doc, err := bson.Marshal(makeItem(int(id), w.n).document())
	if err != nil {
		return err
	}
	return e.commit(ctx, storage.Synced, func(t storage.Txn) error {
		if err := insertRecord(ctx, t, engineRecords, engineByID, id, doc); err != nil {
			return err
		}
		return putSession(ctx, t, id)
	})
}

// change locks a record that an index entry points to, and writes it again.
func change(ctx context.Context, t storage.Txn, coll layout.Ident, entry []byte) error {
	id, found, err := t.Get(ctx, entry, nil)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("engine: no entry %x", entry)
	}
	key := layout.AppendRecord(nil, coll, id)
	doc, _, err := t.Get(ctx, key, nil)
	if err != nil {
		return err
	}
	if err := t.Lock(ctx, []storage.LockRequest{{Key: key}}); err != nil {
		return err
	}
	t.Put(key, doc)
	return nil
}

// again repeats fn while it meets a conflict.
func again(w *worker, fn func() error) error {
	for {
		err := fn()
		if _, ok := errors.AsType[*storage.ConflictError](err); !ok {
			return err
		}
		w.aborts++
	}
}

func (e *engineDB) update(ctx context.Context, w *worker) error {
	id := w.any()
	return again(w, func() error {
		return e.commit(ctx, storage.Synced, func(t storage.Txn) error {
			if err := change(ctx, t, engineRecords, indexKey(engineByID, id)); err != nil {
				return err
			}
			return putSession(ctx, t, w.fresh())
		})
	})
}

func (e *engineDB) transfer(ctx context.Context, w *worker) error {
	from, to := pair(w.rng, accounts)
	return again(w, func() error {
		return e.commit(ctx, storage.Synced, func(t storage.Txn) error {
			for _, id := range [...]int32{from, to} {
				if _, err := follow(ctx, t, engineAccounts, indexKey(engineAccountsByID, id)); err != nil {
					return err
				}
			}
			for _, id := range [...]int32{from, to} {
				if err := change(ctx, t, engineAccounts, indexKey(engineAccountsByID, id)); err != nil {
					return err
				}
			}
			id := w.fresh()
			if err := insertRecord(ctx, t, engineLedger, engineLedgerByID, id, make([]byte, 40)); err != nil {
				return err
			}
			return putSession(ctx, t, id)
		})
	})
}
