package session

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// Commit commits the transaction, or confirms that it was committed. It returns the timestamp
// of the commit, or of what the transaction has read if there was nothing to write. With
// storage.Synced it returns when that timestamp would survive a power cut. The caller's ctx
// cannot stop a commit that has begun.
func (st *Statement) Commit(ctx context.Context, d storage.Durability) (storage.Timestamp, error) {
	ctx = context.WithoutCancel(ctx)
	if st.out == outRecommit {
		ts := st.s.committed
		return ts, st.s.mgr.waitDurable(ctx, ts, d)
	}
	t, err := st.seal()
	if err != nil {
		return 0, err
	}
	ts, err := st.publish(ctx, t.txn, d)
	if err != nil {
		return 0, st.commitFailed(t, mongoerr.From(err))
	}
	st.committed(t, ts)
	return ts, nil
}

// seal marks the transaction as committing, so that nothing kills it any more.
func (st *Statement) seal() (*transaction, error) {
	s := st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.txn
	if s.doom != nil {
		c := s.doom
		st.suspend(t)
		s.abort(c)
		st.ended = true
		return nil, c.later(st.req.Number)
	}
	s.ending = true
	return t, nil
}

// publish writes the commit to the store, together with the record that a retry of it, even by
// another process, is answered from.
func (st *Statement) publish(ctx context.Context, t *txn.Txn, d storage.Durability) (storage.Timestamp, error) {
	m := st.s.mgr
	if !t.Writes() {
		ts := t.Timestamp()
		if err := m.waitDurable(ctx, ts, d); err != nil {
			return 0, err
		}
		t.Rollback()
		return ts, nil
	}
	bytes := t.Bytes()
	if err := st.recordCommit(ctx, t); err != nil {
		return 0, err
	}
	ts, err := t.Commit(ctx, d)
	if lost, ok := errors.AsType[*storage.UndeterminedError](err); ok {
		ts, err = m.resolve(ctx, lost)
	}
	if err == nil {
		m.Stats.lastBytes.Store(int64(bytes))
	}
	return ts, err
}

// resolve finds out how an undetermined commit has ended.
func (m *Manager) resolve(ctx context.Context, lost *storage.UndeterminedError) (storage.Timestamp, error) {
	state, ts, err := m.store.Engine.CommitStatus(ctx, lost.Token)
	switch {
	case err != nil:
		return 0, err
	case state == storage.StateCommitted:
		return ts, nil
	}
	return 0, mongoerr.New(mongoerr.WriteConflict, "the transaction was aborted: %w", lost)
}

func (st *Statement) commitFailed(t *transaction, err *mongoerr.Error) error {
	s := st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	st.suspend(t)
	s.abort(&Cause{Statement: t.statements, Command: st.req.Command, Err: err})
	st.ended = true
	return err
}

func (st *Statement) committed(t *transaction, ts storage.Timestamp) {
	s := st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	st.suspend(t)
	s.state, s.committed, s.txn, s.doom, s.ending = StateCommitted, ts, nil, nil, false
	t.end(s, "committed")
	s.mgr.Stats.committed.Add(1)
	s.mgr.Stats.lastOperations.Store(int64(t.statements - 1))
	st.ended = true
}

// Abort ends the transaction without a trace.
func (st *Statement) Abort() error {
	s := st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	st.suspend(s.txn)
	s.abort(&Cause{})
	st.ended = true
	return nil
}

// waitDurable waits until ts would survive a power cut, where the caller wants that.
func (m *Manager) waitDurable(ctx context.Context, ts storage.Timestamp, d storage.Durability) error {
	if d != storage.Synced || ts == 0 {
		return nil
	}
	return m.store.Engine.WaitDurable(ctx, ts)
}
