package match

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// implied appends conditions that hold wherever the expression e is true, in a form that the
// planner can find in an index. Only equality with a constant gives one: inequalities of
// expressions go across types. Null would be equal to what is missing, and an array to one of
// its elements, so neither is taken.
func (p *parser) implied(dst []Node, e expr.Expr) []Node {
	switch e := e.(type) {
	case *expr.Logical:
		if e.Op != "$and" {
			return dst
		}
		for _, o := range e.Operands {
			dst = p.implied(dst, o)
		}
	case *expr.Comparison:
		field, constant := e.A, e.B
		if expr.IsConst(field) {
			field, constant = constant, field
		}
		f, isField := field.(*expr.FieldPath)
		c, isConst := constant.(*expr.Const)
		if e.Op != "$eq" || !isField || !isConst || c.Value.IsNullish() || c.Value.Type == bsonx.TypeArray {
			return dst
		}
		dst = append(dst, p.compare(newField(f.Path), Eq, c.Value))
	}
	return dst
}
