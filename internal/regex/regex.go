// Package regex compiles and runs the regular expressions of queries and expressions.
//
// MongoDB's are PCRE2 with UTF-8. Patterns within the subset that Go's engine shares run
// there, in linear time; those with look-around, back references and the like run on a
// backtracking engine, within a time limit. Compiled expressions are cached.
package regex

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

const (
	// MaxPattern is the length, in bytes, above which a pattern is refused.
	MaxPattern = 32764

	// matchTimeout limits one search by the backtracking engine.
	matchTimeout = time.Second
)

// OptionError is returned for an option other than i, m, s, x and u.
type OptionError struct{ Option rune }

// Error names the option as MongoDB does.
func (e *OptionError) Error() string {
	return fmt.Sprintf("invalid flag in regex options: %c", e.Option)
}

// ErrLimit is returned by Find when a search took too long.
var ErrLimit = errors.New("match limit exceeded")

// Regexp is a compiled regular expression, safe for concurrent use.
type Regexp struct {
	source source

	std       *regexp.Regexp // nil if the pattern needs the backtracking engine
	literal   literal        // a way to match without an engine
	sliceable bool           // std looks at nothing before a match
	groups    int            // capture groups, the whole match not counted

	prefix string
	exact  bool

	backtracking func() (*regexp2.Regexp, error) // made on first use
}

// Compile returns the regular expression for a pattern with options. An error is an
// *OptionError or says what is wrong with the pattern.
func Compile(pattern, options string) (*Regexp, error) {
	key := cacheKey{pattern, options}
	if re := compiled.get(key); re != nil {
		return re, nil
	}
	key = cacheKey{strings.Clone(pattern), strings.Clone(options)}
	re, err := compile(key.pattern, key.options)
	if err != nil {
		return nil, err
	}
	compiled.put(key, re)
	return re, nil
}

func compile(pattern, options string) (*Regexp, error) {
	flags := ""
	for _, o := range options {
		switch o {
		case 'i', 'm', 's', 'x':
			if !strings.ContainsRune(flags, o) {
				flags += string(o)
			}
		case 'u': // always on
		default:
			return nil, &OptionError{o}
		}
	}
	switch {
	case len(pattern) > MaxPattern:
		return nil, errors.New("regular expression is too large")
	case !utf8.ValidString(pattern):
		return nil, errors.New("UTF-8 error: illegal byte")
	}
	re := &Regexp{source: translate(pattern, flags)}
	re.backtracking = sync.OnceValues(re.compileBacktracking)
	if re.source.common && re.compileStd() {
		return re, nil
	}
	bt, err := re.backtracking()
	if err != nil {
		return nil, err
	}
	re.groups = len(bt.GetGroupNumbers()) - 1
	return re, nil
}

// compileStd tries Go's engine.
func (re *Regexp) compileStd() bool {
	pattern := re.source.pattern
	if re.source.flags != "" {
		pattern = "(?" + re.source.flags + ")" + pattern
	}
	std, err := regexp.Compile(pattern)
	if err != nil {
		return false
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	re.std, re.groups = std, std.NumSubexp()
	re.sliceable = !looksBehind(tree)
	re.literal, re.prefix, re.exact = analyze(tree.Simplify())
	return true
}

func (re *Regexp) compileBacktracking() (*regexp2.Regexp, error) {
	opts := regexp2.RE2
	if re.source.unicodeClasses {
		opts = regexp2.None
	}
	for _, f := range re.source.flags {
		switch f {
		case 'i':
			opts |= regexp2.IgnoreCase
		case 'm':
			opts |= regexp2.Multiline
		case 's':
			opts |= regexp2.Singleline
		case 'x':
			opts |= regexp2.IgnorePatternWhitespace
		}
	}
	bt, err := regexp2.Compile(re.source.backtracking, opts, regexp2.OptionMaintainCaptureOrder())
	if err != nil {
		return nil, err
	}
	bt.MatchTimeout = matchTimeout
	return bt, nil
}

// useStd reports whether Go's engine gives PCRE's answer for s. They differ in that "$"
// also matches before a newline at the end of s.
func (re *Regexp) useStd(s string) bool {
	return re.std != nil && !(re.source.dollar && strings.HasSuffix(s, "\n"))
}

// Match reports whether s contains a match. A search that exceeds its limit finds none.
func (re *Regexp) Match(s string) bool {
	ok, err := re.Search(s)
	return ok && err == nil
}

// Search reports whether s contains a match, ErrLimit if that took too long to find out.
func (re *Regexp) Search(s string) (bool, error) {
	if re.useStd(s) {
		switch re.literal {
		case literalContains:
			return strings.Contains(s, re.prefix), nil
		case literalPrefix:
			return strings.HasPrefix(s, re.prefix), nil
		case literalWhole:
			return s == re.prefix, nil
		}
		return re.std.MatchString(s), nil
	}
	bt, err := re.backtracking()
	if err != nil {
		return false, err
	}
	ok, err := bt.MatchString(s)
	if err != nil {
		return false, ErrLimit
	}
	return ok, nil
}

// Find returns the first match that begins at byte from of s or later: pairs of start and
// end in bytes, of the whole match and then of each group, -1 for a group that takes no
// part. It returns nil if there is none, ErrLimit if the search took too long.
func (re *Regexp) Find(s string, from int) ([]int, error) {
	if from < 0 || from > len(s) {
		return nil, nil
	}
	if re.useStd(s) && (from == 0 || re.sliceable) {
		loc := re.std.FindStringSubmatchIndex(s[from:])
		for i := range loc {
			if loc[i] >= 0 {
				loc[i] += from
			}
		}
		return loc, nil
	}
	bt, err := re.backtracking()
	if err != nil {
		return nil, err
	}
	m, err := bt.FindStringMatchStartingAt(s, from)
	if err != nil {
		return nil, ErrLimit
	}
	if m == nil {
		return nil, nil
	}
	var loc []int
	for _, g := range m.Groups() {
		if len(g.Captures) == 0 {
			loc = append(loc, -1, -1)
			continue
		}
		start, length := g.ByteRange()
		loc = append(loc, start, start+length)
	}
	return loc, nil
}

// Groups returns the number of capture groups.
func (re *Regexp) Groups() int { return re.groups }

// Prefix returns a string that everything that matches begins with, empty if there is
// none, and whether everything that begins with it matches.
func (re *Regexp) Prefix() (prefix string, exact bool) {
	if re.literal == literalContains {
		return "", false
	}
	return re.prefix, re.exact
}
