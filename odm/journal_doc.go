package odm

import (
	"bytes"
	"maps"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// docEntry is the journal's record of a document.
type docEntry[T any] struct {
	st       *state[T]
	snap     snapshot
	values   bson.Raw        // the struct at the first touch, encoded
	refs     []reflect.Value // its references, with what was populated
	attempt  int             // the one that touched it last
	enlisted bool
	unsure   bool // settle made the document uncertain
	written  []odmWrite
}

// odmWrite is a value that the ODM, not the caller, changed in a save.
type odmWrite struct {
	path          string
	before, after bson.RawValue
}

// touch puts a document into the journal, if it is not there yet. Its first touch in a
// later attempt has to find the values of the first attempt, else the callback would apply
// its change twice.
func (st *state[T]) touch(j *journal) (*docEntry[T], error) {
	if j == nil {
		return nil, nil
	}
	if j.heldOutside(st) {
		return nil, ErrHeldByOuter
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if known, ok := j.byDoc[st]; ok {
		e := known.(*docEntry[T])
		if e.attempt == j.attempt {
			return e, nil
		}
		e.attempt = j.attempt
		return e, e.checkRetry()
	}
	values, err := st.model.encode(st.val)
	if err != nil {
		return nil, err
	}
	e := &docEntry[T]{st: st, snap: st.snapshot, values: values, attempt: j.attempt, refs: st.model.table.copyRefs(reflect.ValueOf(st.val).Elem())}
	e.snap.forced = maps.Clone(st.forced)
	e.snap.ignored = maps.Clone(st.ignored)
	e.snap.atomics = maps.Clone(st.atomics)
	e.snap.populated = maps.Clone(st.populated)
	j.byDoc[st] = e
	j.entries = append(j.entries, e)
	return e, nil
}

func (e *docEntry[T]) checkRetry() error {
	if e.enlisted {
		return nil
	}
	now, err := e.st.model.encode(e.st.val)
	if err != nil {
		return err
	}
	if bytes.Equal(now, e.values) {
		return nil
	}
	var ch changes
	if err := ch.document("", e.st.model.table, e.values, e.values, now); err != nil {
		return err
	}
	return &RetryUnsafeError{Model: e.st.model.name, ID: e.st.id(), Paths: ch.paths}
}

// noteWrites remembers which values a save changed by itself.
func (e *docEntry[T]) noteWrites(before, after bson.Raw) {
	if bytes.Equal(before, after) {
		return
	}
	diffLeaves("", before, after, func(path string, b, a bson.RawValue) {
		for i := range e.written {
			if e.written[i].path == path { // the value before the first of several saves counts
				e.written[i].after = a
				return
			}
		}
		e.written = append(e.written, odmWrite{path: path, before: b, after: a})
	})
}

func (e *docEntry[T]) restoreState() {
	snap := e.snap
	snap.forced = maps.Clone(e.snap.forced)
	snap.ignored = maps.Clone(e.snap.ignored)
	snap.atomics = maps.Clone(e.snap.atomics)
	snap.populated = maps.Clone(e.snap.populated)
	e.st.snapshot = snap
	e.st.model.setVersionField(e.st)
}

func (e *docEntry[T]) restoreValues() {
	var fresh T
	if err := bson.Unmarshal(e.values, &fresh); err != nil {
		return // it was encoded from the same type
	}
	dst := reflect.ValueOf(e.st.val).Elem()
	e.st.model.table.copyStored(dst, reflect.ValueOf(&fresh).Elem())
	e.st.model.table.restoreRefs(dst, e.refs)
}

func (e *docEntry[T]) rewind() {
	e.restoreState()
	e.restoreValues()
	e.written = nil
}

func (e *docEntry[T]) rollback(values bool) {
	if values {
		e.restoreValues()
	} else {
		e.undoWrites()
		e.st.model.table.restoreRefs(reflect.ValueOf(e.st.val).Elem(), e.refs)
	}
	e.restoreState()
	e.written = nil
}

// undoWrites puts back what the ODM wrote, where it is still what the ODM wrote.
func (e *docEntry[T]) undoWrites() {
	if len(e.written) == 0 {
		return
	}
	now, err := e.st.model.encode(e.st.val)
	if err != nil {
		return
	}
	var before T
	if err := bson.Unmarshal(e.values, &before); err != nil {
		return
	}
	dst, src := reflect.ValueOf(e.st.val).Elem(), reflect.ValueOf(&before).Elem()
	for _, w := range e.written {
		if !lookup(now, w.path).Equal(w.after) {
			continue
		}
		e.st.model.table.putBack(dst, src, w.path, w.before)
	}
}

func (e *docEntry[T]) settle(certain bool) {
	switch {
	case !certain && !e.st.uncertain:
		e.st.uncertain, e.unsure = true, true
	case certain && e.unsure: // a second commit told
		e.st.uncertain, e.unsure = false, false
	}
}
