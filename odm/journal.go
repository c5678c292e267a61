package odm

import (
	"slices"
	"sync"
)

// A journal holds what the documents were like before a transaction touched them.
//
// Two things are asked of it. Before a retry everything goes back, the values of the
// structs included, so that the callback starts from where it started. After the last
// abort the state goes back, and those values that the ODM itself wrote (by hooks, setters,
// defaults and timestamps); what the caller assigned stays and counts as modified again.
type journal struct {
	outer *journal // of the transaction around an independent one

	allValues bool // of a transaction by hand: RestoreValues

	mu      sync.Mutex
	attempt int
	entries []journalEntry
	byDoc   map[any]journalEntry // by *state[T]
}

// journalEntry is the record of one document.
type journalEntry interface {
	// rewind puts everything back for another attempt.
	rewind()
	// rollback puts the state back for good, and all values if asked to.
	rollback(values bool)
	// settle ends the record after a commit, or one whose outcome is unknown.
	settle(certain bool)
}

func newJournal(outer *journal) *journal {
	return &journal{outer: outer, attempt: 1, byDoc: map[any]journalEntry{}}
}

func (j *journal) holds(key any) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.byDoc[key]
	return ok
}

// heldOutside tells whether a transaction around this one has changed the document.
func (j *journal) heldOutside(key any) bool {
	for o := j.outer; o != nil; o = o.outer {
		if o.holds(key) {
			return true
		}
	}
	return false
}

// rewind is called before every attempt but the first.
func (j *journal) rewind() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.attempt++
	for _, v := range slices.Backward(j.entries) {
		v.rewind()
	}
}

func (j *journal) rollback(values bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, v := range slices.Backward(j.entries) {
		v.rollback(values)
	}
}

func (j *journal) settle(certain bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		e.settle(certain)
	}
}
