package expr

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// lazyCall is an operator that evaluates its operands itself: in an order of its own, only
// when needed, or with variables set. An operand that was not given is nil.
type lazyCall struct {
	args []Expr
	fn   func(c *Context, args []Expr) (bsonx.Value, error)
}

// Args returns the operands that were given.
func (e *lazyCall) Args() []Expr {
	given := make([]Expr, 0, len(e.args))
	for _, a := range e.args {
		if a != nil {
			given = append(given, a)
		}
	}
	return given
}

func (e *lazyCall) Eval(c *Context) (bsonx.Value, error) { return e.fn(c, e.args) }

// evalOr evaluates an operand, or gives the default if it was not given.
func evalOr(c *Context, e Expr, def bsonx.Value) (bsonx.Value, error) {
	if e == nil {
		return def, nil
	}
	return e.Eval(c)
}

// signature describes the object of named operands that some operators take.
type signature struct {
	names []string

	// The codes and texts of what can be wrong, which MongoDB did not make uniform.
	notObject func(op string, t bsonx.Type) error
	unknown   func(op, name string) error
	missing   map[string]func(op string) error // the required operands, checked in order of names
}

// elements returns the named operands unparsed, in the order of names; Missing where one
// is not given.
func (sig *signature) elements(op string, arg bsonx.Value) ([]bsonx.Value, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, sig.notObject(op, arg.Type)
	}
	vals := make([]bsonx.Value, len(sig.names))
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		i := slices.Index(sig.names, name)
		if i < 0 {
			return nil, sig.unknown(op, strings.Clone(name))
		}
		vals[i] = v
	}
	for i, name := range sig.names {
		if missing := sig.missing[name]; missing != nil && vals[i].IsMissing() {
			return nil, missing(op)
		}
	}
	return vals, nil
}

// parse parses all named operands in the same scope.
func (sig *signature) parse(op string, arg bsonx.Value, s *Scope) ([]Expr, error) {
	vals, err := sig.elements(op, arg)
	if err != nil {
		return nil, err
	}
	args := make([]Expr, len(vals))
	for i, v := range vals {
		if v.IsMissing() {
			continue
		}
		if args[i], err = Parse(v, s); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// operator makes the table row of an operator that has this signature and is computed in
// advance if its operands are constant.
func (sig *signature) operator(name string, fn func(c *Context, args []Expr) (bsonx.Value, error)) Operator {
	return Operator{Name: name, Parse: func(op string, arg bsonx.Value, s *Scope) (Expr, error) {
		args, err := sig.parse(op, arg, s)
		if err != nil {
			return nil, err
		}
		return foldIf(allConst(args), &lazyCall{args, fn}, s)
	}}
}

// fail makes a function that returns a fixed error; failOp one whose message begins with
// the operator's name.

func fail(code mongoerr.Code, message string) func(string) error {
	return func(string) error { return mongoerr.New(code, "%s", message) }
}

func failOp(code mongoerr.Code, message string) func(string) error {
	return func(op string) error { return mongoerr.New(code, "%s%s", op, message) }
}

// failType makes a function whose error ends with the type that was found.
func failType(code mongoerr.Code, message string) func(string, bsonx.Type) error {
	return func(_ string, t bsonx.Type) error { return mongoerr.New(code, "%s%s", message, t) }
}

// failName makes a function whose error ends with an operand's name.
func failName(code mongoerr.Code, message string) func(string, string) error {
	return func(_, name string) error { return mongoerr.New(code, "%s%s", message, name) }
}
