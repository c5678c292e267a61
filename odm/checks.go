package odm

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func isString(f *field) bool { return f.kind == kindString }

func isOrdered(f *field) bool {
	return f.kind == kindInt || f.kind == kindUint || f.kind == kindFloat || f.kind == kindTime
}

// failed makes the error of a rule; text holds Mongoose's wording.
func failed(kind, path string, v reflect.Value, format string, args ...any) *FieldError {
	return &FieldError{Path: path, Kind: kind, Value: v.Interface(), Message: fmt.Sprintf(format, args...)}
}

func matchCheck(re *regexp.Regexp) check {
	return check{kind: "match", fits: isString, run: func(_ context.Context, v reflect.Value, path string) *FieldError {
		if re.MatchString(v.String()) {
			return nil
		}
		return failed("regexp", path, v, "Path `%s` is invalid (%s).", path, v.String())
	}}
}

func enumCheck(values []string) check {
	fits := func(f *field) bool { return f.kind == kindString || f.kind == kindInt || f.kind == kindUint }
	return check{kind: "enum", fits: fits, run: func(_ context.Context, v reflect.Value, path string) *FieldError {
		text := fmt.Sprint(v.Interface())
		if slices.Contains(values, text) {
			return nil
		}
		return failed("enum", path, v, "`%s` is not a valid enum value for path `%s`.", text, path)
	}}
}

func lengthCheck(kind string, limit int) check {
	return check{kind: kind, fits: isString, run: func(_ context.Context, v reflect.Value, path string) *FieldError {
		n := utf8.RuneCountInString(v.String())
		switch {
		case kind == "minlength" && n < limit:
			return failed(kind, path, v, "Path `%s` (`%s`, length %d) is shorter than the minimum allowed length (%d).", path, v.String(), n, limit)
		case kind == "maxlength" && n > limit:
			return failed(kind, path, v, "Path `%s` (`%s`, length %d) is longer than the maximum allowed length (%d).", path, v.String(), n, limit)
		}
		return nil
	}}
}

// boundCheck compares numbers and times with a limit that is written in a tag.
func boundCheck(kind, limit string) (check, error) {
	number, numErr := strconv.ParseFloat(limit, 64)
	at, timeErr := parseTime(limit)
	if (numErr != nil || math.IsNaN(number)) && timeErr != nil {
		return check{}, fmt.Errorf("%s=%s is neither a number nor a time", kind, limit)
	}
	fits := func(f *field) bool {
		if f.kind == kindTime {
			return timeErr == nil
		}
		return isOrdered(f) && numErr == nil
	}
	return check{kind: kind, fits: fits, run: func(_ context.Context, v reflect.Value, path string) *FieldError {
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			switch {
			case kind == "min" && t.Before(at):
				return failed(kind, path, v, "Path `%s` (%s) is before minimum allowed value (%s).", path, t, at)
			case kind == "max" && t.After(at):
				return failed(kind, path, v, "Path `%s` (%s) is after maximum allowed value (%s).", path, t, at)
			}
			return nil
		}
		switch n := asFloat(v); {
		case kind == "min" && n < number:
			return failed(kind, path, v, "Path `%s` (%v) is less than minimum allowed value (%s).", path, v.Interface(), limit)
		case kind == "max" && n > number:
			return failed(kind, path, v, "Path `%s` (%v) is more than maximum allowed value (%s).", path, v.Interface(), limit)
		}
		return nil
	}}, nil
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", s)
}

func asFloat(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	}
	return v.Float()
}

// Enum allows these values only.
func Enum(values ...string) PathOption {
	return func(c *compiler, f *field) { c.addCheck(f, enumCheck(values)) }
}

// Min is the least allowed number or time.
func Min[V int | int64 | float64 | time.Time](v V) PathOption { return bound("min", v) }

// Max is the greatest allowed number or time.
func Max[V int | int64 | float64 | time.Time](v V) PathOption { return bound("max", v) }

func bound(kind string, v any) PathOption {
	text := fmt.Sprint(v)
	if t, ok := v.(time.Time); ok {
		text = t.Format(time.RFC3339Nano)
	}
	return func(c *compiler, f *field) { c.bound(f, kind, text) }
}

func (c *compiler) bound(f *field, kind, text string) {
	ck, err := boundCheck(kind, text)
	if err != nil {
		c.problem("%s: %v", f.path, err)
		return
	}
	c.addCheck(f, ck)
}

