package regex

import (
	"strconv"
	"strings"
)

// source is a pattern made ready for both engines.
type source struct {
	flags        string // of i, m, s, x
	pattern      string // for Go's engine
	backtracking string // for the backtracking engine

	common         bool // Go's engine can be tried: it reads the pattern as PCRE does
	dollar         bool // "$" may stand for the end before a last newline
	unicodeClasses bool // (*UCP)
}

// translator rewrites what the engines read otherwise than PCRE. It goes over the pattern
// once and knows escapes and character classes only; both outputs grow in step.
type translator struct {
	in      string
	pos     int
	inClass bool
	src     source
	std, bt strings.Builder
}

// Vertical and horizontal white space, as the inside of a class.
const (
	verticalSpace   = `\n\x0b\f\r\x85\u2028\u2029`
	horizontalSpace = `\t \xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000`
)

func translate(pattern, flags string) source {
	t := &translator{in: pattern}
	t.src.flags = flags
	t.src.common = !strings.Contains(flags, "x")
	t.startVerbs()
	for t.pos < len(t.in) {
		c := t.in[t.pos]
		switch {
		case c == '\\':
			t.escape()
		case t.inClass:
			t.classByte(c)
		case c == '[':
			t.openClass()
		case c == '$' && !strings.Contains(flags, "m"):
			t.pos++
			t.src.dollar = true
			t.emit("$", t.dollar())
		default:
			t.pos++
			t.both(t.in[t.pos-1 : t.pos])
		}
	}
	t.src.pattern, t.src.backtracking = t.std.String(), t.bt.String()
	return t.src
}

// startVerbs takes "(*UTF8)" and the like off the front.
func (t *translator) startVerbs() {
	for {
		rest := t.in[t.pos:]
		switch {
		case strings.HasPrefix(rest, "(*UTF8)"):
			t.pos += len("(*UTF8)")
		case strings.HasPrefix(rest, "(*UTF)"):
			t.pos += len("(*UTF)")
		case strings.HasPrefix(rest, "(*UCP)"):
			t.pos += len("(*UCP)")
			t.src.unicodeClasses, t.src.common = true, false
		default:
			return
		}
	}
}

func (t *translator) emit(std, bt string) {
	t.std.WriteString(std)
	t.bt.WriteString(bt)
}

func (t *translator) both(s string) { t.emit(s, s) }

// special emits what only the backtracking engine can do.
func (t *translator) special(bt string) {
	t.src.common = false
	t.bt.WriteString(bt)
}

// dollar is "$" for the backtracking engine, which otherwise matches at the very end only.
// Where the pattern itself may switch to multi-line mode it is left alone.
func (t *translator) dollar() string {
	if togglesMultiline(t.in) {
		return "$"
	}
	return `(?=\n?\z)`
}

// togglesMultiline reports whether the pattern has something like "(?m)".
func togglesMultiline(p string) bool {
	for {
		i := strings.Index(p, "(?")
		if i < 0 {
			return false
		}
		p = p[i+2:]
		end := strings.IndexAny(p, ":)<=!>#|'P")
		if end > 0 && strings.Contains(p[:end], "m") {
			return true
		}
	}
}

// openClass copies "[", "[^" and a "]" that stands first and so is a member.
func (t *translator) openClass() {
	t.inClass = true
	t.pos++
	t.both("[")
	if strings.HasPrefix(t.in[t.pos:], "^") {
		t.pos++
		t.both("^")
	}
	if strings.HasPrefix(t.in[t.pos:], "]") {
		t.pos++
		t.both(`\]`)
	}
}

func (t *translator) classByte(c byte) {
	if c == '[' && strings.HasPrefix(t.in[t.pos:], "[:") {
		if end := strings.Index(t.in[t.pos:], ":]"); end > 0 {
			t.both(t.in[t.pos : t.pos+end+2])
			t.pos += end + 2
			return
		}
	}
	t.pos++
	switch c {
	case '[':
		t.both(`\[`)
	case ']':
		t.inClass = false
		t.both("]")
	default:
		t.both(t.in[t.pos-1 : t.pos])
	}
}

// escape handles a backslash and what belongs to it.
func (t *translator) escape() {
	t.pos++
	if t.pos == len(t.in) {
		t.both(`\`)
		return
	}
	c := t.in[t.pos]
	t.pos++
	switch c {
	case 'Q':
		t.quoted()
	case 'E': // without \Q it means nothing
	case 's':
		t.class(`\s\x0b`, false)
	case 'S':
		if t.inClass {
			t.both(`\S`)
			return
		}
		t.class(`\s\x0b`, true)
	case 'v', 'V':
		t.spaceClass(verticalSpace, c == 'V')
	case 'h', 'H':
		t.spaceClass(horizontalSpace, c == 'H')
	case 'N':
		t.special(`[^\n]`)
	case 'R':
		t.special(`(?>\r\n|[` + verticalSpace + `])`)
	case 'X':
		t.special(`(?>\P{M}\p{M}*)`)
	case 'Z':
		t.special(`(?=\n?\z)`)
	case 'e':
		t.both(`\x1b`)
	case 'x':
		t.hex()
	case 'G', 'k', 'g', 'c', 'K', 'o', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		t.special(t.in[t.pos-2 : t.pos])
	default:
		t.both(t.in[t.pos-2 : t.pos])
	}
}

// class emits a class's content, with brackets unless it is within a class.
func (t *translator) class(content string, negated bool) {
	switch {
	case t.inClass:
		t.both(content)
	case negated:
		t.both("[^" + content + "]")
	default:
		t.both("[" + content + "]")
	}
}

// spaceClass is class for the backtracking engine only.
func (t *translator) spaceClass(content string, negated bool) {
	t.src.common = false
	if t.inClass && negated {
		t.bt.WriteString(`\S`)
		return
	}
	t.class(content, negated)
}

// hex copies \xhh and turns \x{h...} into the character.
func (t *translator) hex() {
	rest := t.in[t.pos:]
	end := strings.IndexByte(rest, '}')
	if !strings.HasPrefix(rest, "{") || end < 0 {
		t.both(`\x`)
		return
	}
	r, err := strconv.ParseUint(rest[1:end], 16, 32)
	if err != nil || r > 0x10ffff {
		t.both(`\x`)
		return
	}
	t.pos += end + 1
	t.both(quoteRune(rune(r)))
}

// quoted writes \Q...\E as escaped characters.
func (t *translator) quoted() {
	text, _, found := strings.Cut(t.in[t.pos:], `\E`)
	t.pos += len(text)
	if found {
		t.pos += len(`\E`)
	}
	for _, r := range text {
		t.both(quoteRune(r))
	}
}

// quoteRune writes one character so that both engines read it as itself, in a class and
// with white space ignored, too.
func quoteRune(r rune) string {
	switch {
	case r > 0x7f, r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return string(r)
	}
	return `\x` + strconv.FormatInt(int64(r)|0x100, 16)[1:]
}
