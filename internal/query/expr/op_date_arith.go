package expr

import (
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/datetime"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func missingAddOperand(op string) error {
	return mongoerr.New(5166402, "%s requires startDate, unit, and amount to be present", op)
}

var addSignature = signature{
	names: []string{"startDate", "unit", "amount", "timezone"},
	notObject: func(op string, _ bsonx.Type) error {
		return mongoerr.New(5166400, "%s expects an object as its argument", op)
	},
	unknown: func(op, name string) error {
		return mongoerr.New(5166401, "Unrecognized argument to %s: %s. Expected arguments are startDate, unit, amount, and optionally timezone.", op, name)
	},
	missing: map[string]func(string) error{
		"startDate": missingAddOperand, "unit": missingAddOperand, "amount": missingAddOperand,
	},
}

// evalOperands evaluates operands into vals; null is true as soon as one that was given
// is null.
func evalOperands(c *Context, args []Expr, vals []bsonx.Value) (null bool, err error) {
	for i := range vals {
		if args[i] == nil {
			continue
		}
		if vals[i], err = args[i].Eval(c); err != nil || vals[i].IsNullish() {
			return true, err
		}
	}
	return false, nil
}

func dateAdder(op string, sign int64) func(c *Context, args []Expr) (bsonx.Value, error) {
	return func(c *Context, args []Expr) (bsonx.Value, error) {
		var vals [3]bsonx.Value
		null, err := evalOperands(c, args, vals[:])
		if err != nil || null {
			return bsonx.Null, err
		}
		z, null, err := evalZone(c, args[3])
		if err != nil || null {
			return bsonx.Null, err
		}
		ms, ok := dateOf(vals[0])
		if !ok {
			return bsonx.Null, mongoerr.New(5166403, "%s requires startDate to be convertible to a date", op)
		}
		if vals[1].Type != bsonx.TypeString {
			return bsonx.Null, mongoerr.New(5166404, "%s expects string defining the time unit", op)
		}
		unit, err := datetime.ParseUnit(vals[1].Str())
		if err != nil {
			return bsonx.Null, err
		}
		amount, ok := Integer(vals[2])
		switch {
		case !ok:
			return bsonx.Null, mongoerr.New(5166405, "%s expects integer amount of time units", op)
		case sign < 0 && amount == math.MinInt64:
			return bsonx.Null, mongoerr.New(6045000, "invalid $dateSubtract 'amount' parameter value: %d", amount)
		}
		ms, err = datetime.Add(ms, unit, sign*amount, z)
		return bsonx.DateTime(ms), err
	}
}

var dateDiffSignature = signature{
	names: []string{"startDate", "endDate", "unit", "timezone", "startOfWeek"},
	notObject: func(string, bsonx.Type) error {
		return mongoerr.New(5166301, "$dateDiff only supports an object as its argument")
	},
	unknown: failName(5166302, "Unrecognized argument to $dateDiff: "),
	missing: map[string]func(string) error{
		"startDate": fail(5166303, "Missing 'startDate' parameter to $dateDiff"),
		"endDate":   fail(5166304, "Missing 'endDate' parameter to $dateDiff"),
		"unit":      fail(5166305, "Missing 'unit' parameter to $dateDiff"),
	},
}

// calendar are the operands that $dateDiff and $dateTrunc share.
type calendar struct {
	zone        datetime.Zone
	unit        datetime.Unit
	startOfWeek datetime.Weekday
}

// evalCalendar evaluates them. The beginning of the week counts for weeks only. The unit is
// checked by parseUnit, after the dates.
func evalCalendar(c *Context, op string, unit bsonx.Value, zone, startOfWeek Expr) (cal calendar, null bool, err error) {
	cal.startOfWeek = datetime.Sunday
	var week bsonx.Value
	isWeek := unit.Type == bsonx.TypeString && unit.Str() == "week"
	if startOfWeek != nil && isWeek {
		if week, err = startOfWeek.Eval(c); err != nil || week.IsNullish() {
			return cal, true, err
		}
	}
	if cal.zone, null, err = evalZone(c, zone); err != nil {
		return cal, false, mongoerr.From(err).Prefixed(op + " parameter 'timezone' value parsing failed")
	}
	if null || week.IsMissing() {
		return cal, null, nil
	}
	if week.Type != bsonx.TypeString {
		return cal, false, mongoerr.New(5439015, "%s requires 'startOfWeek' to be a string, but got %s", op, week.Type)
	}
	day, ok := datetime.WeekdayByName(week.Str())
	if !ok {
		return cal, false, mongoerr.New(5439016, "%s parameter 'startOfWeek' value cannot be recognized as a day of a week: %s", op, week.Str())
	}
	cal.startOfWeek = day
	return cal, false, nil
}

