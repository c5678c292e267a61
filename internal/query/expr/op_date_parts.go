package expr

import (
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/datetime"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// The operands of $dateFromParts by index.
const (
	partYear = iota
	partMonth
	partDay
	partISOYear
	partISOWeek
	partISODay
	partHour
	partMinute
	partSecond
	partMillisecond
	partZone
)

var fromPartsSignature = signature{
	names: []string{
		"year", "month", "day", "isoWeekYear", "isoWeek", "isoDayOfWeek",
		"hour", "minute", "second", "millisecond", "timezone",
	},
	notObject: func(string, bsonx.Type) error {
		return mongoerr.New(40519, "$dateFromParts only supports an object as its argument")
	},
	unknown: failName(40518, "Unrecognized argument to $dateFromParts: "),
}

func parseDateFromParts(op string, arg bsonx.Value, s *Scope) (Expr, error) {
	args, err := fromPartsSignature.parse(op, arg, s)
	if err != nil {
		return nil, err
	}
	natural := args[partYear] != nil
	iso := args[partISOYear] != nil
	switch {
	case !natural && !iso:
		return nil, mongoerr.New(40516, "$dateFromParts requires either 'year' or 'isoWeekYear' to be present")
	case natural && (iso || args[partISOWeek] != nil || args[partISODay] != nil):
		return nil, mongoerr.New(40489, "$dateFromParts does not allow mixing natural dates with ISO dates")
	case iso && (args[partMonth] != nil || args[partDay] != nil):
		return nil, mongoerr.New(40525, "$dateFromParts does not allow mixing ISO dates with natural dates")
	}
	return foldIf(allConst(args), &lazyCall{args, dateFromParts}, s)
}

// evalParts evaluates the numbers from one operand to another, without it; ok is false if
// one is null.
func evalParts(c *Context, args []Expr, from, to int, parts *[partZone]int64) (ok bool, err error) {
	for i := from; i < to; i++ {
		if args[i] == nil {
			parts[i] = 0
			if i <= partISODay {
				parts[i] = 1
			}
			continue
		}
		v, err := args[i].Eval(c)
		if err != nil {
			return false, err
		}
		if v.IsNullish() {
			return false, nil
		}
		name := fromPartsSignature.names[i]
		n, isInt := Integer(v)
		if !isInt {
			return false, mongoerr.New(40515, "'%s' must evaluate to an integer, found %s with value %s", name, v.Type, bsonx.Format(v))
		}
		if err := checkPart(i, name, n); err != nil {
			return false, err
		}
		parts[i] = n
	}
	return true, nil
}

func checkPart(i int, name string, n int64) error {
	const low, high = -32768, 32767
	switch {
	case i == partYear && (n < 1 || n > 9999):
		return mongoerr.New(40523, "'year' must evaluate to an integer in the range 1 to 9999, found %d", n)
	case i == partISOYear && (n < 1 || n > 9999):
		return mongoerr.New(31095, "'isoWeekYear' must evaluate to an integer in the range 1 to 9999, found %d", n)
	case i == partMillisecond && (n < math.MinInt64/1000 || n > math.MaxInt64/1000):
		return mongoerr.New(mongoerr.DurationOverflow, "Overflow casting from a lower-precision duration to a higher-precision duration: %d ms", n)
	case i != partSecond && i != partMillisecond && (n < low || n > high):
		return mongoerr.New(31034, "'%s' must evaluate to a value in the range [%d, %d]; value %d is not in range", name, low, high, n)
	}
	return nil
}

func dateFromParts(c *Context, args []Expr) (bsonx.Value, error) {
	var p [partZone]int64
	ok, err := evalParts(c, args, partHour, partZone, &p)
	if err != nil || !ok {
		return bsonx.Null, err
	}
	z, null, err := evalZone(c, args[partZone])
	if err != nil || null {
		return bsonx.Null, err
	}
	if args[partYear] != nil {
		if ok, err = evalParts(c, args, partYear, partISOYear, &p); err != nil || !ok {
			return bsonx.Null, err
		}
		return bsonx.DateTime(z.FromParts(p[partYear], p[partMonth], p[partDay],
			p[partHour], p[partMinute], p[partSecond], p[partMillisecond])), nil
	}
	if ok, err = evalParts(c, args, partISOYear, partHour, &p); err != nil || !ok {
		return bsonx.Null, err
	}
	return bsonx.DateTime(z.FromISOParts(p[partISOYear], p[partISOWeek], p[partISODay],
		p[partHour], p[partMinute], p[partSecond], p[partMillisecond])), nil
}

var toPartsSignature = signature{
	names: []string{"date", "timezone", "iso8601"},
	notObject: func(string, bsonx.Type) error {
		return mongoerr.New(40524, "$dateToParts only supports an object as its argument")
	},
	unknown: failName(40520, "Unrecognized argument to $dateToParts: "),
	missing: map[string]func(string) error{"date": fail(40522, "Missing 'date' parameter to $dateToParts")},
}

func dateToParts(c *Context, args []Expr) (bsonx.Value, error) {
	v, err := args[0].Eval(c)
	if err != nil {
		return v, err
	}
	z, null, err := evalZone(c, args[1])
	if err != nil || null {
		return bsonx.Null, err
	}
	iso, err := evalOr(c, args[2], bsonx.Bool(false))
	switch {
	case err != nil:
		return iso, err
	case iso.IsNullish():
		return bsonx.Null, nil
	case iso.Type != bsonx.TypeBool:
		return iso, mongoerr.New(40521, "iso8601 must evaluate to a bool, found %s", iso.Type)
	case v.IsNullish():
		return bsonx.Null, nil
	}
	ms, err := toDate(v)
	if err != nil {
		return v, err
	}
	return partsOf(c, z.Civil(ms), iso.Bool()), nil
}

func partsOf(c *Context, p datetime.Civil, iso bool) bsonx.Value {
	b := bsonx.AppendDocStart(c.Scratch())
	add := func(name string, n int) { b = bsonx.AppendElem(b, name, bsonx.Int32(int32(n))) }
	if iso {
		year, week := p.ISOWeek()
		add("isoWeekYear", int(year))
		add("isoWeek", week)
		add("isoDayOfWeek", int(p.Weekday()))
	} else {
		add("year", int(p.Year))
		add("month", p.Month)
		add("day", p.Day)
	}
	add("hour", p.Hour)
	add("minute", p.Minute)
	add("second", p.Second)
	add("millisecond", p.Millisecond)
	return c.KeepDoc(b)
}
