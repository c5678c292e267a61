package match

import (
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Regex is the node of $regex and of regular expressions as values. It matches strings and
// symbols, and regular expressions that are the same.
type Regex struct {
	Field
	Pattern, Options string

	// Prefix is the literal text with which each matching string begins, empty if the
	// pattern does not say. PrefixExact says that all strings that begin so match.
	Prefix      string
	PrefixExact bool

	engine regexEngine
}

// regexEngine is a compiled pattern.
type regexEngine interface {
	find(s string) (bool, error)
}

func newRegex(field Field, pattern, options string) (*Regex, error) {
	if strings.IndexByte(pattern, 0) >= 0 {
		return nil, mongoerr.New(mongoerr.BadValue, "Regular expression cannot contain an embedded null byte")
	}
	for _, o := range options {
		if !strings.ContainsRune("imsxu", o) {
			return nil, mongoerr.New(51108, "invalid flag in regex options: %c", o)
		}
	}
	n := &Regex{Field: field, Pattern: pattern, Options: options}
	n.Prefix, n.PrefixExact = regexPrefix(pattern, options)
	engine, err := compileRegex(pattern, options)
	if err != nil {
		return nil, mongoerr.New(51091, "Regular expression is invalid: %w", err)
	}
	n.engine = engine
	return n, nil
}

func (n *Regex) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.walk(doc, n, expandedArrays)
}

func (n *Regex) matchElem(v bsonx.Value) (bool, error) {
	switch v.Type {
	case bsonx.TypeString, bsonx.TypeSymbol:
		return n.engine.find(v.Str())
	case bsonx.TypeRegex:
		pattern, options := v.Regex()
		return pattern == n.Pattern && options == n.Options, nil
	}
	return false, nil
}

// regexMeta are the characters that mean something in a pattern.
const regexMeta = `\^$.|?*+()[]{}`

// compileRegex chooses the cheapest engine that decides as PCRE does: a plain text search, Go's
// linear-time engine for the subset in which both agree, or a backtracking one.
func compileRegex(pattern, options string) (regexEngine, error) {
	text, anchored := strings.CutPrefix(pattern, "^")
	if !strings.ContainsAny(text, regexMeta) && !strings.ContainsAny(options, "ix") && !(anchored && strings.Contains(options, "m")) {
		if anchored {
			return prefixEngine(text), nil
		}
		return textEngine(text), nil
	}
	if s := scanRegex(pattern, options); s.linear {
		if re, err := regexp.Compile(s.goPattern); err == nil {
			return (*linearEngine)(re), nil
		}
	}
	return compileBacktracking(pattern, options)
}

type textEngine string

func (e textEngine) find(s string) (bool, error) { return strings.Contains(s, string(e)), nil }

type prefixEngine string

func (e prefixEngine) find(s string) (bool, error) { return strings.HasPrefix(s, string(e)), nil }

type linearEngine regexp.Regexp

func (e *linearEngine) find(s string) (bool, error) { return (*regexp.Regexp)(e).MatchString(s), nil }

// regexTimeout bounds one match by the backtracking engine, whose time can grow exponentially.
const regexTimeout = 2 * time.Second

type backtrackingEngine struct{ re *regexp2.Regexp }

func (e *backtrackingEngine) find(s string) (bool, error) {
	ok, err := e.re.MatchString(s)
	if err != nil {
		return false, mongoerr.New(51156, "Error occurred while executing regular expression: match limit exceeded")
	}
	return ok, nil
}

func compileBacktracking(pattern, options string) (regexEngine, error) {
	// The engine's RE2 mode has PCRE's character classes and group syntax.
	flags := regexp2.RegexOptions(regexp2.RE2)
	for _, o := range options {
		switch o {
		case 'i':
			flags |= regexp2.IgnoreCase
		case 'm':
			flags |= regexp2.Multiline
		case 's':
			flags |= regexp2.Singleline
		case 'x':
			flags |= regexp2.IgnorePatternWhitespace
		}
	}
	if !strings.Contains(options, "m") {
		pattern = expandDollars(pattern)
	}
	re, err := regexp2.Compile(pattern, flags)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = regexTimeout
	return &backtrackingEngine{re}, nil
}
