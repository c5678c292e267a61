package expr

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func setOperators() []Operator {
	return []Operator{
		{Name: "$allElementsTrue", Min: 1, Max: 1, Build: one(allElementsTrue)},
		{Name: "$anyElementTrue", Min: 1, Max: 1, Build: one(anyElementTrue)},
		{Name: "$setDifference", Min: 2, Max: 2, Build: two(setDifference)},
		{Name: "$setEquals", Min: 0, Max: -1, Build: setEqualsBuild},
		{Name: "$setIntersection", Min: 0, Max: -1, Build: calling(setIntersection)},
		{Name: "$setIsSubset", Min: 2, Max: 2, Build: setIsSubsetBuild},
		{Name: "$setUnion", Min: 0, Max: -1, Build: calling(setUnion)},
	}
}

// sortedSet returns an array's elements in order, each once: the first of equal ones.
func (c *Context) sortedSet(arr bsonx.Doc) []bsonx.Value { return c.sortValues(appendValues(nil, arr)) }

func (c *Context) sortValues(vals []bsonx.Value) []bsonx.Value {
	slices.SortStableFunc(vals, c.compare)
	return slices.CompactFunc(vals, func(a, b bsonx.Value) bool { return c.compare(a, b) == 0 })
}

func (c *Context) contains(set []bsonx.Value, v bsonx.Value) bool {
	_, found := slices.BinarySearchFunc(set, v, c.compare)
	return found
}

func allElementsTrue(_ *Context, v bsonx.Value) (bsonx.Value, error) {
	if v.Type != bsonx.TypeArray {
		return v, mongoerr.New(17040, "$allElementsTrue's argument must be an array, but is %s", v.Type)
	}
	for it := v.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return bsonx.Bool(true), nil
		}
		if !elem.Truthy() {
			return bsonx.Bool(false), nil
		}
	}
}

func anyElementTrue(_ *Context, v bsonx.Value) (bsonx.Value, error) {
	if v.Type != bsonx.TypeArray {
		return v, mongoerr.New(17041, "$anyElementTrue's argument must be an array, but is %s", v.Type)
	}
	for it := v.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return bsonx.Bool(false), nil
		}
		if elem.Truthy() {
			return bsonx.Bool(true), nil
		}
	}
}

// setDifference keeps the order of the first operand.
func setDifference(c *Context, a, b bsonx.Value) (bsonx.Value, error) {
	switch {
	case a.IsNullish() || b.IsNullish():
		return bsonx.Null, nil
	case a.Type != bsonx.TypeArray:
		return a, mongoerr.New(17048, "both operands of $setDifference must be arrays. First argument is of type: %s", a.Type)
	case b.Type != bsonx.TypeArray:
		return a, mongoerr.New(17049, "both operands of $setDifference must be arrays. Second argument is of type: %s", b.Type)
	}
	drop := c.sortedSet(b.Doc())
	dst := bsonx.AppendDocStart(c.Scratch())
	n := 0
	for it := a.Doc().Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return c.KeepArray(dst), nil
		}
		i, found := slices.BinarySearchFunc(drop, v, c.compare)
		if found {
			continue
		}
		drop = slices.Insert(drop, i, v)
		dst = bsonx.AppendIndexElem(dst, n, v)
		n++
	}
}

func setIntersection(c *Context, args []bsonx.Value) (bsonx.Value, error) {
	var set []bsonx.Value
	for i, a := range args {
		switch {
		case a.IsNullish():
			return bsonx.Null, nil
		case a.Type != bsonx.TypeArray:
			return a, mongoerr.New(17047, "All operands of $setIntersection must be arrays. One argument is of type: %s", a.Type)
		}
		next := c.sortedSet(a.Doc())
		if i == 0 {
			set = next
			continue
		}
		set = slices.DeleteFunc(set, func(v bsonx.Value) bool { return !c.contains(next, v) })
	}
	return c.keepArray(set), nil
}

func setUnion(c *Context, args []bsonx.Value) (bsonx.Value, error) {
	var vals []bsonx.Value
	for _, a := range args {
		switch {
		case a.IsNullish():
			return bsonx.Null, nil
		case a.Type != bsonx.TypeArray:
			return a, mongoerr.New(17043, "All operands of $setUnion must be arrays. One argument is of type: %s", a.Type)
		}
		vals = appendValues(vals, a.Doc())
	}
	return c.keepArray(c.sortValues(vals)), nil
}

// setEqualsBuild checks constant operands at once; they have an error code of their own.
func setEqualsBuild(_ string, args []Expr) (Expr, error) {
	if len(args) < 2 {
		return nil, mongoerr.New(17045, "$setEquals needs at least two arguments had: %d", len(args))
	}
	for i, a := range args {
		if k, ok := a.(*Const); ok && k.Value.Type != bsonx.TypeArray {
			return nil, mongoerr.New(5887502, "Failed to optimize pipeline :: caused by :: All operands of $setEquals must be arrays. %d-th argument is of type: %s", i+1, k.Value.Type)
		}
	}
	return &call{args, setEquals}, nil
}

func setEquals(c *Context, args []bsonx.Value) (bsonx.Value, error) {
	var first []bsonx.Value
	equal := true
	for i, a := range args {
		if a.Type != bsonx.TypeArray {
			return a, mongoerr.New(17044, "All operands of $setEquals must be arrays. %d-th argument is of type: %s", i+1, a.Type)
		}
		set := c.sortedSet(a.Doc())
		if i == 0 {
			first = set
			continue
		}
		equal = slices.EqualFunc(first, set, func(a, b bsonx.Value) bool { return c.compare(a, b) == 0 })
		if !equal {
			break
		}
	}
	return bsonx.Bool(equal), nil
}

// setIsSubset is $setIsSubset. A constant second operand is sorted once, for the binary order.
type setIsSubset struct {
	a, b Expr
	set  []bsonx.Value
}

func setIsSubsetBuild(_ string, args []Expr) (Expr, error) {
	e := &setIsSubset{a: args[0], b: args[1]}
	if k, ok := e.b.(*Const); ok && !IsConst(e.a) {
		if k.Value.Type != bsonx.TypeArray {
			return nil, mongoerr.New(17311, "Failed to optimize pipeline :: caused by :: both operands of $setIsSubset must be arrays. Second argument is of type: %s", k.Value.Type)
		}
		e.set = new(Context).sortedSet(k.Value.Doc())
		if e.set == nil {
			e.set = []bsonx.Value{}
		}
	}
	return e, nil
}

func (e *setIsSubset) Args() []Expr { return []Expr{e.a, e.b} }

func (e *setIsSubset) Eval(c *Context) (bsonx.Value, error) {
	a, err := e.a.Eval(c)
	if err != nil {
		return a, err
	}
	set := e.set
	if a.Type != bsonx.TypeArray {
		code := mongoerr.Code(17046)
		if set != nil {
			code = 17310
		}
		return a, mongoerr.New(code, "both operands of $setIsSubset must be arrays. First argument is of type: %s", a.Type)
	}
	if set == nil || c.coll != nil {
		b, err := e.b.Eval(c)
		switch {
		case err != nil:
			return b, err
		case b.Type != bsonx.TypeArray:
			return b, mongoerr.New(17042, "both operands of $setIsSubset must be arrays. Second argument is of type: %s", b.Type)
		}
		set = c.sortedSet(b.Doc())
	}
	for it := a.Doc().Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return bsonx.Bool(true), nil
		}
		if !c.contains(set, v) {
			return bsonx.Bool(false), nil
		}
	}
}
