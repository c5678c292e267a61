package odm

import (
	"fmt"
	"maps"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// discriminator tells the documents of a kind from others in the same collection.
type discriminator[T any] struct {
	key, value string
}

// DiscriminatorExistsError says that a base model has the kind already.
type DiscriminatorExistsError struct{ Kind string }

func (e *DiscriminatorExistsError) Error() string {
	return fmt.Sprintf("Discriminator with name %q already exists", e.Kind)
}

// KindError says that a document is not of the kind that it was to be read as.
type KindError struct {
	Model string
	ID    any
	Kind  string // what is stored
	Want  string // the type; empty if the model does not know the kind
}

func (e *KindError) Error() string {
	if e.Want == "" {
		return fmt.Sprintf("odm: %s %s: %q is no kind of the model", e.Model, idText(e.ID), e.Kind)
	}
	return fmt.Sprintf("odm: %s %s is a %s, not a %s", e.Model, idText(e.ID), e.Kind, e.Want)
}

// KindValue is what the documents of a discriminator have at the discriminator key. Default:
// the model's name.
func KindValue(kind string) SchemaOption { return func(c *schemaConfig) { c.kind = kind } }

// NewDiscriminator defines a model of the documents of one kind in the collection of base.
// It takes over the base's options, and its hooks of operations. Fields and hook methods that
// both have belong in a struct that both embed inline; hooks that were registered for the
// documents of the base take a *B and stay there.
func NewDiscriminator[T, B any, P Document[T]](base *Model[B], name string, schema *Schema[T]) (*Model[T], error) {
	key := base.cfg.discrKey
	m, err := buildModel[T, P](base.conn, name, schema, func(c *schemaConfig) {
		from := *base.cfg
		from.paths, from.indexes, from.kind = nil, nil, name
		*c = from
	})
	if err != nil {
		return nil, err
	}
	if m.table.get(key) != nil {
		return nil, &SchemaError{Model: name, Problems: []string{fmt.Sprintf("Discriminator %q cannot have field with name %q", name, key)}}
	}
	m.hooks.inherit(base.hooks.preOp, base.hooks.postOp, base.hooks.errOp)
	kind := m.cfg.kind
	m.cfg.collection, m.cfg.discrKey = base.cfg.collection, key
	m.discr = &discriminator[T]{key: key, value: kind}
	base.conn.mu.Lock()
	defer base.conn.mu.Unlock()
	if _, taken := base.kinds[kind]; taken {
		return nil, &DiscriminatorExistsError{Kind: kind}
	}
	if err := m.conn.register(m, reflect.TypeFor[T]()); err != nil {
		return nil, err
	}
	base.kinds = maps.Clone(base.kinds)
	if base.kinds == nil {
		base.kinds = map[string]func() any{}
	}
	base.kinds[kind] = func() any { return m }
	return m, nil
}

// appendKind adds the kind of a discriminator's document.
func (m *Model[T]) appendKind(dst []byte) []byte {
	if m.discr == nil {
		return dst
	}
	return bsoncore.AppendStringElement(dst, m.discr.key, m.discr.value)
}

// kindFilter adds the kind to a filter.
func (m *Model[T]) kindFilter(filter bson.Raw) bson.Raw {
	if m.discr == nil {
		return filter
	}
	return withElements(filter, bsoncore.AppendStringElement(nil, m.discr.key, m.discr.value))
}

// Kind returns the discriminator value of a stored document, empty if it has none.
func (d *Doc[T]) Kind() string {
	st, err := d.state()
	if err != nil {
		return ""
	}
	s, _ := lookup(st.base, st.model.cfg.discrKey).StringValueOK()
	return s
}

// As returns a document of the base model as one of the discriminator's: decoded from the
// same bytes, tracked by itself.
func As[T, B any](base *Doc[B]) (*T, error) {
	st, err := base.state()
	if err != nil {
		return nil, err
	}
	st.model.conn.mu.Lock()
	made := st.model.kinds[base.Kind()]
	st.model.conn.mu.Unlock()
	if made == nil {
		return nil, &KindError{Model: st.model.name, ID: st.id(), Kind: base.Kind()}
	}
	m, ok := made().(*Model[T])
	if !ok {
		return nil, &KindError{Model: st.model.name, ID: st.id(), Kind: base.Kind(), Want: reflect.TypeFor[T]().Name()}
	}
	h := &holder[T]{}
	if err := m.load(&h.val, &h.st, st.base, nil); err != nil {
		return nil, err
	}
	h.st.sess = st.sess
	return &h.val, nil
}
