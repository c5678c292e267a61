package session

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// Session is one logical session.
type Session struct {
	id      ID
	mgr     *Manager
	lastUse atomic.Int64 // ms since the epoch

	mu sync.Mutex
	machine

	// The check-out.
	held    bool
	queue   []*waiter // who gets it next
	early   []*waiter // statements of a transaction that has not started yet
	running Interrupter

	txn    *transaction // the open transaction, nil for none
	doom   *Cause       // the open transaction is to be aborted when its statement ends
	ending bool         // its commit has begun: it cannot be killed any more

	// What the active number has written, and what older ones left in the store.
	results   results
	stale     []int32           // statement ids of older numbers that are still stored
	committed storage.Timestamp // of the newest write of the active number
	gone      bool              // removed from the manager
}

// waiter is a statement that waits for the session.
type waiter struct {
	number int64
	kind   Kind
	ready  chan struct{} // closed when the session was handed over
}

// checkOut waits for the session. A statement of a transaction that has not started yet
// first waits, outside the queue, for the statement that starts it.
func (s *Session) checkOut(ctx context.Context, number int64, kind Kind) error {
	s.mu.Lock()
	if kind == KindContinue && number > s.number && !s.startQueued(number) {
		return s.waitEarly(ctx, &waiter{number: number, kind: kind, ready: make(chan struct{})})
	}
	if !s.held {
		s.held = true
		s.admitEarly(number, kind)
		s.mu.Unlock()
		return nil
	}
	w := &waiter{number: number, kind: kind, ready: make(chan struct{})}
	s.queue = append(s.queue, w)
	s.admitEarly(number, kind)
	s.mu.Unlock()
	return s.await(ctx, w)
}

// startQueued reports whether the statement that starts the transaction is in the queue.
// s.mu is held.
func (s *Session) startQueued(number int64) bool {
	for _, w := range s.queue {
		if w.kind == KindStart && w.number >= number {
			return true
		}
	}
	return false
}

// admitEarly lets the early statements of a number that is about to become active, and of older
// ones, into the queue. s.mu is held.
func (s *Session) admitEarly(number int64, kind Kind) {
	if len(s.early) == 0 || kind != KindStart && kind != KindRetryable {
		return
	}
	s.early = slices.DeleteFunc(s.early, func(w *waiter) bool {
		if w.number > number {
			return false
		}
		s.queue = append(s.queue, w)
		return true
	})
}

// waitEarly waits for the transaction to start, then for the session. s.mu is held, and
// released.
func (s *Session) waitEarly(ctx context.Context, w *waiter) error {
	s.early = append(s.early, w)
	s.mu.Unlock()
	timer := time.NewTimer(time.Duration(s.mgr.Params.EarlyWait.Load()))
	defer timer.Stop()
	select {
	case <-w.ready:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	if i := slices.Index(s.early, w); i >= 0 {
		s.early = slices.Delete(s.early, i, i+1)
		if ctx.Err() != nil {
			s.mu.Unlock()
			return context.Cause(ctx)
		}
		if !s.held {
			s.held = true
			s.mu.Unlock()
			return nil
		}
		s.queue = append(s.queue, w)
	}
	s.mu.Unlock()
	return s.await(ctx, w)
}

// await waits until w, which is in the queue, gets the session.
func (s *Session) await(ctx context.Context, w *waiter) error {
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	if i := slices.Index(s.queue, w); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
		s.mu.Unlock()
		return context.Cause(ctx)
	}
	s.mu.Unlock()
	s.checkIn() // it was handed over at the same time
	return context.Cause(ctx)
}

// checkIn gives the session to the next in the queue.
func (s *Session) checkIn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = nil
	if len(s.queue) == 0 {
		s.held = false
		return
	}
	next := s.queue[0]
	s.queue = slices.Delete(s.queue, 0, 1)
	close(next.ready)
}

// kill aborts the open transaction for the reason cause, and reports whether there was one. A
// statement that is running is stopped with interrupt and aborts the transaction when it ends. It
// never waits.
func (s *Session) kill(cause, interrupt *mongoerr.Error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.txn == nil || s.ending || s.doom != nil {
		return false
	}
	c := &Cause{Err: cause}
	if s.held {
		s.doom = c
		if s.running != nil {
			s.running.Interrupt(interrupt)
		}
		return true
	}
	s.abort(c)
	return true
}

// abort ends the open transaction. s.mu is held, and either the session is checked out by the
// caller or by nobody.
func (s *Session) abort(c *Cause) {
	t := s.txn
	s.state, s.cause = StateAborted, c
	s.txn, s.doom, s.ending = nil, nil, false
	t.end(s, "aborted")
	s.mgr.Stats.aborted.Add(1)
}
