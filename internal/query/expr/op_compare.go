package expr

import "github.com/tandemdb/tandem/internal/bsonx"

func comparisonOperators() []Operator {
	return []Operator{
		{Name: "$cmp", Min: 2, Max: 2, Build: func(_ string, args []Expr) (Expr, error) {
			return &binaryCall{args[0], args[1], func(c *Context, a, b bsonx.Value) (bsonx.Value, error) {
				return bsonx.Int32(int32(c.compare(a, b))), nil
			}}, nil
		}},
		{Name: "$eq", Min: 2, Max: 2, Build: compareBuild},
		{Name: "$gt", Min: 2, Max: 2, Build: compareBuild},
		{Name: "$gte", Min: 2, Max: 2, Build: compareBuild},
		{Name: "$lt", Min: 2, Max: 2, Build: compareBuild},
		{Name: "$lte", Min: 2, Max: 2, Build: compareBuild},
		{Name: "$ne", Min: 2, Max: 2, Build: compareBuild},
	}
}

// Comparison is one of the six comparisons. It is exported for the planner, which turns
// comparisons of a field with a constant into index bounds.
type Comparison struct {
	Op   string // "$eq", ...
	A, B Expr

	holds [3]bool // for less, equal, greater
}

// comparisons says for which orders of its operands a comparison holds.
var comparisons = map[string][3]bool{
	"$eq":  {false, true, false},
	"$gt":  {false, false, true},
	"$gte": {false, true, true},
	"$lt":  {true, false, false},
	"$lte": {true, true, false},
	"$ne":  {true, false, true},
}

func compareBuild(name string, args []Expr) (Expr, error) {
	return &Comparison{Op: name, A: args[0], B: args[1], holds: comparisons[name]}, nil
}

// Args returns both sides.
func (e *Comparison) Args() []Expr { return []Expr{e.A, e.B} }

// Eval compares in BSON order, across types.
func (e *Comparison) Eval(c *Context) (bsonx.Value, error) {
	a, err := e.A.Eval(c)
	if err != nil {
		return a, err
	}
	b, err := e.B.Eval(c)
	if err != nil {
		return b, err
	}
	return bsonx.Bool(e.holds[c.compare(a, b)+1]), nil
}

// compare is BSON order with the context's collation, in which expressions put missing below
// undefined.
func (c *Context) compare(a, b bsonx.Value) int {
	if a.Type != b.Type {
		switch {
		case a.Type == bsonx.Missing && b.Type == bsonx.TypeUndefined:
			return -1
		case a.Type == bsonx.TypeUndefined && b.Type == bsonx.Missing:
			return 1
		}
	}
	return c.coll.Compare(a, b)
}
