package match

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Node is one condition of a compiled filter. The types of this package whose comment says
// "node" are all there are.
type Node interface {
	elemMatcher

	// match tests a document. pos is the array position that the positional operator
	// stands for, -1 for none.
	match(doc bsonx.Doc, c *expr.Context) (ok bool, pos int, err error)
}

// And is the node that holds if all of Nodes do.
type And struct{ Nodes []Node }

// Or is the node that holds if one of Nodes does.
type Or struct {
	Nodes []Node

	in bool // they are equalities on one path, so that this is $in by another name
}

// Nor is the node that holds if none of Nodes does.
type Nor struct{ Nodes []Node }

// Not is the node that holds if Node does not.
type Not struct{ Node Node }

// Const is the node of $alwaysTrue and $alwaysFalse, and of conditions that are always false.
type Const bool

// Expr is the node of $expr: an aggregation expression that is true.
type Expr struct{ Expr expr.Expr }

func (n *And) match(doc bsonx.Doc, c *expr.Context) (bool, int, error) {
	last := -1
	for _, child := range n.Nodes {
		ok, pos, err := child.match(doc, c)
		if !ok || err != nil {
			return false, -1, err
		}
		if pos >= 0 {
			last = pos
		}
	}
	return true, last, nil
}

func (n *And) matchElem(v bsonx.Value) (bool, error) {
	for _, child := range n.Nodes {
		if ok, err := child.matchElem(v); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (n *Or) match(doc bsonx.Doc, c *expr.Context) (bool, int, error) {
	ok, pos, err := matchAny(n.Nodes, doc, c)
	if !n.in {
		pos = -1
	}
	return ok, pos, err
}

// onePath reports whether nodes are equalities on one path.
func onePath(nodes []Node) bool {
	path := ""
	for i, n := range nodes {
		eq, ok := n.(*Compare)
		if !ok || eq.Op != Eq || i > 0 && eq.Path != path {
			return false
		}
		path = eq.Path
	}
	return true
}

func (n *Or) matchElem(v bsonx.Value) (bool, error) { return matchAnyElem(n.Nodes, v) }

func (n *Nor) match(doc bsonx.Doc, c *expr.Context) (bool, int, error) {
	ok, _, err := matchAny(n.Nodes, doc, c)
	return !ok && err == nil, -1, err
}

func (n *Nor) matchElem(v bsonx.Value) (bool, error) {
	ok, err := matchAnyElem(n.Nodes, v)
	return !ok && err == nil, err
}

func matchAny(nodes []Node, doc bsonx.Doc, c *expr.Context) (bool, int, error) {
	for _, child := range nodes {
		if ok, pos, err := child.match(doc, c); ok || err != nil {
			return ok, pos, err
		}
	}
	return false, -1, nil
}

func matchAnyElem(nodes []Node, v bsonx.Value) (bool, error) {
	for _, child := range nodes {
		if ok, err := child.matchElem(v); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (n *Not) match(doc bsonx.Doc, c *expr.Context) (bool, int, error) {
	ok, _, err := n.Node.match(doc, c)
	return !ok && err == nil, -1, err
}

func (n *Not) matchElem(v bsonx.Value) (bool, error) {
	ok, err := n.Node.matchElem(v)
	return !ok && err == nil, err
}

func (n Const) match(bsonx.Doc, *expr.Context) (bool, int, error) { return bool(n), -1, nil }

func (n Const) matchElem(bsonx.Value) (bool, error) { return bool(n), nil }

func (n *Expr) match(_ bsonx.Doc, c *expr.Context) (bool, int, error) {
	v, err := n.Expr.Eval(c)
	return err == nil && v.Truthy(), -1, err
}

// matchElem is not reached: $expr is refused where single values are tested.
func (n *Expr) matchElem(bsonx.Value) (bool, error) { return false, nil }

// Walk calls fn for n and all nodes below it.
func Walk(n Node, fn func(Node)) {
	fn(n)
	for _, child := range children(n) {
		Walk(child, fn)
	}
}

func children(n Node) []Node {
	switch n := n.(type) {
	case *And:
		return n.Nodes
	case *Or:
		return n.Nodes
	case *Nor:
		return n.Nodes
	case *Not:
		return []Node{n.Node}
	case *ElemMatchObject:
		return []Node{n.Node}
	case *ElemMatchValue:
		return n.Nodes
	}
	return nil
}
