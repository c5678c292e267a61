package match

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Use is where a filter stands. It decides which operators are allowed.
type Use uint8

// The uses.
const (
	Query       Use = iota // find, update, delete, count, distinct
	Pipeline               // $match
	Validator              // of a collection
	ArrayFilter            // of an update
	Partial                // partialFilterExpression of an index; only what Implies can tell is allowed
	Upsert                 // query of an update that may insert, which takes fields from it
)

// query reports whether the filter is all of a query.
func (u Use) query() bool { return u == Query || u == Upsert }

// Filter is a compiled filter. It is immutable and safe for concurrent use.
type Filter struct {
	root   Node
	source bsonx.Doc
	scope  *expr.Scope
	use    Use

	needsContext bool
}

// Compile compiles a filter of a query. It refuses what MongoDB refuses, with its codes. The
// result shares no bytes with filter. A nil scope has no variables.
func Compile(filter bsonx.Doc, s *expr.Scope) (*Filter, error) { return CompileFor(Query, filter, s) }

// CompileFor is Compile for a filter that stands elsewhere.
func CompileFor(use Use, filter bsonx.Doc, s *expr.Scope) (*Filter, error) {
	if s == nil {
		s = expr.NewScope(nil)
	}
	p := parser{scope: s, use: use}
	source := filter.Clone()
	root, err := p.document(source, levelTop)
	if err != nil {
		return nil, err
	}
	if use == Partial {
		if err := checkPartial(root, source); err != nil {
			return nil, err
		}
	}
	return newFilter(root, source, p), nil
}

func newFilter(root Node, source bsonx.Doc, p parser) *Filter {
	f := &Filter{root: root, source: source, scope: p.scope, use: p.use}
	Walk(root, func(n Node) {
		if _, ok := n.(*Expr); ok {
			f.needsContext = true
		}
	})
	return f
}

// Match tests a document. c may be nil unless NeedsContext; it is Reset to the document.
func (f *Filter) Match(doc bsonx.Doc, c *expr.Context) (bool, error) {
	ok, _, err := f.MatchPositional(doc, c)
	return ok, err
}

// MatchPositional is Match that also returns the position of the array element that a
// positional "$" stands for, -1 if the filter names none.
func (f *Filter) MatchPositional(doc bsonx.Doc, c *expr.Context) (ok bool, pos int, err error) {
	if f.needsContext {
		c.Reset(doc)
	}
	ok, pos, err = f.root.match(doc, c)
	if !ok || err != nil {
		return false, -1, err
	}
	return true, pos, nil
}

// MatchValue tests the document that has v as its only field, as array filters do.
func (f *Filter) MatchValue(name string, v bsonx.Value) (bool, error) {
	return matchWrapped(f.root, name, v)
}

// NeedsContext reports whether Match needs an expr.Context, made by the filter's scope.
func (f *Filter) NeedsContext() bool { return f.needsContext }

// Root returns the tree. An empty filter has an And without nodes.
func (f *Filter) Root() Node { return f.root }

// Empty reports whether the filter matches every document because it says nothing.
func (f *Filter) Empty() bool {
	and, ok := f.root.(*And)
	return ok && len(and.Nodes) == 0
}

// Source returns the filter as it was written.
func (f *Filter) Source() bsonx.Doc { return f.source }
