package match

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Exists is the node of {$exists: true}; its negation is Not.
type Exists struct{ Field }

func (n *Exists) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.walk(doc, n, wholeArrays)
}

func (n *Exists) matchElem(v bsonx.Value) (bool, error) { return !v.IsMissing(), nil }

// Type is the node of $type: the value is of one of the types.
type Type struct {
	Field
	Types TypeSet
}

func (n *Type) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.walk(doc, n, expandedArrays)
}

func (n *Type) matchElem(v bsonx.Value) (bool, error) { return n.Types.Has(v.Type), nil }

// TypeSet is a set of BSON types.
type TypeSet [4]uint64

// Add adds a type.
func (s *TypeSet) Add(t bsonx.Type) { s[t>>6] |= 1 << (t & 63) }

// Has reports whether the set holds t.
func (s *TypeSet) Has(t bsonx.Type) bool { return s[t>>6]&(1<<(t&63)) != 0 }

// IsEmpty reports whether the set holds nothing.
func (s *TypeSet) IsEmpty() bool { return *s == TypeSet{} }

// Contains reports whether all of other's types are in the set.
func (s *TypeSet) Contains(other *TypeSet) bool {
	for i, w := range other {
		if w&^s[i] != 0 {
			return false
		}
	}
	return true
}

// addNumbers adds the types that the alias "number" stands for.
func (s *TypeSet) addNumbers() {
	for _, t := range []bsonx.Type{bsonx.TypeInt32, bsonx.TypeInt64, bsonx.TypeDouble, bsonx.TypeDecimal128} {
		s.Add(t)
	}
}
