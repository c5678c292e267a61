package odm

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// kind is what a path holds, as far as rules and casts care.
type kind uint8

const (
	kindMixed kind = iota
	kindString
	kindBool
	kindInt
	kindUint
	kindFloat
	kindTime
	kindObjectID
	kindDecimal
	kindBinary
	kindStruct // a nested struct or a sub-document
	kindSlice
	kindMap
	kindRef
	kindOneOf // a sub-document of one of several kinds
	kindOther // a type with its own encoding
)

var kindNames = [...]string{
	"Mixed", "String", "Boolean", "Int", "Int", "Number", "Date", "ObjectId", "Decimal128", "Buffer",
	"Object", "Array", "Map", "ObjectId", "Object", "Value",
}

func (k kind) String() string { return kindNames[k] }

// field is a path of a model: a field of its struct, or of a struct below it.
type field struct {
	name      string // its key in the enclosing document
	path      string // from the root, without positions in arrays
	goIdx     []int  // in the enclosing struct
	typ       reflect.Type
	kind      kind
	opt       bool     // a pointer or Opt: it can be missing whatever its type
	bits      int      // of numbers
	sub       *pathSet // of structs
	elem      *field   // of slices and maps
	extra     bool     // keeps unknown fields
	defaulted bool     // something below it has defaults
	twins     []*field // of a path of several kinds: the same path of the other kinds

	values *pathSet // of maps: has elem at every key

	kindTable *kindTable          // of OneOf
	kinds     map[string]*pathSet // of OneOf; sub has the paths of all

	rules rules
}

// pathSet is the table of a struct's fields.
type pathSet struct {
	typ    reflect.Type
	fields []*field
	byName map[string]*field
	extra  *field
	every  *field // of the values of a map: whatever the key
	hasID  bool

	checked   bool // something in it has rules or setters
	unordered bool // there may be maps in it
	defaulted bool // something in it has defaults
	hooked    bool // it, or something in it, has hook methods
	methods   methodSet
	refs      []*field
	many      []*manyField
}

// manyField is a virtual reference: nothing is stored for it.
type manyField struct {
	name           string
	goIdx          []int
	target         reflect.Type
	local, foreign string
}

func (s *pathSet) get(name string) *field {
	if s == nil {
		return nil
	}
	if s.every != nil {
		return s.every
	}
	return s.byName[name]
}

// find returns the field of a dotted path; numbers and "$" stand for elements of arrays.
func (s *pathSet) find(path string) *field {
	name, rest, more := strings.Cut(path, ".")
	f := s.get(name)
	for f != nil && more {
		switch f.kind {
		case kindStruct, kindOneOf:
			name, rest, more = strings.Cut(rest, ".")
			f = f.sub.get(name)
		case kindSlice:
			if head, tail, m := strings.Cut(rest, "."); isPosition(head) {
				rest, more = tail, m
			}
			f = f.elem
		case kindMap:
			_, rest, more = strings.Cut(rest, ".")
			f = f.elem
		case kindMixed, kindOther, kindRef:
			return f
		default:
			return nil
		}
	}
	return f
}

func isPosition(s string) bool {
	if strings.HasPrefix(s, "$") {
		return true
	}
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// each calls fn for every path below s, structs before what is in them.
func (s *pathSet) each(fn func(*field)) {
	for _, f := range s.fields {
		f.each(fn)
	}
}

func (f *field) each(fn func(*field)) {
	fn(f)
	for e := f.elem; e != nil; e = e.elem {
		if e.sub != nil {
			e.sub.each(fn)
		}
	}
	if f.sub != nil {
		f.sub.each(fn)
	}
}

var (
	typeTime     = reflect.TypeFor[time.Time]()
	typeDateTime = reflect.TypeFor[bson.DateTime]()
	typeObjectID = reflect.TypeFor[bson.ObjectID]()
	typeDecimal  = reflect.TypeFor[bson.Decimal128]()
	typeBinary   = reflect.TypeFor[bson.Binary]()
	typeRaw      = reflect.TypeFor[bson.Raw]()
	typeM        = reflect.TypeFor[bson.M]()
	typeD        = reflect.TypeFor[bson.D]()
	typeA        = reflect.TypeFor[bson.A]()
	typeRefer    = reflect.TypeFor[referrer]()
	typeOption   = reflect.TypeFor[optional]()
	typeValueEnc = reflect.TypeFor[bson.ValueMarshaler]()
	typeEnc      = reflect.TypeFor[bson.Marshaler]()
	typeOneOf    = reflect.TypeFor[oneOf]()
	typeMany     = reflect.TypeFor[manyRef]()
	typeDocument = reflect.TypeFor[odmDocument]()
)

// compiler reads a struct type into its table.
type compiler struct {
	problems []string
	stack    []reflect.Type
}

func (c *compiler) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *compiler) structure(t reflect.Type, prefix string) *pathSet {
	s := &pathSet{typ: t, byName: map[string]*field{}}
	c.stack = append(c.stack, t)
	c.addFields(s, t, prefix, nil)
	c.stack = c.stack[:len(c.stack)-1]
	s.hasID = s.byName["_id"] != nil
	return s
}

