package odm

import (
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func (s *pathSet) hasDefaults() bool {
	for _, f := range s.fields {
		if f.rules.def != nil || f.rules.defText != "" || (f.sub != nil && f.sub.hasDefaults()) {
			return true
		}
	}
	return false
}

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

func (m *Model[T]) applyDefault(f *field, v reflect.Value) bool {
	if f.kind == kindStruct {
		inner, ok := deref(v)
		if !ok {
			return false // the defaults of a sub-document need a sub-document
		}
		filled := false
		for _, sub := range f.sub.fields {
			filled = m.applyDefault(sub, inner.FieldByIndex(sub.goIdx)) || filled
		}
		return filled
	}
	if (f.rules.def == nil && f.rules.defText == "") || !f.missing(v) {
		return false
	}
	if f.rules.defText == "now" {
		now := m.conn.opts.Now().UTC()
		value := reflect.ValueOf(now)
		if valueType(f.typ) == typeDateTime {
			value = reflect.ValueOf(bson.NewDateTimeFromTime(now))
		}
		setDefault(v, value.Interface())
		return true
	}
	setDefault(v, f.rules.def())
	return true
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
