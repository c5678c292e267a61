package odm

import (
	"reflect"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// virtual is a value that is computed and not stored.
type virtual[T any] struct {
	name string
	get  func(doc *T) any
	set  func(doc *T, v any) error
}

// virtuals are those of a schema, in their order.
type virtuals[T any] []*virtual[T]

func (vs virtuals[T]) find(name string) *virtual[T] {
	for _, v := range vs {
		if v.name == name {
			return v
		}
	}
	return nil
}

func (vs virtuals[T]) clone() virtuals[T] {
	out := make(virtuals[T], len(vs))
	for i, v := range vs {
		c := *v
		out[i] = &c
	}
	return out
}

func (s *Schema[T]) virtual(name string) *virtual[T] {
	v := s.virtuals.find(name)
	if v == nil {
		v = &virtual[T]{name: name}
		s.virtuals = append(s.virtuals, v)
	}
	return v
}

// Virtual adds a value that is computed and not stored, for Doc.Get, and for ToObject and
// ToJSON with Virtuals.
func (s *Schema[T]) Virtual(name string, get func(doc *T) any) *Schema[T] {
	s.virtual(name).get = get
	return s
}

// VirtualSetter says what Doc.Set does with the value for a virtual.
func (s *Schema[T]) VirtualSetter(name string, set func(doc *T, v any) error) *Schema[T] {
	s.virtual(name).set = set
	return s
}

// Get returns the value at a path, of an alias or a virtual, for code that knows paths only
// at run time. A getter of the path is applied.
func (d *Doc[T]) Get(path string) (any, error) {
	st, err := d.state()
	if err != nil {
		return nil, err
	}
	if v := st.model.virtuals.find(path); v != nil && v.get != nil {
		return v.get(st.val), nil
	}
	f, v, err := st.fieldValue(path)
	if err != nil {
		return nil, err
	}
	if inner, ok := deref(v); ok && f.rules.getter != nil {
		return f.rules.getter(inner), nil
	}
	return v.Interface(), nil
}

// Set assigns the value at a path, of an alias or a virtual. A value of another type is cast
// as in an update.
func (d *Doc[T]) Set(path string, value any) error {
	st, err := d.state()
	if err != nil {
		return err
	}
	if v := st.model.virtuals.find(path); v != nil && v.set != nil {
		return v.set(st.val, value)
	}
	f, v, err := st.fieldValue(path)
	if err != nil {
		return err
	}
	if nv := reflect.ValueOf(value); nv.IsValid() && nv.Type().AssignableTo(v.Type()) {
		v.Set(nv)
		return nil
	}
	return st.assignCast(f, v, value)
}

// assignCast assigns a value that is not of the field's type.
func (st *state[T]) assignCast(f *field, v reflect.Value, value any) error {
	failed := func(err error) error {
		return &CastError{Model: st.model.name, Path: f.path, Kind: f.kind.String(), Value: value, Reason: err}
	}
	raw, err := rawValue(value)
	if err != nil {
		return failed(err)
	}
	cast, err := castTo(st.model.name, f.path, f, raw)
	if err != nil {
		return err
	}
	fresh := reflect.New(v.Type())
	if err := cast.Unmarshal(fresh.Interface()); err != nil {
		return failed(err)
	}
	v.Set(fresh.Elem())
	return nil
}

// Assign sets several paths from a document, such as one that a request brought. The strict
// mode says what becomes of paths that the schema does not know: they are dropped, refused,
// or kept in the field tagged `odm:"extra"`. The _id, the version and virtuals without a
// setter are left out.
func (d *Doc[T]) Assign(values bson.D) error {
	st, err := d.state()
	if err != nil {
		return err
	}
	m := st.model
	for _, e := range values {
		virtual := m.virtuals.find(e.Key)
		switch {
		case e.Key == "_id" || e.Key == m.cfg.versionKey || (virtual != nil && virtual.set == nil):
			continue
		case virtual == nil && m.table.find(m.pathOf(e.Key)) == nil:
			err = st.assignUnknown(e.Key, e.Value)
		default:
			err = d.Set(e.Key, e.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (st *state[T]) assignUnknown(path string, value any) error {
	m := st.model
	switch mode := m.strict(); {
	case mode == StrictThrow:
		return &StrictError{Model: m.name, Path: path, Where: "document"}
	case mode != StrictKeep || m.table.extra == nil || strings.Contains(path, "."):
		return nil
	}
	extra := reflect.ValueOf(st.val).Elem().FieldByIndex(m.table.extra.goIdx)
	if extra.IsNil() {
		extra.Set(reflect.MakeMap(extra.Type()))
	}
	nv := reflect.ValueOf(&value).Elem()
	if !nv.Type().AssignableTo(extra.Type().Elem()) {
		return &CastError{Model: m.name, Path: path, Kind: extra.Type().Elem().String(), Value: value}
	}
	extra.SetMapIndex(reflect.ValueOf(path).Convert(extra.Type().Key()), nv)
	return nil
}

// shown returns the virtuals that ToObject shows: those of the schema and, unless something
// has the name, id.
func (m *Model[T]) shown(st *state[T]) bson.D {
	var out bson.D
	taken := m.table.get("id") != nil || m.virtuals.find("id") != nil || m.aliases["id"] != ""
	if !taken {
		out = append(out, bson.E{Key: "id", Value: idText(st.id())})
	}
	for _, v := range m.virtuals {
		if v.get != nil {
			out = append(out, bson.E{Key: v.name, Value: v.get(st.val)})
		}
	}
	return slices.Clip(out)
}
