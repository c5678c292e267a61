package expr

import (
	"math"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// PercentileSpec is the object that $percentile and $median take, as expressions and as
// accumulators.
type PercentileSpec struct {
	Input  Expr
	Ps     []float64
	Median bool
}

// ParsePercentileSpec parses the operand of $percentile or $median.
func ParsePercentileSpec(op string, arg bsonx.Value, s *Scope) (*PercentileSpec, error) {
	spec := &PercentileSpec{Median: op == "$median", Ps: []float64{0.5}}
	names := []string{"input", "method", "p"}
	if spec.Median {
		names = names[:2]
	}
	sig := signature{
		names: names,
		unknown: func(op, name string) error {
			return mongoerr.New(40415, "BSON field '%s.%s' is an unknown field.", op, name)
		},
		missing: map[string]func(string) error{},
	}
	for _, n := range names {
		sig.missing[n] = func(op string) error {
			return mongoerr.New(40414, "BSON field '%s.%s' is missing but a required field", op, n)
		}
	}
	vals, err := sig.elements(op, arg)
	if err != nil {
		return nil, err
	}
	if m := vals[1]; m.Type != bsonx.TypeString {
		return nil, mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s.method' is the wrong type '%s', expected type 'string'", op, m.Type)
	} else if m.Str() != "approximate" {
		return nil, mongoerr.New(mongoerr.BadValue, "Currently only 'approximate' can be used as percentile 'method'.")
	}
	if spec.Input, err = Parse(vals[0], s); err != nil {
		return nil, err
	}
	if spec.Median {
		return spec, nil
	}
	spec.Ps, err = parsePs(vals[2], s)
	return spec, err
}

// parsePs evaluates p, which must be known now.
func parsePs(v bsonx.Value, s *Scope) ([]float64, error) {
	e, err := Parse(v, s)
	if err != nil {
		return nil, err
	}
	k, ok := e.(*Const)
	if !ok {
		return nil, mongoerr.New(7750300, "The $percentile 'p' field must be an array of constant values, but found value: %s.", bsonx.Format(v))
	}
	const msg = "The $percentile 'p' field must be an array of numbers from [0.0, 1.0], but found: %s"
	if k.Value.Type != bsonx.TypeArray || k.Value.Doc().IsEmpty() {
		return nil, mongoerr.New(7750301, msg, bsonx.Format(k.Value))
	}
	var ps []float64
	for _, p := range appendValues(nil, k.Value.Doc()) {
		if !p.IsNumber() {
			return nil, mongoerr.New(7750302, msg, bsonx.Format(p))
		}
		f := Float(p)
		if !(f >= 0 && f <= 1) {
			return nil, mongoerr.New(7750303, msg, formatFloat(f))
		}
		ps = append(ps, f)
	}
	return ps, nil
}

// Result makes the operator's value of the numbers that were taken in, which it sorts.
func (s *PercentileSpec) Result(samples []float64) bsonx.Value {
	samples = slices.DeleteFunc(samples, math.IsNaN)
	slices.Sort(samples)
	if s.Median {
		return percentile(samples, 0.5)
	}
	vals := make([]bsonx.Value, len(s.Ps))
	for i, p := range s.Ps {
		vals[i] = percentile(samples, p)
	}
	return bsonx.MakeArray(vals...)
}

// percentile is the smallest sample that at least the share p of all does not exceed.
func percentile(sorted []float64, p float64) bsonx.Value {
	n := len(sorted)
	if n == 0 {
		return bsonx.Null
	}
	rank := int(math.Ceil(float64(n)*p)) - 1
	return bsonx.Double(sorted[min(max(rank, 0), n-1)])
}

// percentileCall is $percentile or $median over an array or one number.
type percentileCall struct{ spec *PercentileSpec }

func parsePercentile(op string, arg bsonx.Value, s *Scope) (Expr, error) {
	return newPercentile(7436200, op, arg, s)
}

func parseMedian(op string, arg bsonx.Value, s *Scope) (Expr, error) {
	return newPercentile(7436201, op, arg, s)
}

func newPercentile(code mongoerr.Code, op string, arg bsonx.Value, s *Scope) (Expr, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(code, "specification must be an object; found %s: %s", op, bsonx.Format(arg))
	}
	spec, err := ParsePercentileSpec(op, arg, s)
	if err != nil {
		return nil, err
	}
	return foldIf(IsConst(spec.Input), &percentileCall{spec}, s)
}

func (e *percentileCall) Args() []Expr { return []Expr{e.spec.Input} }

func (e *percentileCall) Eval(c *Context) (bsonx.Value, error) {
	v, err := e.spec.Input.Eval(c)
	if err != nil {
		return v, err
	}
	var samples []float64
	in := inputsOf([]bsonx.Value{v})
	for v, ok := in.next(); ok; v, ok = in.next() {
		if v.IsNumber() {
			samples = append(samples, Float(v))
		}
	}
	return e.spec.Result(samples), nil
}
