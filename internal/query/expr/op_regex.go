package expr

import (
	"errors"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/regex"
)

func regexOperators() []Operator {
	return []Operator{
		{Name: "$regexFind", Parse: parseRegex},
		{Name: "$regexFindAll", Parse: parseRegex},
		{Name: "$regexMatch", Parse: parseRegex},
	}
}

var regexSignature = signature{
	names: []string{"input", "regex", "options"},
	notObject: func(op string, t bsonx.Type) error {
		return mongoerr.New(51103, "%s expects an object of named arguments but found: %s", op, t)
	},
	unknown: func(op, name string) error { return mongoerr.New(31024, "%s found an unknown argument: %s", op, name) },
	missing: map[string]func(string) error{
		"input": failOp(31022, " requires 'input' parameter"),
		"regex": failOp(31023, " requires 'regex' parameter"),
	},
}

// regexCall is one of the three operators. A pattern that is known is compiled once.
type regexCall struct {
	op       string
	args     []Expr
	known    bool
	compiled *regex.Regexp // of a known pattern; nil if that is null
	run      func(c *Context, op string, re *regex.Regexp, s string) (bsonx.Value, error)
	none     bsonx.Value // the result where an operand is null
}

func parseRegex(op string, arg bsonx.Value, s *Scope) (Expr, error) {
	args, err := regexSignature.parse(op, arg, s)
	if err != nil {
		return nil, err
	}
	e := &regexCall{op: op, args: args}
	switch op {
	case "$regexFind":
		e.run, e.none = regexFind, bsonx.Null
	case "$regexFindAll":
		e.run, e.none = regexFindAll, bsonx.MakeArray()
	default:
		e.run, e.none = regexMatch, bsonx.Bool(false)
	}
	if allConst(args[1:]) {
		e.known = true
		if e.compiled, err = e.compile(nil); err != nil {
			return nil, mongoerr.From(err).Prefixed("Failed to optimize pipeline")
		}
	}
	return foldIf(allConst(args), e, s)
}

// Args returns the operands that were given.
func (e *regexCall) Args() []Expr { return (&lazyCall{args: e.args}).Args() }

func (e *regexCall) Eval(c *Context) (bsonx.Value, error) {
	s, err := e.args[0].Eval(c)
	if err != nil {
		return s, err
	}
	if s.Type != bsonx.TypeString && !s.IsNullish() {
		return s, mongoerr.New(51104, "%s needs 'input' to be of type string", e.op)
	}
	re := e.compiled
	if !e.known {
		if re, err = e.compile(c); err != nil {
			return s, err
		}
	}
	if re == nil || s.IsNullish() {
		return e.none, nil
	}
	return e.run(c, e.op, re, s.Str())
}

// compile evaluates pattern and options; it returns nil for a null pattern.
func (e *regexCall) compile(c *Context) (*regex.Regexp, error) {
	pattern, err := e.args[1].Eval(c)
	if err != nil {
		return nil, err
	}
	options, err := evalOr(c, e.args[2], bsonx.Null)
	if err != nil {
		return nil, err
	}
	p, o, err := e.source(pattern, options)
	if err != nil {
		return nil, err
	}
	if pattern.IsNullish() {
		return nil, nil
	}
	re, err := regex.Compile(p, o)
	var bad *regex.OptionError
	switch {
	case errors.As(err, &bad):
		return nil, mongoerr.New(51108, "%s %w", e.op, err)
	case err != nil:
		return nil, mongoerr.New(51111, "Invalid Regex in %s: %w", e.op, err)
	}
	return re, nil
}

