package agg

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
)

// kept is a copy of a value in a buffer that is reused for the next one.
type kept struct {
	v   bsonx.Value
	buf []byte
}

// set replaces the value and returns by how much the buffer grew.
func (k *kept) set(v bsonx.Value) int {
	before := cap(k.buf)
	k.v, k.buf = v.CloneInto(k.buf)
	return cap(k.buf) - before
}

// oneOf is an accumulator that keeps one of the values: $first, $last, $min or $max.
type oneOf struct {
	states   []oneState
	replaces func(s *oneState, v bsonx.Value) bool
}

type oneState struct {
	kept
	any bool
}

func newFirst() accumulator {
	return &oneOf{replaces: func(s *oneState, _ bsonx.Value) bool { return !s.any }}
}

func newLast() accumulator {
	return &oneOf{replaces: func(*oneState, bsonx.Value) bool { return true }}
}

func newMin(coll *collation.Collation) accumulator {
	return &oneOf{replaces: func(s *oneState, v bsonx.Value) bool {
		return !v.IsNullish() && (!s.any || coll.Compare(v, s.v) < 0)
	}}
}

func newMax(coll *collation.Collation) accumulator {
	return &oneOf{replaces: func(s *oneState, v bsonx.Value) bool {
		return !v.IsNullish() && (!s.any || coll.Compare(v, s.v) > 0)
	}}
}

func (a *oneOf) grow(bsonx.Value) error {
	a.states = append(a.states, oneState{})
	return nil
}

func (a *oneOf) add(g int, v bsonx.Value) (int, error) {
	s := &a.states[g]
	if !a.replaces(s, v) {
		return 0, nil
	}
	s.any = true
	return s.set(v), nil
}

func (a *oneOf) appendResult(dst []byte, name string, g int) []byte {
	v := a.states[g].v
	if v.IsMissing() {
		v = bsonx.Null
	}
	return bsonx.AppendElem(dst, name, v)
}

// appendState leaves the field out if there was no value yet. A missing first or last value
// becomes null, as it will in the result.
func (a *oneOf) appendState(dst []byte, name string, g int) []byte {
	s := &a.states[g]
	switch {
	case !s.any:
		return dst
	case s.v.IsMissing():
		return bsonx.AppendElem(dst, name, bsonx.Null)
	}
	return bsonx.AppendElem(dst, name, s.v)
}

func (a *oneOf) merge(g int, state bsonx.Value) (int, error) {
	if state.IsMissing() {
		return 0, nil
	}
	return a.add(g, state)
}

// countAccumulator is $count.
type countAccumulator struct{ states []int64 }

func newCount() accumulator { return &countAccumulator{} }

func (a *countAccumulator) grow(bsonx.Value) error {
	a.states = append(a.states, 0)
	return nil
}

func (a *countAccumulator) add(g int, _ bsonx.Value) (int, error) {
	a.states[g]++
	return 0, nil
}

func (a *countAccumulator) appendResult(dst []byte, name string, g int) []byte {
	return bsonx.AppendElem(dst, name, count(a.states[g]))
}

func (a *countAccumulator) appendState(dst []byte, name string, g int) []byte {
	return bsonx.AppendElem(dst, name, bsonx.Int64(a.states[g]))
}

func (a *countAccumulator) merge(g int, state bsonx.Value) (int, error) {
	a.states[g] += state.Int64()
	return 0, nil
}
