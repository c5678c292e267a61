package expr

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func arrayOperators() []Operator {
	return []Operator{
		{Name: "$arrayElemAt", Min: 2, Max: 2, Build: two(func(_ *Context, a, i bsonx.Value) (bsonx.Value, error) {
			return elementAt("$arrayElemAt's first argument", "$arrayElemAt", a, i)
		})},
		{Name: "$arrayToObject", Min: 1, Max: 1, Build: one(arrayToObject)},
		{Name: "$concatArrays", Min: 0, Max: -1, Build: calling(concatArrays)},
		{Name: "$first", Min: 1, Max: 1, Build: one(func(_ *Context, a bsonx.Value) (bsonx.Value, error) {
			return elementAt("$first's argument", "$first", a, bsonx.Int32(0))
		})},
		{Name: "$in", Min: 2, Max: 2, Build: inBuild},
		{Name: "$indexOfArray", Min: 2, Max: 4, Build: indexOfArrayBuild},
		{Name: "$isArray", Min: 1, Max: 1, Build: one(func(_ *Context, v bsonx.Value) (bsonx.Value, error) {
			return bsonx.Bool(v.Type == bsonx.TypeArray), nil
		})},
		{Name: "$last", Min: 1, Max: 1, Build: one(func(_ *Context, a bsonx.Value) (bsonx.Value, error) {
			return elementAt("$last's argument", "$last", a, bsonx.Int32(-1))
		})},
		{Name: "$objectToArray", Min: 1, Max: 1, Build: one(objectToArray)},
		{Name: "$range", Min: 2, Max: 3, Build: calling(numberRange)},
		{Name: "$reverseArray", Min: 1, Max: 1, Build: one(reverseArray)},
		{Name: "$size", Min: 1, Max: 1, Build: one(size)},
		{Name: "$slice", Min: 2, Max: 3, Build: sliceBuild},
		{Name: "$sortArray", Parse: parseSortArray},
		{Name: "$zip", Parse: parseZip},
	}
}

// calling makes a Build function of an operator on the values of all its operands.
func calling(fn func(c *Context, args []bsonx.Value) (bsonx.Value, error)) func(string, []Expr) (Expr, error) {
	return func(_ string, args []Expr) (Expr, error) { return &call{args, fn}, nil }
}

// appendValues appends the elements of an array.
func appendValues(vals []bsonx.Value, arr bsonx.Doc) []bsonx.Value {
	for it := arr.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return vals
		}
		vals = append(vals, v)
	}
}

// keepArray builds an array in the arena.
func (c *Context) keepArray(vals []bsonx.Value) bsonx.Value {
	b := bsonx.AppendDocStart(c.Scratch())
	for i, v := range vals {
		b = bsonx.AppendIndexElem(b, i, v)
	}
	return c.KeepArray(b)
}

func elementAt(what, name string, a, index bsonx.Value) (bsonx.Value, error) {
	switch {
	case a.IsNullish() || index.IsNullish():
		return bsonx.Null, nil
	case a.Type != bsonx.TypeArray:
		return a, mongoerr.New(28689, "%s must be an array, but is %s", what, a.Type)
	case !index.IsNumber():
		return a, mongoerr.New(28690, "%s's second argument must be a numeric value, but is %s", name, index.Type)
	}
	i, ok := smallInteger(index)
	if !ok {
		return a, mongoerr.New(28691, "%s's second argument must be representable as a 32-bit integer: %s", name, number(index))
	}
	if i < 0 {
		if i += a.Doc().Count(); i < 0 {
			return bsonx.Value{}, nil
		}
	}
	return a.Doc().Index(i), nil
}

func concatArrays(c *Context, args []bsonx.Value) (bsonx.Value, error) {
	b, n := bsonx.AppendDocStart(c.Scratch()), 0
	for _, a := range args {
		if a.Type != bsonx.TypeArray {
			c.Drop(b)
			if a.IsNullish() {
				return bsonx.Null, nil
			}
			return a, mongoerr.New(28664, "$concatArrays only supports arrays, not %s", a.Type)
		}
		for it := a.Doc().Iter(); ; n++ {
			_, v, ok := it.Next()
			if !ok {
				break
			}
			b = bsonx.AppendIndexElem(b, n, v)
		}
		if err := checkSize(b); err != nil {
			c.Drop(b)
			return a, err
		}
	}
	return c.KeepArray(b), nil
}

func size(_ *Context, v bsonx.Value) (bsonx.Value, error) {
	if v.Type != bsonx.TypeArray {
		return v, mongoerr.New(17124, "The argument to $size must be an array, but was of type: %s", v.Type)
	}
	return intOrLong(int64(v.Doc().Count())), nil
}

