package session

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// result is what one statement of a retryable write has done.
type result struct {
	id  int32
	rec bsonx.Doc
}

// results are the results of one transaction number, ordered by statement id.
type results struct{ list []result }

func (r *results) find(id int32) (int, bool) {
	// Statements nearly always come in ascending order.
	if n := len(r.list); n == 0 || r.list[n-1].id < id {
		return n, false
	}
	return slices.BinarySearchFunc(r.list, id, func(e result, id int32) int { return int(e.id) - int(id) })
}

func (r *results) put(e result) {
	i, ok := r.find(e.id)
	if ok {
		r.list[i] = e
		return
	}
	r.list = slices.Insert(r.list, i, e)
}

func (r *results) appendIDs(ids []int32) []int32 {
	for _, e := range r.list {
		ids = append(ids, e.id)
	}
	return ids
}

// resultsKeep bounds the memory that a session keeps for its next number.
const resultsKeep = 64

func (r *results) clear() {
	if cap(r.list) > resultsKeep {
		r.list = nil
		return
	}
	clear(r.list)
	r.list = r.list[:0]
}

// Retry is the memory of one retryable write: what its statements did, in this attempt and in
// earlier ones.
type Retry struct {
	st      *Statement
	hits    int
	pending []result // of the transaction in last, not committed yet
	last    *txn.Txn // the transaction that was recorded in last
}

// Lookup returns what Record was given for the statement by an earlier attempt, ok false if it
// has to be executed. The document must not be changed.
func (r *Retry) Lookup(stmtID int32) (rec bsonx.Doc, ok bool) {
	s := r.st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.results.find(stmtID)
	if !ok {
		return nil, false
	}
	if r.st.out == outRetry {
		r.hits++
		s.mgr.Stats.retriedStatements.Add(1)
	}
	return s.results.list[i].rec, true
}

// Replayed reports whether Lookup has found anything, and the timestamp that the answer rests
// on.
func (r *Retry) Replayed() (storage.Timestamp, bool) {
	s := r.st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.committed, r.hits > 0
}

// Record stores rec as the result of a statement, in the transaction that does its work: both
// become durable together or not at all. It comes last, after everything that can fail for the
// statement, because rolling back to an earlier savepoint does not take it back.
func (r *Retry) Record(t *txn.Txn, stmtID int32, rec bsonx.Doc) {
	s := r.st.s
	if r.last != t {
		r.last, r.pending = t, nil
		s.dropStale(t)
		t.Storage().OnCommit(r.commit())
	}
	t.Storage().Put(appendStatementKey(newKey(), s.id, stmtID), encodeResult(s.number, s.mgr.now(), rec))
	r.pending = append(r.pending, result{stmtID, rec.Clone()})
	s.mgr.Stats.records.Add(1)
}

// commit returns what makes the pending results of the current transaction known. They belong
// to the closure: Record of the next transaction starts a list of its own.
func (r *Retry) commit() func(storage.Timestamp) {
	s, number := r.st.s, r.st.req.Number
	t := r.last
	return func(ts storage.Timestamp) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.last != t || s.number != number {
			return
		}
		for _, e := range r.pending {
			s.results.put(e)
		}
		r.pending = nil
		s.stale = s.stale[:0]
		s.committed = max(s.committed, ts)
	}
}

// WaitDurable waits until the results that Lookup has found would survive a power cut.
func (r *Retry) WaitDurable(ctx context.Context, d storage.Durability) error {
	ts, hit := r.Replayed()
	if !hit {
		return nil
	}
	return r.st.s.mgr.waitDurable(ctx, ts, d)
}
