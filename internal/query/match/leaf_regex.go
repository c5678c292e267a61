package match

import (
	"errors"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/regex"
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

	re *regex.Regexp
}

func newRegex(field Field, pattern, options string) (*Regex, error) {
	if strings.IndexByte(pattern, 0) >= 0 {
		return nil, mongoerr.New(mongoerr.BadValue, "Regular expression cannot contain an embedded null byte")
	}
	re, err := regex.Compile(pattern, options)
	if err != nil {
		if _, ok := errors.AsType[*regex.OptionError](err); ok {
			return nil, mongoerr.New(51108, "%w", err)
		}
		return nil, mongoerr.New(51091, "Regular expression is invalid: %w", err)
	}
	n := &Regex{Field: field, Pattern: pattern, Options: options, re: re}
	n.Prefix, n.PrefixExact = re.Prefix()
	return n, nil
}

func (n *Regex) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.walk(doc, n, expandedArrays)
}

func (n *Regex) matchElem(v bsonx.Value) (bool, error) {
	switch v.Type {
	case bsonx.TypeString, bsonx.TypeSymbol:
		ok, err := n.re.Search(v.Str())
		if err != nil {
			return false, mongoerr.New(51156, "Error occurred while executing regular expression '%s': %w", n.Pattern, err)
		}
		return ok, nil
	case bsonx.TypeRegex:
		pattern, options := v.Regex()
		return pattern == n.Pattern && options == n.Options, nil
	}
	return false, nil
}
