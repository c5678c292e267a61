package odm

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// KindSet says which types a OneOf can hold: a pointer to a struct of each, by its kind. If
// it has a method Key() string as well, that names the path that tells the kinds apart in a
// stored sub-document, "__t" by default.
type KindSet[I any] interface{ Kinds() map[string]I }

// OneOf is a sub-document that is of one of several kinds, in a field or in an array:
//
//	type Shape interface{ Area() float64 }
//	type shapes struct{}
//	func (shapes) Kinds() map[string]Shape { return map[string]Shape{"Circle": &Circle{}, "Square": &Square{}} }
//
//	Shapes []odm.OneOf[Shape, shapes] `bson:"shapes"`
//
// Validators, setters, defaults, hooks and references of the kinds work as in any other
// sub-document, and paths such as "shapes.radius" are cast by the kinds.
type OneOf[I any, K KindSet[I]] struct {
	// Value is a pointer to one of the kinds, or nil.
	Value I

	raw bson.Raw // of a kind that K does not know: kept as it is
}

// oneOf is a OneOf, whatever its types.
type oneOf interface {
	IsZero() bool
	kindTable() *kindTable
	held() reflect.Value
}

// kindTable is a KindSet as the ODM uses it.
type kindTable struct {
	key    string
	byName map[string]reflect.Type
	byType map[reflect.Type]string
}

// kindTables holds the table of each KindSet's type.
var kindTables sync.Map

func kindsOf[I any, K KindSet[I]]() *kindTable {
	set := reflect.TypeFor[K]()
	if t, ok := kindTables.Load(set); ok {
		return t.(*kindTable)
	}
	var k K
	t := &kindTable{key: "__t", byName: map[string]reflect.Type{}, byType: map[reflect.Type]string{}}
	if named, ok := any(k).(interface{ Key() string }); ok {
		t.key = named.Key()
	}
	for name, v := range k.Kinds() {
		typ := reflect.TypeOf(v)
		t.byName[name], t.byType[typ] = typ, name
	}
	known, _ := kindTables.LoadOrStore(set, t)
	return known.(*kindTable)
}

// names returns the kinds in order.
func (t *kindTable) names() []string { return slices.Sorted(maps.Keys(t.byName)) }

// kindIn returns the kind of a stored sub-document.
func (t *kindTable) kindIn(doc []byte) string {
	v, _ := findElement(doc, []byte(t.key))
	name, _ := v.StringValueOK()
	return name
}

// Kind returns the kind of the value, empty if there is none.
func (o OneOf[I, K]) Kind() string {
	t := kindsOf[I, K]()
	if o.raw != nil {
		return t.kindIn(o.raw)
	}
	return t.byType[reflect.TypeOf(o.Value)]
}

// IsZero tells whether there is no value.
func (o OneOf[I, K]) IsZero() bool { return o.raw == nil && any(o.Value) == nil }

func (o OneOf[I, K]) kindTable() *kindTable { return kindsOf[I, K]() }

func (o OneOf[I, K]) held() reflect.Value { return reflect.ValueOf(o.Value) }

// MarshalBSONValue writes the value with its kind, or null.
func (o OneOf[I, K]) MarshalBSONValue() (byte, []byte, error) {
	switch {
	case any(o.Value) != nil:
	case o.raw != nil:
		return byte(bson.TypeEmbeddedDocument), o.raw, nil
	default:
		return byte(bson.TypeNull), nil, nil
	}
	t := kindsOf[I, K]()
	name, ok := t.byType[reflect.TypeOf(o.Value)]
	if !ok {
		return 0, nil, fmt.Errorf("odm: a %T is none of the kinds %q", o.Value, t.names())
	}
	doc, err := encode(o.Value)
	if err != nil {
		return 0, nil, err
	}
	elems := bsoncore.AppendStringElement(nil, t.key, name)
	return byte(bson.TypeEmbeddedDocument), document(append(elems, doc[4:len(doc)-1]...)), nil
}

// UnmarshalBSONValue reads a value by its kind. One of a kind that is not known is kept.
func (o *OneOf[I, K]) UnmarshalBSONValue(typ byte, data []byte) error {
	*o = OneOf[I, K]{}
	if bson.Type(typ) == bson.TypeNull {
		return nil
	}
	if bson.Type(typ) != bson.TypeEmbeddedDocument {
		return fmt.Errorf("odm: a %s is no sub-document", bson.Type(typ))
	}
	t := kindsOf[I, K]()
	want, ok := t.byName[t.kindIn(data)]
	if !ok {
		o.raw = slices.Clone(data)
		return nil
	}
	v := reflect.New(want.Elem())
	if err := bson.Unmarshal(data, v.Interface()); err != nil {
		return err
	}
	o.Value = v.Interface().(I)
	return nil
}