// MinLength is the least number of characters.
func MinLength(n int) PathOption {
	return func(c *compiler, f *field) { c.addCheck(f, lengthCheck("minlength", n)) }
}

// MaxLength is the greatest number of characters.
func MaxLength(n int) PathOption {
	return func(c *compiler, f *field) { c.addCheck(f, lengthCheck("maxlength", n)) }
}

// parseRules reads an odm tag.
func (c *compiler) parseRules(f *field, tag string) {
	if tag == "" {
		return
	}
	for word := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(word), "=")
		parse, ok := tagWords[key]
		if !ok {
			c.problem("%s: unknown word %q in the tag", f.path, key)
			continue
		}
		parse(c, f, value)
	}
}

// tagWords are the words of odm tags.
var tagWords = map[string]func(c *compiler, f *field, value string){
	"required":  func(c *compiler, f *field, _ string) { c.require(f) },
	"default":   func(c *compiler, f *field, v string) { c.defaultText(f, v) },
	"enum":      func(c *compiler, f *field, v string) { c.addCheck(f, enumCheck(strings.Split(v, "|"))) },
	"min":       func(c *compiler, f *field, v string) { c.bound(f, "min", v) },
	"max":       func(c *compiler, f *field, v string) { c.bound(f, "max", v) },
	"minlength": func(c *compiler, f *field, v string) { c.length(f, "minlength", v) },
	"maxlength": func(c *compiler, f *field, v string) { c.length(f, "maxlength", v) },
	"match":     func(c *compiler, f *field, v string) { Match(v)(c, f) },
	"immutable": func(c *compiler, f *field, _ string) { Immutable()(c, f) },
	"lowercase": func(c *compiler, f *field, _ string) { Lowercase()(c, f) },
	"uppercase": func(c *compiler, f *field, _ string) { Uppercase()(c, f) },
	"trim":      func(c *compiler, f *field, _ string) { Trim()(c, f) },
	"hidden":    func(c *compiler, f *field, _ string) { Hidden()(c, f) },
	"alias":     func(c *compiler, f *field, v string) { Alias(v)(c, f) },
	"index":     func(c *compiler, f *field, _ string) { Index()(c, f) },
	"unique":    func(c *compiler, f *field, _ string) { Unique()(c, f) },
	"sparse":    func(c *compiler, f *field, _ string) { Sparse()(c, f) },
	"ref":       func(_ *compiler, f *field, v string) { f.rules.ref = v },
	"extra":     func(_ *compiler, f *field, _ string) { f.extra = true },
	"expires": func(c *compiler, f *field, v string) {
		d, err := time.ParseDuration(v)
		if err != nil {
			c.problem("%s: expires=%s is not a duration", f.path, v)
			return
		}
		Expires(d)(c, f)
	},
}

func (c *compiler) length(f *field, kind, value string) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		c.problem("%s: %s=%s is not a length", f.path, kind, value)
		return
	}
	c.addCheck(f, lengthCheck(kind, n))
}

// defaultText reads a default from a tag.
func (c *compiler) defaultText(f *field, text string) {
	if !f.canMiss() {
		c.problem("%s: a default never applies to a plain %s: use a pointer or odm.Opt", f.path, f.kind)
		return
	}
	v := reflect.New(valueType(f.typ)).Elem()
	var err error
	switch f.kind {
	case kindString:
		v.SetString(text)
	case kindBool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case kindInt:
		var n int64
		n, err = strconv.ParseInt(text, 10, f.bits)
		v.SetInt(n)
	case kindUint:
		var n uint64
		n, err = strconv.ParseUint(text, 10, f.bits)
		v.SetUint(n)
	case kindFloat:
		var n float64
		n, err = strconv.ParseFloat(text, f.bits)
		v.SetFloat(n)
	case kindTime:
		if text == "now" {
			f.rules.defText = text
			return
		}
		var t time.Time
		if t, err = parseTime(text); err == nil {
			v.Set(reflect.ValueOf(t).Convert(v.Type()))
		}
	default:
		err = fmt.Errorf("a %s has no default in a tag: use odm.DefaultValue", f.kind)
	}
	if err != nil {
		c.problem("%s: default=%s: %v", f.path, text, err)
		return
	}
	value := v.Interface()
	f.rules.def = func() any { return value }
}
