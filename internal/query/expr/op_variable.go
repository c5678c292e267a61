package expr

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func variableOperators() []Operator {
	return []Operator{
		{Name: "$filter", Parse: parseFilter},
		{Name: "$let", Parse: parseLet},
		{Name: "$map", Parse: parseMap},
		{Name: "$reduce", Parse: parseReduce},
	}
}

// mark and release give back the arena that values took which are no longer needed.
func (c *Context) mark() int { return len(c.arena) }

func (c *Context) release(mark int) { c.arena = c.arena[:mark] }

var letSignature = signature{
	names: []string{"vars", "in"},
	notObject: func(string, bsonx.Type) error {
		return mongoerr.New(16874, "$let only supports an object as its argument")
	},
	unknown: failName(16875, "Unrecognized parameter to $let: "),
	missing: map[string]func(string) error{
		"vars": fail(16876, "Missing 'vars' parameter to $let"),
		"in":   fail(16877, "Missing 'in' parameter to $let"),
	},
}

// let is $let: expressions of the outer scope in slots of the inner one.
type let struct {
	slots []int
	vars  []Expr
	in    Expr
}

func parseLet(name string, arg bsonx.Value, s *Scope) (Expr, error) {
	vals, err := letSignature.elements(name, arg)
	if err != nil {
		return nil, err
	}
	if vals[0].Type != bsonx.TypeDocument {
		return nil, mongoerr.New(10065, "invalid parameter: expected an object (vars)")
	}
	e, inner := &let{}, s
	for it := vals[0].Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := CheckUserVariable(name); err != nil {
			return nil, err
		}
		value, err := Parse(v, s)
		if err != nil {
			return nil, err
		}
		if k, ok := value.(*Const); ok {
			inner = inner.WithConst(strings.Clone(name), k.Value)
			continue
		}
		var slot int
		inner, slot = inner.With(strings.Clone(name))
		e.slots = append(e.slots, slot)
		e.vars = append(e.vars, value)
	}
	if e.in, err = Parse(vals[1], inner); err != nil {
		return nil, err
	}
	if len(e.vars) == 0 {
		return e.in, nil
	}
	return e, nil
}

func (e *let) Args() []Expr { return append(slices.Clip(e.vars), e.in) }

func (e *let) Eval(c *Context) (bsonx.Value, error) {
	for i, x := range e.vars {
		v, err := x.Eval(c)
		if err != nil {
			return v, err
		}
		c.SetVar(e.slots[i], v)
	}
	return e.in.Eval(c)
}

// eachVariable is the scope of an operator's expression that is evaluated per element: as
// names the variable, "this" by default.
func eachVariable(as bsonx.Value, s *Scope) (*Scope, int, error) {
	name := "this"
	if !as.IsMissing() {
		name = strings.Clone(as.Str())
	}
	if err := CheckUserVariable(name); err != nil {
		return nil, 0, err
	}
	inner, slot := s.With(name)
	return inner, slot, nil
}

var mapSignature = signature{
	names: []string{"input", "as", "in"},
	notObject: func(string, bsonx.Type) error {
		return mongoerr.New(16878, "$map only supports an object as its argument")
	},
	unknown: failName(16879, "Unrecognized parameter to $map: "),
	missing: map[string]func(string) error{
		"input": fail(16880, "Missing 'input' parameter to $map"),
		"in":    fail(16882, "Missing 'in' parameter to $map"),
	},
}

// mapping is $map.
type mapping struct {
	input, in Expr
	slot      int
}

func parseMap(name string, arg bsonx.Value, s *Scope) (Expr, error) {
	vals, err := mapSignature.elements(name, arg)
	if err != nil {
		return nil, err
	}
	e := &mapping{}
	if e.input, err = Parse(vals[0], s); err != nil {
		return nil, err
	}
	inner, slot, err := eachVariable(vals[1], s)
	if err != nil {
		return nil, err
	}
	e.slot = slot
	e.in, err = Parse(vals[2], inner)
	return e, err
}

func (e *mapping) Args() []Expr { return []Expr{e.input, e.in} }

func (e *mapping) Eval(c *Context) (bsonx.Value, error) {
	input, err := e.input.Eval(c)
	switch {
	case err != nil:
		return input, err
	case input.IsNullish():
		return bsonx.Null, nil
	case input.Type != bsonx.TypeArray:
		return input, mongoerr.New(16883, "input to $map must be an array not %s", input.Type)
	}
	b := bsonx.AppendDocStart(c.Scratch())
	mark := c.mark()
	it := input.Doc().Iter()
	for i := 0; ; i++ {
		_, elem, ok := it.Next()
		if !ok {
			return c.KeepArray(b), nil
		}
		c.SetVar(e.slot, elem)
		v, err := e.in.Eval(c)
		if err == nil {
			b = bsonx.AppendIndexElem(b, i, v)
			err = checkSize(b)
		}
		if err == nil {
			err = c.tick()
		}
		if err != nil {
			c.Drop(b)
			return v, err
		}
		c.release(mark)
	}
}

