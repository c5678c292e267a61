package match

import "strings"

// A pattern's tokens, as far as they matter for choosing an engine.
type regexToken uint8

const (
	tokenChar      regexToken = iota // a character or escape outside of classes
	tokenEscape                      // a backslash and the character after it
	tokenClass                       // a whole bracketed class
	tokenGroupOpen                   // "(" without what follows
)

// nextToken returns the kind and size of the token at the start of s, which is not empty.
func nextToken(s string) (regexToken, int) {
	switch s[0] {
	case '\\':
		return tokenEscape, min(2, len(s))
	case '[':
		return tokenClass, classSize(s)
	case '(':
		return tokenGroupOpen, 1
	}
	return tokenChar, 1
}

// classSize returns the size of the bracketed class at the start of s; a "]" that comes first
// in it stands for itself.
func classSize(s string) int {
	i := 1
	if i < len(s) && s[i] == '^' {
		i++
	}
	if i < len(s) && s[i] == ']' {
		i++
	}
	for i < len(s) {
		switch {
		case s[i] == '\\':
			i += 2
		case strings.HasPrefix(s[i:], "[:"):
			end := strings.Index(s[i:], ":]")
			if end < 0 {
				i++
				continue
			}
			i += end + 2
		case s[i] == ']':
			return i + 1
		default:
			i++
		}
	}
	return len(s)
}

// regexScan is what scanning a pattern for Go's engine found.
type regexScan struct {
	linear    bool   // Go's engine decides as PCRE does, if it takes the pattern at all
	goPattern string // the pattern in Go's syntax
}

// scanRegex looks for constructs that both engines accept and read differently: "$", which also
// stands before a final newline in PCRE and not in Go, \C, \v, and mode switches within the
// pattern. What only PCRE knows is left to the compiler to refuse.
func scanRegex(pattern, options string) regexScan {
	if strings.Contains(options, "x") {
		return regexScan{}
	}
	multiline := strings.Contains(options, "m")
	body := pattern
	for i := 0; i < len(pattern); {
		kind, size := nextToken(pattern[i:])
		rest := pattern[i+size:]
		switch kind {
		case tokenEscape:
			if c := pattern[i+size-1]; c == 'C' || c == 'v' || c == 'Q' || c == 'E' {
				return regexScan{}
			}
		case tokenGroupOpen:
			if flags, ok := strings.CutPrefix(rest, "?"); ok && !plainGroup(flags) {
				return regexScan{}
			}
		case tokenChar:
			if pattern[i] != '$' || multiline {
				break
			}
			if rest != "" {
				return regexScan{}
			}
			body = pattern[:i] + `(?:\n?\z)`
		}
		i += size
	}
	return regexScan{linear: true, goPattern: goFlags(options) + body}
}

// plainGroup reports whether what follows "(?" begins a non-capturing or named group.
func plainGroup(s string) bool {
	return strings.HasPrefix(s, ":") || strings.HasPrefix(s, "P<") ||
		strings.HasPrefix(s, "<") && !strings.HasPrefix(s, "<=") && !strings.HasPrefix(s, "<!")
}

func goFlags(options string) string {
	var flags string
	for _, f := range "ims" {
		if strings.ContainsRune(options, f) {
			flags += string(f)
		}
	}
	if flags == "" {
		return ""
	}
	return "(?" + flags + ")"
}

// expandDollars spells out what "$" means to PCRE where it does not stand for line ends.
func expandDollars(pattern string) string {
	if !strings.Contains(pattern, "$") || strings.Contains(pattern, "(?m") {
		return pattern
	}
	var sb strings.Builder
	for i := 0; i < len(pattern); {
		kind, size := nextToken(pattern[i:])
		if kind == tokenChar && pattern[i] == '$' {
			sb.WriteString(`(?=\n?\z)`)
		} else {
			sb.WriteString(pattern[i : i+size])
		}
		i += size
	}
	return sb.String()
}

// regexPrefix returns the literal text that all strings matching the pattern begin with, and
// whether beginning so is enough.
func regexPrefix(pattern, options string) (prefix string, exact bool) {
	if strings.Trim(options, "su") != "" || strings.Contains(pattern, "|") {
		return "", false
	}
	rest, ok := strings.CutPrefix(pattern, "^")
	if !ok {
		if rest, ok = strings.CutPrefix(pattern, `\A`); !ok {
			return "", false
		}
	}
	var sb strings.Builder
	last := 0 // where the last character began
	for i := 0; i < len(rest); {
		c, size := rest[i], 1
		if c == '\\' {
			if i+1 == len(rest) || !strings.ContainsRune(regexMeta+`/-"' `, rune(rest[i+1])) {
				return sb.String(), false
			}
			c, size = rest[i+1], 2
		} else if strings.IndexByte(regexMeta, c) >= 0 {
			switch {
			case c == '*' || c == '?' || c == '{':
				return sb.String()[:last], false // the last character is optional
			case rest[i:] == ".*": // which matches nothing, too
				return sb.String(), true
			}
			return sb.String(), false
		}
		if c < 0x80 || c >= 0xc0 {
			last = sb.Len()
		}
		sb.WriteByte(c)
		i += size
	}
	return sb.String(), true
}
