package agg

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// number is a running computation over numbers.
type number interface {
	Add(v bsonx.Value)
	AppendState(dst []byte, name string) []byte
	Merge(state bsonx.Value)
}

// numbers is an accumulator of T, whose pointer computes.
type numbers[T any, P interface {
	*T
	number
}] struct {
	states []T
	result func(P) bsonx.Value
}

func newSum() accumulator { return &numbers[expr.Sum, *expr.Sum]{result: (*expr.Sum).Value} }

func newAvg() accumulator { return &numbers[expr.Avg, *expr.Avg]{result: (*expr.Avg).Value} }

func newStdDevPop() accumulator {
	return &numbers[expr.StdDev, *expr.StdDev]{result: (*expr.StdDev).Pop}
}

func newStdDevSamp() accumulator {
	return &numbers[expr.StdDev, *expr.StdDev]{result: (*expr.StdDev).Samp}
}

func (a *numbers[T, P]) grow(bsonx.Value) error {
	var zero T
	a.states = append(a.states, zero)
	return nil
}

func (a *numbers[T, P]) add(g int, v bsonx.Value) (int, error) {
	P(&a.states[g]).Add(v)
	return 0, nil
}

func (a *numbers[T, P]) appendResult(dst []byte, name string, g int) []byte {
	return bsonx.AppendElem(dst, name, a.result(P(&a.states[g])))
}

func (a *numbers[T, P]) appendState(dst []byte, name string, g int) []byte {
	return P(&a.states[g]).AppendState(dst, name)
}

func (a *numbers[T, P]) merge(g int, state bsonx.Value) (int, error) {
	P(&a.states[g]).Merge(state)
	return 0, nil
}
