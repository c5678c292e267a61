package expr

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func conversionOperators() []Operator {
	return []Operator{
		convertSignature.operator("$convert", convert),
		{Name: "$isNumber", Min: 1, Max: 1, Build: one(func(_ *Context, v bsonx.Value) (bsonx.Value, error) {
			return bsonx.Bool(v.IsNumber()), nil
		})},
		shortcut("$toBool", target{typ: bsonx.TypeBool}),
		shortcut("$toDate", target{typ: bsonx.TypeDateTime}),
		shortcut("$toDecimal", target{typ: bsonx.TypeDecimal128}),
		shortcut("$toDouble", target{typ: bsonx.TypeDouble}),
		shortcut("$toInt", target{typ: bsonx.TypeInt32}),
		shortcut("$toLong", target{typ: bsonx.TypeInt64}),
		shortcut("$toObjectId", target{typ: bsonx.TypeObjectID}),
		shortcut("$toString", target{typ: bsonx.TypeString, format: "auto"}),
		shortcut("$toUUID", target{typ: bsonx.TypeBinary, subtype: 4, format: "uuid"}),
	}
}

// target says what to convert to.
type target struct {
	typ       bsonx.Type
	subtype   byte   // of a binary
	format    string // of a binary as string, "" for none
	byteOrder string // of a number in a binary, "" if none was asked for
}

// shortcut makes the table row of $toInt and its kind.
func shortcut(name string, to target) Operator {
	return Operator{Name: name, Parse: func(op string, arg bsonx.Value, s *Scope) (Expr, error) {
		args, err := parseArgs(arg, s)
		if err != nil {
			return nil, err
		}
		if len(args) != 1 {
			return nil, mongoerr.New(50723, "%s requires a single argument, got %d", op, len(args))
		}
		return foldIf(IsConst(args[0]), &unaryCall{args[0], func(c *Context, v bsonx.Value) (bsonx.Value, error) {
			if v.IsNullish() {
				return bsonx.Null, nil
			}
			return to.convert(c, v)
		}}, s)
	}}
}

// The operands of $convert by index.
const (
	convertInput = iota
	convertTo
	convertFormat
	convertByteOrder
	convertOnError
	convertOnNull
)

var convertSignature = signature{
	names:     []string{"input", "to", "format", "byteOrder", "onError", "onNull"},
	notObject: failType(mongoerr.FailedToParse, "$convert expects an object of named arguments but found: "),
	unknown:   failName(mongoerr.FailedToParse, "$convert found an unknown argument: "),
	missing: map[string]func(string) error{
		"input": fail(mongoerr.FailedToParse, "Missing 'input' parameter to $convert"),
		"to":    fail(mongoerr.FailedToParse, "Missing 'to' parameter to $convert"),
	},
}

func convert(c *Context, args []Expr) (bsonx.Value, error) {
	toValue, err := args[convertTo].Eval(c)
	if err != nil {
		return toValue, err
	}
	v, err := args[convertInput].Eval(c)
	if err != nil {
		return v, err
	}
	format, err := evalOr(c, args[convertFormat], bsonx.Null)
	if err != nil {
		return v, err
	}
	order, err := evalOr(c, args[convertByteOrder], bsonx.Null)
	if err != nil {
		return v, err
	}
	to, err := parseTarget(toValue)
	switch {
	case err != nil:
		return v, err
	case v.IsNullish():
		return evalOr(c, args[convertOnNull], bsonx.Null)
	case toValue.IsNullish():
		return bsonx.Null, nil
	}
	if err := to.parseFormat(format, order); err != nil {
		return v, err
	}
	res, err := to.convert(c, v)
	if err != nil && args[convertOnError] != nil && mongoerr.Is(err, mongoerr.ConversionFailure) {
		return args[convertOnError].Eval(c)
	}
	return res, err
}

// parseTarget reads the to operand: a type by name or number, or {type, subtype}.
func parseTarget(v bsonx.Value) (to target, err error) {
	if v.IsNullish() {
		return to, nil
	}
	if v.Type == bsonx.TypeDocument {
		return parseTargetObject(v.Doc())
	}
	to.typ, err = parseTargetType(v)
	return to, err
}

func parseTargetObject(d bsonx.Doc) (to target, err error) {
	for it := d.Iter(); ; {
		name, _, ok := it.Next()
		if !ok {
			break
		}
		if name != "type" && name != "subtype" {
			return to, mongoerr.New(mongoerr.FailedToParse, "$convert's 'to' argument was an object, but has an unknown field: %s", name)
		}
	}
	typ := d.Lookup("type")
	if typ.IsMissing() {
		return to, mongoerr.New(mongoerr.FailedToParse, "Missing 'type' parameter to $convert's 'to' argument")
	}
	if to.typ, err = parseTargetType(typ); err != nil {
		return to, err
	}
	if sub := d.Lookup("subtype"); !sub.IsMissing() {
		to.subtype, err = parseSubtype(sub)
	}
	return to, err
}