func reverseArray(c *Context, v bsonx.Value) (bsonx.Value, error) {
	switch {
	case v.IsNullish():
		return bsonx.Null, nil
	case v.Type != bsonx.TypeArray:
		return v, mongoerr.New(34435, "The argument to $reverseArray must be an array, but was of type: %s", v.Type)
	}
	vals := appendValues(nil, v.Doc())
	for i, j := 0, len(vals)-1; i < j; i, j = i+1, j-1 {
		vals[i], vals[j] = vals[j], vals[i]
	}
	return c.keepArray(vals), nil
}

// rangeBytesMax limits the array that $range makes.
const rangeBytesMax = 100 << 20

func numberRange(c *Context, args []bsonx.Value) (bsonx.Value, error) {
	from, err := rangeBound(args[0], 34443, "a numeric starting value, found value of type: ", 34444, "a starting value")
	if err != nil {
		return bsonx.Value{}, err
	}
	to, err := rangeBound(args[1], 34445, "a numeric ending value, found value of type: ", 34446, "an ending value")
	if err != nil {
		return bsonx.Value{}, err
	}
	step := 1
	if len(args) == 3 {
		if step, err = rangeBound(args[2], 34447, "a numeric step value, found value of type:", 34448, "a step value"); err != nil {
			return bsonx.Value{}, err
		}
		if step == 0 {
			return bsonx.Value{}, mongoerr.New(34449, "$range requires a non-zero step value")
		}
	}
	const elementBytes = 16
	if n := (to - from) / step; n > rangeBytesMax/elementBytes {
		return bsonx.Value{}, mongoerr.New(mongoerr.ExceededMemoryLimit,
			"$range would use too much memory (%d bytes) and cannot spill to disk. Memory limit: %d bytes", n*elementBytes, rangeBytesMax)
	}
	b := bsonx.AppendDocStart(c.Scratch())
	for i := 0; step > 0 && from < to || step < 0 && from > to; i++ {
		b = bsonx.AppendIndexElem(b, i, bsonx.Int32(int32(from)))
		from += step
	}
	return c.KeepArray(b), nil
}

func rangeBound(v bsonx.Value, typeCode mongoerr.Code, typeText string, intCode mongoerr.Code, what string) (int, error) {
	if !v.IsNumber() {
		return 0, mongoerr.New(typeCode, "$range requires %s%s", typeText, v.Type)
	}
	i, ok := smallInteger(v)
	if !ok {
		return 0, mongoerr.New(intCode, "$range requires %s that can be represented as a 32-bit integer, found value: %s", what, bsonx.Format(v))
	}
	return i, nil
}

// slice is $slice: [array, count] or [array, start, count].
type slice struct{ args []Expr }

func sliceBuild(_ string, args []Expr) (Expr, error) { return &slice{args}, nil }

func (e *slice) Args() []Expr { return e.args }

func (e *slice) Eval(c *Context) (bsonx.Value, error) {
	a, err := e.args[0].Eval(c)
	if err != nil {
		return a, err
	}
	second, err := e.args[1].Eval(c)
	switch {
	case err != nil:
		return second, err
	case a.IsNullish() || second.IsNullish():
		return bsonx.Null, nil
	case a.Type != bsonx.TypeArray:
		return a, mongoerr.New(28724, "First argument to $slice must be an array, but is of type: %s", a.Type)
	case !second.IsNumber():
		return a, mongoerr.New(28725, "Second argument to $slice must be a numeric value, but is of type: %s", second.Type)
	}
	n, ok := smallInteger(second)
	if !ok {
		return a, mongoerr.New(28726, "Second argument to $slice can't be represented as a 32-bit integer: %s", number(second))
	}
	length := a.Doc().Count()
	if len(e.args) == 2 {
		if n < 0 {
			return cut(c, a, max(0, length+n), length), nil
		}
		return cut(c, a, 0, min(n, length)), nil
	}
	start := min(n, length)
	if n < 0 {
		start = max(0, length+n)
	}
	third, err := e.args[2].Eval(c)
	if err != nil {
		return third, err
	}
	if third.IsNullish() {
		return bsonx.Null, nil
	}
	count, err := sliceCount(third)
	if err != nil {
		return third, err
	}
	return cut(c, a, start, min(start+count, length)), nil
}

func sliceCount(v bsonx.Value) (int, error) {
	if !v.IsNumber() {
		return 0, mongoerr.New(28727, "Third argument to $slice must be numeric, but is of type: %s", v.Type)
	}
	n, ok := smallInteger(v)
	if !ok {
		return 0, mongoerr.New(28728, "Third argument to $slice can't be represented as a 32-bit integer: %s", number(v))
	}
	if n <= 0 {
		return 0, mongoerr.New(28729, "Third argument to $slice must be positive: %d", n)
	}
	return n, nil
}

// cut returns the elements from start up to, without, end.
func cut(c *Context, a bsonx.Value, start, end int) bsonx.Value {
	b := bsonx.AppendDocStart(c.Scratch())
	it := a.Doc().Iter()
	for i := range end {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		if i >= start {
			b = bsonx.AppendIndexElem(b, i-start, v)
		}
	}
	return c.KeepArray(b)
}