func (e *regexCall) source(pattern, options bsonx.Value) (p, o string, err error) {
	switch {
	case pattern.Type != bsonx.TypeString && pattern.Type != bsonx.TypeRegex && !pattern.IsNullish():
		return "", "", mongoerr.New(51105, "%s needs 'regex' to be of type string or regex", e.op)
	case options.Type != bsonx.TypeString && !options.IsNullish():
		return "", "", mongoerr.New(51106, "%s needs 'options' to be of type string", e.op)
	}
	if pattern.Type == bsonx.TypeRegex {
		p, o = pattern.Regex()
		if !options.IsNullish() && o != "" {
			return "", "", mongoerr.New(51107, "%s: found regex option(s) specified in both 'regex' and 'option' fields", e.op)
		}
	} else {
		p = pattern.Str()
	}
	if options.Type == bsonx.TypeString {
		o = options.Str()
	}
	switch {
	case strings.IndexByte(p, 0) >= 0:
		return "", "", mongoerr.New(51109, "%s: regular expression cannot contain an embedded null byte", e.op)
	case strings.IndexByte(o, 0) >= 0:
		return "", "", mongoerr.New(51110, "%s: regular expression options cannot contain an embedded null byte", e.op)
	}
	return p, o, nil
}

// find is Find with the error of the operator.
func find(op string, re *regex.Regexp, s string, from int) ([]int, error) {
	loc, err := re.Find(s, from)
	if err != nil {
		return nil, regexError(op, err)
	}
	return loc, nil
}

func regexError(op string, err error) error {
	return mongoerr.New(51156, "Error occurred while executing the regular expression in %s. Result code: %w", op, err)
}

func regexMatch(_ *Context, op string, re *regex.Regexp, s string) (bsonx.Value, error) {
	ok, err := re.Search(s)
	if err != nil {
		return bsonx.Null, regexError(op, err)
	}
	return bsonx.Bool(ok), nil
}

func regexFind(c *Context, op string, re *regex.Regexp, s string) (bsonx.Value, error) {
	loc, err := find(op, re, s, 0)
	if err != nil || loc == nil {
		return bsonx.Null, err
	}
	b := appendMatch(bsonx.AppendDocStart(c.Scratch()), s, loc, countCodePoints(s[:loc[0]]))
	return c.KeepDoc(b), nil
}

// appendMatch appends the fields of a match that begins at the code point index.
func appendMatch(b []byte, s string, loc []int, index int) []byte {
	b = bsonx.AppendElem(b, "match", bsonx.String(s[loc[0]:loc[1]]))
	b = bsonx.AppendElem(b, "idx", bsonx.Int32(int32(index)))
	b = bsonx.AppendHeader(b, bsonx.TypeArray, "captures")
	start := len(b)
	b = bsonx.AppendDocStart(b)
	for i := 2; i < len(loc); i += 2 {
		group := bsonx.Null
		if loc[i] >= 0 {
			group = bsonx.String(s[loc[i]:loc[i+1]])
		}
		b = bsonx.AppendIndexElem(b, i/2-1, group)
	}
	return bsonx.AppendDocEnd(b, start)
}

// regexOutputMax limits the result of $regexFindAll.
const regexOutputMax = 64 << 20

// regexFindAll finds matches that do not overlap. After an empty one the search goes on
// with the next character.
func regexFindAll(c *Context, op string, re *regex.Regexp, s string) (bsonx.Value, error) {
	b := bsonx.AppendDocStart(c.Scratch())
	index, counted := 0, 0 // code points of s[:counted]
	pos := 0
	for n := 0; ; n++ {
		loc, err := find(op, re, s, pos)
		if err != nil {
			c.Drop(b)
			return bsonx.Null, err
		}
		if loc == nil {
			break
		}
		index += countCodePoints(s[counted:loc[0]])
		counted = loc[0]
		b = bsonx.AppendIndexHeader(b, bsonx.TypeDocument, n)
		start := len(b)
		b = bsonx.AppendDocEnd(appendMatch(bsonx.AppendDocStart(b), s, loc, index), start)
		if len(b) > regexOutputMax {
			c.Drop(b)
			return bsonx.Null, mongoerr.New(51151, "%s: the size of buffer to store output exceeded the 64MB limit", op)
		}
		pos = loc[1]
		if loc[0] == loc[1] && pos < len(s) {
			pos += codePointLength(s[pos])
		}
		if pos >= len(s) {
			break
		}
	}
	return c.KeepArray(b), nil
}
