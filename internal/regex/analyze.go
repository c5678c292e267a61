package regex

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// literal says how a pattern can be matched by comparing bytes with its prefix.
type literal int

const (
	literalNone     literal = iota
	literalContains         // abc
	literalPrefix           // ^abc
	literalWhole            // ^abc$
)

// analyze finds the literal at the beginning of a pattern and what follows it. For
// literalContains the prefix is the literal, wherever it stands.
func analyze(tree *syntax.Regexp) (lit literal, prefix string, exact bool) {
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	anchored := parts[0].Op == syntax.OpBeginText
	if anchored {
		parts = parts[1:]
	}
	var sb strings.Builder
	for len(parts) > 0 && parts[0].Op == syntax.OpLiteral && parts[0].Flags&syntax.FoldCase == 0 {
		sb.WriteString(string(parts[0].Rune))
		parts = parts[1:]
	}
	prefix = sb.String()
	switch {
	case !anchored && len(parts) == 0 && prefix != "":
		return literalContains, prefix, false
	case !anchored:
		return literalNone, "", false
	case len(parts) == 0 || len(parts) == 1 && isAnything(parts[0]):
		return literalPrefix, prefix, prefix != ""
	case len(parts) == 1 && parts[0].Op == syntax.OpEndText:
		return literalWhole, prefix, false
	}
	return literalNone, prefix, false
}

// isAnything reports whether the pattern matches the empty string whatever follows, as
// ".*" does at the end of a pattern.
func isAnything(p *syntax.Regexp) bool {
	return p.Op == syntax.OpStar && (p.Sub[0].Op == syntax.OpAnyChar || p.Sub[0].Op == syntax.OpAnyCharNotNL)
}

// looksBehind reports whether what precedes a position can matter for a match there.
func looksBehind(p *syntax.Regexp) bool {
	switch p.Op {
	case syntax.OpBeginLine, syntax.OpBeginText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return slices.ContainsFunc(p.Sub, looksBehind)
}
