package agg

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// percentileAccumulator is $percentile and $median. It keeps all numbers, so its results are
// exact.
type percentileAccumulator struct {
	spec   *expr.PercentileSpec
	states [][]float64
}

func percentileRow(name string, notObject mongoerr.Code) accumulatorSpec {
	return accumulatorSpec{name: name, parse: func(op string, arg bsonx.Value, s *expr.Scope) (expr.Expr, newAccumulator, error) {
		if arg.Type != bsonx.TypeDocument {
			return nil, nil, mongoerr.New(notObject, "specification must be an object; found %s: %s", op, bsonx.Format(arg))
		}
		spec, err := expr.ParsePercentileSpec(op, arg, s)
		if err != nil {
			return nil, nil, err
		}
		return spec.Input, func() accumulator { return &percentileAccumulator{spec: spec} }, nil
	}}
}

func (a *percentileAccumulator) grow(bsonx.Value) error {
	a.states = append(a.states, nil)
	return nil
}

func (a *percentileAccumulator) add(g int, v bsonx.Value) (int, error) {
	if !v.IsNumber() {
		return 0, nil
	}
	a.states[g] = append(a.states[g], expr.Float(v))
	return 8, nil
}

func (a *percentileAccumulator) appendResult(dst []byte, name string, g int) []byte {
	return bsonx.AppendElem(dst, name, a.spec.Result(a.states[g]))
}

func (a *percentileAccumulator) appendState(dst []byte, name string, g int) []byte {
	var arr arrayState
	for _, f := range a.states[g] {
		arr.push(bsonx.Double(f))
	}
	return arr.append(dst, name)
}

func (a *percentileAccumulator) merge(g int, state bsonx.Value) (int, error) {
	return mergeElems(a, g, state)
}
