package session

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// What a session has in the store, behind the session prefix:
//
//	user digest | uuid            -> {n: number, t: date}          the number's transaction was committed
//	user digest | uuid | stmt id  -> {n: number, t: date, r: rec}  the statement was executed
//
// Only the records of the highest number count; others wait to be deleted. Each record is written
// by whoever has the session checked out, so there is never more than one writer of a key.

const (
	idLen        = 32 + 16
	statementLen = idLen + 4
)

func appendKey(dst []byte, id ID) []byte {
	dst = layout.AppendSession(dst)
	dst = append(dst, id.User[:]...)
	return append(dst, id.UUID[:]...)
}

func appendStatementKey(dst []byte, id ID, stmt int32) []byte {
	return binary.BigEndian.AppendUint32(appendKey(dst, id), uint32(stmt))
}

// newKey is an empty buffer that holds any key of this package.
func newKey() []byte { return make([]byte, 0, 1+statementLen) }

func encodeResult(number int64, now time.Time, rec bsonx.Doc) []byte {
	b := bsonx.NewBuilder(make([]byte, 0, 48+len(rec)))
	b.Int64("n", number).Value("t", bsonx.Time(now))
	if rec != nil {
		b.Doc("r", rec)
	}
	return b.Finish()
}

// recordCommit adds the record of a commit to the transaction that it is about.
func (st *Statement) recordCommit(ctx context.Context, t *txn.Txn) error {
	s := st.s
	s.dropStale(t)
	key := appendKey(newKey(), s.id)
	if err := t.Storage().Lock(ctx, []storage.LockRequest{{Key: key}}); err != nil {
		return err
	}
	t.Storage().Put(key, encodeResult(st.req.Number, s.mgr.now(), nil))
	s.mgr.Stats.records.Add(1)
	return nil
}

// dropStale deletes the records of older numbers. The session is checked out by the caller.
func (s *Session) dropStale(t *txn.Txn) {
	for _, id := range s.stale {
		t.Storage().Delete(appendStatementKey(newKey(), s.id, id))
	}
}

// load reads the records of all sessions, so that no statement ever has to.
func (m *Manager) load(ctx context.Context) error {
	if m.store == nil {
		return nil
	}
	r, err := m.store.Engine.Snapshot(ctx, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	lo, hi := layout.SessionRange()
	it, err := r.Scan(ctx, lo, hi, storage.ScanOptions{})
	if err != nil {
		return err
	}
	defer it.Close()
	for it.Next() {
		if err := m.loadRecord(it.Key()[len(lo):], it.Value()); err != nil {
			return err
		}
	}
	return it.Err()
}

func (m *Manager) loadRecord(key []byte, value bsonx.Doc) error {
	if len(key) != idLen && len(key) != statementLen {
		return fmt.Errorf("session: %w: a record has a key of %d bytes", storage.ErrCorruption, len(key))
	}
	var id ID
	copy(id.User[:], key)
	copy(id.UUID[:], key[len(id.User):])
	number, at := value.Lookup("n").Int64(), value.Lookup("t").DateTime()
	s := m.lookup(id)
	if s == nil {
		s = m.add(m.shard(id), id, at)
	}
	s.lastUse.Store(max(s.lastUse.Load(), at))
	if number > s.number {
		s.stale = s.results.appendIDs(s.stale)
		s.results.clear()
		s.enter(number, StateCommitted)
	}
	if len(key) == idLen {
		return nil
	}
	stmt := int32(binary.BigEndian.Uint32(key[idLen:]))
	if number < s.number {
		s.stale = append(s.stale, stmt)
		return nil
	}
	s.state = StateRetryable
	s.results.put(result{stmt, value.Lookup("r").Doc().Clone()})
	return nil
}

// forget deletes the records of a session that is about to be removed.
func (m *Manager) forget(ctx context.Context, s *Session) error {
	ids := s.results.appendIDs(s.stale)
	if len(ids) == 0 && s.state != StateCommitted {
		return nil
	}
	t, err := m.store.Begin(ctx, txn.Options{})
	if err != nil {
		return err
	}
	defer t.Rollback()
	t.Storage().Delete(appendKey(newKey(), s.id))
	for _, id := range ids {
		t.Storage().Delete(appendStatementKey(newKey(), s.id, id))
	}
	_, err = t.Commit(ctx, storage.Buffered)
	return err
}