var filterSignature = signature{
	names: []string{"input", "as", "cond", "limit"},
	notObject: func(string, bsonx.Type) error {
		return mongoerr.New(28646, "$filter only supports an object as its argument")
	},
	unknown: failName(28647, "Unrecognized parameter to $filter: "),
	missing: map[string]func(string) error{
		"input": fail(28648, "Missing 'input' parameter to $filter"),
		"cond":  fail(28650, "Missing 'cond' parameter to $filter"),
	},
}

// filtering is $filter.
type filtering struct {
	input, cond Expr
	limit       Expr // nil: none
	slot        int
}

func parseFilter(name string, arg bsonx.Value, s *Scope) (Expr, error) {
	vals, err := filterSignature.elements(name, arg)
	if err != nil {
		return nil, err
	}
	e := &filtering{}
	if e.input, err = Parse(vals[0], s); err != nil {
		return nil, err
	}
	inner, slot, err := eachVariable(vals[1], s)
	if err != nil {
		return nil, err
	}
	e.slot = slot
	if e.cond, err = Parse(vals[2], inner); err != nil {
		return nil, err
	}
	if !vals[3].IsMissing() {
		if e.limit, err = Parse(vals[3], s); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *filtering) Args() []Expr {
	if e.limit == nil {
		return []Expr{e.input, e.cond}
	}
	return []Expr{e.input, e.cond, e.limit}
}

func (e *filtering) Eval(c *Context) (bsonx.Value, error) {
	input, err := e.input.Eval(c)
	switch {
	case err != nil:
		return input, err
	case input.IsNullish():
		return bsonx.Null, nil
	case input.Type != bsonx.TypeArray:
		return input, mongoerr.New(28651, "input to $filter must be an array not %s", input.Type)
	}
	limit, err := e.evalLimit(c)
	if err != nil {
		return input, err
	}
	b := bsonx.AppendDocStart(c.Scratch())
	mark := c.mark()
	it := input.Doc().Iter()
	for n := 0; n < limit; {
		_, elem, ok := it.Next()
		if !ok {
			break
		}
		c.SetVar(e.slot, elem)
		v, err := e.cond.Eval(c)
		if err == nil {
			err = c.tick()
		}
		if err != nil {
			c.Drop(b)
			return v, err
		}
		if v.Truthy() {
			b = bsonx.AppendIndexElem(b, n, elem)
			n++
		}
		c.release(mark)
	}
	return c.KeepArray(b), nil
}

func (e *filtering) evalLimit(c *Context) (int, error) {
	const unlimited = int(^uint(0) >> 1)
	if e.limit == nil {
		return unlimited, nil
	}
	v, err := e.limit.Eval(c)
	if err != nil || v.IsNullish() {
		return unlimited, err
	}
	n, ok := smallInteger(v)
	if !ok {
		return 0, mongoerr.New(327391, "$filter: limit must be represented as a 32-bit integral value: %s", bsonx.Format(v))
	}
	if n <= 0 {
		return 0, mongoerr.New(327392, "$filter: limit must be greater than 0: %s", bsonx.Format(v))
	}
	return n, nil
}

var reduceSignature = signature{
	names:     []string{"input", "initialValue", "in"},
	notObject: failType(40075, "$reduce requires an object as an argument, found: "),
	unknown:   failName(40076, "$reduce found an unknown argument: "),
	missing: map[string]func(string) error{
		"input":        fail(40077, "$reduce requires 'input' to be specified"),
		"initialValue": fail(40078, "$reduce requires 'initialValue' to be specified"),
		"in":           fail(40079, "$reduce requires 'in' to be specified"),
	},
}

// reduction is $reduce.
type reduction struct {
	input, initial, in  Expr
	thisSlot, valueSlot int
}

func parseReduce(name string, arg bsonx.Value, s *Scope) (Expr, error) {
	vals, err := reduceSignature.elements(name, arg)
	if err != nil {
		return nil, err
	}
	e := &reduction{}
	inner, this := s.With("this")
	inner, value := inner.With("value")
	e.thisSlot, e.valueSlot = this, value
	if e.input, err = Parse(vals[0], s); err != nil {
		return nil, err
	}
	if e.initial, err = Parse(vals[1], s); err != nil {
		return nil, err
	}
	e.in, err = Parse(vals[2], inner)
	return e, err
}

func (e *reduction) Args() []Expr { return []Expr{e.input, e.initial, e.in} }

// reduceGarbage is the size, in bytes, of old intermediate values above which $reduce
// moves the current one out of the arena to give it back.
const reduceGarbage = 64 << 10

func (e *reduction) Eval(c *Context) (bsonx.Value, error) {
	input, err := e.input.Eval(c)
	switch {
	case err != nil:
		return input, err
	case input.IsNullish():
		return bsonx.Null, nil
	case input.Type != bsonx.TypeArray:
		return input, mongoerr.New(40080, "$reduce requires that 'input' be an array, found: %s", bsonx.Format(input))
	}
	value, err := e.initial.Eval(c)
	if err != nil {
		return value, err
	}
	mark := c.mark()
	for it := input.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return value, nil
		}
		c.SetVar(e.thisSlot, elem)
		c.SetVar(e.valueSlot, value)
		if value, err = e.in.Eval(c); err != nil {
			return value, err
		}
		if err = c.tick(); err != nil {
			return value, err
		}
		if c.mark()-mark > reduceGarbage {
			value = value.Clone()
			c.release(mark)
		}
	}
}
