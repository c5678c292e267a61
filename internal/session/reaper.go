package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

const (
	idleReapEvery   = 4 * time.Second
	sessionReapEach = 15 // idle rounds
	lifetimePollMax = time.Minute
	lifetimePollMin = 50 * time.Millisecond
)

// reapTransactions aborts transactions that are too old, about twice a lifetime.
func (m *Manager) reapTransactions() {
	defer m.wg.Done()
	for {
		every := time.Duration(m.Params.Lifetime.Load()) / 2
		timer := time.NewTimer(min(max(every, lifetimePollMin), lifetimePollMax))
		select {
		case <-m.stop:
			timer.Stop()
			return
		case <-m.wake:
			timer.Stop()
		case <-timer.C:
			m.ExpireTransactions()
		}
	}
}

// ExpireTransactions aborts the transactions that have lived too long. A statement that runs is
// interrupted.
func (m *Manager) ExpireTransactions() {
	now := m.now()
	m.Stats.expiryPasses.Add(1)
	for _, s := range m.openSessions() {
		s.mu.Lock()
		expired, number := s.txn != nil && !now.Before(s.txn.expires), s.number
		s.mu.Unlock()
		if !expired {
			continue
		}
		e := mongoerr.New(mongoerr.TransactionExceededLifetimeLimit,
			"operation was interrupted because the transaction exceeded the configured 'transactionLifetimeLimitSeconds'")
		if s.kill(e, e) {
			m.Stats.expired.Add(1)
			m.logger.Info("Aborting transaction because it has been running for longer than 'transactionLifetimeLimitSeconds'",
				slog.String("lsid", s.id.UUIDString()), slog.Int64("txnNumber", number))
		}
	}
}

// reapIdle closes idle cursors and removes idle sessions.
func (m *Manager) reapIdle() {
	defer m.wg.Done()
	ticker := time.NewTicker(idleReapEvery)
	defer ticker.Stop()
	for round := 1; ; round++ {
		select {
		case <-m.stop:
			return
		case <-ticker.C:
		}
		m.Cursors.ExpireIdle()
		if round%sessionReapEach == 0 {
			m.ExpireSessions(context.Background())
		}
	}
}

// ExpireSessions removes the sessions that nobody has used for the session timeout, with their
// cursors and records.
func (m *Manager) ExpireSessions(ctx context.Context) {
	m.Stats.reaperJobs.Add(1)
	limit := m.now().Add(-m.expire).UnixMilli()
	ended := int64(0)
	for _, s := range m.allSessions() {
		if s.lastUse.Load() > limit || !m.remove(ctx, s, limit) {
			continue
		}
		ended++
		m.Cursors.killSession(s.id)
	}
	m.Stats.ended.Store(ended)
}

// remove takes an idle session out and reports whether it was idle.
func (m *Manager) remove(ctx context.Context, s *Session, limit int64) bool {
	if !s.claimIdle(limit) {
		return false
	}
	if err := m.forget(ctx, s); err != nil {
		m.logger.Warn("could not delete the records of an expired session",
			slog.String("lsid", s.id.UUIDString()), slog.Any("error", err))
		s.checkIn()
		return false
	}
	sh := m.shard(s.id)
	sh.mu.Lock()
	delete(sh.sessions, s.id)
	sh.mu.Unlock()
	m.count.Add(-1)
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	s.checkIn()
	return true
}

// claimIdle checks the session out if nobody has, wants or needs it.
func (s *Session) claimIdle(limit int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held || s.gone || s.txn != nil || len(s.early) > 0 || s.lastUse.Load() > limit {
		return false
	}
	s.held = true
	return true
}
