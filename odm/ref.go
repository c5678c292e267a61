package odm

import (
	"bytes"
	"encoding/json"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// RefTo is a reference to a document of a T, stored as its id alone. After Populate it
// holds the document as well.
type RefTo[T, ID any] struct {
	id  ID
	set bool
	doc *T
}

// Ref is a reference by ObjectID.
type Ref[T any] = RefTo[T, bson.ObjectID]

// referrer is a reference, whatever its types.
type referrer interface {
	IsZero() bool
	idEqual(other any) bool
	target() reflect.Type
	MarshalBSONValue() (byte, []byte, error)
	populated() objecter // nil if it is not
}

// populator is a reference that can be filled.
type populator interface {
	referrer
	fill(doc any)
}

// RefID returns a reference to the document of an id.
func RefID[T, ID any](id ID) RefTo[T, ID] {
	return RefTo[T, ID]{id: id, set: !reflect.ValueOf(&id).Elem().IsZero()}
}

// RefOf returns a reference to a document, populated with it.
func RefOf[T any, P Document[T]](doc *T) Ref[T] {
	r := Ref[T]{doc: doc}
	d := P(doc).odmDoc()
	if st, err := d.state(); err == nil {
		if id, ok := st.id().(bson.ObjectID); ok {
			r.id, r.set = id, true
		}
	}
	return r
}

// ID returns the id, the zero value if there is none.
func (r RefTo[T, ID]) ID() ID { return r.id }

// Doc returns the document, nil if it was not populated or does not exist.
func (r RefTo[T, ID]) Doc() *T { return r.doc }

// SetID makes it refer to another document, unpopulated unless it is the same one.
func (r *RefTo[T, ID]) SetID(id ID) {
	next := RefID[T](id)
	if r.idEqual(next) {
		next.doc = r.doc
	}
	*r = next
}

// Depopulate forgets the document and keeps the id.
func (r *RefTo[T, ID]) Depopulate() { r.doc = nil }

// IsZero tells whether it refers to nothing.
func (r RefTo[T, ID]) IsZero() bool { return !r.set }

func (r RefTo[T, ID]) idEqual(other any) bool {
	o, ok := other.(RefTo[T, ID])
	if !ok {
		return false
	}
	t1, d1, err1 := r.MarshalBSONValue()
	t2, d2, err2 := o.MarshalBSONValue()
	return err1 == nil && err2 == nil && t1 == t2 && bytes.Equal(d1, d2)
}

func (r RefTo[T, ID]) target() reflect.Type { return reflect.TypeFor[T]() }

func (r RefTo[T, ID]) populated() objecter {
	if r.doc == nil {
		return nil
	}
	o, _ := any(r.doc).(objecter)
	return o
}

func (r *RefTo[T, ID]) fill(doc any) { r.doc, _ = doc.(*T) }

// MarshalBSONValue writes the id, or null.
func (r RefTo[T, ID]) MarshalBSONValue() (byte, []byte, error) {
	if !r.set {
		return byte(bson.TypeNull), nil, nil
	}
	if oid, ok := any(r.id).(bson.ObjectID); ok {
		return byte(bson.TypeObjectID), oid[:], nil
	}
	t, data, err := bson.MarshalValue(r.id)
	return byte(t), data, err
}

// UnmarshalBSONValue reads an id.
func (r *RefTo[T, ID]) UnmarshalBSONValue(t byte, data []byte) error {
	*r = RefTo[T, ID]{}
	if bson.Type(t) == bson.TypeNull {
		return nil
	}
	r.set = true
	return bson.UnmarshalValue(bson.Type(t), data, &r.id)
}

// MarshalJSON writes the document if there is one, else the id, else null.
func (r RefTo[T, ID]) MarshalJSON() ([]byte, error) {
	switch {
	case r.doc != nil:
		return json.Marshal(r.doc)
	case !r.set:
		return []byte("null"), nil
	}
	return json.Marshal(r.id)
}

// UnmarshalJSON reads an id.
func (r *RefTo[T, ID]) UnmarshalJSON(data []byte) error {
	*r = RefTo[T, ID]{}
	if string(data) == "null" {
		return nil
	}
	r.set = true
	return json.Unmarshal(data, &r.id)
}

// RefMany is a virtual reference: the documents of T whose foreign field has the value of a
// local one. It is not stored; its field is tagged bson:"-" and odm:"local=_id,foreign=author".
type RefMany[T any] struct {
	docs      []*T
	populated bool
}

// Docs returns the documents; nil before Populate.
func (r RefMany[T]) Docs() []*T { return r.docs }

// Populated tells whether Populate was called.
func (r RefMany[T]) Populated() bool { return r.populated }

// MarshalJSON writes the documents.
func (r RefMany[T]) MarshalJSON() ([]byte, error) { return json.Marshal(r.docs) }

func (r RefMany[T]) manyOf() reflect.Type { return reflect.TypeFor[T]() }

func (r *RefMany[T]) fillMany(docs []any) {
	r.docs, r.populated = make([]*T, 0, len(docs)), true
	for _, d := range docs {
		r.docs = append(r.docs, d.(*T))
	}
}

func (r RefMany[T]) populatedMany() ([]objecter, bool) {
	out := make([]objecter, 0, len(r.docs))
	for _, d := range r.docs {
		if o, ok := any(d).(objecter); ok {
			out = append(out, o)
		}
	}
	return out, r.populated
}

// manyRef is a RefMany, whatever its type.
type manyRef interface {
	manyOf() reflect.Type
	populatedMany() ([]objecter, bool)
}

type manyFiller interface{ fillMany(docs []any) }

func (r *RefTo[T, ID]) filled() bool { return r.doc != nil }
