package agg

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// accumulator holds one accumulator's states of all groups, which are numbered from 0.
// Keeping them in one place, by column, spares an object for each group and field.
type accumulator interface {
	// grow adds the state of the next group, whose _id is given.
	grow(id bsonx.Value) error

	// add takes one value into a group and returns by how many bytes the state grew. The
	// value is only valid during the call.
	add(g int, v bsonx.Value) (int, error)

	// appendResult appends the group's result as a field.
	appendResult(dst []byte, name string, g int) []byte

	// appendState appends what merge needs to continue with the group elsewhere.
	appendState(dst []byte, name string, g int) []byte

	// merge takes the state of a later part of the same group in.
	merge(g int, state bsonx.Value) (int, error)
}

// accumulatorSpec is one row of the table of accumulators.
type accumulatorSpec struct {
	name string

	// parse reads the argument and returns the expression whose values are added and a
	// function that makes the accumulator for one execution. Rows without it take one
	// expression and have make, or compares if it depends on the collation what they make.
	parse    func(name string, arg bsonx.Value, s *expr.Scope) (expr.Expr, newAccumulator, error)
	make     newAccumulator
	compares func(coll *collation.Collation) accumulator
}

type newAccumulator func() accumulator

var accumulators map[string]accumulatorSpec

func init() {
	accumulators = make(map[string]accumulatorSpec)
	for _, a := range accumulatorTable() {
		accumulators[a.name] = a
	}
}

// statement is one output field of $group: what is added, to what, under which name.
type statement struct {
	name  string
	op    string
	input expr.Expr
	make  newAccumulator
}

// parseStatement reads {name: {$op: argument}}.
func parseStatement(name string, v bsonx.Value, s *expr.Scope) (statement, error) {
	st := statement{name: name}
	op, arg, _ := v.Doc().First()
	switch {
	case v.Type != bsonx.TypeDocument || !strings.HasPrefix(op, "$"):
		return st, mongoerr.New(40234, "The field '%s' must be an accumulator object", name)
	case strings.Contains(name, "."):
		return st, mongoerr.New(40235, "The field name '%s' cannot contain '.'", name)
	case strings.HasPrefix(name, "$"):
		return st, mongoerr.New(40236, "The field name '%s' cannot be an operator name", name)
	case v.Doc().Count() != 1:
		return st, mongoerr.New(40238, "The field '%s' must specify one accumulator", name)
	}
	spec, ok := accumulators[op]
	if !ok {
		return st, mongoerr.New(15952, "unknown group operator '%s'", op)
	}
	st.op = op
	var err error
	st.input, st.make, err = spec.build(arg, s)
	return st, err
}

func (a accumulatorSpec) build(arg bsonx.Value, s *expr.Scope) (expr.Expr, newAccumulator, error) {
	if a.parse != nil {
		return a.parse(a.name, arg, s)
	}
	if arg.Type == bsonx.TypeArray {
		return nil, nil, mongoerr.New(40237, "The %s accumulator is a unary operator", a.name)
	}
	e, err := expr.Parse(arg, s)
	if a.compares == nil {
		return e, a.make, err
	}
	coll := s.Collation()
	return e, func() accumulator { return a.compares(coll) }, err
}

// valueSize estimates the memory that a kept value takes.
func valueSize(v bsonx.Value) int { return 40 + len(v.Bytes()) }
