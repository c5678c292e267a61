package odm

import (
	"context"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// copyInto copies the stored fields.
func (m *Model[T]) copyInto(dst, src *T) {
	m.table.copyStored(reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem())
}

// Overwrite replaces all stored values by those of v, except for the _id.
func (d *Doc[T]) Overwrite(ctx context.Context, v *T) error {
	st, _, unlock, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	id := st.model.table.get("_id")
	dst := reflect.ValueOf(st.val).Elem().FieldByIndex(id.goIdx)
	kept := reflect.New(dst.Type()).Elem()
	kept.Set(dst)
	st.model.copyInto(st.val, v)
	dst.Set(kept)
	st.model.setVersionField(st)
	return nil
}

// Clone returns a copy of the document with its state. The two share the stored bytes.
func (d *Doc[T]) Clone() (*T, error) {
	st, err := d.state()
	if err != nil {
		return nil, err
	}
	raw, err := st.model.encode(st.val)
	if err != nil {
		return nil, err
	}
	h := &holder[T]{}
	if err := bson.Unmarshal(raw, &h.val); err != nil {
		return nil, err
	}
	h.st.snapshot = st.snapshot
	st.model.attach(&h.val, &h.st)
	st.model.table.restoreRefs(reflect.ValueOf(&h.val).Elem(), st.model.table.copyRefs(reflect.ValueOf(st.val).Elem()))
	return &h.val, nil
}

// ObjectOption is an option of ToObject.
type ObjectOption func(*objectConfig)

type objectConfig struct{ virtuals, aliases, noVersion bool }

// Virtuals adds the schema's virtuals.
func Virtuals() ObjectOption { return func(c *objectConfig) { c.virtuals = true } }

// Aliases adds the aliases of paths at the top.
func Aliases() ObjectOption { return func(c *objectConfig) { c.aliases = true } }

// NoVersionKey leaves the version out.
func NoVersionKey() ObjectOption { return func(c *objectConfig) { c.noVersion = true } }

// ToObject returns the document as plain BSON values, as it would be stored.
func (d *Doc[T]) ToObject(opts ...ObjectOption) (bson.D, error) {
	st, err := d.state()
	if err != nil {
		return nil, err
	}
	var cfg objectConfig
	for _, o := range opts {
		o(&cfg)
	}
	m := st.model
	raw, err := m.encode(st.val)
	if err != nil {
		return nil, err
	}
	var out bson.D
	if err := bson.Unmarshal(raw, &out); err != nil {
		return nil, err
	}
	key := m.cfg.versionKey
	switch {
	case cfg.noVersion && m.table.get(key) != nil:
		out = dropKey(out, key)
	case !cfg.noVersion && st.versioned && m.table.get(key) == nil:
		out = append(out, bson.E{Key: key, Value: st.version})
	}
	if cfg.aliases {
		for alias, path := range m.aliases {
			if v := lookup(raw, path); v.Type != 0 {
				out = append(out, bson.E{Key: alias, Value: v})
			}
		}
	}
	if cfg.virtuals {
		for name, get := range m.virtuals {
			out = append(out, bson.E{Key: name, Value: get(st.val)})
		}
	}
	return out, nil
}

func dropKey(d bson.D, key string) bson.D {
	out := d[:0]
	for _, e := range d {
		if e.Key != key {
			out = append(out, e)
		}
	}
	return out
}
