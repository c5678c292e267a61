package match

import "github.com/tandemdb/tandem/internal/query/expr"

// Paths calls field for each path, and e for each expression, that the node and those below it
// read. Paths inside of $elemMatch are part of its own. It returns false if it cannot tell
// what all of them read.
func Paths(n Node, field func(path string), e func(expr.Expr)) bool {
	switch n := n.(type) {
	case *And, *Or, *Nor, *Not:
		for _, child := range children(n) {
			if !Paths(child, field, e) {
				return false
			}
		}
	case *Expr:
		e(n.Expr)
	case Const:
	case interface{ fieldPath() string }:
		field(n.fieldPath())
	default:
		return false
	}
	return true
}

// fieldPath returns the path, for all nodes that test one.
func (f Field) fieldPath() string { return f.Path }
