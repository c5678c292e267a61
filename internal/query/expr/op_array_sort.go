package expr

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

var sortArraySignature = signature{
	names:     []string{"input", "sortBy"},
	notObject: failType(2942500, "$sortArray requires an object as an argument, found: "),
	unknown:   failName(2942501, "$sortArray found an unknown argument: "),
	missing: map[string]func(string) error{
		"input":  fail(2942502, "$sortArray requires 'input' to be specified"),
		"sortBy": fail(2942503, "$sortArray requires 'sortBy' to be specified"),
	},
}

// sortField is one field to sort by.
type sortField struct {
	parts      []string // empty: the whole value
	descending bool
}

// sortArray is $sortArray.
type sortArray struct {
	input  Expr
	fields []sortField
}

func parseSortArray(name string, arg bsonx.Value, s *Scope) (Expr, error) {
	vals, err := sortArraySignature.elements(name, arg)
	if err != nil {
		return nil, err
	}
	e := &sortArray{}
	if e.fields, err = sortBy(vals[1]); err != nil {
		return nil, err
	}
	if e.input, err = Parse(vals[0], s); err != nil {
		return nil, err
	}
	return foldIf(IsConst(e.input), e, s)
}

func sortBy(v bsonx.Value) ([]sortField, error) {
	switch {
	case v.Type == bsonx.TypeDocument:
		return sortByFields(v.Doc())
	case !v.IsNumber():
		return nil, mongoerr.New(2942507, "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields")
	}
	descending, ok := direction(v)
	if !ok {
		return nil, mongoerr.New(2942506, "The $sort element value must be either 1 or -1")
	}
	return []sortField{{descending: descending}}, nil
}

func direction(v bsonx.Value) (descending, ok bool) {
	i, ok := Integer(v)
	return i == -1, ok && (i == 1 || i == -1)
}

func sortByFields(d bsonx.Doc) ([]sortField, error) {
	invalid := func(text string) error { return mongoerr.New(2942505, "BadValue: %s", text) }
	var fs []sortField
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		descending, ok := direction(v)
		switch {
		case !ok:
			return nil, invalid("The sort element value must be either 1 or -1")
		case name == "":
			return nil, invalid("The sort field cannot be empty")
		case strings.HasSuffix(name, "."):
			return nil, invalid("The sort field is a dotted field but has no component after the last dot: " + name)
		}
		parts := strings.Split(strings.Clone(name), ".")
		for _, p := range parts {
			switch {
			case p == "":
				return nil, invalid("The sort field contains an empty component: " + name)
			case p[0] == '$':
				return nil, invalid("The sort field cannot start with '$': " + name)
			}
		}
		fs = append(fs, sortField{parts, descending})
	}
	if len(fs) == 0 {
		return nil, invalid("The sort pattern is empty when it should be a set of fields.")
	}
	return fs, nil
}

func (e *sortArray) Args() []Expr { return []Expr{e.input} }

// keyed is an element with its sort keys.
type keyed struct {
	elem bsonx.Value
	keys []bsonx.Value
}

func (e *sortArray) Eval(c *Context) (bsonx.Value, error) {
	input, err := e.input.Eval(c)
	switch {
	case err != nil:
		return input, err
	case input.IsNullish():
		return bsonx.Null, nil
	case input.Type != bsonx.TypeArray:
		return input, mongoerr.New(2942504, "The input argument to $sortArray must be an array, but was of type: %s", input.Type)
	}
	if len(e.fields[0].parts) == 0 {
		return e.sortValues(c, input), nil
	}
	var elems []keyed
	for it := input.Doc().Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		k := keyed{elem: v, keys: make([]bsonx.Value, len(e.fields))}
		for i, f := range e.fields {
			k.keys[i] = sortKey(v, f.parts)
		}
		elems = append(elems, k)
	}
	slices.SortStableFunc(elems, func(a, b keyed) int { return e.compare(c, a, b) })
	b := bsonx.AppendDocStart(c.Scratch())
	for i, k := range elems {
		b = bsonx.AppendIndexElem(b, i, k.elem)
	}
	return c.KeepArray(b), nil
}

// sortValues sorts by the whole value.
func (e *sortArray) sortValues(c *Context, input bsonx.Value) bsonx.Value {
	base := len(c.stack)
	c.stack = appendValues(c.stack, input.Doc())
	vals := c.stack[base:]
	if e.fields[0].descending {
		slices.SortStableFunc(vals, func(a, b bsonx.Value) int { return c.compare(b, a) })
	} else {
		slices.SortStableFunc(vals, c.compare)
	}
	sorted := c.keepArray(vals)
	c.stack = c.stack[:base]
	return sorted
}

func (e *sortArray) compare(c *Context, a, b keyed) int {
	for i, f := range e.fields {
		r := c.compare(a.keys[i], b.keys[i])
		if f.descending {
			r = -r
		}
		if r != 0 {
			return r
		}
	}
	return 0
}

// sortKey follows documents by name and arrays by index; an element without the field
// sorts as null.
func sortKey(v bsonx.Value, parts []string) bsonx.Value {
	for i, p := range parts {
		if v.Type != bsonx.TypeDocument && (i == 0 || v.Type != bsonx.TypeArray) {
			return bsonx.Null
		}
		v = v.Doc().Lookup(p)
	}
	if v.IsMissing() {
		return bsonx.Null
	}
	return v
}
