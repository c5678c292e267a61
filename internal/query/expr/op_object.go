package expr

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func objectOperators() []Operator {
	return []Operator{
		{Name: "$getField", Parse: parseGetField},
		{Name: "$mergeObjects", Min: 0, Max: -1, Build: calling(mergeObjects)},
		{Name: "$setField", Parse: parseSetField},
		{Name: "$unsetField", Parse: parseSetField},
	}
}

// fields is a document under construction in which a field can be replaced.
type fields struct {
	names []string
	vals  []bsonx.Value
	index map[string]int // used above fieldsScan names
}

// fieldsScan is the number of fields up to which searching them is as good as a map.
const fieldsScan = 16

// set adds a field or replaces its value in place.
func (f *fields) set(name string, v bsonx.Value) {
	if i := f.find(name); i >= 0 {
		f.vals[i] = v
		return
	}
	if f.index != nil {
		f.index[name] = len(f.names)
	}
	f.names = append(f.names, name)
	f.vals = append(f.vals, v)
}

func (f *fields) find(name string) int {
	if len(f.names) <= fieldsScan {
		return slices.Index(f.names, name)
	}
	if f.index == nil {
		f.index = make(map[string]int, 2*len(f.names))
		for i, n := range f.names {
			f.index[n] = i
		}
	}
	if i, ok := f.index[name]; ok {
		return i
	}
	return -1
}

// keep builds the document in the arena. Missing values leave their field out.
func (f *fields) keep(c *Context) bsonx.Value {
	b := bsonx.AppendDocStart(c.Scratch())
	for i, name := range f.names {
		b = bsonx.AppendElem(b, name, f.vals[i])
	}
	return c.KeepDoc(b)
}

func mergeObjects(c *Context, args []bsonx.Value) (bsonx.Value, error) {
	var f fields
	for _, a := range args {
		if err := f.merge(a); err != nil {
			return a, err
		}
	}
	return f.keep(c), nil
}

// merge sets all fields of v, a document or null.
func (f *fields) merge(v bsonx.Value) error {
	switch {
	case v.IsNullish():
		return nil
	case v.Type != bsonx.TypeDocument:
		return mongoerr.New(40400, "$mergeObjects requires object inputs, but input %s is of type %s", bsonx.Format(v), v.Type)
	}
	for it := v.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return nil
		}
		f.set(name, v)
	}
}

func objectToArray(c *Context, v bsonx.Value) (bsonx.Value, error) {
	switch {
	case v.IsNullish():
		return bsonx.Null, nil
	case v.Type != bsonx.TypeDocument:
		return v, mongoerr.New(40390, "$objectToArray requires a document input, found: %s", v.Type)
	}
	b := bsonx.AppendDocStart(c.Scratch())
	it := v.Doc().Iter()
	for i := 0; ; i++ {
		name, v, ok := it.Next()
		if !ok {
			return c.KeepArray(b), nil
		}
		b = bsonx.AppendIndexHeader(b, bsonx.TypeDocument, i)
		start := len(b)
		b = bsonx.AppendElem(bsonx.AppendDocStart(b), "k", bsonx.String(name))
		b = bsonx.AppendDocEnd(bsonx.AppendElem(b, "v", v), start)
	}
}

// arrayToObject takes [[key, value], ...] or [{k: key, v: value}, ...].
func arrayToObject(c *Context, v bsonx.Value) (bsonx.Value, error) {
	switch {
	case v.IsNullish():
		return bsonx.Null, nil
	case v.Type != bsonx.TypeArray:
		return v, mongoerr.New(40386, "$arrayToObject requires an array input, found: %s", v.Type)
	}
	var f fields
	form := v.Doc().Index(0).Type
	if form != bsonx.TypeArray && form != bsonx.TypeDocument && form != bsonx.Missing {
		return v, mongoerr.New(40398, "Unrecognised input type format for $arrayToObject: %s", form)
	}
	for it := v.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return f.keep(c), nil
		}
		key, val, err := pairOf(elem, form)
		if err != nil {
			return v, err
		}
		f.set(key, val)
	}
}

func pairOf(elem bsonx.Value, form bsonx.Type) (string, bsonx.Value, error) {
	if form == bsonx.TypeArray {
		return arrayPair(elem)
	}
	return documentPair(elem)
}

func arrayPair(elem bsonx.Value) (name string, val bsonx.Value, err error) {
	if elem.Type != bsonx.TypeArray {
		return "", val, mongoerr.New(40396, "$arrayToObject requires a consistent input format. Elements mustall be arrays or all be objects. Array was detected, now found: %s", elem.Type)
	}
	if n := elem.Doc().Count(); n != 2 {
		return "", val, mongoerr.New(40397, "$arrayToObject requires an array of size 2 arrays,found array of size: %d", n)
	}
	key := elem.Doc().Index(0)
	if key.Type != bsonx.TypeString {
		return "", val, mongoerr.New(40395, "$arrayToObject requires an array of key-value pairs, where the key must be of type string. Found key type: %s", key.Type)
	}
	return checkedKey(4940400, key, elem.Doc().Index(1))
}

func documentPair(elem bsonx.Value) (name string, val bsonx.Value, err error) {
	if elem.Type != bsonx.TypeDocument {
		return "", val, mongoerr.New(40391, "$arrayToObject requires a consistent input format. Elements mustall be arrays or all be objects. Object was detected, now found: %s", elem.Type)
	}
	if n := elem.Doc().Count(); n != 2 {
		return "", val, mongoerr.New(40392, "$arrayToObject requires an object keys of 'k' and 'v'. Found incorrect number of keys:%d", n)
	}
	key := elem.Doc().Lookup("k")
	val = elem.Doc().Lookup("v")
	switch {
	case key.IsMissing() || val.IsMissing():
		return "", val, mongoerr.New(40393, "$arrayToObject requires an object with keys 'k' and 'v'. Missing either or both keys from: %s", bsonx.Format(elem))
	case key.Type != bsonx.TypeString:
		return "", val, mongoerr.New(40394, "$arrayToObject requires an object with keys 'k' and 'v', where the value of 'k' must be of type string. Found type: %s", key.Type)
	}
	return checkedKey(4940401, key, val)
}

func checkedKey(code mongoerr.Code, key, val bsonx.Value) (string, bsonx.Value, error) {
	if strings.IndexByte(key.Str(), 0) >= 0 {
		return "", val, mongoerr.New(code, "Key field cannot contain an embedded null byte")
	}
	return key.Str(), val, nil
}
