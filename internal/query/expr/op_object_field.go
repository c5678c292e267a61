package expr

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

var getFieldSignature = signature{
	names:   []string{"field", "input"},
	unknown: failName(3041701, "$getField found an unknown argument: "),
	missing: map[string]func(string) error{
		"field": fail(3041702, "$getField requires 'field' to be specified"),
		"input": fail(3041703, "$getField requires 'input' to be specified"),
	},
}

// getField is $getField. The name may be any expression that gives a string.
type getField struct{ field, input Expr }

// parseGetField takes {field, input}, or an expression for the name alone, whose input is
// the current document.
func parseGetField(name string, arg bsonx.Value, s *Scope) (Expr, error) {
	e := &getField{}
	if key, _, _ := arg.Doc().First(); arg.Type == bsonx.TypeDocument && !strings.HasPrefix(key, "$") {
		args, err := getFieldSignature.parse(name, arg, s)
		if err != nil {
			return nil, err
		}
		e.field, e.input = args[0], args[1]
	} else {
		var err error
		if e.field, err = Parse(arg, s); err != nil {
			return nil, err
		}
		if e.input, err = parsePath("$$CURRENT", s); err != nil {
			return nil, err
		}
	}
	if k, ok := e.field.(*Const); ok && k.Value.Type != bsonx.TypeString {
		return nil, mongoerr.New(5654602, "$getField requires 'field' to evaluate to type String, but got %s", k.Value.Type)
	}
	return foldIf(IsConst(e.field) && IsConst(e.input), e, s)
}

func (e *getField) Args() []Expr { return []Expr{e.field, e.input} }

func (e *getField) Eval(c *Context) (bsonx.Value, error) {
	name, err := e.field.Eval(c)
	switch {
	case err != nil:
		return name, err
	case name.Type != bsonx.TypeString:
		return name, mongoerr.New(3041704, "$getField requires 'field' to evaluate to type String, but got %s", name.Type)
	}
	v, err := e.input.Eval(c)
	switch {
	case err != nil || v.IsMissing():
		return v, err
	case v.IsNullish():
		return bsonx.Null, nil
	case v.Type != bsonx.TypeDocument:
		return bsonx.Value{}, nil
	}
	return v.Doc().Lookup(name.Str()), nil
}

var setFieldSignature = signature{
	names: []string{"field", "value", "input"},
	notObject: func(op string, _ bsonx.Type) error {
		return mongoerr.New(4161100, "%s only supports an object as its argument", op)
	},
	unknown: unknownSetField,
	missing: map[string]func(string) error{
		"field": failOp(4161102, " requires 'field' to be specified"),
		"input": failOp(4161109, " requires 'input' to be specified"),
		"value": failOp(4161103, " requires 'value' to be specified"),
	},
}

var unsetFieldSignature = signature{
	names:     []string{"field", "input"},
	notObject: setFieldSignature.notObject,
	unknown:   unknownSetField,
	missing:   setFieldSignature.missing,
}

func unknownSetField(op, name string) error {
	return mongoerr.New(4161101, "%s found an unknown argument: %s", op, name)
}

// setField is $setField, and $unsetField, whose value is missing.
type setField struct {
	name         string
	input, value Expr
}

func parseSetField(op string, arg bsonx.Value, s *Scope) (Expr, error) {
	sig := &setFieldSignature
	if op == "$unsetField" {
		sig = &unsetFieldSignature
	}
	args, err := sig.parse(op, arg, s)
	if err != nil {
		return nil, err
	}
	e := &setField{input: args[len(args)-1], value: &Const{}}
	if op == "$setField" {
		e.value = args[1]
	}
	if e.name, err = constantName(op, arg.Doc().Lookup("field"), args[0]); err != nil {
		return nil, err
	}
	return foldIf(IsConst(e.input) && IsConst(e.value), e, s)
}

// constantName returns the field's name, which must be known when it is parsed: expressions do not
// count, even those without paths.
func constantName(op string, arg bsonx.Value, field Expr) (string, error) {
	key, _, _ := arg.Doc().First()
	literal := arg.Type != bsonx.TypeDocument || key == "$const" || key == "$literal"
	switch f := field.(type) {
	case *Const:
		switch {
		case !literal:
		case f.Value.Type != bsonx.TypeString:
			return "", mongoerr.New(4161107, "%s requires 'field' to evaluate to type String, but got %s", op, f.Value.Type)
		case strings.IndexByte(f.Value.Str(), 0) >= 0:
			return "", mongoerr.New(9534700, "%s: 'field' cannot contain an embedded null byte", op)
		default:
			return f.Value.Str(), nil
		}
	case *FieldPath:
		return "", pathAsName("CURRENT." + f.Path)
	case *Variable:
		return "", pathAsName(f.Name)
	case Root:
		return "", pathAsName("ROOT")
	}
	return "", mongoerr.New(4161106, "%s requires 'field' to evaluate to a constant, but got a non-constant argument", op)
}

func pathAsName(path string) error {
	return mongoerr.New(4161108, "'$%s' is a field path reference which is not allowed in this context. Did you mean {$literal: '$%s'}?", path, path)
}

func (e *setField) Args() []Expr { return []Expr{e.input, e.value} }

func (e *setField) Eval(c *Context) (bsonx.Value, error) {
	input, err := e.input.Eval(c)
	switch {
	case err != nil:
		return input, err
	case input.IsNullish():
		return bsonx.Null, nil
	case input.Type != bsonx.TypeDocument:
		return input, mongoerr.New(4161105, "$setField requires 'input' to evaluate to type Object")
	}
	value, err := e.value.Eval(c)
	if err != nil {
		return value, err
	}
	b, found := bsonx.AppendDocStart(c.Scratch()), false
	for it := input.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if name == e.name {
			v, found = value, true
		}
		b = bsonx.AppendElem(b, name, v)
	}
	if !found {
		b = bsonx.AppendElem(b, e.name, value)
	}
	return c.KeepDoc(b), nil
}
