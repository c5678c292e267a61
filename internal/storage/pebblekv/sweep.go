package pebblekv

import (
	"sync"

	"github.com/tandemdb/tandem/internal/storage"
)

// sweepQueue holds the lock lists of committed transactions in timestamp order,
// until no snapshot is older than their commit.
type sweepQueue struct {
	mu   sync.Mutex
	q    []swept
	head int
}

type swept struct {
	t    *txn
	at   storage.Timestamp
	keys *keyList
}

// sweepBatch is how many lock lists one commit drops: more than the one it adds,
// so that a backlog left by a long transaction melts away.
const sweepBatch = 4

func (s *sweepQueue) push(x swept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.q = append(s.q, x)
}

// pop moves up to len(dst) lists at or below floor to dst.
func (s *sweepQueue) pop(floor storage.Timestamp, dst []swept) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(dst) && s.head < len(s.q) && s.q[s.head].at <= floor {
		dst[n] = s.q[s.head]
		s.q[s.head] = swept{}
		s.head++
		n++
	}
	if s.head == len(s.q) {
		s.q, s.head = s.q[:0], 0
	} else if s.head > 1024 && s.head > len(s.q)/2 {
		rest := copy(s.q, s.q[s.head:])
		clear(s.q[rest:])
		s.q, s.head = s.q[:rest], 0
	}
	return n
}

// sweepLocks drops up to sweepBatch lock lists that nobody can conflict with any
// more and returns how many.
func (db *DB) sweepLocks() int {
	published := db.now() // before the registry is read
	db.step("sweep: published")
	floor := db.reg.raise(published)
	db.step("sweep: floor")
	var lists [sweepBatch]swept
	n := db.sweep.pop(floor, lists[:])
	for i := range lists[:n] {
		db.locks.forget(lists[i].t, lists[i].keys.keys)
		putKeys(lists[i].keys)
	}
	return n
}

// keyList is the list of keys that a transaction holds.
type keyList struct{ keys []string }

var keyLists = sync.Pool{New: func() any { return new(keyList) }}

// keysPooled is the longest list that is kept for reuse.
const keysPooled = 1024

func putKeys(l *keyList) {
	if cap(l.keys) > keysPooled {
		return
	}
	clear(l.keys)
	l.keys = l.keys[:0]
	keyLists.Put(l)
}
