package collation

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/collate"
	"golang.org/x/text/unicode/norm"
)

// A key is made of levels, the first that differs decides. Between two levels stand two zero
// bytes, which are below all that a level can go on with:
//
//	primary     letters, without accents and case
//	secondary   accents, at strength 2 and above
//	case        a byte a letter, with caseLevel or with upper case first
//	tertiary    case and variants of letters, at strength 3 and above
//	quaternary  the punctuation that was ignored, if it was, at strength 4 and above
//	identical   the decomposed string, at strength 5
//
// The first two and the tertiary level are those of package collate, whose key of a lower
// strength is the beginning of that of a higher one.

// The strengths.
const (
	primary = 1 + iota
	secondary
	tertiary
	quaternary
	identical
)

// worker makes keys, one at a time.
type worker struct {
	c    *Collation
	base *collate.Collator // to the secondary level, if the case level follows; else all
	all  *collate.Collator // to the tertiary level
	one  *collate.Collator // to the primary level, for quaternary keys
	keys collate.Buffer

	a, b, kept []byte
	heavy      bool // has grown with a long string
}

// heavyString is the length in bytes above which a string makes a worker not worth keeping.
const heavyString = 16 << 10

func (c *Collation) worker() *worker {
	if w, ok := c.workers.Get().(*worker); ok {
		return w
	}
	w := &worker{c: c, all: c.collator(min(c.strength, tertiary))}
	w.base = w.all
	if c.separateCase() && c.strength > secondary {
		w.base = c.collator(secondary)
	}
	if c.shifted && c.strength >= quaternary {
		w.one = c.collator(primary)
	}
	return w
}

func (c *Collation) release(w *worker) {
	if !w.heavy {
		c.workers.Put(w)
	}
}

func (c *Collation) collator(strength int) *collate.Collator {
	opts := slices.Clip(c.numeric)
	switch strength {
	case primary:
		opts = append(opts, collate.IgnoreDiacritics, collate.IgnoreCase)
	case secondary:
		opts = append(opts, collate.IgnoreCase)
	}
	return collate.New(c.tag, opts...)
}

// separateCase reports whether keys have a case level.
func (o *options) separateCase() bool {
	return o.caseLevel || o.caseFirst == caseUpper && o.strength >= tertiary
}

// append appends the key of s.
func (w *worker) append(dst, s []byte) []byte {
	w.heavy = w.heavy || len(s) > heavyString
	c, visible := w.c, s
	if c.shifted {
		w.kept = c.appendKept(w.kept[:0], s)
		visible = w.kept
	}
	w.keys.Reset()
	base := w.base.Key(&w.keys, visible)
	dst = append(dst, base...)
	if c.separateCase() {
		dst = append(dst, 0, 0)
		dst = appendCase(dst, visible, c.caseFirst == caseUpper)
		if w.all != w.base {
			n := len(base)
			dst = append(dst, w.all.Key(&w.keys, visible)[n:]...)
		}
	}
	if w.one != nil {
		dst = append(dst, 0, 0)
		dst = w.appendQuaternary(dst, s)
	}
	if c.strength == identical {
		dst = append(dst, 0, 0)
		dst = norm.NFD.Append(dst, s...)
	}
	return dst
}

// The bytes of the case level.
const (
	caseLow   = 1 // and letters without case
	caseMixed = 2
	caseHigh  = 3
)

// appendCase appends a byte for each letter of s. The lowest ones at the end say nothing and are
// left out, so that æ and ae get the same.
func appendCase(dst, s []byte, upperFirst bool) []byte {
	start := len(dst)
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		s = s[n:]
		if ignorable(r) {
			continue
		}
		b := byte(caseLow)
		switch {
		case unicode.IsUpper(r):
			b = caseHigh
		case unicode.IsTitle(r):
			b = caseMixed
		}
		if upperFirst {
			b = caseHigh + caseLow - b
		}
		dst = append(dst, b)
	}
	for len(dst) > start && dst[len(dst)-1] == caseLow {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// ignorable reports whether r is no letter of its own: a mark on another one, or invisible.
func ignorable(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) || unicode.IsControl(r) && !unicode.IsSpace(r)
}

// variable reports whether r is ignored where punctuation is.
func (c *Collation) variable(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Z, r) || !c.spacesOnly && unicode.IsPunct(r)
}

// appendKept appends s without what is ignored: spaces and punctuation, and marks on them.
func (c *Collation) appendKept(dst, s []byte) []byte {
	after := false
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		switch {
		case c.variable(r):
			after = true
		case after && unicode.In(r, unicode.Mn, unicode.Me):
		default:
			after = false
			dst = append(dst, s[:n]...)
		}
		s = s[n:]
	}
	return dst
}

// appendQuaternary appends the weights of what was ignored, and 0xff in the places of what was
// not.
func (w *worker) appendQuaternary(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		switch {
		case w.c.variable(r):
			dst = append(dst, w.one.Key(&w.keys, s[:n])...)
		case !ignorable(r):
			dst = append(dst, 0xff)
		}
		s = s[n:]
	}
	return dst
}
