package expr

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func stringOperators() []Operator {
	return []Operator{
		{Name: "$concat", Min: 0, Max: -1, Build: nary(func(args []Expr) Expr { return &concat{args} })},
		{Name: "$indexOfBytes", Min: 2, Max: 4, Build: lazily(indexOfBytes)},
		{Name: "$indexOfCP", Min: 2, Max: 4, Build: lazily(indexOfCP)},
		trimSignature.operator("$ltrim", trimmer("$ltrim", true, false)),
		replaceSignature.operator("$replaceAll", replacer("$replaceAll", replaceAll)),
		replaceSignature.operator("$replaceOne", replacer("$replaceOne", replaceOne)),
		trimSignature.operator("$rtrim", trimmer("$rtrim", false, true)),
		{Name: "$split", Min: 2, Max: 2, Build: two(split)},
		{Name: "$strLenBytes", Min: 1, Max: 1, Build: one(strLenBytes)},
		{Name: "$strLenCP", Min: 1, Max: 1, Build: one(strLenCP)},
		{Name: "$strcasecmp", Min: 2, Max: 2, Build: two(strcasecmp)},
		{Name: "$substr", Min: 3, Max: 3, Build: calling(substrBytes)},
		{Name: "$substrBytes", Min: 3, Max: 3, Build: calling(substrBytes)},
		{Name: "$substrCP", Min: 3, Max: 3, Build: calling(substrCP)},
		{Name: "$toLower", Min: 1, Max: 1, Build: one(mapASCII(lowerASCII))},
		{Name: "$toUpper", Min: 1, Max: 1, Build: one(mapASCII(upperASCII))},
		trimSignature.operator("$trim", trimmer("$trim", true, true)),
	}
}

// lazily makes a Build function of an operator that evaluates its operands itself.
func lazily(fn func(c *Context, args []Expr) (bsonx.Value, error)) func(string, []Expr) (Expr, error) {
	return func(_ string, args []Expr) (Expr, error) { return &lazyCall{args, fn}, nil }
}

// concat is $concat.
type concat struct{ args []Expr }

func (e *concat) Args() []Expr { return e.args }

func (e *concat) Eval(c *Context) (bsonx.Value, error) {
	b := c.Scratch()
	for _, a := range e.args {
		v, err := a.Eval(c)
		if err == nil && v.Type == bsonx.TypeString {
			b = append(b, v.Bytes()...)
			if err = checkSize(b); err == nil {
				continue
			}
		}
		c.Drop(b)
		switch {
		case err != nil:
			return v, err
		case v.IsNullish():
			return bsonx.Null, nil
		}
		return v, mongoerr.New(16702, "$concat only supports strings, not %s", v.Type)
	}
	return c.KeepString(b), nil
}

// toText is the conversion to a string that some operators do on the quiet.
func toText(v bsonx.Value) ([]byte, error) {
	switch v.Type {
	case bsonx.TypeString, bsonx.TypeSymbol, bsonx.TypeJavaScript:
		return v.Bytes(), nil
	case bsonx.Missing, bsonx.TypeNull, bsonx.TypeUndefined:
		return nil, nil
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return strconv.AppendInt(nil, v.Int64(), 10), nil
	case bsonx.TypeDouble:
		return []byte(formatFloat(v.Double())), nil
	case bsonx.TypeDecimal128:
		return []byte(v.Decimal128().String()), nil
	case bsonx.TypeDateTime:
		return []byte(bsonx.FormatDate(v.DateTime())), nil
	case bsonx.TypeTimestamp:
		return []byte(bsonx.Format(v)), nil
	}
	return nil, mongoerr.New(16007, "can't convert from BSON type %s to String", v.Type)
}

