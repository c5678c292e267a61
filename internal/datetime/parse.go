package datetime

import (
	"strings"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// unset marks a field that the text does not give.
const unset = -1 << 31

// parsed are the fields read from a text.
type parsed struct {
	year, month, day     int
	hour, minute, second int
	ms                   int
	isoYear, isoWeek     int
	isoDay, yearDay      int

	zone     zoneKind
	offset   int // in seconds
	zoneName string

	epoch    int64 // seconds since the epoch, from "@..."
	hasEpoch bool
}

// zoneKind says how a text gives its zone.
type zoneKind int

const (
	noZone zoneKind = iota
	zoneOffset
	zoneAbbreviation
)

func newParsed() parsed {
	return parsed{
		year: unset, month: unset, day: unset, hour: unset, minute: unset, second: unset, ms: unset,
		isoYear: unset, isoWeek: unset, isoDay: unset, yearDay: unset,
	}
}

func conversionFailure(format string, args ...any) error {
	return mongoerr.New(mongoerr.ConversionFailure, format, args...)
}

// parseFailure is the error for a text that stops making sense at a position.
func parseFailure(text string, pos int, what string) error {
	char := ""
	if pos < len(text) {
		char = text[pos : pos+1]
	}
	return conversionFailure("Error parsing date string '%s'; %d: %s '%s'", text, pos, what, char)
}

// Parse reads a date in one of the usual notations. A text without a zone is taken to be in
// z; one with a zone is refused if z is not UTC.
func Parse(text string, z Zone) (int64, error) {
	p := newParsed()
	s := scanner{text: text, p: &p}
	if err := s.scan(); err != nil {
		return 0, err
	}
	return p.instant(text, z)
}

// instant completes the fields and makes the date of them.
func (p *parsed) instant(text string, z Zone) (int64, error) {
	if p.hasEpoch {
		return p.epoch*msPerSecond + int64(max(p.ms, 0)), nil
	}
	if p.hour == unset && p.minute == unset && p.second == unset {
		p.hour = 0
	}
	if p.hour != unset {
		p.minute, p.second = max(p.minute, 0), max(p.second, 0)
	}
	p.ms = max(p.ms, 0)
	if err := p.checkISO(text); err != nil {
		return 0, err
	}
	days, ok := p.date()
	if !ok || p.hour == unset {
		return 0, conversionFailure("an incomplete date/time string has been found, with elements missing: \"%s\"", text)
	}
	if err := p.checkRanges(text); err != nil {
		return 0, err
	}
	if !z.IsUTC() {
		switch p.zone {
		case zoneOffset:
			return 0, conversionFailure("you cannot pass in a date/time string with GMT offset together with a timezone argument")
		case zoneAbbreviation:
			return 0, conversionFailure("you cannot pass in a date/time string with time zone information ('%s') together with a timezone argument", p.zoneName)
		}
	}
	sec := int64(p.hour*3600 + p.minute*60 + p.second)
	if p.zone != noZone {
		z = Zone{offset: p.offset}
	}
	return z.instant(days, sec, int64(p.ms)), nil
}

// checkISO checks the fields of ISO weeks and sets those that are not given.
func (p *parsed) checkISO(text string) error {
	if p.isoYear == unset && p.isoWeek == unset && p.isoDay == unset {
		return nil
	}
	switch {
	case p.year != unset || p.month != unset || p.day != unset || p.yearDay != unset:
		return parseFailure(text, len(text), "Mixing of ISO dates with natural dates is not allowed")
	case p.isoYear == unset:
		return parseFailure(text, len(text), "The parsed date was invalid")
	}
	if p.isoWeek == unset {
		p.isoWeek = 1
	}
	if p.isoDay == unset {
		p.isoDay = 1
	}
	return nil
}

// date returns the day in days since the epoch.
func (p *parsed) date() (days int64, ok bool) {
	switch {
	case p.isoYear != unset:
		return daysFromISO(int64(p.isoYear), int64(p.isoWeek), int64(p.isoDay)), true
	case p.year != unset && p.yearDay != unset:
		return daysFromCivil(int64(p.year), 1, int64(p.yearDay)), true
	case p.year == unset || p.month == unset || p.day == unset:
		return 0, false
	}
	return daysFromCivil(int64(p.year), int64(p.month), int64(p.day)), true
}

func (p *parsed) checkRanges(text string) error {
	if p.month != unset && p.day != unset && p.year != unset &&
		(p.month < 1 || p.month > 12 || p.day < 1 || p.day > daysInMonth(int64(p.year), p.month)) {
		return parseFailure(text, len(text), "The parsed date was invalid")
	}
	if p.hour > 24 || p.minute > 59 || p.second > 60 || p.hour == 24 && p.minute+p.second > 0 {
		return parseFailure(text, len(text), "The parsed time was invalid")
	}
	return nil
}

// monthByName returns a month by its English name, in full or abbreviated.
func monthByName(name string) (int, bool) {
	name = strings.ToLower(name)
	if name == "sept" {
		return 9, true
	}
	for i, full := range monthNames {
		full = strings.ToLower(full)
		if name == full || name == full[:3] {
			return i + 1, true
		}
	}
	return 0, false
}

// abbreviations are the zones that a text may name, with their offsets in minutes.
var abbreviations = map[string]int{
	"utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 60, "bst": 60, "cet": 60, "cest": 120, "eet": 120, "eest": 180, "msk": 180,
	"est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
	"akst": -540, "akdt": -480, "hst": -600, "jst": 540, "ist": 120, "aest": 600, "aedt": 660,
}

// militaryZone returns the offset in minutes of a zone of one letter: A to M, without J,
// are east of UTC, N to Y west.
func militaryZone(name string) (minutes int, ok bool) {
	if len(name) != 1 {
		return 0, false
	}
	switch c := name[0] &^ 0x20; {
	case c >= 'A' && c <= 'I':
		return int(c-'A'+1) * 60, true
	case c >= 'K' && c <= 'M':
		return int(c-'A') * 60, true
	case c >= 'N' && c <= 'Y':
		return -int(c-'M') * 60, true
	}
	return 0, false
}

// setZone sets a zone by abbreviation.
func (p *parsed) setZone(name string) bool {
	minutes, ok := abbreviations[strings.ToLower(name)]
	if !ok {
		minutes, ok = militaryZone(name)
	}
	if !ok {
		return false
	}
	p.zone, p.offset, p.zoneName = zoneAbbreviation, minutes*60, name
	return true
}
