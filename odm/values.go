package odm

import (
	"reflect"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// deref follows pointers and Opts to the value; it is not ok when there is none.
func deref(v reflect.Value) (reflect.Value, bool) {
	for {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
			continue
		}
		if v.Kind() == reflect.Struct && v.Type().Implements(typeOption) {
			o := v.Interface().(optional)
			if o.IsZero() {
				return v, false
			}
			if v.CanAddr() {
				v = v.Addr().Interface().(optionalRef).valueRef()
			} else {
				v = o.value()
			}
			continue
		}
		return v, true
	}
}

// missing tells whether a field counts as not given: there is no way to tell of a plain
// number or boolean.
func (f *field) missing(v reflect.Value) bool {
	v, ok := deref(v)
	if !ok {
		return true
	}
	switch f.kind {
	case kindInt, kindUint, kindFloat, kindBool:
		return false
	case kindSlice, kindMap, kindBinary:
		return v.IsNil()
	case kindStruct:
		return false
	case kindRef:
		return v.Interface().(referrer).IsZero()
	case kindMixed:
		return v.IsZero()
	}
	return v.IsZero()
}

// copyStored copies the fields that are stored from one struct to another.
func (s *pathSet) copyStored(dst, src reflect.Value) {
	for _, f := range s.fields {
		dst.FieldByIndex(f.goIdx).Set(src.FieldByIndex(f.goIdx))
	}
	if s.extra != nil {
		dst.FieldByIndex(s.extra.goIdx).Set(src.FieldByIndex(s.extra.goIdx))
	}
}

// copyRefs keeps the references of a struct with what they were populated with.
func (s *pathSet) copyRefs(v reflect.Value) []reflect.Value {
	if len(s.refs) == 0 {
		return nil
	}
	out := make([]reflect.Value, len(s.refs))
	for i, f := range s.refs {
		fv := v.FieldByIndex(f.goIdx)
		kept := reflect.New(fv.Type()).Elem()
		if fv.Kind() == reflect.Slice && !fv.IsNil() {
			kept.Set(reflect.MakeSlice(fv.Type(), fv.Len(), fv.Len()))
			reflect.Copy(kept, fv)
		} else {
			kept.Set(fv)
		}
		out[i] = kept
	}
	return out
}

// restoreRefs puts kept references back where the ids are still the same.
func (s *pathSet) restoreRefs(v reflect.Value, kept []reflect.Value) {
	for i, f := range s.refs {
		if i >= len(kept) {
			return
		}
		dst, src := v.FieldByIndex(f.goIdx), kept[i]
		switch {
		case f.kind == kindRef && !f.opt:
			if sameRef(dst, src) {
				dst.Set(src)
			}
		case f.kind == kindSlice && dst.Len() == src.Len():
			for k := range dst.Len() {
				if sameRef(dst.Index(k), src.Index(k)) {
					dst.Index(k).Set(src.Index(k))
				}
			}
		case f.virtual():
			dst.Set(src)
		}
	}
}

func (f *field) virtual() bool { return f.kind == kindOther }

func sameRef(a, b reflect.Value) bool {
	return a.Interface().(referrer).idEqual(b.Interface())
}

// putBack gives the field at a path its value before the ODM wrote it: that of src, unless
// it changed in between, else the stored one.
func (s *pathSet) putBack(dst, src reflect.Value, path string, before bson.RawValue) {
	name, rest, more := strings.Cut(path, ".")
	f := s.get(name)
	if f == nil {
		return
	}
	d, o := dst.FieldByIndex(f.goIdx), src.FieldByIndex(f.goIdx)
	if more && f.kind == kindStruct {
		if dv, ok := deref(d); ok {
			ov, ok := deref(o)
			if !ok {
				ov = reflect.Zero(dv.Type())
			}
			f.sub.putBack(dv, ov, rest, before)
			return
		}
	}
	fresh := reflect.New(d.Type())
	if before.Type == 0 || before.Type == bson.TypeNull || more {
		d.Set(o)
		return
	}
	if before.Unmarshal(fresh.Interface()) == nil {
		d.Set(fresh.Elem())
	}
}
