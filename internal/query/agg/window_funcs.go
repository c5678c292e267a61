package agg

import (
	"bytes"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

// windowParser is the state of parsing one output of $setWindowFields.
type windowParser struct {
	scope  *expr.Scope
	order  *sortkey.Pattern // nil for none
	name   string
	window bsonx.Value
}

// windowSpec is one row of the table of window functions that are no accumulators.
type windowSpec struct {
	name  string
	parse func(w *windowParser, arg bsonx.Value) (windowFunction, error)
}

func windowTable() []windowSpec {
	return []windowSpec{
		{"$covariancePop", parseCovariance},
		{"$covarianceSamp", parseCovariance},
		{"$denseRank", parseRank},
		{"$derivative", parseSlope},
		{"$documentNumber", parseRank},
		{"$expMovingAvg", parseExpMovingAvg},
		{"$integral", parseSlope},
		{"$linearFill", parseLinearFill},
		{"$locf", parseLocf},
		{"$rank", parseRank},
		{"$shift", parseShift},
	}
}

func isWindowFunction(name string) bool {
	_, ok := accumulators[name]
	return ok && name != "$mergeObjects" ||
		slices.ContainsFunc(windowTable(), func(s windowSpec) bool { return s.name == name })
}

// parse compiles the function with its argument.
func (w *windowParser) parse(arg bsonx.Value) (windowFunction, error) {
	for _, s := range windowTable() {
		if s.name == w.name {
			return s.parse(w, arg)
		}
	}
	b, err := w.parseBounds()
	if err != nil {
		return nil, err
	}
	input, make, err := accumulators[w.name].build(arg, w.scope)
	if err != nil {
		return nil, err
	}
	return &windowAccumulator{b, input, make}, nil
}

// noWindow refuses bounds for functions that have their own.
func (w *windowParser) noWindow(code mongoerr.Code) error {
	if !w.window.IsMissing() {
		return mongoerr.New(code, "%s does not accept a 'window' field", w.name)
	}
	return nil
}

// windowAccumulator is an accumulator over a window.
type windowAccumulator struct {
	bounds *bounds
	input  expr.Expr
	make   newAccumulator
}

func (f *windowAccumulator) over(p *partition) (windowValues, error) {
	fr, err := f.bounds.over(p)
	if err != nil {
		return nil, err
	}
	col, err := p.column(f.input)
	return &accumulatedValues{frame: fr, make: f.make, col: col, part: p}, err
}

// accumulatedValues keeps the accumulator of the last window and adds to it as long as windows
// only grow at their end; otherwise it begins again.
type accumulatedValues struct {
	frame  *frame
	make   newAccumulator
	col    []bsonx.Value
	part   *partition
	acc    accumulator
	size   int // of acc
	lo, hi int
	buf    []byte
}

func (v *accumulatedValues) at(i int) (bsonx.Value, error) {
	lo, hi, err := v.frame.window(i)
	if err != nil {
		return bsonx.Value{}, err
	}
	if v.acc == nil || lo != v.lo || hi < v.hi {
		v.acc, v.lo, v.hi = v.make(), lo, lo
		v.part.size -= int64(v.size)
		v.size = 0
		if err := v.acc.grow(bsonx.Null); err != nil {
			return bsonx.Value{}, err
		}
	}
	for ; v.hi < hi; v.hi++ {
		grew, err := v.acc.add(0, v.col[v.hi])
		if err == nil {
			v.size += grew
			err = v.part.grow(grew)
		}
		if err != nil {
			return bsonx.Value{}, err
		}
	}
	v.buf = bsonx.AppendDocStart(v.buf[:0])
	v.buf = bsonx.AppendDocEnd(v.acc.appendResult(v.buf, "", 0), 0)
	return bsonx.Doc(v.buf).Index(0), nil
}

// rankFunction is $rank, $denseRank or $documentNumber.
type rankFunction struct{ dense, number bool }

func parseRank(w *windowParser, arg bsonx.Value) (windowFunction, error) {
	switch {
	case !w.window.IsMissing():
		return nil, mongoerr.New(5371601, "Rank style window functions take no other arguments")
	case arg.Type != bsonx.TypeDocument || !arg.Doc().IsEmpty():
		return nil, mongoerr.New(5371603, "%s must be specified with '{}' as the value", w.name)
	case w.order == nil || len(w.order.Fields()) != 1:
		return nil, mongoerr.New(5371602, "%s must be specified with a top level sortBy expression with exactly one element", w.name)
	}
	return rankFunction{dense: w.name == "$denseRank", number: w.name == "$documentNumber"}, nil
}

func (f rankFunction) over(p *partition) (windowValues, error) {
	return &rankValues{rankFunction: f, keys: p.keys}, nil
}

type rankValues struct {
	rankFunction
	keys [][]byte
	last int64
}

func (v *rankValues) at(i int) (bsonx.Value, error) {
	switch {
	case i > 0 && !v.number && bytes.Equal(v.keys[i], v.keys[i-1]):
	case v.dense:
		v.last++
	default:
		v.last = int64(i) + 1
	}
	return count(v.last), nil
}

// shiftFunction is $shift: the value of the document some places away.
type shiftFunction struct {
	output expr.Expr
	by     int64
	other  bsonx.Value
}

func parseShift(w *windowParser, arg bsonx.Value) (windowFunction, error) {
	if err := w.noWindow(mongoerr.FailedToParse); err != nil {
		return nil, err
	}
	if w.order == nil {
		return nil, mongoerr.New(mongoerr.FailedToParse, "'$shift' requires a sortBy")
	}
	args, err := w.args(arg, "output", "by", "default")
	if err != nil {
		return nil, err
	}
	f := &shiftFunction{other: bsonx.Null}
	if f.output, err = expr.Parse(args[0], w.scope); err != nil {
		return nil, err
	}
	var ok bool
	if f.by, ok = expr.Integer(args[1]); !ok {
		return nil, mongoerr.New(mongoerr.FailedToParse, "'$shift:by' field must be an integer, but found %s", bsonx.Format(args[1]))
	}
	if args[0].IsMissing() {
		return nil, mongoerr.New(mongoerr.FailedToParse, "$shift requires an 'output' expression.")
	}
	if args[2].IsMissing() {
		return f, nil
	}
	e, err := expr.Parse(args[2], w.scope)
	if err != nil {
		return nil, err
	}
	c, ok := e.(*expr.Const)
	if !ok {
		return nil, mongoerr.New(mongoerr.FailedToParse, "'$shift:default' expression must yield a constant value.")
	}
	f.other = c.Value
	return f, nil
}

// args returns the named arguments of an object in the order of names, Missing where one is
// not given.
func (w *windowParser) args(arg bsonx.Value, names ...string) ([]bsonx.Value, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.FailedToParse, "Argument to %s must be an object", w.name)
	}
	vals := make([]bsonx.Value, len(names))
fields:
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return vals, nil
		}
		for i, n := range names {
			if n == name {
				vals[i] = v
				continue fields
			}
		}
		return nil, mongoerr.New(mongoerr.FailedToParse, "Unknown argument in %s: %s", w.name, name)
	}
}

func (f *shiftFunction) over(p *partition) (windowValues, error) {
	col, err := p.column(f.output)
	return &shiftValues{f, col}, err
}

type shiftValues struct {
	*shiftFunction
	col []bsonx.Value
}

func (v *shiftValues) at(i int) (bsonx.Value, error) {
	n := int64(len(v.col))
	at := int64(i) + min(max(v.by, -n), n)
	if at < 0 || at >= n {
		return v.other, nil
	}
	return v.col[at], nil
}
