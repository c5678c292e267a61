package txn

import (
	"bytes"
	"context"

	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/storage"
)

// Reclaim destroys the key ranges of dropped collections and indexes, and of index builds that
// were given up. It may run at any time: a range is put on the list by a commit made under
// the collection's exclusive lock, so nobody read it then; by the catalog, whose
// idents are never used again, only older snapshots find it later, and these keep what they see.
func (s *Store) Reclaim(ctx context.Context) error {
	keys, err := s.garbage(ctx)
	if err != nil || len(keys) == 0 {
		return err
	}
	now, err := s.Engine.Now(ctx)
	if err != nil {
		return err
	}
	// What made a range garbage must not be undone by a crash after its destruction.
	if err := s.Engine.WaitDurable(ctx, now); err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.destroy(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// garbage returns the keys of the garbage list but for indexes under construction.
func (s *Store) garbage(ctx context.Context) ([][]byte, error) {
	// The list is read under the mutex: an index that is built and published meanwhile is
	// either not on it any more or still known as under construction.
	s.building.Lock()
	defer s.building.Unlock()
	r, err := s.Engine.Snapshot(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	lo, hi := layout.GarbageRange()
	it, err := r.Scan(ctx, lo, hi, storage.ScanOptions{KeysOnly: true})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var keys [][]byte
	for it.Next() {
		_, first := layout.SplitGarbage(it.Key())
		if kind, id, _ := layout.Split(first); kind == layout.KindIndex && s.building.m[id] {
			continue
		}
		keys = append(keys, bytes.Clone(it.Key()))
	}
	return keys, it.Err()
}

// destroy destroys one range of the list, with what is kept beside it, then takes it from the
// list.
func (s *Store) destroy(ctx context.Context, key []byte) error {
	_, first := layout.SplitGarbage(key)
	if err := s.Engine.DestroyRange(ctx, first, layout.RangeEnd(first)); err != nil {
		return err
	}
	t, err := s.Engine.Begin(ctx, storage.TxnOptions{})
	if err != nil {
		return err
	}
	defer t.Rollback()
	switch kind, id, _ := layout.Split(first); kind {
	case layout.KindRecord:
		t.Delete(layout.RecordIDs(id))
		t.Delete(layout.Mark(id, cutMark))
	case layout.KindIndex:
		lo, hi := layout.MarkRange(id)
		it, err := t.Scan(ctx, lo, hi, storage.ScanOptions{KeysOnly: true})
		if err != nil {
			return err
		}
		for it.Next() {
			t.Delete(it.Key())
		}
		if err := it.Close(); err != nil {
			return err
		}
	}
	t.Delete(key)
	_, err = t.Commit(ctx, storage.Buffered)
	return storageError(err)
}
