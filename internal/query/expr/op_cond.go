package expr

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func conditionalOperators() []Operator {
	return []Operator{
		{Name: "$cond", Parse: parseCond},
		{Name: "$ifNull", Parse: parseIfNull},
		{Name: "$switch", Parse: parseSwitch},
	}
}

var condSignature = signature{
	names:   []string{"if", "then", "else"},
	unknown: failName(17083, "Unrecognized parameter to $cond: "),
	missing: map[string]func(string) error{
		"if":   fail(17080, "Missing 'if' parameter to $cond"),
		"then": fail(17081, "Missing 'then' parameter to $cond"),
		"else": fail(17082, "Missing 'else' parameter to $cond"),
	},
}

// cond is $cond with its three operands.
type cond struct{ test, then, otherwise Expr }

// parseCond takes both forms, {if, then, else} and [if, then, else]. Of a constant
// condition only the branch remains.
func parseCond(name string, arg bsonx.Value, s *Scope) (Expr, error) {
	var args []Expr
	var err error
	if arg.Type == bsonx.TypeDocument {
		args, err = condSignature.parse(name, arg, s)
	} else {
		args, err = parseArgs(arg, s)
	}
	if err != nil {
		return nil, err
	}
	if len(args) != 3 {
		return nil, arityError(Operator{Name: name, Min: 3, Max: 3}, len(args))
	}
	if k, ok := args[0].(*Const); ok {
		if k.Value.Truthy() {
			return args[1], nil
		}
		return args[2], nil
	}
	return &cond{args[0], args[1], args[2]}, nil
}

func (e *cond) Args() []Expr { return []Expr{e.test, e.then, e.otherwise} }

func (e *cond) Eval(c *Context) (bsonx.Value, error) {
	v, err := e.test.Eval(c)
	if err != nil {
		return v, err
	}
	if v.Truthy() {
		return e.then.Eval(c)
	}
	return e.otherwise.Eval(c)
}

// ifNull is the first operand that is not null, or the last one.
type ifNull struct{ args []Expr }

func parseIfNull(_ string, arg bsonx.Value, s *Scope) (Expr, error) {
	args, err := parseArgs(arg, s)
	if err != nil {
		return nil, err
	}
	if len(args) < 2 {
		return nil, mongoerr.New(1257300, "$ifNull needs at least two arguments, had: %d", len(args))
	}
	return foldIf(allConst(args), &ifNull{args}, s)
}

func (e *ifNull) Args() []Expr { return e.args }

func (e *ifNull) Eval(c *Context) (v bsonx.Value, err error) {
	for _, a := range e.args {
		if v, err = a.Eval(c); err != nil || !v.IsNullish() {
			return v, err
		}
	}
	return v, nil
}

// branch is one case of a $switch.
type branch struct{ test, then Expr }

// switchCall is $switch.
type switchCall struct {
	branches []branch
	def      Expr // nil: none
}

func parseSwitch(_ string, arg bsonx.Value, s *Scope) (Expr, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(40060, "$switch requires an object as an argument, found: %s", arg.Type)
	}
	e := &switchCall{}
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		var err error
		switch name {
		case "branches":
			err = e.parseBranches(v, s)
		case "default":
			e.def, err = Parse(v, s)
		default:
			err = mongoerr.New(40067, "$switch found an unknown argument: %s", name)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(e.branches) == 0 {
		return nil, mongoerr.New(40068, "$switch requires at least one branch.")
	}
	return e.simplified()
}

func (e *switchCall) parseBranches(v bsonx.Value, s *Scope) error {
	if v.Type != bsonx.TypeArray {
		return mongoerr.New(40061, "$switch expected an array for 'branches', found: %s", v.Type)
	}
	for it := v.Doc().Iter(); ; {
		_, b, ok := it.Next()
		if !ok {
			return nil
		}
		if b.Type != bsonx.TypeDocument {
			return mongoerr.New(40062, "$switch expected each branch to be an object, found: %s", b.Type)
		}
		args, err := branchSignature.parse("$switch", b, s)
		if err != nil {
			return err
		}
		e.branches = append(e.branches, branch{args[0], args[1]})
	}
}

var branchSignature = signature{
	names:   []string{"case", "then"},
	unknown: failName(40063, "$switch found an unknown argument to a branch: "),
	missing: map[string]func(string) error{
		"case": fail(40064, "$switch requires each branch have a 'case' expression"),
		"then": fail(40065, "$switch requires each branch have a 'then' expression."),
	},
}

// simplified drops branches whose case is false; one whose case is true is the default.
func (e *switchCall) simplified() (Expr, error) {
	kept := e.branches[:0]
	for _, b := range e.branches {
		k, ok := b.test.(*Const)
		if !ok {
			kept = append(kept, b)
			continue
		}
		if k.Value.Truthy() {
			e.def = b.then
			break
		}
	}
	e.branches = kept
	switch {
	case len(kept) > 0:
		return e, nil
	case e.def == nil:
		return nil, mongoerr.New(40069, "Failed to optimize pipeline :: caused by :: One cannot execute a switch statement where all the cases evaluate to false without a default.")
	}
	return e.def, nil
}

func (e *switchCall) Args() []Expr {
	var args []Expr
	for _, b := range e.branches {
		args = append(args, b.test, b.then)
	}
	if e.def != nil {
		args = append(args, e.def)
	}
	return args
}

func (e *switchCall) Eval(c *Context) (bsonx.Value, error) {
	for _, b := range e.branches {
		v, err := b.test.Eval(c)
		if err != nil {
			return v, err
		}
		if v.Truthy() {
			return b.then.Eval(c)
		}
	}
	if e.def == nil {
		return bsonx.Value{}, mongoerr.New(40066, "$switch could not find a matching branch for an input, and no default was specified.")
	}
	return e.def.Eval(c)
}