func (cal *calendar) parseUnit(op string, v bsonx.Value) error {
	if v.Type != bsonx.TypeString {
		return mongoerr.New(5439013, "%s requires 'unit' to be a string, but got %s", op, v.Type)
	}
	unit, ok := datetime.UnitByName(v.Str())
	if !ok {
		return mongoerr.New(5439014, "%s parameter 'unit' value cannot be recognized as a time unit: %s", op, v.Str())
	}
	cal.unit = unit
	return nil
}

func dateDiff(c *Context, args []Expr) (bsonx.Value, error) {
	var vals [3]bsonx.Value
	null, err := evalOperands(c, args, vals[:])
	if err != nil || null {
		return bsonx.Null, err
	}
	cal, null, err := evalCalendar(c, "$dateDiff", vals[2], args[3], args[4])
	if err != nil || null {
		return bsonx.Null, err
	}
	var ms [2]int64
	for i := range ms {
		var ok bool
		if ms[i], ok = dateOf(vals[i]); !ok {
			return bsonx.Null, mongoerr.New(5166307, "$dateDiff requires '%s' to be a date, but got %s", dateDiffSignature.names[i], vals[i].Type)
		}
	}
	if err := cal.parseUnit("$dateDiff", vals[2]); err != nil {
		return bsonx.Null, err
	}
	n, err := datetime.Diff(ms[0], ms[1], cal.unit, cal.zone, cal.startOfWeek)
	return bsonx.Int64(n), err
}

var truncSignature = signature{
	names: []string{"date", "unit", "binSize", "timezone", "startOfWeek"},
	notObject: func(string, bsonx.Type) error {
		return mongoerr.New(5439007, "$dateTrunc only supports an object as its argument")
	},
	unknown: func(_, name string) error {
		return mongoerr.New(5439008, "Unrecognized argument to $dateTrunc: %s. Expected arguments are date, unit, and optionally, binSize, timezone, startOfWeek", name)
	},
	missing: map[string]func(string) error{
		"date": fail(5439009, "Missing 'date' parameter to $dateTrunc"),
		"unit": fail(5439010, "Missing 'unit' parameter to $dateTrunc"),
	},
}

func dateTrunc(c *Context, args []Expr) (bsonx.Value, error) {
	vals := [3]bsonx.Value{2: bsonx.Int32(1)}
	null, err := evalOperands(c, args, vals[:])
	if err != nil || null {
		return bsonx.Null, err
	}
	cal, null, err := evalCalendar(c, "$dateTrunc", vals[1], args[3], args[4])
	if err != nil || null {
		return bsonx.Null, err
	}
	ms, ok := dateOf(vals[0])
	if !ok {
		return bsonx.Null, mongoerr.New(5439012, "$dateTrunc requires 'date' to be a date, but got %s", vals[0].Type)
	}
	if err := cal.parseUnit("$dateTrunc", vals[1]); err != nil {
		return bsonx.Null, err
	}
	bin, ok := Integer(vals[2])
	switch {
	case !ok:
		return bsonx.Null, mongoerr.New(5439017, "$dateTrunc requires 'binSize' to be a 64-bit integer, but got value '%s' of type %s", bsonx.Format(vals[2]), vals[2].Type)
	case bin <= 0:
		return bsonx.Null, mongoerr.New(5439018, "$dateTrunc requires 'binSize' to be greater than 0, but got value %d", bin)
	}
	ms, err = datetime.Truncate(ms, cal.unit, bin, cal.zone, cal.startOfWeek)
	return bsonx.DateTime(ms), err
}
