package agg

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/datetime"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// expMovingAvg is $expMovingAvg.
type expMovingAvg struct {
	input       expr.Expr
	alpha, rest bsonx.Value // rest is 1 - alpha
}

func parseExpMovingAvg(w *windowParser, arg bsonx.Value) (windowFunction, error) {
	if err := w.noWindow(mongoerr.FailedToParse); err != nil {
		return nil, err
	}
	args, err := w.args(arg, "input", "N", "alpha")
	if err != nil {
		return nil, err
	}
	n, alpha := args[1], args[2]
	if args[0].IsMissing() || n.IsMissing() == alpha.IsMissing() {
		return nil, mongoerr.New(mongoerr.FailedToParse, "$expMovingAvg sub object must have exactly two fields: An 'input' field, and either an 'N' field or an 'alpha' field")
	}
	if w.order == nil {
		return nil, mongoerr.New(mongoerr.FailedToParse, "$expMovingAvg requires an explicit 'sortBy'")
	}
	f := &expMovingAvg{}
	if f.input, err = expr.Parse(args[0], w.scope); err != nil {
		return nil, err
	}
	a := expr.Float(alpha)
	if !n.IsMissing() {
		count, ok := expr.Integer(n)
		if !ok || count <= 0 {
			return nil, mongoerr.New(mongoerr.FailedToParse, "'N' must be an integer greater than zero. Got %s", bsonx.Format(n))
		}
		a = 2 / (float64(count) + 1)
	} else if !alpha.IsNumber() || !(a > 0 && a < 1) {
		return nil, mongoerr.New(mongoerr.FailedToParse, "'alpha' must be between 0 and 1 (exclusive), found %s", bsonx.Format(alpha))
	}
	f.alpha, f.rest = bsonx.Double(a), bsonx.Double(1-a)
	return f, nil
}

func (f *expMovingAvg) over(p *partition) (windowValues, error) {
	col, err := p.column(f.input)
	return &expMovingAvgValues{f, col, bsonx.Null}, err
}

type expMovingAvgValues struct {
	*expMovingAvg
	col []bsonx.Value
	avg bsonx.Value
}

func (v *expMovingAvgValues) at(i int) (bsonx.Value, error) {
	switch x := v.col[i]; {
	case !x.IsNumber():
	case !v.avg.IsNumber():
		v.avg = x
	default:
		v.avg = expr.Add(expr.Multiply(x, v.alpha), expr.Multiply(v.avg, v.rest)).Clone()
	}
	return v.avg, nil
}

// slope is $derivative or $integral of a function of the sort value.
type slope struct {
	name     string
	bounds   *bounds
	input    expr.Expr
	unit     float64 // of the sort value, in milliseconds; 0 for numbers
	integral bool
	notDate  mongoerr.Code // for a sort value that is no date where there is a unit
	noUnit   mongoerr.Code // for a date where there is no unit
}

// unitLengths are the lengths, in milliseconds, of the units that are always the same in UTC.
var unitLengths = map[datetime.Unit]float64{
	datetime.Week:        7 * 24 * 3600 * 1000,
	datetime.Day:         24 * 3600 * 1000,
	datetime.Hour:        3600 * 1000,
	datetime.Minute:      60 * 1000,
	datetime.Second:      1000,
	datetime.Millisecond: 1,
}

func parseSlope(w *windowParser, arg bsonx.Value) (windowFunction, error) {
	args, err := w.args(arg, "input", "unit")
	if err != nil {
		return nil, err
	}
	f := &slope{name: w.name, notDate: 5624900, noUnit: 5624901}
	if w.name == "$integral" {
		f.integral, f.notDate, f.noUnit = true, 5423901, 5423902
	}
	switch {
	case args[0].IsMissing():
		return nil, mongoerr.New(mongoerr.FailedToParse, "%s requires an 'input' expression", w.name)
	case w.order == nil || len(w.order.Fields()) != 1:
		return nil, mongoerr.New(mongoerr.FailedToParse, "%s requires a sortBy with exactly one element", w.name)
	case w.window.IsMissing() && !f.integral:
		return nil, mongoerr.New(mongoerr.FailedToParse, "%s requires explicit window bounds", w.name)
	case args[1].IsMissing():
	case args[1].Type != bsonx.TypeString:
		return nil, mongoerr.New(mongoerr.FailedToParse, "%s 'unit' must be a string, but got %s", w.name, args[1].Type)
	default:
		u, err := datetime.ParseUnit(args[1].Str())
		if err != nil {
			return nil, err
		}
		if f.unit = unitLengths[u]; f.unit == 0 {
			return nil, mongoerr.New(5490710, "unit must be 'week' or smaller")
		}
	}
	if f.bounds, err = w.parseBounds(); err != nil {
		return nil, err
	}
	f.input, err = expr.Parse(args[0], w.scope)
	return f, err
}

