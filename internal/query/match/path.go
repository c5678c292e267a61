package match

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/path"
)

// Field is the path that a leaf node tests. Arrays on the way are searched element by
// element, one level of array for each component; a numeric component names both a field of
// the elements and a position in the array.
type Field struct {
	Path  string
	parts []path.Part
}

func newField(s string) Field { return Field{Path: s, parts: path.Split(s)} }

// elemMatcher tests one value, which a path led to.
type elemMatcher interface {
	// matchElem tests a value as it is: it does not look into arrays. Missing values
	// are tested, too.
	matchElem(v bsonx.Value) (bool, error)
}

// leafArrays says what happens to an array at the end of a path.
type leafArrays bool

const (
	wholeArrays    leafArrays = false // only the array itself is tested
	expandedArrays leafArrays = true  // its elements and the array itself are tested
)

// walk tests the values that the path reaches from doc until one matches. pos is the position
// of the match in the outermost array that was searched, -1 if none was.
func (f *Field) walk(doc bsonx.Doc, m elemMatcher, leaf leafArrays) (ok bool, pos int, err error) {
	return walk(doc, f.parts, m, leaf)
}

func walk(doc bsonx.Doc, parts []path.Part, m elemMatcher, leaf leafArrays) (bool, int, error) {
	for {
		v := doc.Lookup(parts[0].Name)
		parts = parts[1:]
		if v.Type == bsonx.TypeArray {
			switch {
			case len(parts) > 0:
				return walkArray(v.Doc(), parts, m, leaf)
			case leaf == expandedArrays:
				return walkLeafArray(v, m)
			}
		}
		if len(parts) == 0 {
			ok, err := m.matchElem(v)
			return ok, -1, err
		}
		if v.Type != bsonx.TypeDocument {
			ok, err := m.matchElem(bsonx.Value{})
			return ok, -1, err
		}
		doc = v.Doc()
	}
}

func walkLeafArray(arr bsonx.Value, m elemMatcher) (bool, int, error) {
	it := arr.Doc().Iter()
	for i := 0; ; i++ {
		_, v, more := it.Next()
		if !more {
			break
		}
		if ok, err := m.matchElem(v); ok || err != nil {
			return ok, i, err
		}
	}
	ok, err := m.matchElem(arr)
	return ok, -1, err
}

// walkArray follows parts, of which there is at least one, from the elements of an array.
// Elements that are neither documents nor at the position that the path names count for
// nothing, not even as missing.
func walkArray(arr bsonx.Doc, parts []path.Part, m elemMatcher, leaf leafArrays) (bool, int, error) {
	it := arr.Iter()
	for i := 0; ; i++ {
		_, v, more := it.Next()
		if !more {
			return false, -1, nil
		}
		if v.Type == bsonx.TypeDocument {
			if ok, _, err := walk(v.Doc(), parts, m, leaf); ok || err != nil {
				return ok, i, err
			}
		}
		if i != parts[0].Index {
			continue
		}
		if ok, pos, err := walkPosition(v, i, parts[1:], m, leaf); ok || err != nil {
			return ok, pos, err
		}
	}
}

// walkPosition follows the rest of the path from the element v that it named by position i.
// An array there is not searched at the end of the path.
func walkPosition(v bsonx.Value, i int, parts []path.Part, m elemMatcher, leaf leafArrays) (bool, int, error) {
	if len(parts) == 0 {
		ok, err := m.matchElem(v)
		return ok, i, err
	}
	switch v.Type {
	case bsonx.TypeDocument:
		return walk(v.Doc(), parts, m, leaf)
	case bsonx.TypeArray:
		return walkArray(v.Doc(), parts, m, leaf)
	}
	return false, -1, nil
}
