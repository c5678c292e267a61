package datetime

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones for machines without a zone database

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Zone is a time zone: a fixed offset, or one with rules. The zero Zone is UTC.
type Zone struct {
	offset int            // in seconds east of UTC, if loc is nil
	loc    *time.Location // nil: a fixed offset
}

// UTC is the zone of everything that names none.
var UTC = Zone{}

// IsUTC reports whether the zone is UTC itself, and not one that agrees with it.
func (z Zone) IsUTC() bool { return z.loc == nil && z.offset == 0 }

// zones holds the *time.Location of names that were found.
var zones sync.Map

// LoadZone returns the zone for an Olson identifier such as "Europe/Paris" or an offset
// such as "+05:30".
func LoadZone(name string) (Zone, error) {
	if name == "UTC" {
		return UTC, nil
	}
	if offset, ok := parseOffset(name); ok {
		return Zone{offset: offset}, nil
	}
	if loc, ok := zones.Load(name); ok {
		return Zone{loc: loc.(*time.Location)}, nil
	}
	if !plausible(name) {
		return UTC, unknownZone(name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return UTC, unknownZone(name)
	}
	zones.Store(strings.Clone(name), loc)
	return Zone{loc: loc}, nil
}

func unknownZone(name string) error {
	return mongoerr.New(40485, "unrecognized time zone identifier: \"%s\"", name)
}

// plausible excludes names that the operating system's database has and MongoDB's has not.
func plausible(name string) bool {
	return name != "" && name != "Local" && name[0] >= 'A' && name[0] <= 'Z'
}

// parseOffset reads ±HH, ±HHMM or ±HH:MM.
func parseOffset(s string) (seconds int, ok bool) {
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	digits := s[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = digits[:2] + digits[3:]
	}
	if len(digits) != 2 && len(digits) != 4 {
		return 0, false
	}
	n := 0
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		n = n*10 + int(digits[i]-'0')
	}
	seconds = n * 3600
	if len(digits) == 4 {
		seconds = n/100*3600 + n%100*60
	}
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// offsetAt returns the offset that is in force at an instant, in seconds.
func (z Zone) offsetAt(sec int64) int {
	if z.loc == nil {
		return z.offset
	}
	_, offset := time.Unix(sec, 0).In(z.loc).Zone()
	return offset
}

// Civil returns the calendar fields of an instant.
func (z Zone) Civil(ms int64) Civil {
	sec := floorDiv(ms, msPerSecond)
	c := Civil{Millisecond: int(ms - sec*msPerSecond), Offset: z.offsetAt(sec)}
	local := sec + int64(c.Offset)
	days := floorDiv(local, secPerDay)
	rest := int(local - days*secPerDay)
	c.Year, c.Month, c.Day = civilFromDays(days)
	c.Hour, c.Minute, c.Second = rest/3600, rest/60%60, rest%60
	return c
}

// utc returns the instant, in seconds, of a local time, given as if it were UTC. A time
// that is skipped when clocks are put forward is taken to continue the time before.
func (z Zone) utc(local int64) int64 {
	current := z.offsetAt(local)
	if z.loc == nil {
		return local - int64(current)
	}
	guess := local - int64(current)
	after := z.offsetAt(guess)
	if after == current {
		return guess
	}
	other := local - int64(after)
	start, _ := time.Unix(guess, 0).In(z.loc).ZoneBounds()
	if !start.IsZero() {
		transition := start.Unix()
		if other >= transition+int64(current-after) && other < transition {
			return guess
		}
	}
	return other
}

// instant returns the milliseconds of a local day and time of day.
func (z Zone) instant(days, secOfDay, ms int64) int64 {
	return z.utc(days*secPerDay+secOfDay+floorDiv(ms, msPerSecond))*msPerSecond + floorMod(ms, msPerSecond)
}

// FromParts returns the instant of calendar fields, each of which may exceed its range and
// then carries into the next.
func (z Zone) FromParts(year, month, day, hour, minute, second, ms int64) int64 {
	return z.instant(daysFromCivil(year, month, day), hour*3600+minute*60+second, ms)
}

// FromISOParts is FromParts for a year, week and day of ISO 8601.
func (z Zone) FromISOParts(year, week, day, hour, minute, second, ms int64) int64 {
	return z.instant(daysFromISO(year, week, day), hour*3600+minute*60+second, ms)
}
