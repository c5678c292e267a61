package odm

import (
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// applyDefaults fills what is missing, and tells whether it filled anything.
func (m *Model[T]) applyDefaults(v reflect.Value, p *projection) bool {
	filled := false
	for _, f := range m.defaults {
		if p.loads(f.path) {
			filled = m.applyDefault(f, v.FieldByIndex(f.goIdx)) || filled
		}
	}
	return filled
}

// defaultsOf fills what is missing in a struct.
func (m *Model[T]) defaultsOf(set *pathSet, v reflect.Value) bool {
	filled := false
	if set.defaulted {
		for _, f := range set.fields {
			filled = m.applyDefault(f, v.FieldByIndex(f.goIdx)) || filled
		}
	}
	return filled
}

func (m *Model[T]) applyDefault(f *field, v reflect.Value) bool {
	filled := false
	if f.rules.hasDefault() && f.missing(v) {
		setDefault(v, m.defaultOf(f))
		filled = true
	}
	if !f.defaulted {
		return filled
	}
	inner, ok := deref(v)
	if !ok {
		return filled // the defaults of a sub-document need a sub-document
	}
	switch f.kind {
	case kindStruct:
		return m.defaultsOf(f.sub, inner) || filled
	case kindOneOf:
		if held, set := f.variant(inner); set != nil {
			return m.defaultsOf(set, held) || filled
		}
	case kindSlice:
		for i := range inner.Len() {
			filled = m.applyDefault(f.elem, inner.Index(i)) || filled
		}
	case kindMap:
		for it := inner.MapRange(); it.Next(); { // values of maps cannot be set in place
			e := reflect.New(f.elem.typ).Elem()
			e.Set(it.Value())
			if m.applyDefault(f.elem, e) {
				inner.SetMapIndex(it.Key(), e)
				filled = true
			}
		}
	}
	return filled
}

func (r *rules) hasDefault() bool { return r.def != nil || r.defText != "" }

// defaultOf returns the default of a path; that of "now" is the connection's time.
func (m *Model[T]) defaultOf(f *field) any {
	if f.rules.defText != "now" {
		return f.rules.def()
	}
	now := m.conn.opts.Now().UTC()
	if valueType(f.typ) == typeDateTime {
		return bson.NewDateTimeFromTime(now)
	}
	return now
}

// setDefault puts a value into a field, below its pointers and Opts.
func setDefault(v reflect.Value, value any) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if v.Type().Implements(typeOption) {
		v.Addr().Interface().(interface{ setDefault(v any) }).setDefault(value)
		return
	}
	v.Set(reflect.ValueOf(value))
}