func lowerASCII(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func upperASCII(c byte) byte {
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}

func mapASCII(fn func(byte) byte) func(c *Context, v bsonx.Value) (bsonx.Value, error) {
	return func(c *Context, v bsonx.Value) (bsonx.Value, error) {
		s, err := toText(v)
		if err != nil {
			return v, err
		}
		b := append(c.Scratch(), s...)
		for i := range b {
			b[i] = fn(b[i])
		}
		return c.KeepString(b), nil
	}
}

func strcasecmp(_ *Context, a, b bsonx.Value) (bsonx.Value, error) {
	x, err := toText(a)
	if err != nil {
		return a, err
	}
	y, err := toText(b)
	if err != nil {
		return b, err
	}
	for i := range min(len(x), len(y)) {
		if r := int32(upperASCII(x[i])) - int32(upperASCII(y[i])); r != 0 {
			return bsonx.Int32(signOf(r)), nil
		}
	}
	return bsonx.Int32(signOf(int32(len(x)) - int32(len(y)))), nil
}

func signOf(i int32) int32 { return min(max(i, -1), 1) }

func strLenBytes(_ *Context, v bsonx.Value) (bsonx.Value, error) {
	if v.Type != bsonx.TypeString {
		return v, mongoerr.New(34473, "$strLenBytes requires a string argument, found: %s", v.Type)
	}
	return bsonx.Int32(int32(len(v.Bytes()))), nil
}

func strLenCP(_ *Context, v bsonx.Value) (bsonx.Value, error) {
	if v.Type != bsonx.TypeString {
		return v, mongoerr.New(34471, "$strLenCP requires a string argument, found: %s", v.Type)
	}
	return bsonx.Int32(int32(countCodePoints(v.Bytes()))), nil
}

// countCodePoints counts the bytes that begin one.
func countCodePoints[T string | []byte](s T) int {
	n := 0
	for i := range len(s) {
		if !isContinuation(s[i]) {
			n++
		}
	}
	return n
}

func isContinuation(c byte) bool { return c&0xc0 == 0x80 }

// codePointLength is the length that a code point's first byte announces.
func codePointLength(c byte) int {
	switch {
	case c < 0xc0:
		return 1
	case c < 0xe0:
		return 2
	case c < 0xf0:
		return 3
	case c < 0xf8:
		return 4
	}
	return 5 // not UTF-8
}

func split(c *Context, s, sep bsonx.Value) (bsonx.Value, error) {
	switch {
	case s.IsNullish() || sep.IsNullish():
		return bsonx.Null, nil
	case s.Type != bsonx.TypeString:
		return s, mongoerr.New(40085, "$split requires an expression that evaluates to a string as a first argument, found: %s", s.Type)
	case sep.Type != bsonx.TypeString:
		return s, mongoerr.New(40086, "$split requires an expression that evaluates to a string as a second argument, found: %s", sep.Type)
	case len(sep.Bytes()) == 0:
		return s, mongoerr.New(40087, "$split requires a non-empty separator")
	}
	b := bsonx.AppendDocStart(c.Scratch())
	rest := s.Bytes()
	for i := 0; ; i++ {
		part, after, found := bytes.Cut(rest, sep.Bytes())
		b = bsonx.AppendIndexElem(b, i, bsonx.StringBytes(part))
		if !found {
			return c.KeepArray(b), nil
		}
		rest = after
	}
}

var replaceSignature = signature{
	names: []string{"input", "find", "replacement"},
	notObject: func(op string, t bsonx.Type) error {
		return mongoerr.New(51751, "%s requires an object as an argument, found: %s", op, t)
	},
	unknown: func(op, name string) error { return mongoerr.New(51750, "%s found an unknown argument: %s", op, name) },
	missing: map[string]func(string) error{
		"input":       failOp(51749, " requires 'input' to be specified"),
		"find":        failOp(51748, " requires 'find' to be specified"),
		"replacement": failOp(51747, " requires 'replacement' to be specified"),
	},
}

// replacer makes $replaceOne and $replaceAll: fn appends the result to dst, or as much of
// it as exceeds ValueMax.
func replacer(op string, fn func(dst, s, find, replacement []byte) []byte) func(c *Context, args []Expr) (bsonx.Value, error) {
	codes := [3]mongoerr.Code{51746, 51745, 51744}
	return func(c *Context, args []Expr) (bsonx.Value, error) {
		var vals [3]bsonx.Value
		for i, a := range args {
			v, err := a.Eval(c)
			if err != nil {
				return v, err
			}
			vals[i] = v
		}
		null := false
		for i, v := range vals {
			if v.Type != bsonx.TypeString && !v.IsNullish() {
				return v, mongoerr.New(codes[i], "%s requires that '%s' be a string, found: %s", op, replaceSignature.names[i], bsonx.Format(v))
			}
			null = null || v.IsNullish()
		}
		if null {
			return bsonx.Null, nil
		}
		b := fn(c.Scratch(), vals[0].Bytes(), vals[1].Bytes(), vals[2].Bytes())
		if err := checkSize(b); err != nil {
			c.Drop(b)
			return vals[0], err
		}
		return c.KeepString(b), nil
	}
}

func replaceOne(dst, s, find, replacement []byte) []byte {
	before, after, found := bytes.Cut(s, find)
	if !found {
		return append(dst, s...)
	}
	return append(append(append(dst, before...), replacement...), after...)
}

// replaceAll puts the replacement before every character and at the end if find is empty.
func replaceAll(dst, s, find, replacement []byte) []byte {
	if len(find) == 0 {
		for len(s) > 0 && len(dst) <= ValueMax {
			_, n := utf8.DecodeRune(s)
			dst = append(append(dst, replacement...), s[:n]...)
			s = s[n:]
		}
		return append(dst, replacement...)
	}
	for {
		before, after, found := bytes.Cut(s, find)
		dst = append(dst, before...)
		if !found || len(dst) > ValueMax {
			return dst
		}
		dst = append(dst, replacement...)
		s = after
	}
}

var trimSignature = signature{
	names: []string{"input", "chars"},
	notObject: func(op string, t bsonx.Type) error {
		return mongoerr.New(50696, "%s only supports an object as an argument, found %s", op, t)
	},
	unknown: func(op, name string) error { return mongoerr.New(50694, "%s found an unknown argument: %s", op, name) },
	missing: map[string]func(string) error{"input": failOp(50695, " requires an 'input' field")},
}

// trimmedSpace is what $trim removes by default.
const trimmedSpace = "\x00 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"

func trimmer(op string, left, right bool) func(c *Context, args []Expr) (bsonx.Value, error) {
	return func(c *Context, args []Expr) (bsonx.Value, error) {
		v, err := args[0].Eval(c)
		switch {
		case err != nil:
			return v, err
		case v.IsNullish():
			return bsonx.Null, nil
		case v.Type != bsonx.TypeString:
			return v, mongoerr.New(50699, "%s requires its input to be a string, got %s (of type %s) instead.", op, bsonx.Format(v), v.Type)
		}
		chars, err := evalOr(c, args[1], bsonx.String(trimmedSpace))
		switch {
		case err != nil:
			return chars, err
		case chars.IsNullish():
			return bsonx.Null, nil
		case chars.Type != bsonx.TypeString:
			return v, mongoerr.New(50700, "%s requires 'chars' to be a string, got %s (of type %s) instead.", op, bsonx.Format(chars), chars.Type)
		}
		if err := checkTrimChars(op, chars.Bytes()); err != nil {
			return v, err
		}
		s := v.Str()
		if left {
			s = strings.TrimLeft(s, chars.Str())
		}
		if right {
			s = strings.TrimRight(s, chars.Str())
		}
		return bsonx.String(s), nil
	}
}

// checkTrimChars checks that chars is made of whole code points.
func checkTrimChars(op string, chars []byte) error {
	for i := 0; i < len(chars); {
		if isContinuation(chars[i]) {
			return mongoerr.New(50698, `Failed to parse "chars" argument to %s: Detected invalid UTF-8. Got continuation byte when expecting the start of a new code point.`, op)
		}
		if i += codePointLength(chars[i]); i > len(chars) {
			return mongoerr.New(50697, `Failed to parse "chars" argument to %s: Detected invalid UTF-8. Missing expected continuation byte at end of string.`, op)
		}
	}
	return nil
}
