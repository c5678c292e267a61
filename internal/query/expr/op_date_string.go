package expr

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/datetime"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

var toStringSignature = signature{
	names: []string{"date", "format", "timezone", "onNull"},
	notObject: func(string, bsonx.Type) error {
		return mongoerr.New(18629, "$dateToString only supports an object as its argument")
	},
	unknown: failName(18534, "Unrecognized argument to $dateToString: "),
	missing: map[string]func(string) error{"date": fail(18628, "Missing 'date' parameter to $dateToString")},
}

// evalFormat evaluates and checks the format operand; it may be null.
func evalFormat(c *Context, e Expr, op string, code mongoerr.Code, validate func(string) error) (bsonx.Value, error) {
	if e == nil {
		return bsonx.Value{}, nil
	}
	v, err := e.Eval(c)
	switch {
	case err != nil:
		return v, err
	case v.IsNullish():
		return bsonx.Null, nil
	case v.Type != bsonx.TypeString:
		return v, mongoerr.New(code, "%s requires that 'format' be a string, found: %s with value %s", op, v.Type, bsonx.Format(v))
	}
	return v, validate(v.Str())
}

func dateToString(c *Context, args []Expr) (bsonx.Value, error) {
	date, err := args[0].Eval(c)
	if err != nil {
		return date, err
	}
	format, err := evalFormat(c, args[1], "$dateToString", 18533, datetime.ValidateFormat)
	if err != nil {
		return format, err
	}
	z, null, err := evalZone(c, args[2])
	switch {
	case err != nil:
		return date, err
	case date.IsNullish():
		return evalOr(c, args[3], bsonx.Null)
	case null || format.Type == bsonx.TypeNull:
		return bsonx.Null, nil
	}
	ms, err := toDate(date)
	if err != nil {
		return date, err
	}
	f := format.Str()
	if format.IsMissing() {
		f = datetime.ISOFormatLocal
		if z.IsUTC() {
			f = datetime.ISOFormatUTC
		}
	}
	b, err := datetime.Append(c.Scratch(), f, ms, z)
	if err != nil {
		c.Drop(b)
		return date, err
	}
	return c.KeepString(b), nil
}

var fromStringSignature = signature{
	names:     []string{"dateString", "format", "timezone", "onNull", "onError"},
	notObject: failType(40540, "$dateFromString only supports an object as an argument, found: "),
	unknown:   failName(40541, "Unrecognized argument to $dateFromString: "),
	missing:   map[string]func(string) error{"dateString": fail(40542, "Missing 'dateString' parameter to $dateFromString")},
}

func dateFromString(c *Context, args []Expr) (bsonx.Value, error) {
	text, err := args[0].Eval(c)
	if err != nil {
		return text, err
	}
	format, err := evalFormat(c, args[1], "$dateFromString", 40684, datetime.ValidateParseFormat)
	if err != nil {
		return format, err
	}
	z, null, err := evalZone(c, args[2])
	switch {
	case err != nil:
		return text, err
	case text.IsNullish():
		return evalOr(c, args[3], bsonx.Null)
	}
	v, err := parseDate(text, format, z, null)
	if err != nil && args[4] != nil && mongoerr.Is(err, mongoerr.ConversionFailure) {
		return args[4].Eval(c)
	}
	return v, err
}

func parseDate(text, format bsonx.Value, z datetime.Zone, nullZone bool) (bsonx.Value, error) {
	switch {
	case text.Type != bsonx.TypeString:
		return text, mongoerr.New(mongoerr.ConversionFailure, "$dateFromString requires that 'dateString' be a string, found: %s with value %s", text.Type, bsonx.Format(text))
	case nullZone || format.Type == bsonx.TypeNull:
		return bsonx.Null, nil
	}
	var ms int64
	var err error
	if format.IsMissing() {
		ms, err = datetime.Parse(text.Str(), z)
	} else {
		ms, err = datetime.ParseFormat(text.Str(), format.Str(), z)
	}
	return bsonx.DateTime(ms), err
}