func (c *compiler) addFields(s *pathSet, t reflect.Type, prefix string, index []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		idx := append(append([]int(nil), index...), i)
		name, inline, skip := parseBSONTag(sf)
		if sf.Anonymous && reflect.PointerTo(sf.Type).Implements(typeDocument) {
			if !skip {
				c.problem("the embedded %s needs the tag `bson:\"-\"`", sf.Type.Name())
			}
			continue
		}
		if skip && sf.IsExported() && sf.Type.Implements(typeMany) {
			c.addMany(s, sf, idx)
			continue
		}
		if skip || (!sf.IsExported() && !sf.Anonymous) {
			continue
		}
		if inline && sf.Type.Kind() == reflect.Struct {
			c.addFields(s, sf.Type, prefix, idx)
			continue
		}
		f := c.fieldOf(sf.Type, name, prefix+name)
		f.goIdx = idx
		c.parseRules(f, sf.Tag.Get("odm"))
		if inline || f.extra {
			if !inline || sf.Type.Kind() != reflect.Map {
				c.problem("%s: `odm:\"extra\"` is for a bson.M with `bson:\",inline\"`", f.path)
			}
			f.extra = true
			s.extra = f
			continue
		}
		if s.byName[name] != nil {
			c.problem("%s is defined twice", f.path)
			continue
		}
		s.byName[name] = f
		s.fields = append(s.fields, f)
	}
}

func (c *compiler) addMany(s *pathSet, sf reflect.StructField, idx []int) {
	m := &manyField{
		name: strings.ToLower(sf.Name[:1]) + sf.Name[1:], goIdx: idx, local: "_id",
		target: reflect.Zero(sf.Type).Interface().(manyRef).manyOf(),
	}
	for word := range strings.SplitSeq(sf.Tag.Get("odm"), ",") {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "local":
			m.local = value
		case "foreign":
			m.foreign = value
		case "name":
			m.name = value
		case "":
		default:
			c.problem("%s: unknown word %q in the tag of a RefMany", sf.Name, key)
		}
	}
	if m.foreign == "" {
		c.problem("%s: a RefMany needs foreign= in its tag", sf.Name)
	}
	s.many = append(s.many, m)
}

func parseBSONTag(sf reflect.StructField) (name string, inline, skip bool) {
	tag := sf.Tag.Get("bson")
	if tag == "-" {
		return "", false, true
	}
	words := strings.Split(tag, ",")
	name = words[0]
	if name == "" {
		name = strings.ToLower(sf.Name)
	}
	for _, w := range words[1:] {
		inline = inline || w == "inline"
	}
	return name, inline, false
}

// fieldOf classifies a type.
func (c *compiler) fieldOf(t reflect.Type, name, path string) *field {
	f := &field{name: name, path: path, typ: t}
	if t.Kind() == reflect.Pointer {
		inner := c.fieldOf(t.Elem(), name, path)
		inner.typ, inner.opt = t, true
		return inner
	}
	if t.Implements(typeOption) {
		inner := c.fieldOf(reflect.Zero(t).Interface().(optional).valueType(), name, path)
		inner.typ, inner.opt = t, true
		return inner
	}
	f.kind = c.kindOf(t)
	switch f.kind {
	case kindInt, kindUint, kindFloat:
		f.bits = t.Bits()
	case kindStruct:
		if slices.Contains(c.stack, t) { // a recursive type is looked into once
			f.kind = kindOther
			return f
		}
		f.sub = c.structure(t, path+".")
	case kindOneOf:
		table := reflect.Zero(t).Interface().(oneOf).kindTable()
		for _, kind := range table.byName {
			if kind != nil && kind.Kind() == reflect.Pointer && slices.Contains(c.stack, kind.Elem()) {
				f.kind = kindOther
				return f
			}
		}
		c.compileKinds(f, table, path+".")
	case kindSlice:
		f.elem = c.fieldOf(t.Elem(), name, path)
	case kindMap:
		f.elem = c.fieldOf(t.Elem(), name, path)
		f.values = &pathSet{every: f.elem}
	}
	return f
}

func (c *compiler) kindOf(t reflect.Type) kind {
	switch t {
	case typeTime, typeDateTime:
		return kindTime
	case typeObjectID:
		return kindObjectID
	case typeDecimal:
		return kindDecimal
	case typeBinary:
		return kindBinary
	case typeRaw, typeM, typeD, typeA:
		return kindMixed
	}
	switch {
	case t.Implements(typeRefer):
		return kindRef
	case t.Implements(typeOneOf):
		return kindOneOf
	case t.Implements(typeValueEnc), t.Implements(typeEnc), reflect.PointerTo(t).Implements(typeValueEnc), reflect.PointerTo(t).Implements(typeEnc):
		return kindOther
	}
	switch t.Kind() {
	case reflect.String:
		return kindString
	case reflect.Bool:
		return kindBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return kindInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return kindUint
	case reflect.Float32, reflect.Float64:
		return kindFloat
	case reflect.Struct:
		return kindStruct
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return kindOther
		}
		return kindMap
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return kindBinary
		}
		return kindSlice
	case reflect.Interface:
		return kindMixed
	}
	return kindOther
}