func (f *slope) over(p *partition) (windowValues, error) {
	fr, err := f.bounds.over(p)
	if err != nil {
		return nil, err
	}
	v := &slopeValues{slope: f, frame: fr}
	if v.y, err = p.column(f.input); err != nil {
		return nil, err
	}
	col, err := p.sortColumn()
	if err != nil {
		return nil, err
	}
	v.x = make([]float64, len(col))
	for i, x := range col {
		if v.x[i], err = f.position(x); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// position returns a sort value as a number of units.
func (f *slope) position(v bsonx.Value) (float64, error) {
	switch {
	case f.unit > 0 && v.Type == bsonx.TypeDateTime:
		return float64(v.DateTime()) / f.unit, nil
	case f.unit > 0:
		return 0, mongoerr.New(f.notDate, "%s with unit expects the sortBy field to be a Date", f.name)
	case v.Type == bsonx.TypeDateTime:
		return 0, mongoerr.New(f.noUnit, "%s where the sortBy is a Date requires a 'unit'", f.name)
	case v.IsNumber():
		return expr.Float(v), nil
	}
	return 0, mongoerr.New(5624902, "%s expects the sortBy field to be a number or a Date", f.name)
}

type slopeValues struct {
	*slope
	frame *frame
	x     []float64
	y     []bsonx.Value
}

func (v *slopeValues) at(i int) (bsonx.Value, error) {
	lo, hi, err := v.frame.window(i)
	if err != nil {
		return bsonx.Value{}, err
	}
	if v.integral {
		return v.area(lo, hi), nil
	}
	if hi-lo < 2 || v.x[hi-1] == v.x[lo] {
		return bsonx.Null, nil
	}
	first, last := v.y[lo], v.y[hi-1]
	if !first.IsNumber() || !last.IsNumber() {
		return bsonx.Null, nil
	}
	return bsonx.Double((expr.Float(last) - expr.Float(first)) / (v.x[hi-1] - v.x[lo])), nil
}

// area sums up the trapezoids between neighbours that have numbers.
func (v *slopeValues) area(lo, hi int) bsonx.Value {
	if lo == hi {
		return bsonx.Null
	}
	sum, prev := 0.0, -1
	for j := lo; j < hi; j++ {
		if !v.y[j].IsNumber() {
			continue
		}
		if prev >= 0 {
			sum += (expr.Float(v.y[j]) + expr.Float(v.y[prev])) / 2 * (v.x[j] - v.x[prev])
		}
		prev = j
	}
	return bsonx.Double(sum)
}

// covariance is $covariancePop or $covarianceSamp.
type covariance struct {
	bounds *bounds
	pair   expr.Expr
	sample bool
}

func parseCovariance(w *windowParser, arg bsonx.Value) (windowFunction, error) {
	f := &covariance{sample: w.name == "$covarianceSamp"}
	var err error
	if f.bounds, err = w.parseBounds(); err != nil {
		return nil, err
	}
	f.pair, err = expr.Parse(arg, w.scope)
	return f, err
}

func (f *covariance) over(p *partition) (windowValues, error) {
	fr, err := f.bounds.over(p)
	if err != nil {
		return nil, err
	}
	col, err := p.column(f.pair)
	return &covarianceValues{f, fr, col}, err
}

type covarianceValues struct {
	*covariance
	frame *frame
	pairs []bsonx.Value
}

// at computes the covariance in one pass (the method of Welford).
func (v *covarianceValues) at(i int) (bsonx.Value, error) {
	lo, hi, err := v.frame.window(i)
	if err != nil {
		return bsonx.Value{}, err
	}
	n, meanX, meanY, c := 0.0, 0.0, 0.0, 0.0
	for _, p := range v.pairs[lo:hi] {
		if p.Type != bsonx.TypeArray || p.Doc().Count() != 2 {
			continue
		}
		a, b := p.Doc().Index(0), p.Doc().Index(1)
		if !a.IsNumber() || !b.IsNumber() {
			continue
		}
		x, y := expr.Float(a), expr.Float(b)
		n++
		dx := x - meanX
		meanX += dx / n
		meanY += (y - meanY) / n
		c += dx * (y - meanY)
	}
	if v.sample {
		n--
	}
	if n <= 0 {
		return bsonx.Null, nil
	}
	return bsonx.Double(c / n), nil
}

// locf is $locf: the last value that was not null.
type locf struct{ input expr.Expr }

func parseLocf(w *windowParser, arg bsonx.Value) (windowFunction, error) {
	if err := w.noWindow(mongoerr.FailedToParse); err != nil {
		return nil, err
	}
	e, err := expr.Parse(arg, w.scope)
	return &locf{e}, err
}

func (f *locf) over(p *partition) (windowValues, error) {
	col, err := p.column(f.input)
	return &locfValues{col, bsonx.Null}, err
}

type locfValues struct {
	col  []bsonx.Value
	last bsonx.Value
}

func (v *locfValues) at(i int) (bsonx.Value, error) {
	if !v.col[i].IsNullish() {
		v.last = v.col[i]
	}
	return v.last, nil
}

// linearFill is $linearFill: nulls between numbers lie on the line between them.
type linearFill struct{ input expr.Expr }

func parseLinearFill(w *windowParser, arg bsonx.Value) (windowFunction, error) {
	if err := w.noWindow(mongoerr.FailedToParse); err != nil {
		return nil, err
	}
	if w.order == nil || len(w.order.Fields()) != 1 {
		return nil, mongoerr.New(605001, "$linearFill must be specified with a top level sortBy expression with exactly one element")
	}
	e, err := expr.Parse(arg, w.scope)
	return &linearFill{e}, err
}

func (f *linearFill) over(p *partition) (windowValues, error) {
	y, err := p.column(f.input)
	if err != nil {
		return nil, err
	}
	x, err := p.sortColumn()
	if err != nil {
		return nil, err
	}
	v := &linearFillValues{y: y, x: make([]float64, len(x)), prev: -1, next: -1}
	for i := range x {
		switch {
		case x[i].IsNumber():
			v.x[i] = expr.Float(x[i])
		case x[i].Type == bsonx.TypeDateTime:
			v.x[i] = float64(x[i].DateTime())
		default:
			return nil, mongoerr.New(mongoerr.TypeMismatch, "linearFill sortBy field must be a number or a Date, but found %s", x[i].Type)
		}
		if i > 0 && v.x[i] == v.x[i-1] {
			return nil, mongoerr.New(6050106, "There can be no repeated values in the sort field")
		}
		if !y[i].IsNullish() && !y[i].IsNumber() {
			return nil, mongoerr.New(mongoerr.TypeMismatch, "Value to be filled must be numeric or nullish")
		}
	}
	return v, nil
}

type linearFillValues struct {
	x          []float64
	y          []bsonx.Value
	prev, next int // the known values around the position, -1 for none, len for none after
}

func (v *linearFillValues) at(i int) (bsonx.Value, error) {
	if v.y[i].IsNumber() {
		v.prev = i
		return v.y[i], nil
	}
	if v.prev < 0 {
		return bsonx.Null, nil
	}
	if v.next < i {
		for v.next = i; v.next < len(v.y) && !v.y[v.next].IsNumber(); {
			v.next++
		}
	}
	if v.next == len(v.y) {
		return bsonx.Null, nil
	}
	y0, y1 := expr.Float(v.y[v.prev]), expr.Float(v.y[v.next])
	return bsonx.Double(y0 + (v.x[i]-v.x[v.prev])*(y1-y0)/(v.x[v.next]-v.x[v.prev])), nil
}
