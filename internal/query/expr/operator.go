package expr

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Operator is one row of a family's table.
type Operator struct {
	Name string

	// Operators with positional operands have Build: it gets between Min and Max
	// operands, Max -1 meaning any number. Impure ones are never computed in advance.
	Min, Max int
	Build    func(name string, args []Expr) (Expr, error)
	Impure   bool

	// Operators with a syntax of their own have Parse.
	Parse func(name string, arg bsonx.Value, s *Scope) (Expr, error)
}

// families lists the tables of operators.
func families() [][]Operator {
	return [][]Operator{
		accumulatorOperators(),
		arithmeticOperators(),
		arrayOperators(),
		bitOperators(),
		booleanOperators(),
		comparisonOperators(),
		conditionalOperators(),
		conversionOperators(),
		dateOperators(),
		miscOperators(),
		objectOperators(),
		regexOperators(),
		setOperators(),
		stringOperators(),
		trigonometryOperators(),
		variableOperators(),
	}
}

var operators map[string]Operator

// init indexes the tables; they refer to Parse, so a variable cannot hold them.
func init() {
	operators = make(map[string]Operator)
	for _, family := range families() {
		for _, op := range family {
			operators[op.Name] = op
		}
	}
}

// Operators returns all operators, ordered by name, for documentation.
func Operators() []Operator {
	var all []Operator
	for _, family := range families() {
		all = append(all, family...)
	}
	slices.SortFunc(all, func(a, b Operator) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Exists reports whether name is an operator.
func Exists(name string) bool { _, ok := operators[name]; return ok }

// call is an operator that computes a value from its operands' values.
type call struct {
	args []Expr
	fn   func(c *Context, args []bsonx.Value) (bsonx.Value, error)
}

func (e *call) Args() []Expr { return e.args }

func (e *call) Eval(c *Context) (bsonx.Value, error) {
	base := len(c.stack)
	defer func() { c.stack = c.stack[:base] }()
	for _, a := range e.args {
		v, err := a.Eval(c)
		if err != nil {
			return bsonx.Value{}, err
		}
		c.stack = append(c.stack, v)
	}
	return e.fn(c, c.stack[base:])
}

// unaryCall is an operator with one operand.
type unaryCall struct {
	arg Expr
	fn  func(c *Context, v bsonx.Value) (bsonx.Value, error)
}

func (e *unaryCall) Args() []Expr { return []Expr{e.arg} }

func (e *unaryCall) Eval(c *Context) (bsonx.Value, error) {
	v, err := e.arg.Eval(c)
	if err != nil {
		return v, err
	}
	return e.fn(c, v)
}

// binaryCall is an operator with two operands.
type binaryCall struct {
	a, b Expr
	fn   func(c *Context, a, b bsonx.Value) (bsonx.Value, error)
}

func (e *binaryCall) Args() []Expr { return []Expr{e.a, e.b} }

func (e *binaryCall) Eval(c *Context) (bsonx.Value, error) {
	a, err := e.a.Eval(c)
	if err != nil {
		return a, err
	}
	b, err := e.b.Eval(c)
	if err != nil {
		return b, err
	}
	return e.fn(c, a, b)
}
