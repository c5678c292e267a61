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

// NewDiscriminator defines a model of the documents of one kind in the collection of base.
// Fields that both have belong in a struct that both embed inline.
func NewDiscriminator[T, B any, P Document[T]](base *Model[B], name string, schema *Schema[T]) (*Model[T], error) {
	if schema == nil {
		schema = NewSchema[T]()
	}
	key := base.cfg.discrKey
	inherit := []SchemaOption{func(c *schemaConfig) {
		c.collection, c.discrKey, c.versionKey = base.cfg.collection, key, base.cfg.versionKey
		c.timestamps, c.createdAt, c.updatedAt = base.cfg.timestamps, base.cfg.createdAt, base.cfg.updatedAt
	}}
	schema.opts = append(inherit, schema.opts...)
	m, err := buildModel[T, P](base.conn, name, schema)
	if err != nil {
		return nil, err
	}
	if m.table.get(key) != nil {
		return nil, &SchemaError{Model: name, Problems: []string{fmt.Sprintf("Discriminator %q cannot have field with name %q", name, key)}}
	}
	m.discr = &discriminator[T]{key: key, value: name}
	base.conn.mu.Lock()
	_, taken := base.kinds[name]
	if !taken {
		base.kinds = maps.Clone(base.kinds)
		if base.kinds == nil {
			base.kinds = map[string]func() any{}
		}
		base.kinds[name] = func() any { return m }
	}
	base.conn.mu.Unlock()
	if taken {
		return nil, &DiscriminatorExistsError{Kind: name}
	}
	return m, m.conn.register(m, reflect.TypeFor[T]())
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
		return nil, fmt.Errorf("odm: %s %s: %q is no kind of the model", st.model.name, idText(st.id()), base.Kind())
	}
	m, ok := made().(*Model[T])
	if !ok {
		return nil, fmt.Errorf("odm: %s %s is a %s, not a %s", st.model.name, idText(st.id()), base.Kind(), reflect.TypeFor[T]().Name())
	}
	h := &holder[T]{}
	if err := m.load(&h.val, &h.st, st.base, nil); err != nil {
		return nil, err
	}
	h.st.sess = st.sess
	return &h.val, nil
}
