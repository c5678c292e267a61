package expr

import "github.com/tandemdb/tandem/internal/bsonx"

func booleanOperators() []Operator {
	return []Operator{
		{Name: "$and", Min: 0, Max: -1, Build: logicalBuild},
		{Name: "$not", Min: 1, Max: 1, Build: one(func(_ *Context, v bsonx.Value) (bsonx.Value, error) {
			return bsonx.Bool(!v.Truthy()), nil
		})},
		{Name: "$or", Min: 0, Max: -1, Build: logicalBuild},
	}
}

// Logical is $and or $or. It is exported for the planner, which uses the parts of a
// conjunction.
type Logical struct {
	Op       string // "$and" or "$or"
	Operands []Expr

	stopAt bool // the operand that decides: false for $and
}

// logicalBuild drops constant operands that do not matter and those after one that decides.
func logicalBuild(name string, args []Expr) (Expr, error) {
	e := &Logical{Op: name, stopAt: name == "$or"}
	for _, a := range args {
		k, ok := a.(*Const)
		if !ok {
			e.Operands = append(e.Operands, a)
			continue
		}
		if k.Value.Truthy() == e.stopAt {
			if len(e.Operands) == 0 {
				return &Const{bsonx.Bool(e.stopAt)}, nil
			}
			e.Operands = append(e.Operands, a)
			break
		}
	}
	return e, nil
}

// Args returns the operands.
func (e *Logical) Args() []Expr { return e.Operands }

// Eval evaluates operands until one decides.
func (e *Logical) Eval(c *Context) (bsonx.Value, error) {
	for _, o := range e.Operands {
		v, err := o.Eval(c)
		if err != nil {
			return v, err
		}
		if v.Truthy() == e.stopAt {
			return bsonx.Bool(e.stopAt), nil
		}
	}
	return bsonx.Bool(!e.stopAt), nil
}
