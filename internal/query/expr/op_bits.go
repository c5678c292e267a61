package expr

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func bitOperators() []Operator {
	return []Operator{
		{Name: "$bitAnd", Min: 0, Max: -1, Build: bits(-1, func(a, b int64) int64 { return a & b })},
		{Name: "$bitNot", Min: 1, Max: 1, Build: numeric(bitNot)},
		{Name: "$bitOr", Min: 0, Max: -1, Build: bits(0, func(a, b int64) int64 { return a | b })},
		{Name: "$bitXor", Min: 0, Max: -1, Build: bits(0, func(a, b int64) int64 { return a ^ b })},
	}
}

// bitwise combines integers, in 64 bits if one of them has.
type bitwise struct {
	name     string
	identity int64
	op       func(a, b int64) int64
	args     []Expr
}

func bits(identity int64, op func(a, b int64) int64) func(string, []Expr) (Expr, error) {
	return func(name string, args []Expr) (Expr, error) { return &bitwise{name, identity, op, args}, nil }
}

func (e *bitwise) Args() []Expr { return e.args }

func (e *bitwise) Eval(c *Context) (bsonx.Value, error) {
	acc, t := e.identity, bsonx.TypeInt32
	for _, a := range e.args {
		v, err := a.Eval(c)
		switch {
		case err != nil:
			return v, err
		case v.IsNullish():
			return bsonx.Null, nil
		case v.Type != bsonx.TypeInt32 && v.Type != bsonx.TypeInt64:
			return v, mongoerr.New(mongoerr.TypeMismatch, "%s only supports int and long operands.", e.name)
		}
		t = widest(t, v.Type)
		acc = e.op(acc, v.Int64())
	}
	if t == bsonx.TypeInt32 {
		return bsonx.Int32(int32(acc)), nil
	}
	return bsonx.Int64(acc), nil
}

func bitNot(v bsonx.Value) (bsonx.Value, error) {
	switch v.Type {
	case bsonx.TypeInt32:
		return bsonx.Int32(^v.Int32()), nil
	case bsonx.TypeInt64:
		return bsonx.Int64(^v.Int64()), nil
	}
	return v, mongoerr.New(mongoerr.TypeMismatch, "$bitNot only supports int and long, not: %s.", v.Type)
}
