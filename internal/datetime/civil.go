// Package datetime computes with dates as MongoDB's date expressions do: milliseconds since
// the epoch on one side, calendar fields in a time zone on the other, in the Gregorian
// calendar without limits of year.
//
// It knows nothing of BSON. Errors carry MongoDB's codes.
package datetime

const (
	msPerSecond = 1000
	msPerDay    = 24 * 60 * 60 * msPerSecond
	secPerDay   = 24 * 60 * 60
)

// Civil is an instant in calendar fields of some zone.
type Civil struct {
	Year        int64
	Month       int // 1 to 12
	Day         int
	Hour        int
	Minute      int
	Second      int
	Millisecond int
	Offset      int // of the zone then, in seconds east of UTC
}

// Weekday is a day of the week as ISO 8601 numbers them.
type Weekday int

// The days.
const (
	Monday Weekday = iota + 1
	Tuesday
	Wednesday
	Thursday
	Friday
	Saturday
	Sunday
)

// floorDiv and floorMod divide towards minus infinity.

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// daysFromCivil returns the days from 1970-01-01 to a day. The month may be any number; it
// carries into the year. Years are counted from March, so that leap days come last.
func daysFromCivil(year, month, day int64) int64 {
	year += floorDiv(month-1, 12)
	month = floorMod(month-1, 12) + 1
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*((month+9)%12) + 2) / 5
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return era*146097 + dayOfEra - 719468 + day - 1
}

// civilFromDays is the inverse of daysFromCivil.
func civilFromDays(days int64) (year int64, month, day int) {
	days += 719468
	era := floorDiv(days, 146097)
	dayOfEra := days - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*dayOfYear + 2) / 153 // months from March
	day = int(dayOfYear - (153*shifted+2)/5 + 1)
	month = int((shifted+2)%12) + 1
	year = yearOfEra + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

func daysInMonth(year int64, month int) int {
	return int(daysFromCivil(year, int64(month)+1, 1) - daysFromCivil(year, int64(month), 1))
}

func (c *Civil) days() int64 { return daysFromCivil(c.Year, int64(c.Month), int64(c.Day)) }

// YearDay returns the day of the year from 1.
func (c *Civil) YearDay() int { return int(c.days()-daysFromCivil(c.Year, 1, 1)) + 1 }

// Weekday returns the day of the week.
func (c *Civil) Weekday() Weekday { return weekdayOf(c.days()) }

func weekdayOf(days int64) Weekday { return Weekday(floorMod(days+3, 7)) + 1 }

// Week returns the week of the year, 0 to 53, in which weeks begin on Sunday and those
// days before the first Sunday are week 0.
func (c *Civil) Week() int { return (c.YearDay() + 6 - int(c.Weekday())%7) / 7 }

// ISOWeek returns the year and week of ISO 8601.
func (c *Civil) ISOWeek() (year int64, week int) {
	thursday := c.days() - int64(c.Weekday()-Thursday)
	year, _, _ = civilFromDays(thursday)
	return year, int((thursday-daysFromCivil(year, 1, 1))/7) + 1
}

// daysFromISO returns the days from 1970-01-01 to a day of an ISO 8601 week. Week and day
// may be any numbers.
func daysFromISO(year, week, day int64) int64 {
	jan4 := daysFromCivil(year, 1, 4)
	return jan4 - int64(weekdayOf(jan4)-Monday) + (week-1)*7 + day - 1
}
