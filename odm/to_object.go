package odm

import (
	"maps"
	"reflect"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// ObjectOption is an option of ToObject and ToJSON.
type ObjectOption func(*objectConfig)

type objectConfig struct {
	virtuals, getters, aliases, noVersion, depopulated, minimized, hexIDs, noHidden bool

	transforms []func(doc any, out bson.D) bson.D
}

// Virtuals adds the schema's virtuals, populated virtual references among them, and id, the
// _id as text.
func Virtuals() ObjectOption { return func(c *objectConfig) { c.virtuals = true } }

// Getters applies the getters of paths.
func Getters() ObjectOption { return func(c *objectConfig) { c.getters = true } }

// Aliases adds the aliases of paths at the top.
func Aliases() ObjectOption { return func(c *objectConfig) { c.aliases = true } }

// NoVersionKey leaves the version out.
func NoVersionKey() ObjectOption { return func(c *objectConfig) { c.noVersion = true } }

// Depopulated shows populated references as ids.
func Depopulated() ObjectOption { return func(c *objectConfig) { c.depopulated = true } }

// Minimized leaves out empty documents.
func Minimized() ObjectOption { return func(c *objectConfig) { c.minimized = true } }

// HexIDs shows ObjectIDs as text.
func HexIDs() ObjectOption { return func(c *objectConfig) { c.hexIDs = true } }

// WithoutHidden leaves out hidden paths, also those that were loaded or set.
func WithoutHidden() ObjectOption { return func(c *objectConfig) { c.noHidden = true } }

// Transform lets fn change what a T becomes: the document itself, a sub-document or a
// populated document, whichever is a T.
func Transform[T any](fn func(doc *T, out bson.D) bson.D) ObjectOption {
	return func(c *objectConfig) {
		c.transforms = append(c.transforms, func(doc any, out bson.D) bson.D {
			if d, ok := doc.(*T); ok {
				return fn(d, out)
			}
			return out
		})
	}
}

// Plain forgets the options before it: the schema's defaults, when it is the first of a call.
func Plain() ObjectOption { return func(c *objectConfig) { *c = objectConfig{} } }

// ToObject returns the document as plain BSON values: what is stored, and populated documents
// in the place of their ids. The options come after the schema's ObjectDefaults.
func (d *Doc[T]) ToObject(opts ...ObjectOption) (bson.D, error) {
	st, err := d.state()
	if err != nil {
		return nil, err
	}
	return d.object(newObjectBuilder(st.model.cfg.object, opts))
}

// ToJSON returns the document as the JSON that a web application sends: the names of the
// stored fields, ids as text, times in ISO 8601. The options come after the schema's
// JSONDefaults.
func (d *Doc[T]) ToJSON(opts ...ObjectOption) ([]byte, error) {
	st, err := d.state()
	if err != nil {
		return nil, err
	}
	out, err := d.object(newObjectBuilder(st.model.cfg.json, opts))
	if err != nil {
		return nil, err
	}
	return appendJSON(nil, out)
}

// objectBuilder makes one object. It remembers the documents that it is inside of, as
// references can go in a circle.
type objectBuilder struct {
	objectConfig
	inside []any
}

func newObjectBuilder(defaults, opts []ObjectOption) *objectBuilder {
	b := &objectBuilder{}
	for _, o := range defaults {
		o(&b.objectConfig)
	}
	for _, o := range opts {
		o(&b.objectConfig)
	}
	return b
}

// objecter is a document of any model.
type objecter interface {
	object(b *objectBuilder) (bson.D, error)
}

func (d *Doc[T]) object(b *objectBuilder) (bson.D, error) {
	st, err := d.state()
	if err != nil {
		return nil, err
	}
	b.inside = append(b.inside, st.val)
	defer func() { b.inside = b.inside[:len(b.inside)-1] }()
	m := st.model
	raw, err := m.encode(st.val)
	if err != nil {
		return nil, err
	}
	out, err := b.fields(m.table, reflect.ValueOf(st.val).Elem(), raw)
	if err != nil {
		return nil, err
	}
	key := m.cfg.versionKey
	switch {
	case b.noVersion && m.table.get(key) != nil:
		out = slices.DeleteFunc(out, func(e bson.E) bool { return e.Key == key })
	case !b.noVersion && st.versioned && m.table.get(key) == nil:
		out = append(out, bson.E{Key: key, Value: st.version})
	}
	if b.aliases {
		for _, alias := range slices.Sorted(maps.Keys(m.aliases)) {
			if v := lookup(raw, m.aliases[alias]); v.Type != 0 {
				out = append(out, bson.E{Key: alias, Value: b.plain(v)})
			}
		}
	}
	if b.virtuals {
		if out, err = b.many(m.table, reflect.ValueOf(st.val).Elem(), out); err != nil {
			return nil, err
		}
		out = append(out, m.shown(st)...)
	}
	return b.transformed(st.val, out), nil
}

func (b *objectBuilder) transformed(doc any, out bson.D) bson.D {
	for _, fn := range b.transforms {
		out = fn(doc, out)
	}
	return out
}

// fields makes an object of a struct and its encoding.
func (b *objectBuilder) fields(set *pathSet, v reflect.Value, raw bson.Raw) (bson.D, error) {
	out := bson.D{}
	err := elements(raw, func(key []byte, e bson.RawValue) error {
		f := set.get(string(key))
		if f == nil {
			out = append(out, bson.E{Key: string(key), Value: b.plain(e)})
			return nil
		}
		if f.rules.hidden && b.noHidden {
			return nil
		}
		val, err := b.value(f, v.FieldByIndex(f.goIdx), e)
		if doc, ok := val.(bson.D); ok && len(doc) == 0 && b.minimized {
			return err
		}
		out = append(out, bson.E{Key: string(key), Value: val})
		return err
	})
	return out, err
}

func (b *objectBuilder) value(f *field, fv reflect.Value, raw bson.RawValue) (any, error) {
	v, ok := deref(fv)
	if !ok {
		return b.plain(raw), nil
	}
	if f.rules.getter != nil && b.getters {
		return f.rules.getter(v), nil
	}
	switch {
	case f.kind == kindStruct && raw.Type == bson.TypeEmbeddedDocument:
		return b.sub(f.sub, v, raw.Value)
	case f.kind == kindOneOf && raw.Type == bson.TypeEmbeddedDocument:
		if inner, set := f.variant(v); set != nil {
			return b.sub(set, inner, raw.Value)
		}
	case f.kind == kindSlice && raw.Type == bson.TypeArray:
		list, err := arrayElements(raw)
		out := make(bson.A, len(list))
		for i := 0; i < len(list) && err == nil; i++ {
			out[i], err = b.value(f.elem, v.Index(i), list[i])
		}
		return out, err
	case f.kind == kindMap && raw.Type == bson.TypeEmbeddedDocument:
		out := bson.D{}
		err := elements(raw.Value, func(key []byte, e bson.RawValue) error {
			val, err := b.value(f.elem, v.MapIndex(reflect.ValueOf(string(key)).Convert(v.Type().Key())), e)
			out = append(out, bson.E{Key: string(key), Value: val})
			return err
		})
		return out, err
	case f.kind == kindRef:
		if doc := v.Interface().(referrer).populated(); doc != nil && !b.depopulated && !slices.Contains(b.inside, any(doc)) {
			return doc.object(b)
		}
	}
	return b.plain(raw), nil
}

// sub makes an object of a struct inside of a document.
func (b *objectBuilder) sub(set *pathSet, v reflect.Value, raw bson.Raw) (any, error) {
	out, err := b.fields(set, v, raw)
	if err != nil || len(b.transforms) == 0 {
		return out, err
	}
	if !v.CanAddr() { // a value of a map
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		v = c
	}
	return b.transformed(v.Addr().Interface(), out), nil
}

// many adds the populated virtual references.
func (b *objectBuilder) many(set *pathSet, v reflect.Value, out bson.D) (bson.D, error) {
	for _, m := range set.many {
		docs, populated := v.FieldByIndex(m.goIdx).Interface().(manyRef).populatedMany()
		if !populated {
			continue
		}
		list := make(bson.A, 0, len(docs))
		for _, d := range docs {
			if slices.Contains(b.inside, any(d)) {
				continue
			}
			o, err := d.object(b)
			if err != nil {
				return nil, err
			}
			list = append(list, o)
		}
		out = append(out, bson.E{Key: m.name, Value: list})
	}
	return out, nil
}

// plain decodes a value that no rule of a schema is about.
func (b *objectBuilder) plain(raw bson.RawValue) any {
	switch raw.Type {
	case bson.TypeEmbeddedDocument:
		out := bson.D{}
		for _, e := range listElements(raw.Value) {
			out = append(out, bson.E{Key: e.key, Value: b.plain(e.v)})
		}
		return out
	case bson.TypeArray:
		out := bson.A{}
		for _, e := range listElements(raw.Value) {
			out = append(out, b.plain(e.v))
		}
		return out
	case bson.TypeObjectID:
		if b.hexIDs {
			return raw.ObjectID().Hex()
		}
	}
	var v any
	if err := raw.Unmarshal(&v); err != nil {
		return raw // of a type that only the server knows
	}
	return v
}
