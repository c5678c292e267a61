package odm

import (
	"context"
	"reflect"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// noCopy makes go vet report copies.
type noCopy struct{}

// Lock marks the type for go vet.
func (*noCopy) Lock() {}

// Unlock marks the type for go vet.
func (*noCopy) Unlock() {}

// Doc is what a document struct embeds, with the tag `bson:"-"`:
//
//	type Person struct {
//		odm.Doc[Person] `bson:"-"`
//		ID   bson.ObjectID `bson:"_id"`
//		Name string        `bson:"name"`
//	}
//
// A document may be used by one goroutine at a time.
type Doc[T any] struct {
	_ noCopy
	s *state[T]
}

// Document is satisfied by structs that embed their own Doc.
type Document[T any] interface {
	*T
	odmDoc() *Doc[T]
}

type odmDocument interface{ odmIsDocument() }

func (d *Doc[T]) odmDoc() *Doc[T] { return d }

func (d *Doc[T]) odmIsDocument() {}

// snapshot is the part of a document's state that a transaction puts back.
type snapshot struct {
	base      bson.Raw // what the server has; nil of new documents
	norm      bson.Raw // base as T would write it; nil until it is needed
	isNew     bool
	deleted   bool
	uncertain bool // a commit's outcome is unknown
	versioned bool // the version is known
	version   int64
	sess      *Session
	proj      *projection         // nil: all paths were loaded
	forced    map[string]struct{} // MarkModified
	ignored   map[string]struct{} // Ignore and Unmark
	atomics   map[string]atomicOp // Inc and AddToSet
	populated map[string]bson.RawValue
}

// atomicOp is a change by operator, already made to the struct.
type atomicOp struct {
	inc   int64
	add   bson.Raw // elements of an array
	isAdd bool
}

// state is what the ODM knows of a document.
type state[T any] struct {
	snapshot
	doc   *Doc[T]
	val   *T
	model *Model[T]
	busy  atomic.Bool
}

// holder keeps a loaded struct and its state in one allocation.
type holder[T any] struct {
	val T
	st  state[T]
}

func (d *Doc[T]) state() (*state[T], error) {
	switch {
	case d.s == nil:
		return nil, &MisuseError{Model: reflect.TypeFor[T]().Name(), cause: ErrDetached}
	case d.s.doc != d:
		return nil, d.s.misuse("", ErrCopied)
	}
	return d.s, nil
}

// id returns the value of _id.
func (st *state[T]) id() any {
	f := st.model.table.get("_id")
	return reflect.ValueOf(st.val).Elem().FieldByIndex(f.goIdx).Interface()
}

// lock refuses a second operation on the document while one runs.
func (st *state[T]) lock() (func(), error) {
	if !st.busy.CompareAndSwap(false, true) {
		return nil, st.misuse("", ErrParallelSave)
	}
	return func() { st.busy.Store(false) }, nil
}

// IsNew tells whether the document was never saved.
func (d *Doc[T]) IsNew() bool {
	st, err := d.state()
	return err != nil || st.isNew
}

// IsDeleted tells whether Delete removed the document.
func (d *Doc[T]) IsDeleted() bool {
	st, err := d.state()
	return err == nil && st.deleted
}

// Version returns the document's version, and whether it has one.
func (d *Doc[T]) Version() (int64, bool) {
	st, err := d.state()
	if err != nil {
		return 0, false
	}
	return st.version, st.versioned
}

// Session returns the session that the document remembers, nil if it has ended.
func (d *Doc[T]) Session() *Session {
	st, err := d.state()
	if err != nil || st.sess == nil || st.sess.Ended() {
		return nil
	}
	return st.sess
}

// SetSession makes the document use a session when the context carries none; nil forgets.
func (d *Doc[T]) SetSession(s *Session) error {
	st, err := d.state()
	if err != nil {
		return err
	}
	if s != nil && s.Ended() {
		return ErrSessionEnded
	}
	if s != nil {
		if t := s.current(); t != nil {
			if _, err := st.touch(t.journal); err != nil {
				return err
			}
		}
	}
	st.sess = s
	return nil
}

// Equals tells whether both are the same document: of one model, with one _id.
func (d *Doc[T]) Equals(other *T) bool {
	st, err := d.state()
	if err != nil || other == nil {
		return false
	}
	o, err := st.model.docOf(other).state()
	return err == nil && o.model == st.model && reflect.DeepEqual(o.id(), st.id())
}

// Raw returns the document as the server had it when it was loaded or saved last. It must
// not be changed.
func (d *Doc[T]) Raw() bson.Raw {
	st, err := d.state()
	if err != nil {
		return nil
	}
	return st.base
}

func (d *Doc[T]) odmEnlist(j *journal) error {
	st, err := d.state()
	if err != nil {
		return err
	}
	e, err := st.touch(j)
	if err == nil {
		e.enlisted = true
	}
	return err
}

// remember keeps the session of a call that has one.
func (st *state[T]) remember(r route) {
	if r.sess != nil {
		st.sess = r.sess
	}
}

// begin locks the document, finds its way to the server, and puts it into the journal.
func (d *Doc[T]) begin(ctx context.Context) (*state[T], route, func(), error) {
	st, err := d.state()
	if err != nil {
		return nil, route{}, nil, err
	}
	unlock, err := st.lock()
	if err != nil {
		return nil, route{}, nil, err
	}
	r, err := st.model.route(ctx, st.sess)
	if err == nil {
		_, err = st.touch(r.journal())
	}
	if err != nil {
		unlock()
		return nil, route{}, nil, err
	}
	return st, r, unlock, nil
}
