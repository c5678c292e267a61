package odm

import (
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// operand says how the operand of a query operator is cast.
type operand uint8

const (
	asValue   operand = iota // as a value of the path
	asList                   // each element as a value of the path
	asIs                     // not at all
	asFilter                 // as operators on the same path
	asElement                // as operators on, or a filter of, an element
)

var filterOperators = map[string]operand{
	"$eq": asValue, "$ne": asValue, "$gt": asValue, "$gte": asValue, "$lt": asValue, "$lte": asValue,
	"$in": asList, "$nin": asList, "$all": asList,
	"$exists": asIs, "$type": asIs, "$size": asIs, "$mod": asIs, "$regex": asIs, "$options": asIs,
	"$bitsAllSet": asIs, "$bitsAnySet": asIs, "$bitsAllClear": asIs, "$bitsAnyClear": asIs,
	"$geoWithin": asIs, "$geoIntersects": asIs, "$near": asIs, "$nearSphere": asIs, "$maxDistance": asIs, "$minDistance": asIs,
	"$not": asFilter, "$elemMatch": asElement,
}

// castFilter casts a filter by the schema, and applies the strict mode to its paths.
func (m *Model[T]) castFilter(filter bson.Raw, strict Strict) (bson.Raw, error) {
	if len(filter) <= len(emptyDoc) {
		return filter, nil
	}
	var dst []byte
	err := elements(filter, func(key []byte, v bson.RawValue) error {
		name := string(key)
		if strings.HasPrefix(name, "$") {
			out, err := m.castLogical(name, v, strict)
			dst = appendRawElement(dst, name, out)
			return err
		}
		if path, ok := m.aliases[name]; ok {
			name = path
		}
		f := m.table.find(name)
		if f == nil && !m.known(name) {
			switch strict {
			case StrictThrow:
				return &StrictError{Model: m.name, Path: name, Where: "filter"}
			case StrictDrop:
				return nil
			}
		}
		out, err := m.castCondition(name, f, v)
		dst = appendRawElement(dst, name, out)
		return err
	})
	return document(dst), err
}

// known tells of paths that the ODM keeps by itself.
func (m *Model[T]) known(path string) bool {
	return path == m.cfg.versionKey || path == m.cfg.discrKey ||
		(m.cfg.timestamps && (path == m.cfg.createdAt || path == m.cfg.updatedAt)) || m.table.extra != nil
}

func (m *Model[T]) castLogical(name string, v bson.RawValue, strict Strict) (bson.RawValue, error) {
	switch name {
	case "$and", "$or", "$nor":
		if v.Type != bson.TypeArray {
			return v, nil // the server has the better words for it
		}
		list, err := arrayElements(v)
		if err != nil {
			return v, err
		}
		for i, e := range list {
			if e.Type != bson.TypeEmbeddedDocument {
				return v, nil
			}
			doc, err := m.castFilter(bson.Raw(e.Value), strict)
			if err != nil {
				return v, err
			}
			list[i] = bson.RawValue{Type: e.Type, Value: doc}
		}
		return arrayOf(list), nil
	}
	return v, nil
}

// castCondition casts what a filter says of one path.
func (m *Model[T]) castCondition(path string, f *field, v bson.RawValue) (bson.RawValue, error) {
	if f == nil {
		return v, nil
	}
	if v.Type == bson.TypeEmbeddedDocument && hasOperators(v.Value) {
		return m.castOperators(path, f, v)
	}
	if v.Type == bson.TypeArray && f.scalar() { // an array for a scalar is a choice
		list, err := m.castList(path, f, v)
		if err != nil {
			return v, err
		}
		return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: document(appendRawElement(nil, "$in", list))}, nil
	}
	return castTo(m.name, path, f, v)
}

func (f *field) scalar() bool {
	switch f.kind {
	case kindSlice, kindMixed, kindOther, kindStruct, kindOneOf, kindMap, kindBinary:
		return false
	}
	return true
}

func hasOperators(doc []byte) bool {
	return len(doc) > 6 && doc[5] == '$'
}

func (m *Model[T]) castList(path string, f *field, v bson.RawValue) (bson.RawValue, error) {
	list, err := arrayElements(v)
	if err != nil {
		return v, err
	}
	for i := range list {
		if list[i].Type == bson.TypeEmbeddedDocument && hasOperators(list[i].Value) {
			list[i], err = m.castOperators(path, f, list[i])
		} else {
			list[i], err = castTo(m.name, path, f, list[i])
		}
		if err != nil {
			return v, err
		}
	}
	return arrayOf(list), nil
}

func (m *Model[T]) castOperators(path string, f *field, v bson.RawValue) (bson.RawValue, error) {
	var dst []byte
	err := elements(v.Value, func(key []byte, e bson.RawValue) error {
		name := string(key)
		how, ok := filterOperators[name]
		if !ok {
			return &CastError{Model: m.name, Path: path, Kind: f.kind.String(), Value: name, Reason: fmt.Errorf("Can't use %s with %s.", name, f.kind)} //nolint:staticcheck // Mongoose's text
		}
		out, err := m.castOperand(path, f, how, e)
		dst = appendRawElement(dst, name, out)
		return err
	})
	return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: document(dst)}, err
}

func (m *Model[T]) castOperand(path string, f *field, how operand, v bson.RawValue) (bson.RawValue, error) {
	switch {
	case how == asValue:
		return castTo(m.name, path, f, v)
	case how == asList && v.Type == bson.TypeArray:
		return m.castList(path, f, v)
	case how == asFilter && v.Type == bson.TypeEmbeddedDocument:
		return m.castOperators(path, f, v)
	case how == asElement && v.Type == bson.TypeEmbeddedDocument && f.kind == kindSlice:
		if hasOperators(v.Value) {
			return m.castOperators(path, f.elem, v)
		}
		return m.castElement(path, f.elem, v)
	}
	return v, nil
}

// castElement casts the filter of $elemMatch over sub-documents.
func (m *Model[T]) castElement(path string, f *field, v bson.RawValue) (bson.RawValue, error) {
	if !f.holdsDocuments() {
		return v, nil
	}
	set := f.tableOf(v.Value)
	var dst []byte
	err := elements(v.Value, func(key []byte, e bson.RawValue) error {
		name := string(key)
		out, err := m.castCondition(path+"."+name, set.find(name), e)
		dst = appendRawElement(dst, name, out)
		return err
	})
	return bson.RawValue{Type: v.Type, Value: document(dst)}, err
}
