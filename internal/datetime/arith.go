package datetime

import (
	"math"
	"strings"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Unit is a unit of time.
type Unit int

// The units.
const (
	Year Unit = iota
	Quarter
	Month
	Week
	Day
	Hour
	Minute
	Second
	Millisecond
)

var unitNames = [...]string{"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"}

// String returns the unit's name.
func (u Unit) String() string { return unitNames[u] }

// UnitByName returns the unit with a name.
func UnitByName(name string) (Unit, bool) {
	for u, n := range unitNames {
		if n == name {
			return Unit(u), true
		}
	}
	return 0, false
}

// ParseUnit is UnitByName with MongoDB's error.
func ParseUnit(name string) (Unit, error) {
	u, ok := UnitByName(name)
	if !ok {
		return 0, mongoerr.New(mongoerr.FailedToParse, "unknown time unit value: %s", name)
	}
	return u, nil
}

// unitMillis is the length of units whose length is always the same.
var unitMillis = map[Unit]int64{
	Hour: 3600 * msPerSecond, Minute: 60 * msPerSecond, Second: msPerSecond, Millisecond: 1,
}

var weekdays = [...]string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// WeekdayByName returns a day by its English name, in full or its first three letters, in
// any case.
func WeekdayByName(name string) (Weekday, bool) {
	name = strings.ToLower(name)
	for i, full := range weekdays {
		if name == full || name == full[:3] {
			return Weekday(i + 1), true
		}
	}
	return 0, false
}

// amountMax returns the limit of what can be added: the range of dates in units.
func amountMax(u Unit) int64 {
	const days = math.MaxUint64/msPerDay + 1
	const years = days/365 + 1
	switch u {
	case Year:
		return years
	case Quarter:
		return years * 4
	case Month:
		return years * 12
	case Week:
		return days / 7
	case Day:
		return days
	case Hour:
		return days * 24
	case Minute:
		return days * 24 * 60
	}
	return days * secPerDay
}

// Add returns the date an amount of units later. Days and longer units are added in the
// zone's calendar and keep the time of day; a day that the month does not have becomes its
// last day.
func Add(ms int64, u Unit, amount int64, z Zone) (int64, error) {
	if u != Millisecond {
		if limit := amountMax(u); amount <= -limit || amount >= limit {
			return 0, mongoerr.New(5976500, "invalid dateAdd 'amount' parameter value: %d %s", amount, u)
		}
	}
	if length, ok := unitMillis[u]; ok {
		return checkedAdd(ms, amount, length)
	}
	c := z.Civil(ms)
	days := c.days()
	switch u {
	case Day:
		days += amount
	case Week:
		days += amount * 7
	default:
		days = addMonths(&c, amount*monthsIn(u))
	}
	local := days*secPerDay + int64(c.Hour*3600+c.Minute*60+c.Second)
	if days > math.MaxInt64/msPerDay-1 || days < math.MinInt64/msPerDay+1 {
		return 0, errAddOverflow
	}
	return z.utc(local)*msPerSecond + int64(c.Millisecond), nil
}

var errAddOverflow = mongoerr.New(5166406, "dateAdd overflowed")

func checkedAdd(ms, amount, length int64) (int64, error) {
	d := amount * length
	sum := ms + d
	if d/length != amount || (sum > ms) != (d > 0) && d != 0 {
		return 0, errAddOverflow
	}
	return sum, nil
}

func monthsIn(u Unit) int64 {
	switch u {
	case Year:
		return 12
	case Quarter:
		return 3
	}
	return 1
}

// addMonths returns the days to the same day of another month.
func addMonths(c *Civil, n int64) int64 {
	month := int64(c.Month) - 1 + n
	year := c.Year + floorDiv(month, 12)
	month = floorMod(month, 12) + 1
	return daysFromCivil(year, month, int64(min(c.Day, daysInMonth(year, int(month)))))
}

// Diff returns how many boundaries of a unit lie between two dates, in the zone's calendar.
// Weeks begin on the day given.
func Diff(start, end int64, u Unit, z Zone, startOfWeek Weekday) (int64, error) {
	if u == Millisecond {
		d := end - start
		if (d < end) != (start > 0) && start != 0 {
			return 0, mongoerr.New(5166308, "dateDiff overflowed")
		}
		return d, nil
	}
	a, b := z.Civil(start), z.Civil(end)
	return diffCivil(&a, &b, u, startOfWeek), nil
}

func diffCivil(a, b *Civil, u Unit, startOfWeek Weekday) int64 {
	switch u {
	case Year:
		return b.Year - a.Year
	case Quarter:
		return (b.Year-a.Year)*4 + int64((b.Month-1)/3-(a.Month-1)/3)
	case Month:
		return (b.Year-a.Year)*12 + int64(b.Month-a.Month)
	}
	days := b.days() - a.days()
	switch u {
	case Day:
		return days
	case Week:
		return (days + int64(dayInWeek(a, startOfWeek)-dayInWeek(b, startOfWeek))) / 7
	}
	hours := days*24 + int64(b.Hour-a.Hour)
	if u == Hour {
		return hours + int64(a.Offset-b.Offset)/3600
	}
	minutes := hours*60 + int64(b.Minute-a.Minute)
	if u == Minute {
		return minutes + int64(a.Offset-b.Offset)/60
	}
	return minutes*60 + int64(b.Second-a.Second) + int64(a.Offset-b.Offset)
}

// dayInWeek counts the days since the week began.
func dayInWeek(c *Civil, startOfWeek Weekday) int { return (int(c.Weekday()-startOfWeek) + 7) % 7 }

// binMax is the largest bin in units of a day or more.
const binMax = 100_000_000_000

// Truncate returns the beginning of the bin that a date is in. Bins of so many units are
// counted from the beginning of the year 2000 in the zone, or of the first week of it.
func Truncate(ms int64, u Unit, binSize int64, z Zone, startOfWeek Weekday) (int64, error) {
	day := int64(1)
	if u == Week {
		day += (7 - int64(Saturday-startOfWeek+7)%7) % 7
	}
	reference := z.FromParts(2000, 1, day, 0, 0, 0, 0)
	if length, ok := unitMillis[u]; ok {
		return truncateMillis(ms, reference, binSize, length)
	}
	if binSize > binMax {
		return 0, mongoerr.New(5439006, "dateTrunc unsupported binSize value")
	}
	c := z.Civil(ms)
	distance := diffCivil(&Civil{Year: 2000, Month: 1, Day: int(day)}, &c, u, startOfWeek)
	return Add(reference, u, floorDiv(distance, binSize)*binSize, z)
}

func truncateMillis(ms, reference, binSize, length int64) (int64, error) {
	bin := binSize * length
	if bin/length != binSize {
		return 0, mongoerr.New(5439002, "dateTrunc overflowed")
	}
	shifted := ms - reference
	if (shifted < ms) != (reference > 0) {
		return 0, mongoerr.New(5439000, "dateTrunc overflowed")
	}
	into := floorMod(shifted, bin)
	if ms-into > ms {
		return 0, mongoerr.New(5439001, "dateTrunc overflowed")
	}
	return ms - into, nil
}
