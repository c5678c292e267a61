package agg

import (
	"math"
	"time"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// timeUnit is the name of a unit in which dates are counted.
type timeUnit string

// fixedUnits are the units that always have the same length, in milliseconds.
var fixedUnits = map[timeUnit]int64{
	"millisecond": 1,
	"second":      1000,
	"minute":      60 * 1000,
	"hour":        60 * 60 * 1000,
	"day":         24 * 60 * 60 * 1000,
	"week":        7 * 24 * 60 * 60 * 1000,
}

// monthUnits are the others, in months.
var monthUnits = map[timeUnit]int64{"month": 1, "quarter": 3, "year": 12}

func parseTimeUnit(s string) (timeUnit, error) {
	u := timeUnit(s)
	if fixedUnits[u] == 0 && monthUnits[u] == 0 {
		return "", mongoerr.New(mongoerr.FailedToParse, "unknown time unit value: %s", s)
	}
	return u, nil
}

// maxMonths bounds month arithmetic to what dates can hold.
const maxMonths = 12 * 300_000_000

// add returns the date, in milliseconds, n units later. A day that the month does not have
// becomes its last.
func (u timeUnit) add(ms, n int64) int64 {
	if size := fixedUnits[u]; size > 0 {
		return addSaturated(ms, n, size)
	}
	months := min(max(n, -maxMonths), maxMonths) * monthUnits[u]
	t := time.UnixMilli(ms).UTC()
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1).UnixMilli()
}

// addSaturated returns ms + n*size within the range of int64.
func addSaturated(ms, n, size int64) int64 {
	if n > math.MaxInt64/size || n < math.MinInt64/size {
		if n > 0 {
			return math.MaxInt64
		}
		return math.MinInt64
	}
	sum := ms + n*size
	if n > 0 && sum < ms {
		return math.MaxInt64
	}
	if n < 0 && sum > ms {
		return math.MinInt64
	}
	return sum
}
