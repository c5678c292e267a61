package match

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/path"
)

// Size is the node of $size: an array of Size elements. A negative Size matches nothing.
type Size struct {
	Field
	Size int
}

func (n *Size) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.walk(doc, n, wholeArrays)
}

func (n *Size) matchElem(v bsonx.Value) (bool, error) {
	return v.Type == bsonx.TypeArray && v.Doc().Count() == n.Size, nil
}

// ElemMatchObject is the node of $elemMatch with a query: an array with an element, itself a
// document or an array, that satisfies Node.
type ElemMatchObject struct {
	Field
	Node Node
}

func (n *ElemMatchObject) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return walkElemMatch(doc, n.parts, n)
}

func (n *ElemMatchObject) matchElem(v bsonx.Value) (bool, error) {
	pos, err := elemMatch(v, n)
	return pos >= 0, err
}

func (n *ElemMatchObject) matchElement(v bsonx.Value) (bool, error) {
	if v.Type != bsonx.TypeDocument && v.Type != bsonx.TypeArray {
		return false, nil
	}
	ok, _, err := n.Node.match(v.Doc(), nil)
	return ok, err
}

// ElemMatchValue is the node of $elemMatch with operators: an array with an element that
// satisfies all of Nodes, whose paths have no meaning.
type ElemMatchValue struct {
	Field
	Nodes []Node
}

func (n *ElemMatchValue) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return walkElemMatch(doc, n.parts, n)
}

func (n *ElemMatchValue) matchElem(v bsonx.Value) (bool, error) {
	pos, err := elemMatch(v, n)
	return pos >= 0, err
}

func (n *ElemMatchValue) matchElement(v bsonx.Value) (bool, error) {
	for _, child := range n.Nodes {
		if ok, err := child.matchElem(v); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// elementMatcher is either form of $elemMatch.
type elementMatcher interface {
	elemMatcher
	matchElement(v bsonx.Value) (bool, error)
}

// elemMatch returns the position of the first element of the array v that matches, -1 if there
// is none or v is no array.
func elemMatch(v bsonx.Value, n elementMatcher) (int, error) {
	if v.Type != bsonx.TypeArray {
		return -1, nil
	}
	it := v.Doc().Iter()
	for i := 0; ; i++ {
		_, elem, more := it.Next()
		if !more {
			return -1, nil
		}
		if ok, err := n.matchElement(elem); ok || err != nil {
			return i, err
		}
	}
}

// walkElemMatch is walk for $elemMatch, where the position is that within the matching array
// if no array had to be searched on the way there.
func walkElemMatch(doc bsonx.Doc, parts []path.Part, n elementMatcher) (bool, int, error) {
	for i, p := range parts {
		v := doc.Lookup(p.Name)
		switch {
		case i == len(parts)-1:
			pos, err := elemMatch(v, n)
			return pos >= 0 && err == nil, pos, err
		case v.Type == bsonx.TypeArray:
			return walkArray(v.Doc(), parts[i+1:], n, wholeArrays)
		case v.Type != bsonx.TypeDocument:
			return false, -1, nil
		}
		doc = v.Doc()
	}
	return false, -1, nil
}