// MarshalJSON writes the value with its kind, or null.
func (o OneOf[I, K]) MarshalJSON() ([]byte, error) {
	if any(o.Value) == nil {
		return []byte("null"), nil
	}
	text, err := json.Marshal(o.Value)
	if err != nil || len(text) < 2 || text[0] != '{' {
		return text, err
	}
	head, err := json.Marshal(map[string]string{kindsOf[I, K]().key: o.Kind()})
	if err != nil || len(text) == 2 {
		return head, err
	}
	return append(append(head[:len(head)-1], ','), text[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (o *OneOf[I, K]) UnmarshalJSON(text []byte) error {
	*o = OneOf[I, K]{}
	if string(text) == "null" {
		return nil
	}
	t := kindsOf[I, K]()
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return err
	}
	var name string
	if err := json.Unmarshal(keys[t.key], &name); err != nil {
		return fmt.Errorf("odm: %q has to be one of the kinds %q: %w", t.key, t.names(), err)
	}
	want, ok := t.byName[name]
	if !ok {
		return fmt.Errorf("odm: %q is none of the kinds %q", name, t.names())
	}
	v := reflect.New(want.Elem())
	if err := json.Unmarshal(text, v.Interface()); err != nil {
		return err
	}
	o.Value = v.Interface().(I)
	return nil
}

// compileKinds reads the structs of the kinds into tables of their own, and one of all paths.
func (c *compiler) compileKinds(f *field, t *kindTable, prefix string) {
	f.kindTable, f.kinds = t, map[string]*pathSet{}
	f.sub = &pathSet{typ: f.typ, byName: map[string]*field{}}
	key := &field{name: t.key, path: prefix + t.key, typ: reflect.TypeFor[string](), kind: kindString}
	f.sub.add(key)
	for _, name := range t.names() {
		typ := t.byName[name]
		if typ == nil || typ.Kind() != reflect.Pointer || typ.Elem().Kind() != reflect.Struct {
			c.problem("%s: the kind %q has to be a pointer to a struct", f.path, name)
			continue
		}
		set := c.structure(typ.Elem(), prefix)
		f.kinds[name] = set
		for _, inner := range set.fields {
			if inner.name == t.key {
				c.problem("%s: the kind %q cannot have a field with the name %q", f.path, name, t.key)
				continue
			}
			f.sub.merge(inner)
		}
	}
}

func (s *pathSet) add(f *field) {
	s.byName[f.name] = f
	s.fields = append(s.fields, f)
}

// merge adds a path that another kind may have as well: of the same type, or else the two
// have nothing in common that a filter could be cast by.
func (s *pathSet) merge(f *field) {
	other := s.byName[f.name]
	switch {
	case other == nil:
		s.add(f)
	case other.typ == f.typ:
		other.twins = append(other.twins, f)
	default:
		mixed := &field{name: f.name, path: f.path, typ: reflect.TypeFor[any](), kind: kindMixed}
		mixed.twins = append(append(mixed.twins, other, f), other.twins...)
		s.byName[f.name] = mixed
		s.fields[slices.Index(s.fields, other)] = mixed
	}
}

// variant returns the struct that a OneOf holds, and its table, which is nil if the struct is
// of no known kind.
func (f *field) variant(v reflect.Value) (reflect.Value, *pathSet) {
	held := v.Interface().(oneOf).held()
	if !held.IsValid() || held.Kind() != reflect.Pointer || held.IsNil() {
		return reflect.Value{}, nil
	}
	return held.Elem(), f.kinds[f.kindTable.byType[held.Type()]]
}

// tableOf returns the table for a stored sub-document.
func (f *field) tableOf(doc []byte) *pathSet {
	if f.kind == kindOneOf {
		if set := f.kinds[f.kindTable.kindIn(doc)]; set != nil {
			return set
		}
	}
	return f.sub
}

// holdsDocuments tells whether values are sub-documents with a table.
func (f *field) holdsDocuments() bool { return f.kind == kindStruct || f.kind == kindOneOf }

// sameKind tells whether two stored sub-documents have the same table.
func (f *field) sameKind(a, b []byte) bool {
	return f.kind != kindOneOf || f.kindTable.kindIn(a) == f.kindTable.kindIn(b)
}
