// Package exec runs plans: it finds documents for reads, and finds and changes them for writes.
//
// A State says in which state of the store a statement reads, a scan walks one plan in it, and
// a Cursor is what a find gives. Between batches a cursor keeps its position, not an iterator:
// Pause lets go of everything that pins memory and files or holds a lock. A Writer groups the
// documents of one write command into transactions.
package exec

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/txn"
)

// State is the state of the store that one statement reads: that of a transaction, one that
// was pinned for a snapshot read, or else, batch by batch, the newest. It is used by one
// goroutine at a time.
type State struct {
	store      *txn.Store
	namespaces []string

	txn    *txn.Txn
	pinned bool

	view  *txn.View
	epoch int // counts views, so that scans notice a new one
	open  []reading
}

// reading is what has iterators open in a state.
type reading interface {
	save()       // remembers the position and closes them
	closeIters() // closes them for good
}

// NewState returns a state that reads the newest data of the namespaces.
func NewState(store *txn.Store, namespaces ...string) *State {
	return &State{store: store, namespaces: namespaces}
}

// InTxn returns a state that reads in a transaction.
func InTxn(t *txn.Txn) *State { return &State{store: t.Store(), txn: t, view: &t.View, epoch: 1} }

// FromView returns a state that begins with a view that is open already, and closes it. A pinned
// state stays with it.
func FromView(v *txn.View, pinned bool, namespaces ...string) *State {
	return &State{store: v.Store(), namespaces: namespaces, view: v, pinned: pinned, epoch: 1}
}

// View returns the view to read from, opened anew after Pause.
func (s *State) View(ctx context.Context) (*txn.View, error) {
	if s.view != nil {
		return s.view, nil
	}
	v, err := s.store.View(ctx, s.namespaces...)
	if err != nil {
		return nil, err
	}
	s.view = v
	s.epoch++
	return v, nil
}

// Collection returns the collection named ns in this state, nil if there is none.
func (s *State) Collection(ctx context.Context, ns string) (*catalog.Collection, error) {
	v, err := s.View(ctx)
	if err != nil {
		return nil, err
	}
	return v.Collection(ctx, ns)
}

// Txn returns the transaction that is read in, nil for none.
func (s *State) Txn() *txn.Txn { return s.txn }

// Pause lets go of iterators, and of the view unless it is pinned or a transaction's. Reading
// on resumes at the same position.
func (s *State) Pause() {
	for _, r := range s.open {
		r.save()
	}
	s.open = s.open[:0]
	if s.view != nil && s.txn == nil && !s.pinned {
		s.view.Close()
		s.view = nil
	}
}

// Rebase goes on reading in another transaction.
func (s *State) Rebase(t *txn.Txn) {
	s.Pause()
	s.txn, s.view = t, &t.View
	s.epoch++
}

// Close ends the state. It is idempotent.
func (s *State) Close() {
	for _, r := range s.open {
		r.closeIters()
	}
	s.open = nil
	if s.view != nil && s.txn == nil {
		s.view.Close()
	}
	s.view = nil
}

func (s *State) opened(r reading) { s.open = append(s.open, r) }

func (s *State) closed(r reading) {
	if i := slices.Index(s.open, r); i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
}

// interrupted returns the error of a statement whose context has ended.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

func planKilled(format string, args ...any) error {
	return mongoerr.New(mongoerr.QueryPlanKilled, format, args...)
}
