package datetime

import (
	"strings"
)

// scanner reads a date in free notation, from left to right: what a group of digits means
// follows from its length, from what separates it from the next, and from which fields are
// known already.
type scanner struct {
	text string
	pos  int
	p    *parsed
}

func (s *scanner) rest() string { return s.text[s.pos:] }

func (s *scanner) fail(what string) error { return parseFailure(s.text, s.pos, what) }

func (s *scanner) scan() error {
	if strings.TrimSpace(s.text) == "" {
		return s.fail("Empty string")
	}
	for s.pos < len(s.text) {
		var err error
		switch c := s.text[s.pos]; {
		case c == ' ' || c == ',' || c == '\t':
			s.pos++
		case c == '@':
			err = s.epoch()
		case isDigit(c):
			err = s.number()
		case isAlpha(c):
			err = s.word()
		case c == '+' || c == '-':
			err = s.offset()
		default:
			err = s.fail("Unexpected character")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlpha(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// digits takes up to limit digits and returns their value and count.
func (s *scanner) digits(limit int) (n, count int) {
	for s.pos < len(s.text) && count < limit && isDigit(s.text[s.pos]) {
		n = n*10 + int(s.text[s.pos]-'0')
		s.pos++
		count++
	}
	return n, count
}

// take takes one of the bytes in set, if it is next.
func (s *scanner) take(set string) byte {
	if s.pos < len(s.text) && containsByte(set, s.text[s.pos]) {
		s.pos++
		return s.text[s.pos-1]
	}
	return 0
}

// letters takes a word.
func (s *scanner) letters() string {
	start := s.pos
	for s.pos < len(s.text) && isAlpha(s.text[s.pos]) {
		s.pos++
	}
	return s.text[start:s.pos]
}

func (s *scanner) epoch() error {
	s.pos++
	negative := s.take("-") != 0
	n, count := s.digits(18)
	if count == 0 {
		return s.fail("Unexpected character")
	}
	if negative {
		n = -n
	}
	s.p.epoch, s.p.hasEpoch = int64(n), true
	if s.take(".") != 0 {
		s.fraction()
	}
	return nil
}

// number reads what begins with a digit.
func (s *scanner) number() error {
	start := s.pos
	n, count := s.digits(len(s.text))
	next := byte(0)
	if s.pos < len(s.text) {
		next = s.text[s.pos]
	}
	dateKnown := s.p.year != unset || s.p.isoYear != unset
	switch {
	case next == ':' && count <= 2:
		s.pos++
		return s.clock(n)
	case s.meridiemFollows() && count <= 2:
		s.p.hour, s.p.minute, s.p.second = n, 0, 0
		return s.meridiem()
	case dateKnown:
		return s.compactTime(start, n, count)
	case count == 4 && (next == '-' || next == '/'):
		s.pos++
		return s.yearFirst(n, next)
	case count == 4 && (next == 'W' || next == '.'):
		return s.yearWeekOrDay(n)
	case count == 8:
		s.p.year, s.p.month, s.p.day = n/10000, n/100%100, n%100
		return s.tee()
	case count == 14:
		date := n / 1000000
		s.p.year, s.p.month, s.p.day = date/10000, date/100%100, date%100
		s.p.hour, s.p.minute, s.p.second = n/10000%100, n/100%100, n%100
		return nil
	case count == 7:
		s.p.year, s.p.yearDay = n/1000, n%1000
		return s.tee()
	case count <= 2 && next == '/':
		s.pos++
		return s.monthFirst(n)
	case count <= 2 && (next == '-' || next == '.' || next == '\t'):
		s.pos++
		return s.dayFirst(n, next)
	case count <= 2:
		return s.ordinalDay(n)
	case count == 4 && s.p.month != unset:
		s.p.year = n
		return nil
	}
	s.pos = start
	return s.fail("Unexpected character")
}

// tee takes the "T" between date and time.
func (s *scanner) tee() error {
	if s.pos+1 < len(s.text) && isDigit(s.text[s.pos+1]) {
		s.take("Tt")
	}
	return nil
}

// yearFirst reads the rest of 2017-07-04, 2017/7/4, 2017-07, 2017-W27-2 and 2017-185.
func (s *scanner) yearFirst(year int, sep byte) error {
	s.p.year = year
	if s.pos < len(s.text) && s.text[s.pos] == 'W' {
		return s.isoWeek(year)
	}
	if s.pos < len(s.text) && isAlpha(s.text[s.pos]) {
		return s.monthNameThen(sep)
	}
	n, count := s.digits(3)
	switch {
	case count == 3:
		s.p.yearDay = n
		return s.tee()
	case count == 0:
		return s.fail("Unexpected character")
	}
	s.p.month = n
	if s.take(string(sep)) == 0 {
		s.p.day = 1
		return nil
	}
	if s.p.day, count = s.digits(2); count == 0 {
		return s.fail("Unexpected character")
	}
	return s.tee()
}

// monthNameThen reads the rest of 2017-Jul-04.
func (s *scanner) monthNameThen(sep byte) error {
	month, ok := monthByName(s.letters())
	if !ok || s.take(string(sep)) == 0 {
		return s.fail("Unexpected character")
	}
	s.p.month = month
	s.p.day, _ = s.digits(2)
	return s.tee()
}

func (s *scanner) isoWeek(year int) error {
	s.pos++ // W
	week, count := s.digits(2)
	if count != 2 {
		return s.fail("Unexpected character")
	}
	s.p.year, s.p.isoYear, s.p.isoWeek = unset, year, week
	s.take("-")
	if day, count := s.digits(1); count == 1 {
		s.p.isoDay = day
	}
	return s.tee()
}

// yearWeekOrDay reads the rest of 2017W27-2 and 2017.185.
func (s *scanner) yearWeekOrDay(year int) error {
	if s.text[s.pos] == 'W' {
		return s.isoWeek(year)
	}
	s.pos++
	n, count := s.digits(3)
	if count != 3 {
		return s.fail("Unexpected character")
	}
	s.p.year, s.p.yearDay = year, n
	return s.tee()
}

// monthFirst reads the rest of 7/4/2017, 7/4/17 and 7/4.
func (s *scanner) monthFirst(month int) error {
	s.p.month = month
	var count int
	if s.p.day, count = s.digits(2); count == 0 {
		return s.fail("Unexpected character")
	}
	if s.take("/") == 0 {
		return nil
	}
	return s.year()
}

// year reads a year of two or four digits.
func (s *scanner) year() error {
	n, count := s.digits(4)
	switch {
	case count == 2 && n < 70:
		n += 2000
	case count == 2:
		n += 1900
	case count != 4:
		return s.fail("Unexpected character")
	}
	s.p.year = n
	return s.tee()
}

// dayFirst reads the rest of 4-Jul-2017, 04-07-2017 and 4.7.2017.
func (s *scanner) dayFirst(day int, sep byte) error {
	s.p.day = day
	if s.pos < len(s.text) && isAlpha(s.text[s.pos]) {
		month, ok := monthByName(s.letters())
		if !ok {
			return s.fail("Unexpected character")
		}
		s.p.month = month
	} else {
		var count int
		if s.p.month, count = s.digits(2); count == 0 {
			return s.fail("Unexpected character")
		}
	}
	if s.take(string(sep)) == 0 {
		return s.fail("Unexpected character")
	}
	return s.year()
}

// ordinalDay reads a day that stands beside a month's name: 4, 4th.
func (s *scanner) ordinalDay(n int) error {
	if s.p.day != unset {
		return s.fail("Double date specification")
	}
	s.p.day = n
	for _, suffix := range []string{"st", "nd", "rd", "th"} {
		if len(s.rest()) >= 2 && strings.EqualFold(s.rest()[:2], suffix) {
			s.pos += 2
			break
		}
	}
	return nil
}

// compactTime reads 115602 or 1156 after a date, or a year after a day and month.
func (s *scanner) compactTime(start, n, count int) error {
	if s.p.hour != unset {
		s.pos = start
		return s.fail("Double time specification")
	}
	switch count {
	case 2:
		s.p.hour, s.p.minute, s.p.second = n, 0, 0
	case 4:
		s.p.hour, s.p.minute, s.p.second = n/100, n%100, 0
	case 6:
		s.p.hour, s.p.minute, s.p.second = n/10000, n/100%100, n%100
	default:
		s.pos = start
		return s.fail("Unexpected character")
	}
	if s.take(".,") != 0 {
		s.fraction()
	}
	return nil
}

// clock reads the rest of 11:56, 11:56:02 and 11:56:02.813, with am or pm.
func (s *scanner) clock(hour int) error {
	if s.p.hour != unset {
		return s.fail("Double time specification")
	}
	minute, count := s.digits(2)
	if count != 2 {
		return s.fail("Unexpected character")
	}
	s.p.hour, s.p.minute, s.p.second = hour, minute, 0
	if s.take(":.") != 0 {
		if s.p.second, count = s.digits(2); count != 2 {
			return s.fail("Unexpected character")
		}
		if s.take(".,") != 0 {
			s.fraction()
		}
	}
	if s.meridiemFollows() {
		return s.meridiem()
	}
	return nil
}

// fraction reads the digits of a fraction of a second.
func (s *scanner) fraction() {
	n, scale := 0, 100
	for s.pos < len(s.text) && isDigit(s.text[s.pos]) {
		n += int(s.text[s.pos]-'0') * scale
		scale /= 10
		s.pos++
	}
	s.p.ms = n
}

// meridiemFollows reports whether am, pm, a.m. or p.m. comes next.
func (s *scanner) meridiemFollows() bool {
	rest := strings.ToLower(strings.TrimLeft(s.rest(), " "))
	for _, m := range []string{"am", "pm", "a.m.", "p.m."} {
		if strings.HasPrefix(rest, m) && (len(rest) == len(m) || !isAlpha(rest[len(m)])) {
			return true
		}
	}
	return false
}

func (s *scanner) meridiem() error {
	for s.take(" ") != 0 {
	}
	if s.p.hour < 1 || s.p.hour > 12 {
		return s.fail("Meridian can only come after an hour has been found")
	}
	pm := s.take("pP") != 0
	s.take("aA")
	s.take(".")
	s.take("mM")
	s.take(".")
	s.p.hour %= 12
	if pm {
		s.p.hour += 12
	}
	return nil
}

// word reads the name of a month, day or zone.
func (s *scanner) word() error {
	start := s.pos
	w := s.letters()
	if month, ok := monthByName(w); ok && s.p.month == unset {
		s.p.month = month
		s.take(".")
		return nil
	}
	if _, ok := WeekdayByName(w); ok {
		s.take(".")
		return nil
	}
	switch lower := strings.ToLower(w); {
	case lower == "t" && s.pos < len(s.text) && isDigit(s.text[s.pos]):
		return nil
	case (lower == "noon" || lower == "midnight") && s.p.hour == unset:
		s.p.hour, s.p.minute, s.p.second = 0, 0, 0
		if lower == "noon" {
			s.p.hour = 12
		}
		return nil
	case lower == "of" || lower == "the" || lower == "at" || lower == "on":
		return nil
	}
	if s.p.zone == noZone && !strings.HasPrefix(s.rest(), "/") && s.p.setZone(w) {
		return s.offsetAfterName()
	}
	s.pos = start
	return s.fail("passing a time zone identifier as part of the string is not allowed")
}

// offsetAfterName reads the offset of GMT+02:00.
func (s *scanner) offsetAfterName() error {
	if s.p.offset == 0 && s.pos < len(s.text) && (s.text[s.pos] == '+' || s.text[s.pos] == '-') {
		return s.offset()
	}
	return nil
}

// offset reads +05:30, -0800 and +1.
func (s *scanner) offset() error {
	if s.p.hour == unset {
		return s.fail("Unexpected character")
	}
	if s.p.zone == zoneOffset {
		return s.fail("Double timezone specification")
	}
	seconds, ok := s.p.offsetSeconds(s)
	if !ok {
		return s.fail("Unexpected character")
	}
	s.p.zone, s.p.offset = zoneOffset, seconds
	return nil
}

func (p *parsed) offsetSeconds(s *scanner) (int, bool) {
	sign := 1
	if s.take("+-") == '-' {
		sign = -1
	}
	n, count := s.digits(4)
	switch {
	case count == 0:
		return 0, false
	case count <= 2:
		n *= 60
		if s.take(":") != 0 {
			minutes, count := s.digits(2)
			if count != 2 {
				return 0, false
			}
			n += minutes
		}
	default:
		n = n/100*60 + n%100
	}
	return sign * n * 60, true
}
