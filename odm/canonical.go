package odm

import (
	"cmp"
	"reflect"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Go's maps have no order, so two encodings of one struct can differ. What follows gives
// the documents that come from maps the order of their keys; documents of other types keep
// theirs, which can matter to the server.

// unorderedBelow tells whether a field may hold maps.
func (f *field) unorderedBelow() bool {
	switch f.kind {
	case kindMap:
		return true
	case kindMixed:
		return f.typ != typeRaw
	case kindSlice:
		return f.elem.unorderedBelow()
	case kindStruct, kindOneOf:
		return f.sub.unordered
	}
	return false
}

type element struct {
	key string
	v   bson.RawValue
}

func byKey(a, b element) int { return cmp.Compare(a.key, b.key) }

func listElements(doc []byte) []element {
	var out []element
	_ = elements(doc, func(key []byte, v bson.RawValue) error {
		out = append(out, element{string(key), v})
		return nil
	})
	return out
}

func joinElements(list []element, size int) []byte {
	elems := make([]byte, 0, size)
	for _, e := range list {
		elems = appendRawElement(elems, e.key, e.v)
	}
	return document(elems)
}

// canonical orders the maps in the encoding of a struct.
func (s *pathSet) canonical(doc []byte, v reflect.Value) []byte {
	list := listElements(doc)
	for i := range list {
		f := s.get(list[i].key)
		switch {
		case f == nil && s.extra != nil:
			list[i].v = sortDeep(list[i].v)
		case f != nil && f.unorderedBelow():
			list[i].v = f.canonical(list[i].v, v.FieldByIndex(f.goIdx))
		}
	}
	if s.extra != nil {
		slices.SortStableFunc(list, func(a, b element) int {
			switch x, y := s.get(a.key) == nil, s.get(b.key) == nil; {
			case x && y:
				return byKey(a, b)
			case x:
				return 1
			case y:
				return -1
			}
			return 0
		})
	}
	return joinElements(list, len(doc))
}

func (f *field) canonical(raw bson.RawValue, v reflect.Value) bson.RawValue {
	v, ok := deref(v)
	if !ok {
		return raw
	}
	switch {
	case f.kind == kindStruct && raw.Type == bson.TypeEmbeddedDocument:
		raw.Value = f.sub.canonical(raw.Value, v)
	case f.kind == kindOneOf && raw.Type == bson.TypeEmbeddedDocument:
		if inner, set := f.variant(v); set != nil {
			raw.Value = set.canonical(raw.Value, inner)
		}
	case f.kind == kindSlice && raw.Type == bson.TypeArray:
		list := listElements(raw.Value)
		for i := range list {
			if i < v.Len() {
				list[i].v = f.elem.canonical(list[i].v, v.Index(i))
			}
		}
		raw.Value = joinElements(list, len(raw.Value))
	case f.kind == kindMap && raw.Type == bson.TypeEmbeddedDocument:
		list := listElements(raw.Value)
		slices.SortFunc(list, byKey)
		if f.elem.unorderedBelow() {
			for i, e := range list {
				if ev := v.MapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key())); ev.IsValid() {
					list[i].v = f.elem.canonical(e.v, ev)
				}
			}
		}
		raw.Value = joinElements(list, len(raw.Value))
	case f.kind == kindMixed && holdsMap(v):
		return sortDeep(raw)
	}
	return raw
}

// holdsMap tells whether there is a map in a mixed value.
func holdsMap(v reflect.Value) bool {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return false
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Map:
		return true
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return false
		}
		for i := range v.Len() {
			if holdsMap(v.Index(i)) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if holdsMap(v.Field(i)) {
				return true
			}
		}
	}
	return false
}

func sortDeep(raw bson.RawValue) bson.RawValue {
	if raw.Type != bson.TypeEmbeddedDocument && raw.Type != bson.TypeArray {
		return raw
	}
	list := listElements(raw.Value)
	for i := range list {
		list[i].v = sortDeep(list[i].v)
	}
	if raw.Type == bson.TypeEmbeddedDocument {
		slices.SortFunc(list, byKey)
	}
	raw.Value = joinElements(list, len(raw.Value))
	return raw
}
