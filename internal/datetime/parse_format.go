package datetime

import "strings"

// ParseFormat is Parse for a text in a format that was validated by ValidateParseFormat.
// Both end at a NUL.
func ParseFormat(text, format string, z Zone) (int64, error) {
	text, _, _ = strings.Cut(text, "\x00")
	format, _, _ = strings.Cut(format, "\x00")
	p := newParsed()
	s := scanner{text: text, p: &p}
	for i := 0; i < len(format); i++ {
		if s.pos == len(text) {
			return 0, s.fail("Not enough data available to satisfy format (Data missing)")
		}
		if format[i] != '%' || i+1 == len(format) {
			if s.take(format[i:i+1]) == 0 {
				return 0, s.fail("Format literal not found")
			}
			continue
		}
		i++
		if err := s.field(format[i]); err != nil {
			return 0, err
		}
	}
	if s.pos < len(text) {
		return 0, s.fail("Trailing data")
	}
	return p.instant(text, z)
}

// field reads what one specifier stands for.
func (s *scanner) field(spec byte) error {
	p := s.p
	switch spec {
	case 'b', 'B':
		month, ok := monthByName(s.letters())
		if !ok {
			return s.fail("A textual month could not be found")
		}
		p.month = month
	case 'd':
		return s.fixed(&p.day, 2, "A two digit day could not be found")
	case 'G':
		return s.fixed(&p.isoYear, 4, "A four digit ISO year could not be found")
	case 'H':
		return s.fixed(&p.hour, 2, "A two digit hour could not be found")
	case 'j':
		return s.fixed(&p.yearDay, 3, "A three digit day-of-year could not be found")
	case 'L':
		return s.millisecond()
	case 'm':
		return s.fixed(&p.month, 2, "A two digit month could not be found")
	case 'M':
		return s.fixed(&p.minute, 2, "A two digit minute could not be found")
	case 'S':
		return s.fixed(&p.second, 2, "A two digit second could not be found")
	case 'u':
		return s.fixed(&p.isoDay, 1, "A one digit day of week could not be found")
	case 'V':
		return s.fixed(&p.isoWeek, 2, "A two digit ISO week could not be found")
	case 'Y':
		return s.fixed(&p.year, 4, "A four digit year could not be found")
	case 'z':
		return s.zone()
	case 'Z':
		return s.offsetMinutes()
	default: // %%
		if s.take("%") == 0 {
			return s.fail("The format separator does not match")
		}
	}
	return nil
}

// millisecond reads up to three digits of a fraction.
func (s *scanner) millisecond() error {
	n, count := s.digits(3)
	if count == 0 {
		return s.fail("A three digit millisecond could not be found")
	}
	for ; count < 3; count++ {
		n *= 10
	}
	s.p.ms = n
	return nil
}

// fixed reads up to a number of digits into a field; a calendar year needs all of them.
func (s *scanner) fixed(field *int, width int, what string) error {
	start := s.pos
	n, count := s.digits(width)
	if count == 0 || field == &s.p.year && count < width {
		s.pos = start
		return s.fail(what)
	}
	*field = n
	return nil
}

// zone reads an offset, Z or an abbreviation.
func (s *scanner) zone() error {
	for s.take(" ") != 0 {
	}
	if s.pos < len(s.text) && isAlpha(s.text[s.pos]) {
		if start := s.pos; !s.p.setZone(s.letters()) {
			s.pos = start
			return s.fail("passing a time zone identifier as part of the string is not allowed")
		}
		return s.offsetAfterName()
	}
	start := s.pos
	seconds, ok := 0, false
	if s.pos < len(s.text) && (s.text[s.pos] == '+' || s.text[s.pos] == '-') {
		seconds, ok = s.p.offsetSeconds(s)
	}
	if !ok {
		s.pos = start
		return s.fail("The timezone could not be found in the database")
	}
	s.p.zone, s.p.offset = zoneOffset, seconds
	return nil
}

// offsetMinutes reads an offset in minutes, such as +330.
func (s *scanner) offsetMinutes() error {
	sign := s.take("+-")
	n, count := s.digits(4)
	if sign == 0 || count == 0 {
		return s.fail("Invalid timezone offset in minutes")
	}
	if sign == '-' {
		n = -n
	}
	s.p.zone, s.p.offset = zoneOffset, n*60
	return nil
}
