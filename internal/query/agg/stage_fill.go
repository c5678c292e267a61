package agg

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// parseFill makes $fill of $setWindowFields, for fields with a method, and $addFields, for
// fields with a value.
func parseFill(p *parser, _ string, arg bsonx.Value) ([]node, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.FailedToParse, "The $fill stage specification must be an object, found %s", arg.Type)
	}
	var f fillArgs
	window := bsonx.NewBuilder(nil)
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := f.set(window, name, v); err != nil {
			return nil, err
		}
	}
	if !f.byExpr.IsMissing() && !f.byFields.IsMissing() {
		return nil, mongoerr.New(6050204, "Maximum one of 'partitionBy' and 'partitionByFields can be specified in '$fill'")
	}
	if f.output.IsMissing() {
		return nil, mongoerr.New(40414, "BSON field '$fill.output' is missing but a required field")
	}
	return f.build(p, window)
}

// fillArgs are the arguments of $fill.
type fillArgs struct{ byExpr, byFields, output bsonx.Value }

// set keeps an argument, or passes it on to the window stage.
func (f *fillArgs) set(window *bsonx.Builder, name string, v bsonx.Value) error {
	switch name {
	case "sortBy":
		window.Value(name, v)
	case "partitionBy":
		if v.Type != bsonx.TypeDocument && v.Type != bsonx.TypeString {
			return wrongOptionType("$fill.partitionBy", v, "object")
		}
		f.byExpr = v
		window.Value(name, v)
	case "partitionByFields":
		if v.Type != bsonx.TypeArray {
			return wrongOptionType("$fill.partitionByFields", v, "array")
		}
		f.byFields = v
		return partitionByFields(window, v.Doc())
	case "output":
		if v.Type != bsonx.TypeDocument {
			return wrongOptionType("$fill.output", v, "object")
		}
		if v.Doc().IsEmpty() {
			return mongoerr.New(6050203, "The output field in '$fill' must contain an object with at least one element")
		}
		f.output = v
	default:
		return unknownOption(40415, "$fill", name)
	}
	return nil
}

// partitionByFields adds {partitionBy: {f: "$f", ...}}.
func partitionByFields(window *bsonx.Builder, fields bsonx.Doc) error {
	window.StartDoc("partitionBy")
	for it := fields.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			window.End()
			return nil
		}
		if v.Type != bsonx.TypeString {
			return wrongOptionType("$fill.partitionByFields", v, "string")
		}
		window.String(v.Str(), "$"+v.Str())
	}
}

// build parses the stages.
func (f *fillArgs) build(p *parser, window *bsonx.Builder) ([]node, error) {
	values := bsonx.NewBuilder(nil)
	methods := 0
	window.StartDoc("output")
	for it := f.output.Doc().Iter(); ; {
		field, v, ok := it.Next()
		if !ok {
			break
		}
		method, value, err := fillOutput(v)
		if err != nil {
			return nil, err
		}
		if method != "" {
			window.StartDoc(field).String(method, "$"+field).End()
			methods++
			continue
		}
		values.StartDoc(field).Value("$ifNull", bsonx.MakeArray(bsonx.String("$"+field), value)).End()
	}
	window.End()
	var nodes []node
	if methods > 0 {
		spec := bsonx.Document(window.Build())
		st, err := parseSetWindowFields(p, spec)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, newNode("$setWindowFields", spec, st))
	}
	if set := values.Build(); !set.IsEmpty() {
		more, err := parseAddFields(p, "$addFields", bsonx.Document(set))
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, more...)
	}
	return nodes, nil
}

// fillOutput reads {method: name} or {value: expression}. The method is returned as the window
// function that it is.
func fillOutput(v bsonx.Value) (method string, value bsonx.Value, err error) {
	if v.Type != bsonx.TypeDocument || v.Doc().IsEmpty() {
		return "", value, mongoerr.New(6050200, "Each fill output specification must be an object with exactly one field")
	}
	var by bsonx.Value
	for it := v.Doc().Iter(); ; {
		name, arg, ok := it.Next()
		switch {
		case !ok && by.IsMissing():
			return "", value, nil
		case !ok && !value.IsMissing():
			return "", value, mongoerr.New(6050201, "Each fill output specification must have exactly one of 'method' or 'value' fields, not both")
		case !ok:
			method, err = fillMethod(by)
			return method, value, err
		case name == "value":
			value = arg
		case name != "method":
			return "", value, unknownOption(40415, "$fill", name)
		case arg.Type != bsonx.TypeString:
			return "", value, wrongOptionType("$fill.method", arg, "string")
		default:
			by = arg
		}
	}
}

func fillMethod(by bsonx.Value) (string, error) {
	switch by.Str() {
	case "locf":
		return "$locf", nil
	case "linear":
		return "$linearFill", nil
	}
	return "", mongoerr.New(6050202, "Method must be either locf or linear")
}
