package datetime

import (
	"strconv"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// The formats that dates have where none is given.
const (
	ISOFormatUTC   = "%Y-%m-%dT%H:%M:%S.%LZ"
	ISOFormatLocal = "%Y-%m-%dT%H:%M:%S.%L"
)

var monthNames = [...]string{
	"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
}

// formatChars and parseChars are the specifiers that formatting and parsing know.
const (
	formatChars = "bBdGHjLmMSwuUVYzZ%"
	parseChars  = "bBdGHjLmMSuVYzZ%"
)

// ValidateFormat checks the specifiers of a format for Append.
func ValidateFormat(format string) error { return validateFormat(format, formatChars) }

// ValidateParseFormat checks the specifiers of a format for ParseFormat.
func ValidateParseFormat(format string) error { return validateFormat(format, parseChars) }

func validateFormat(format, chars string) error {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		if i++; i == len(format) {
			return mongoerr.New(18535, "%s", "Unmatched '%' at end of format string")
		}
		if !containsByte(chars, format[i]) {
			return mongoerr.New(18536, "Invalid format character '%%%c' in format string", format[i])
		}
	}
	return nil
}

func containsByte(s string, c byte) bool {
	for i := range len(s) {
		if s[i] == c {
			return true
		}
	}
	return false
}

// Append appends a date in a format that was validated.
func Append(dst []byte, format string, ms int64, z Zone) ([]byte, error) {
	c := z.Civil(ms)
	var err error
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			dst = append(dst, format[i])
			continue
		}
		i++
		if dst, err = appendField(dst, format[i], &c); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func appendField(dst []byte, spec byte, c *Civil) ([]byte, error) {
	switch spec {
	case 'b':
		return append(dst, monthNames[c.Month-1][:3]...), nil
	case 'B':
		return append(dst, monthNames[c.Month-1]...), nil
	case 'd':
		return padded(dst, c.Day, 2), nil
	case 'G':
		year, _ := c.ISOWeek()
		return appendYear(dst, year)
	case 'H':
		return padded(dst, c.Hour, 2), nil
	case 'j':
		return padded(dst, c.YearDay(), 3), nil
	case 'L':
		return padded(dst, c.Millisecond, 3), nil
	case 'm':
		return padded(dst, c.Month, 2), nil
	case 'M':
		return padded(dst, c.Minute, 2), nil
	case 'S':
		return padded(dst, c.Second, 2), nil
	case 'u':
		return padded(dst, int(c.Weekday()), 1), nil
	case 'U':
		return padded(dst, c.Week(), 2), nil
	case 'V':
		_, week := c.ISOWeek()
		return padded(dst, week, 2), nil
	case 'w':
		return padded(dst, int(c.Weekday())%7+1, 1), nil
	case 'Y':
		return appendYear(dst, c.Year)
	case 'z':
		minutes := c.Offset / 60
		if minutes < 0 {
			dst, minutes = append(dst, '-'), -minutes
		} else {
			dst = append(dst, '+')
		}
		return padded(padded(dst, minutes/60, 2), minutes%60, 2), nil
	case 'Z':
		return strconv.AppendInt(dst, int64(c.Offset/60), 10), nil
	}
	return append(dst, spec), nil // %%
}

func appendYear(dst []byte, year int64) ([]byte, error) {
	if year < 0 || year > 9999 {
		return dst, mongoerr.New(18537, "$dateToString is only defined on year 0-9999, tried to use year %d", year)
	}
	return padded(dst, int(year), 4), nil
}

// padded appends n, which is not negative, with zeros up to a width.
func padded(dst []byte, n, width int) []byte {
	for limit := 10; width > 1; width-- {
		if n < limit {
			for ; width > 1; width-- {
				dst = append(dst, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(n), 10)
}
