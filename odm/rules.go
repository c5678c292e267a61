package odm

import (
	"context"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// rules are what a schema says of one path.
type rules struct {
	required   bool
	requiredIf func(doc any) bool
	immutable  bool
	hidden     bool
	alias      string
	ref        string
	setters    []func(string) string
	custom     []func(reflect.Value) // setters of other types
	getter     func(reflect.Value) any
	checks     []check
	def        func() any
	defText    string

	index, unique, sparse bool
	expires               *time.Duration
}

func (r *rules) any() bool {
	return r.required || r.requiredIf != nil || len(r.checks) > 0 || len(r.setters) > 0 || len(r.custom) > 0
}

// check is one validator. It is not asked about missing values.
type check struct {
	kind string
	fits func(f *field) bool
	run  func(ctx context.Context, v reflect.Value, path string) *FieldError
}

// PathOption is a rule for one path, for Path.
type PathOption func(c *compiler, f *field)

// Required makes a missing value an error.
func Required() PathOption {
	return func(c *compiler, f *field) { c.require(f) }
}

// RequiredIf makes a missing value an error when fn says so of the document.
func RequiredIf[T any](fn func(doc *T) bool) PathOption {
	return func(_ *compiler, f *field) {
		f.rules.requiredIf = func(doc any) bool { d, ok := doc.(*T); return ok && fn(d) }
	}
}

func (c *compiler) require(f *field) {
	if !f.canMiss() {
		c.problem("%s: required never fails on a plain %s: use a pointer or odm.Opt", f.path, f.kind)
	}
	f.rules.required = true
}

func (f *field) canMiss() bool {
	switch f.kind {
	case kindInt, kindUint, kindFloat, kindBool, kindStruct:
		return f.opt
	}
	return true
}

// DefaultValue gives a missing value this one.
func DefaultValue[V any](v V) PathOption { return DefaultFunc(func() V { return v }) }

// DefaultFunc gives a missing value the one that fn returns.
func DefaultFunc[V any](fn func() V) PathOption {
	return func(c *compiler, f *field) {
		if !f.canMiss() {
			c.problem("%s: a default never applies to a plain %s: use a pointer or odm.Opt", f.path, f.kind)
		}
		if t := valueType(f.typ); reflect.TypeFor[V]() != t {
			c.problem("%s: the default is a %s, the field a %s", f.path, reflect.TypeFor[V](), t)
			return
		}
		f.rules.def = func() any { return fn() }
	}
}

// valueType is the type below pointers and Opts.
func valueType(t reflect.Type) reflect.Type {
	for {
		switch {
		case t.Kind() == reflect.Pointer:
			t = t.Elem()
		case t.Implements(typeOption):
			t = reflect.Zero(t).Interface().(optional).valueType()
		default:
			return t
		}
	}
}

// Immutable keeps a path from being changed after the first save.
func Immutable() PathOption { return func(_ *compiler, f *field) { f.rules.immutable = true } }

// Hidden leaves a path out of queries that do not ask for it.
func Hidden() PathOption { return func(_ *compiler, f *field) { f.rules.hidden = true } }

// Alias gives a path another name, for filters and ToObject.
func Alias(name string) PathOption { return func(_ *compiler, f *field) { f.rules.alias = name } }

// Index makes an index of the path.
func Index() PathOption { return func(_ *compiler, f *field) { f.rules.index = true } }

// Unique makes a unique index of the path.
func Unique() PathOption { return func(_ *compiler, f *field) { f.rules.unique = true } }

// Sparse makes an index of the path that leaves out documents without it.
func Sparse() PathOption { return func(_ *compiler, f *field) { f.rules.sparse = true } }

// Expires makes an index that removes documents when their time in the path is so long ago.
func Expires(after time.Duration) PathOption {
	return func(c *compiler, f *field) {
		if f.kind != kindTime {
			c.problem("%s: expires is for times", f.path)
		}
		f.rules.expires = &after
	}
}

// Lowercase, Uppercase and Trim change strings before they are validated and stored, and in
// filters and updates as well.
func Lowercase() PathOption { return textSetter("lowercase", strings.ToLower) }

// Uppercase is described at Lowercase.
func Uppercase() PathOption { return textSetter("uppercase", strings.ToUpper) }

// Trim is described at Lowercase.
func Trim() PathOption { return textSetter("trim", strings.TrimSpace) }

func textSetter(name string, fn func(string) string) PathOption {
	return func(c *compiler, f *field) {
		if f.leaf().kind != kindString {
			c.problem("%s: %s is for strings", f.path, name)
			return
		}
		f.rules.setters = append(f.rules.setters, fn)
	}
}

// leaf is the field itself or, of arrays, the field of the elements.
func (f *field) leaf() *field {
	for f.kind == kindSlice {
		f = f.elem
	}
	return f
}

// Setter changes a value before it is validated and stored, and in filters and updates as
// well. It runs at every save, so it has to leave alone what it gave.
func Setter[V any](fn func(V) V) PathOption {
	return func(c *compiler, f *field) {
		if t := valueType(f.typ); t != reflect.TypeFor[V]() {
			c.problem("%s: the setter takes a %s, the field is a %s", f.path, reflect.TypeFor[V](), t)
			return
		}
		f.rules.custom = append(f.rules.custom, func(v reflect.Value) {
			v.Set(reflect.ValueOf(fn(v.Interface().(V))))
		})
	}
}

// Getter shows the values of a path as something else, in ToObject and ToJSON with Getters,
// and in Doc.Get. The field, queries and what is stored do not know of it.
func Getter[V any](fn func(V) any) PathOption {
	return func(c *compiler, f *field) {
		if t := valueType(f.typ); t != reflect.TypeFor[V]() {
			c.problem("%s: the getter takes a %s, the field is a %s", f.path, reflect.TypeFor[V](), t)
			return
		}
		f.rules.getter = func(v reflect.Value) any { return fn(v.Interface().(V)) }
	}
}

// Match makes strings that the regular expression does not match an error.
func Match(pattern string) PathOption {
	return func(c *compiler, f *field) {
		re, err := regexp.Compile(pattern)
		if err != nil {
			c.problem("%s: match: %v", f.path, err)
			return
		}
		c.addCheck(f, matchCheck(re))
	}
}

func (c *compiler) addCheck(f *field, ck check) {
	if !ck.fits(f.leaf()) && !ck.fits(f) {
		c.problem("%s: %s does not fit a %s", f.path, ck.kind, f.kind)
		return
	}
	f.rules.checks = append(f.rules.checks, ck)
}

// Check is a validator of one's own. The error it returns gives the message.
func Check[V any](fn func(ctx context.Context, v V) error) PathOption {
	return func(c *compiler, f *field) {
		want := reflect.TypeFor[V]()
		if t := valueType(f.typ); t != want {
			c.problem("%s: the check takes a %s, the field is a %s", f.path, want, t)
			return
		}
		f.rules.checks = append(f.rules.checks, check{
			kind: "user defined",
			fits: func(*field) bool { return true },
			run: func(ctx context.Context, v reflect.Value, path string) *FieldError {
				if err := fn(ctx, v.Interface().(V)); err != nil {
					return &FieldError{Path: path, Kind: "user defined", Value: v.Interface(), Message: err.Error(), Reason: err}
				}
				return nil
			},
		})
	}
}
