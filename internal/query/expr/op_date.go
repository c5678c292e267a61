package expr

import (
	"encoding/binary"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/datetime"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func dateOperators() []Operator {
	return []Operator{
		addSignature.operator("$dateAdd", dateAdder("$dateAdd", 1)),
		dateDiffSignature.operator("$dateDiff", dateDiff),
		{Name: "$dateFromParts", Parse: parseDateFromParts},
		fromStringSignature.operator("$dateFromString", dateFromString),
		addSignature.operator("$dateSubtract", dateAdder("$dateSubtract", -1)),
		toPartsSignature.operator("$dateToParts", dateToParts),
		toStringSignature.operator("$dateToString", dateToString),
		truncSignature.operator("$dateTrunc", dateTrunc),
		datePart("$dayOfMonth", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Day)) }),
		datePart("$dayOfWeek", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Weekday())%7 + 1) }),
		datePart("$dayOfYear", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.YearDay())) }),
		datePart("$hour", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Hour)) }),
		datePart("$isoDayOfWeek", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Weekday())) }),
		datePart("$isoWeek", func(c datetime.Civil) bsonx.Value {
			_, week := c.ISOWeek()
			return bsonx.Int32(int32(week))
		}),
		datePart("$isoWeekYear", func(c datetime.Civil) bsonx.Value {
			year, _ := c.ISOWeek()
			return bsonx.Int64(year)
		}),
		datePart("$millisecond", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Millisecond)) }),
		datePart("$minute", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Minute)) }),
		datePart("$month", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Month)) }),
		datePart("$second", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Second)) }),
		datePart("$week", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Week())) }),
		datePart("$year", func(c datetime.Civil) bsonx.Value { return bsonx.Int32(int32(c.Year)) }),
	}
}

// dateOf returns the milliseconds of a date, timestamp or object id.
func dateOf(v bsonx.Value) (ms int64, ok bool) {
	switch v.Type {
	case bsonx.TypeDateTime:
		return v.DateTime(), true
	case bsonx.TypeTimestamp:
		return int64(v.Timestamp()>>32) * 1000, true
	case bsonx.TypeObjectID:
		return int64(binary.BigEndian.Uint32(v.Bytes())) * 1000, true
	}
	return 0, false
}

// toDate is dateOf with MongoDB's error.
func toDate(v bsonx.Value) (int64, error) {
	ms, ok := dateOf(v)
	if !ok {
		return 0, mongoerr.New(16006, "can't convert from BSON type %s to Date", v.Type)
	}
	return ms, nil
}

// evalZone evaluates the timezone operand, UTC if it was not given. A null one makes the
// operator's result null.
func evalZone(c *Context, e Expr) (z datetime.Zone, null bool, err error) {
	if e == nil {
		return datetime.UTC, false, nil
	}
	v, err := e.Eval(c)
	switch {
	case err != nil:
		return z, false, err
	case v.IsNullish():
		return z, true, nil
	case v.Type != bsonx.TypeString:
		return z, false, mongoerr.New(40517, "timezone must evaluate to a string, found %s", v.Type)
	}
	z, err = datetime.LoadZone(v.Str())
	return z, false, err
}

// datePartCall is $year and the like.
type datePartCall struct {
	name string
	date Expr
	zone Expr // nil: UTC
	part func(datetime.Civil) bsonx.Value
}

var datePartSignature = signature{
	names:   []string{"date", "timezone"},
	unknown: func(op, name string) error { return mongoerr.New(40535, "unrecognized option to %s: \"%s\"", op, name) },
	missing: map[string]func(string) error{
		"date": func(op string) error { return mongoerr.New(40539, "missing 'date' argument to %s", op) },
	},
}

// datePart makes the table row of an operator that takes a date, or a date in an array, or
// {date, timezone}.
func datePart(name string, part func(datetime.Civil) bsonx.Value) Operator {
	return Operator{Name: name, Parse: func(op string, arg bsonx.Value, s *Scope) (Expr, error) {
		e := &datePartCall{name: op, part: part}
		var err error
		switch {
		case arg.Type == bsonx.TypeDocument && !isOperator(arg.Doc()):
			args, err := datePartSignature.parse(op, arg, s)
			if err != nil {
				return nil, err
			}
			e.date, e.zone = args[0], args[1]
			return foldIf(allConst(args), e, s)
		case arg.Type == bsonx.TypeArray:
			if n := arg.Doc().Count(); n != 1 {
				return nil, mongoerr.New(40536, "%s accepts exactly one argument if given an array, but was given %d", op, n)
			}
			arg = arg.Doc().Index(0)
		}
		if e.date, err = Parse(arg, s); err != nil {
			return nil, err
		}
		return foldIf(IsConst(e.date), e, s)
	}}
}

// isOperator reports whether a document is an expression such as {$add: ...}.
func isOperator(d bsonx.Doc) bool {
	key, _, ok := d.First()
	return ok && strings.HasPrefix(key, "$")
}

func (e *datePartCall) Args() []Expr {
	if e.zone == nil {
		return []Expr{e.date}
	}
	return []Expr{e.date, e.zone}
}

func (e *datePartCall) Eval(c *Context) (bsonx.Value, error) {
	v, err := e.date.Eval(c)
	if err != nil {
		return v, err
	}
	if v.IsNullish() {
		return bsonx.Null, nil
	}
	ms, err := toDate(v)
	if err != nil {
		return v, err
	}
	z := datetime.UTC
	if e.zone != nil {
		zv, err := e.zone.Eval(c)
		switch {
		case err != nil:
			return zv, err
		case zv.IsNullish():
			return bsonx.Null, nil
		case zv.Type != bsonx.TypeString:
			return zv, mongoerr.New(40533, "%s requires a string for the timezone argument, but was given a %s (%s)", e.name, zv.Type, bsonx.Format(zv))
		}
		if z, err = datetime.LoadZone(zv.Str()); err != nil {
			return zv, err
		}
	}
	return e.part(z.Civil(ms)), nil
}
