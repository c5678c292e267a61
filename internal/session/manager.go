package session

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/txn"
)

// Defaults of Config, as MongoDB has them.
const (
	DefaultTimeout       = 30 * time.Minute
	DefaultLifetime      = 60 * time.Second
	DefaultEarlyWait     = 100 * time.Millisecond
	DefaultCursorTimeout = 10 * time.Minute
	DefaultMaxSessions   = 1_000_000
)

// Config is what a Manager needs. Zero fields have defaults, Store apart.
type Config struct {
	Store  *txn.Store
	Logger *slog.Logger
	Now    func() time.Time

	MaxSessions int64
	Timeout     time.Duration // idle sessions are forgotten after it
}

// Params are the settings that setParameter changes while the server runs.
type Params struct {
	Lifetime      atomic.Int64 // transactionLifetimeLimitSeconds, as a time.Duration
	EarlyWait     atomic.Int64 // how long a statement waits for the one that starts its transaction
	CursorTimeout atomic.Int64 // cursorTimeoutMillis, as a time.Duration
	SlowTxn       atomic.Int64 // transactions that were open longer are logged; negative for never
}

const shardCount = 64

type shard struct {
	mu       sync.RWMutex
	sessions map[ID]*Session
	open     map[*Session]struct{} // sessions with an open transaction
}

// Manager holds all sessions of a server. It is safe for concurrent use.
type Manager struct {
	Params  Params
	Stats   Stats
	Cursors *Cursors

	store  *txn.Store
	logger *slog.Logger
	now    func() time.Time
	seed   maphash.Seed
	shards [shardCount]shard
	count  atomic.Int64
	max    int64
	expire time.Duration

	closing atomic.Bool
	stop    chan struct{}
	wake    chan struct{} // the transaction lifetime has changed
	wg      sync.WaitGroup
}

// Open makes a manager and loads what earlier processes recorded in the store.
func Open(ctx context.Context, cfg Config) (*Manager, error) {
	m := &Manager{
		store: cfg.Store, logger: cfg.Logger, now: cfg.Now, max: cfg.MaxSessions, expire: cfg.Timeout,
		seed: maphash.MakeSeed(), stop: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	if m.logger == nil {
		m.logger = slog.New(slog.DiscardHandler)
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.max == 0 {
		m.max = DefaultMaxSessions
	}
	if m.expire == 0 {
		m.expire = DefaultTimeout
	}
	m.Params.Lifetime.Store(int64(DefaultLifetime))
	m.Params.EarlyWait.Store(int64(DefaultEarlyWait))
	m.Params.CursorTimeout.Store(int64(DefaultCursorTimeout))
	m.Params.SlowTxn.Store(int64(100 * time.Millisecond))
	for i := range m.shards {
		m.shards[i].sessions = make(map[ID]*Session)
		m.shards[i].open = make(map[*Session]struct{})
	}
	m.Cursors = newCursors(m)
	if err := m.load(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// Timeout is how long an idle session is remembered.
func (m *Manager) Timeout() time.Duration { return m.expire }

func (m *Manager) shard(id ID) *shard {
	return &m.shards[maphash.Bytes(m.seed, id.UUID[:])%shardCount]
}

// Touch makes the session known and notes that it is in use.
func (m *Manager) Touch(id ID) error {
	_, err := m.get(id)
	return err
}

// get returns the session, which it makes if there is none.
func (m *Manager) get(id ID) (*Session, error) {
	sh := m.shard(id)
	now := m.now().UnixMilli()
	sh.mu.RLock()
	s := sh.sessions[id]
	if s != nil {
		s.lastUse.Store(now)
	}
	sh.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s = sh.sessions[id]; s != nil {
		s.lastUse.Store(now)
		return s, nil
	}
	if m.count.Load() >= m.max {
		return nil, mongoerr.New(mongoerr.TooManyLogicalSessions, "Unable to add session %s into the cache because the number of active sessions is too high", id)
	}
	return m.add(sh, id, now), nil
}

// add makes a session. sh.mu is held.
func (m *Manager) add(sh *shard, id ID, lastUse int64) *Session {
	s := &Session{id: id, mgr: m}
	s.number = -1
	s.lastUse.Store(lastUse)
	sh.sessions[id] = s
	m.count.Add(1)
	return s
}

// lookup returns the session, nil if it is not known.
func (m *Manager) lookup(id ID) *Session {
	sh := m.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.sessions[id]
}

// markOpen keeps the set of sessions with an open transaction.
func (m *Manager) markOpen(s *Session, open bool) {
	sh := m.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if open {
		sh.open[s] = struct{}{}
	} else {
		delete(sh.open, s)
	}
}

// openSessions returns the sessions that have an open transaction.
func (m *Manager) openSessions() []*Session {
	var all []*Session
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.RLock()
		for s := range sh.open {
			all = append(all, s)
		}
		sh.mu.RUnlock()
	}
	return all
}

// allSessions returns every session.
func (m *Manager) allSessions() []*Session {
	all := make([]*Session, 0, m.count.Load())
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.RLock()
		for _, s := range sh.sessions {
			all = append(all, s)
		}
		sh.mu.RUnlock()
	}
	return all
}

// Start begins the background work: expiry of transactions, sessions and cursors.
func (m *Manager) Start() {
	m.wg.Add(2)
	go m.reapTransactions()
	go m.reapIdle()
}

// Close aborts every open transaction, closes every cursor and ends the background work. It
// is idempotent.
func (m *Manager) Close() {
	if m.closing.Swap(true) {
		return
	}
	close(m.stop)
	m.wg.Wait()
	cause := mongoerr.New(mongoerr.InterruptedAtShutdown, "interrupted at shutdown")
	for _, s := range m.openSessions() {
		s.kill(cause, cause)
	}
	m.Cursors.killAll()
}

// SetLifetime changes transactionLifetimeLimitSeconds for transactions to come.
func (m *Manager) SetLifetime(d time.Duration) {
	m.Params.Lifetime.Store(int64(d))
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
