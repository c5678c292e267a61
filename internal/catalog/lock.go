package catalog

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// LockMode is how a statement uses a collection.
type LockMode uint8

// The lock modes. Intent locks are compatible with each other; LockX with nothing.
const (
	LockIS LockMode = iota // to read
	LockIX                 // to write
	LockX                  // to change the collection itself
	lockModes
)

// ErrLockTimeout is returned by Acquire when the lock was not granted in time.
var ErrLockTimeout = errors.New("catalog: lock request timed out")

// LockTable holds the collection locks. Requests are granted first come, first served, so
// DDL that waits for open transactions holds back whoever comes later. It is safe for
// concurrent use; its zero value is not ready, see NewLockTable.
type LockTable struct {
	seed   maphash.Seed
	shards [64]lockShard
}

type lockShard struct {
	mu   sync.Mutex
	m    map[string]*nsLock
	free *nsLock // one that is not in use, kept for the next namespace
}

// nsLock is the state of one namespace. It exists only while someone holds or wants it.
type nsLock struct {
	granted [lockModes]int
	queue   []*lockWaiter
}

type lockWaiter struct {
	mode  LockMode
	ready chan struct{} // closed when granted
}

// Lock is a granted lock. The zero Lock holds nothing.
type Lock struct {
	table *LockTable
	ns    string
	Mode  LockMode
}

// NewLockTable returns a table without locks.
func NewLockTable() *LockTable {
	t := &LockTable{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].m = make(map[string]*nsLock)
	}
	return t
}

func (t *LockTable) shard(ns string) *lockShard {
	return &t.shards[maphash.String(t.seed, ns)%uint64(len(t.shards))]
}

func (l *nsLock) compatible(mode LockMode) bool {
	if mode == LockX {
		return l.granted == [lockModes]int{}
	}
	return l.granted[LockX] == 0
}

// Acquire takes the lock of a namespace. It waits until ctx ends, and at most timeout
// where that is not negative; then it fails with ErrLockTimeout.
func (t *LockTable) Acquire(ctx context.Context, ns string, mode LockMode, timeout time.Duration) (Lock, error) {
	s := t.shard(ns)
	s.mu.Lock()
	l := s.m[ns]
	if l == nil {
		if l = s.free; l == nil {
			l = &nsLock{}
		}
		s.free = nil
		s.m[ns] = l
	}
	if len(l.queue) == 0 && l.compatible(mode) {
		l.granted[mode]++
		s.mu.Unlock()
		return Lock{t, ns, mode}, nil
	}
	w := &lockWaiter{mode: mode, ready: make(chan struct{})}
	l.queue = append(l.queue, w)
	s.mu.Unlock()
	if err := w.wait(ctx, ns, timeout); err != nil {
		if t.abandon(ns, w) {
			return Lock{}, err
		}
	}
	return Lock{t, ns, mode}, nil
}

func (w *lockWaiter) wait(ctx context.Context, ns string, timeout time.Duration) error {
	defer waitsForLock(ctx, ns, w.mode)()
	var expired <-chan time.Time
	if timeout >= 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-expired:
		return ErrLockTimeout
	}
}

// abandon takes w from the queue and reports whether it was still there; otherwise it has
// been granted meanwhile.
func (t *LockTable) abandon(ns string, w *lockWaiter) bool {
	s := t.shard(ns)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.m[ns]
	if l == nil {
		return false
	}
	i := slices.Index(l.queue, w)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	s.grant(ns, l)
	return true
}

// grant lets the head of the queue in, as far as it is compatible, and forgets a lock that
// nobody uses. s.mu is held.
func (s *lockShard) grant(ns string, l *nsLock) {
	for len(l.queue) > 0 && l.compatible(l.queue[0].mode) {
		w := l.queue[0]
		l.queue = l.queue[1:]
		l.granted[w.mode]++
		close(w.ready)
	}
	if len(l.queue) == 0 && l.granted == [lockModes]int{} {
		delete(s.m, ns)
		s.free = l
	}
}

// Release gives the lock back. Releasing the zero Lock does nothing.
func (l Lock) Release() {
	if l.table == nil {
		return
	}
	s := l.table.shard(l.ns)
	s.mu.Lock()
	if n := s.m[l.ns]; n != nil {
		n.granted[l.Mode]--
		if n.granted == [lockModes]int{} || len(n.queue) > 0 {
			s.grant(l.ns, n)
		}
	}
	s.mu.Unlock()
}

// ToWrite turns a LockIS into a LockIX, at once: nobody else can hold LockX.
func (l Lock) ToWrite() Lock {
	if l.Mode != LockIS {
		return l
	}
	s := l.table.shard(l.ns)
	s.mu.Lock()
	n := s.m[l.ns]
	n.granted[LockIS]--
	n.granted[LockIX]++
	s.mu.Unlock()
	l.Mode = LockIX
	return l
}

// Borrowed returns the same lock for somebody who is not to release it.
func (l Lock) Borrowed() Lock {
	l.table = nil
	return l
}

// String returns the mode as currentOp shows it.
func (m LockMode) String() string { return lockModeNames[m] }

var lockModeNames = [lockModes]string{LockIS: "r", LockIX: "w", LockX: "W"}

// Namespace returns what is locked.
func (l Lock) Namespace() string { return l.ns }
