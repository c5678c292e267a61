package match

import (
	"strings"
	"sync"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// ElementFilter is the condition of a $pull on the elements of an array. It is immutable and
// safe for concurrent use.
type ElementFilter struct {
	object Node        // a query, which only documents can satisfy
	ops    Node        // operators or a regular expression, on the field ""
	value  bsonx.Value // otherwise: equality
	coll   *collation.Collation
}

// CompileElement compiles the operand of $pull: a query on the elements, a document of
// operators, a regular expression, or a value to be equal to.
func CompileElement(cond bsonx.Value, s *expr.Scope) (*ElementFilter, error) {
	if s == nil {
		s = expr.NewScope(nil)
	}
	p := parser{scope: s, use: Query}
	cond = cond.Clone()
	switch {
	case isOperators(cond) && fieldOperators[firstKey(cond)] != nil, cond.Type == bsonx.TypeRegex:
		nodes, err := p.field(newField(""), cond)
		return &ElementFilter{ops: conjunction(nodes)}, err
	case cond.Type == bsonx.TypeDocument:
		node, err := p.document(cond.Doc(), levelElement)
		return &ElementFilter{object: node}, err
	}
	return &ElementFilter{value: cond, coll: s.Collation()}, nil
}

func firstKey(v bsonx.Value) string {
	key, _, _ := v.Doc().First()
	return key
}

// Match tests an element.
func (f *ElementFilter) Match(v bsonx.Value) (bool, error) {
	switch {
	case f.object != nil:
		if v.Type != bsonx.TypeDocument {
			return false, nil
		}
		ok, _, err := f.object.match(v.Doc(), nil)
		return ok, err
	case f.ops != nil:
		return matchWrapped(f.ops, "", v)
	}
	return f.coll.Equal(f.value, v), nil
}

var wrapBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// wrapBufferMax is the size in bytes above which a buffer is not kept.
const wrapBufferMax = 1 << 20

// matchWrapped tests the document {name: v}.
func matchWrapped(n Node, name string, v bsonx.Value) (bool, error) {
	buf := wrapBuffers.Get().(*[]byte)
	doc := bsonx.AppendDocStart((*buf)[:0])
	doc = bsonx.AppendDocEnd(bsonx.AppendElem(doc, name, v), 0)
	ok, _, err := n.match(doc, nil)
	if *buf = doc; cap(doc) <= wrapBufferMax {
		wrapBuffers.Put(buf)
	}
	return ok, err
}

// isOperators reports whether a value is a document of operators: its first field begins with
// "$" and it is no DBRef.
func isOperators(v bsonx.Value) bool {
	if v.Type != bsonx.TypeDocument || !strings.HasPrefix(firstKey(v), "$") {
		return false
	}
	d := v.Doc()
	return d.Lookup("$ref").IsMissing() || d.Lookup("$id").IsMissing()
}

// ElemMatch is the condition of an $elemMatch by itself, as projections have it. It is immutable
// and safe for concurrent use.
type ElemMatch struct{ node elementMatcher }

// CompileElemMatch compiles the operand of $elemMatch: a query on the elements or operators.
func CompileElemMatch(cond bsonx.Value, s *expr.Scope) (*ElemMatch, error) {
	p := parser{scope: s, use: Query}
	node, err := parseElemMatch(&p, operand{name: "$elemMatch", value: cond.Clone()})
	if err != nil {
		return nil, err
	}
	return &ElemMatch{node.(elementMatcher)}, nil
}

// Find returns the position of the first element of an array that matches, -1 if none does or
// v is no array.
func (m *ElemMatch) Find(v bsonx.Value) (int, error) { return elemMatch(v, m.node) }