func parseSubtype(v bsonx.Value) (byte, error) {
	if !v.IsNumber() {
		return 0, mongoerr.New(4341108, "For BinData, $convert's 'subtype' argument must be a number, but is %s", v.Type)
	}
	n, ok := smallInteger(v)
	if !ok {
		return 0, mongoerr.New(4341106, "In $convert, numeric 'subtype' argument is not an integer")
	}
	if n < 0 || n > 9 && n < 128 || n > 255 {
		return 0, mongoerr.New(4341107, "In $convert, numeric value for 'subtype' does not correspond to a BinData type: %d", n)
	}
	return byte(n), nil
}

func parseTargetType(v bsonx.Value) (bsonx.Type, error) {
	switch {
	case v.Type == bsonx.TypeString:
		if v.Str() == "missing" {
			return bsonx.Missing, nil
		}
		t, ok := bsonx.TypeByAlias(v.Str())
		if !ok {
			return 0, mongoerr.New(mongoerr.BadValue, "Unknown type name: %s", v.Str())
		}
		return t, nil
	case !v.IsNumber():
		return 0, mongoerr.New(mongoerr.FailedToParse, "$convert's 'to' argument must be a string or number, but is %s", v.Type)
	}
	code, ok := smallInteger(v)
	if !ok {
		return 0, mongoerr.New(mongoerr.FailedToParse, "In $convert, numeric 'to' argument is not an integer")
	}
	t, ok := bsonx.TypeByCode(int64(code))
	if !ok && code != 0 {
		return 0, mongoerr.New(mongoerr.FailedToParse, "In $convert, numeric value for 'to' does not correspond to a BSON type: %d", code)
	}
	return t, nil
}

func (to *target) parseFormat(format, order bsonx.Value) error {
	switch {
	case format.IsNullish():
	case format.Type != bsonx.TypeString:
		return mongoerr.New(4341114, "$convert requires that 'format' be a string, found: %s with value %s", format.Type, bsonx.Format(format))
	default:
		switch f := format.Str(); f {
		case "auto", "base64", "base64url", "hex", "utf8", "uuid":
			to.format = f
		default:
			return mongoerr.New(4341125, "Invalid 'format' argument for $convert: %s", f)
		}
	}
	switch {
	case order.IsNullish():
	case order.Type != bsonx.TypeString:
		return mongoerr.New(9130001, "$convert requires that 'byteOrder' be a string, found: %s with value %s", order.Type, bsonx.Format(order))
	case order.Str() != "big" && order.Str() != "little":
		return mongoerr.New(9130002, "Invalid 'byteOrder' argument for $convert: %s", order.Str())
	default:
		to.byteOrder = order.Str()
	}
	return nil
}

// conversionFailure is the error that onError catches.
func conversionFailure(format string, args ...any) error {
	return mongoerr.New(mongoerr.ConversionFailure, format, args...)
}

func unsupportedConversion(from, to bsonx.Type) error {
	return conversionFailure("Unsupported conversion from %s to %s in $convert with no onError value", from, to)
}

// convert converts a value that is not null.
func (to target) convert(c *Context, v bsonx.Value) (bsonx.Value, error) {
	switch to.typ {
	case bsonx.TypeBool:
		switch v.Type {
		case bsonx.TypeBool, bsonx.TypeInt32, bsonx.TypeInt64, bsonx.TypeDouble, bsonx.TypeDecimal128:
			return bsonx.Bool(v.Truthy()), nil
		}
		return bsonx.Bool(true), nil
	case bsonx.TypeDouble:
		return to.toDouble(v)
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return to.toInteger(v)
	case bsonx.TypeDecimal128:
		return to.toDecimal(v)
	case bsonx.TypeDateTime:
		return to.toDateTime(v)
	case bsonx.TypeString:
		return to.toString(c, v)
	case bsonx.TypeObjectID:
		return to.toObjectID(v)
	case bsonx.TypeBinary:
		return to.toBinary(v)
	}
	return v, unsupportedConversion(v.Type, to.typ)
}

// checkHex refuses hexadecimal numbers, which the parsers of floating-point numbers take.
func checkHex(s string) error {
	if strings.HasPrefix(s, "0x") {
		return conversionFailure("Illegal hexadecimal input in $convert with no onError value: %s", s)
	}
	return nil
}

func badNumber(s, why string) error {
	return conversionFailure("Failed to parse number '%s' in $convert with no onError value: %s", s, why)
}
