package pebblekv

import (
	"sync"

	"github.com/tandemdb/tandem/internal/storage"
)

// registry knows the open transactions. Each has a lower bound: the timestamp
// published before its snapshot was taken.
type registry struct {
	mu    sync.Mutex
	head  *txnState // ascending lower bounds
	tail  *txnState
	n     int
	floor storage.Timestamp // never falls; lock entries at or below may be gone
}

// add registers s at the newest published timestamp, which is read under the
// same mutex as the sweeper's look at the registry.
func (r *registry) add(s *txnState, published func() storage.Timestamp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.lower = published()
	r.insert(s)
}

// addAt registers s at ts and reports whether the lock table still knows every
// commit above ts.
func (r *registry) addAt(s *txnState, ts storage.Timestamp) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := ts >= r.floor
	s.lower = max(ts, r.floor)
	r.insert(s)
	return known
}

// insert keeps the list ordered. New transactions belong at the end, except
// those on an older state.
func (r *registry) insert(s *txnState) {
	after := r.tail
	for after != nil && after.lower > s.lower {
		after = after.prev
	}
	s.prev = after
	if after == nil {
		s.next = r.head
		r.head = s
	} else {
		s.next = after.next
		after.next = s
	}
	if s.next == nil {
		r.tail = s
	} else {
		s.next.prev = s
	}
	r.n++
}

func (r *registry) remove(s *txnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unlink(s)
}

func (r *registry) unlink(s *txnState) {
	if s.prev == nil {
		r.head = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		r.tail = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
	r.n--
}

// move registers s anew at the newest published timestamp.
func (r *registry) move(s *txnState, published func() storage.Timestamp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unlink(s)
	s.lower = published()
	r.insert(s)
}

// raise moves the floor up to published, but not above any registered lower
// bound, and returns it. published must have been read before the call.
func (r *registry) raise(published storage.Timestamp) storage.Timestamp {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.head != nil && !plantLockFloor {
		published = min(published, r.head.lower)
	}
	r.floor = max(r.floor, published)
	return r.floor
}

// all returns the handles of the open transactions, oldest snapshot first.
func (r *registry) all() []*txn {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*txn, 0, r.n)
	for s := r.head; s != nil; s = s.next {
		out = append(out, s.t)
	}
	return out
}
