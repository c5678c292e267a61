package expr

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// In is $in: whether a value is among the elements of an array. It is exported for the
// planner.
type In struct {
	Value, Array Expr

	sorted []bsonx.Value // of a constant array, in binary order
}

// inBuild sorts a constant array once.
func inBuild(_ string, args []Expr) (Expr, error) {
	e := &In{Value: args[0], Array: args[1]}
	if k, ok := args[1].(*Const); ok && k.Value.Type == bsonx.TypeArray {
		e.sorted = appendValues(nil, k.Value.Doc())
		slices.SortFunc(e.sorted, new(Context).compare)
	}
	return e, nil
}

// Args returns both operands.
func (e *In) Args() []Expr { return []Expr{e.Value, e.Array} }

// Eval compares in BSON order, across types.
func (e *In) Eval(c *Context) (bsonx.Value, error) {
	v, err := e.Value.Eval(c)
	if err != nil {
		return v, err
	}
	if e.sorted != nil && c.coll == nil {
		_, found := slices.BinarySearchFunc(e.sorted, v, c.compare)
		return bsonx.Bool(found), nil
	}
	a, err := e.Array.Eval(c)
	if err != nil {
		return a, err
	}
	if a.Type != bsonx.TypeArray {
		return a, mongoerr.New(40081, "$in requires an array as a second argument, found: %s", a.Type)
	}
	for it := a.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return bsonx.Bool(false), nil
		}
		if c.compare(v, elem) == 0 {
			return bsonx.Bool(true), nil
		}
	}
}

// indexOfArray is $indexOfArray: [array, value, start, end].
type indexOfArray struct{ args []Expr }

func indexOfArrayBuild(_ string, args []Expr) (Expr, error) {
	e := &indexOfArray{args}
	k, ok := args[0].(*Const)
	if !ok || allConst(args) {
		return e, nil
	}
	switch {
	case k.Value.IsNullish():
		return &Const{bsonx.Null}, nil
	case k.Value.Type != bsonx.TypeArray:
		return nil, mongoerr.New(50809, "Failed to optimize pipeline :: caused by :: First operand of $indexOfArray must be an array. First argument is of type: %s", k.Value.Type)
	}
	return e, nil
}

func (e *indexOfArray) Args() []Expr { return e.args }

func (e *indexOfArray) Eval(c *Context) (bsonx.Value, error) {
	a, err := e.args[0].Eval(c)
	switch {
	case err != nil:
		return a, err
	case a.IsNullish():
		return bsonx.Null, nil
	case a.Type != bsonx.TypeArray:
		return a, mongoerr.New(40090, "$indexOfArray requires an array as a first argument, found: %s", a.Type)
	}
	start, end, err := searchBounds(c, "$indexOfArray", e.args, a.Doc().Count())
	if err != nil {
		return a, err
	}
	v, err := e.args[1].Eval(c)
	if err != nil {
		return v, err
	}
	it := a.Doc().Iter()
	for i := range end {
		_, elem, ok := it.Next()
		if !ok {
			break
		}
		if i >= start && c.compare(elem, v) == 0 {
			return bsonx.Int32(int32(i)), nil
		}
	}
	return bsonx.Int32(-1), nil
}

// searchBounds evaluates the third and fourth operand of the $indexOf operators.
func searchBounds(c *Context, name string, args []Expr, length int) (start, end int, err error) {
	end = length
	if len(args) > 2 {
		if start, err = searchBound(c, name, "starting index", args[2]); err != nil {
			return 0, 0, err
		}
	}
	if len(args) > 3 {
		if end, err = searchBound(c, name, "ending index", args[3]); err != nil {
			return 0, 0, err
		}
		end = min(end, length)
	}
	return start, end, nil
}

func searchBound(c *Context, name, what string, e Expr) (int, error) {
	v, err := e.Eval(c)
	if err != nil {
		return 0, err
	}
	i, ok := smallInteger(v)
	if !ok {
		return 0, mongoerr.New(40096, "%srequires an integral %s, found a value of type: %s, with value: %s", name, what, v.Type, bsonx.Format(v))
	}
	if i < 0 {
		return 0, mongoerr.New(40097, "%s requires a nonnegative %s, found: %s", name, what, bsonx.Format(v))
	}
	return i, nil
}
