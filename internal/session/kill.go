package session

import (
	"context"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Pattern selects sessions. The zero Pattern selects all.
type Pattern struct {
	ID   *ID       // one session
	User *[32]byte // those of one user
}

// Match reports whether the pattern selects the session.
func (p Pattern) Match(id ID) bool {
	return (p.ID == nil || *p.ID == id) && (p.User == nil || *p.User == id.User)
}

// Kill aborts the open transactions of the selected sessions, then closes their cursors. It
// never waits for a statement. Statements outside transactions are the caller's to stop.
func (m *Manager) Kill(patterns ...Pattern) {
	killed := mongoerr.New(mongoerr.Interrupted, "operation was interrupted because its session was killed")
	match := func(id ID) bool {
		for _, p := range patterns {
			if p.Match(id) {
				return true
			}
		}
		return false
	}
	for _, s := range m.openSessions() {
		if match(s.id) {
			s.kill(killed, killed)
		}
	}
	m.Cursors.killSessions(match)
}

// End ends sessions as their client asked for: open transactions are aborted, cursors are
// closed, and what a late retry may need is kept until the session times out.
func (m *Manager) End(ids []ID) {
	ended := mongoerr.New(mongoerr.NoSuchTransaction, "the session was ended by its client")
	for _, id := range ids {
		s := m.lookup(id)
		if s == nil {
			continue
		}
		s.kill(ended, ended)
		m.Cursors.killSession(id)
		s.mu.Lock()
		empty := s.number < 0
		s.mu.Unlock()
		if empty {
			m.remove(context.Background(), s, s.lastUse.Load())
		}
	}
}
