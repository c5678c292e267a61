package expr

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// accumulatorOperators are accumulators in the role of expressions: over the elements of
// an array that is their only operand, or over their operands.
func accumulatorOperators() []Operator {
	return []Operator{
		{Name: "$avg", Min: 0, Max: -1, Build: calling(average)},
		firstNSignature.operator("$firstN", firstN),
		firstNSignature.operator("$lastN", lastN),
		{Name: "$max", Min: 0, Max: -1, Build: calling(func(c *Context, args []bsonx.Value) (bsonx.Value, error) {
			return extreme(c, args, 1), nil
		})},
		firstNSignature.operator("$maxN", func(c *Context, args []Expr) (bsonx.Value, error) {
			return extremes(c, args, -1)
		}),
		{Name: "$median", Parse: parseMedian},
		{Name: "$min", Min: 0, Max: -1, Build: calling(func(c *Context, args []bsonx.Value) (bsonx.Value, error) {
			return extreme(c, args, -1), nil
		})},
		firstNSignature.operator("$minN", func(c *Context, args []Expr) (bsonx.Value, error) {
			return extremes(c, args, 1)
		}),
		{Name: "$percentile", Parse: parsePercentile},
		{Name: "$stdDevPop", Min: 0, Max: -1, Build: calling(func(_ *Context, args []bsonx.Value) (bsonx.Value, error) {
			return stdDev(args).Pop(), nil
		})},
		{Name: "$stdDevSamp", Min: 0, Max: -1, Build: calling(func(_ *Context, args []bsonx.Value) (bsonx.Value, error) {
			return stdDev(args).Samp(), nil
		})},
		{Name: "$sum", Min: 0, Max: -1, Build: calling(total)},
	}
}

// inputs are the values that an accumulator takes in.
type inputs struct {
	args  []bsonx.Value
	array bsonx.Iter
	inner bool // the values are the elements of array
}

func inputsOf(args []bsonx.Value) inputs {
	if len(args) == 1 && args[0].Type == bsonx.TypeArray {
		return inputs{array: args[0].Doc().Iter(), inner: true}
	}
	return inputs{args: args}
}

func (in *inputs) next() (v bsonx.Value, ok bool) {
	if in.inner {
		_, v, ok = in.array.Next()
		return v, ok
	}
	if len(in.args) == 0 {
		return v, false
	}
	v, in.args = in.args[0], in.args[1:]
	return v, true
}

func total(_ *Context, args []bsonx.Value) (bsonx.Value, error) {
	var s Sum
	in := inputsOf(args)
	for v, ok := in.next(); ok; v, ok = in.next() {
		s.Add(v)
	}
	return s.Value(), nil
}

func average(_ *Context, args []bsonx.Value) (bsonx.Value, error) {
	var a Avg
	in := inputsOf(args)
	for v, ok := in.next(); ok; v, ok = in.next() {
		a.Add(v)
	}
	return a.Value(), nil
}

func stdDev(args []bsonx.Value) *StdDev {
	var s StdDev
	in := inputsOf(args)
	for v, ok := in.next(); ok; v, ok = in.next() {
		s.Add(v)
	}
	return &s
}

// extreme returns the largest (sign 1) or smallest (sign -1) value but null.
func extreme(c *Context, args []bsonx.Value, sign int) bsonx.Value {
	best := bsonx.Null
	in := inputsOf(args)
	for v, ok := in.next(); ok; v, ok = in.next() {
		if !v.IsNullish() && (best.Type == bsonx.TypeNull || sign*c.compare(v, best) > 0) {
			best = v
		}
	}
	return best
}

var firstNSignature = signature{
	names: []string{"n", "input"},
	notObject: func(op string, t bsonx.Type) error {
		return mongoerr.New(5787900, "specification must be an object; found %s: %s", op, t)
	},
	unknown: failName(5787901, "Unknown argument for 'n' operator: "),
	missing: map[string]func(string) error{
		"n":     fail(5787906, "Missing value for 'n'"),
		"input": fail(5787907, "Missing value for 'input'"),
	},
}

// evalN evaluates n and the input array.
func evalN(c *Context, args []Expr) (int, bsonx.Value, error) {
	v, err := args[0].Eval(c)
	if err != nil {
		return 0, v, err
	}
	n, err := CheckN(v)
	if err != nil {
		return 0, v, err
	}
	input, err := args[1].Eval(c)
	switch {
	case err != nil:
		return 0, v, err
	case input.Type != bsonx.TypeArray:
		return 0, v, mongoerr.New(5788200, "Input must be an array")
	}
	return int(min(n, int64(input.Doc().Count()))), input, nil
}

// CheckN returns the n of $firstN and its kind, in $group, too.
func CheckN(v bsonx.Value) (int64, error) {
	if !v.IsNumber() {
		return 0, mongoerr.New(5787902, "Value for 'n' must be of integral type, but found %s", bsonx.Format(v))
	}
	n, ok := Integer(v)
	if !ok {
		return 0, mongoerr.New(5787903, "Value for 'n' must be of integral type, but found %s", bsonx.Format(v))
	}
	if n <= 0 {
		return 0, mongoerr.New(5787908, "'n' must be greater than 0, found %d", n)
	}
	return n, nil
}

func firstN(c *Context, args []Expr) (bsonx.Value, error) {
	n, input, err := evalN(c, args)
	if err != nil {
		return input, err
	}
	return cut(c, input, 0, n), nil
}

func lastN(c *Context, args []Expr) (bsonx.Value, error) {
	n, input, err := evalN(c, args)
	if err != nil {
		return input, err
	}
	length := input.Doc().Count()
	return cut(c, input, length-n, length), nil
}

// extremes returns up to n values but null, the smallest (sign 1) or largest (sign -1)
// first.
func extremes(c *Context, args []Expr, sign int) (bsonx.Value, error) {
	n, input, err := evalN(c, args)
	if err != nil {
		return input, err
	}
	vals := slices.DeleteFunc(appendValues(nil, input.Doc()), bsonx.Value.IsNullish)
	slices.SortStableFunc(vals, func(a, b bsonx.Value) int { return sign * c.compare(a, b) })
	return c.keepArray(vals[:min(n, len(vals))]), nil
}
