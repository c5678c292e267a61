package expr

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

var zipSignature = signature{
	names:     []string{"inputs", "defaults", "useLongestLength"},
	notObject: failType(34460, "$zip only supports an object as an argument, found "),
	unknown:   failName(34464, "$zip found an unknown argument: "),
}

// zip is $zip: it turns columns into rows.
type zip struct {
	inputs, defaults []Expr
	longest          bool
}

func parseZip(name string, arg bsonx.Value, s *Scope) (Expr, error) {
	vals, err := zipSignature.elements(name, arg)
	if err != nil {
		return nil, err
	}
	e := &zip{}
	if e.inputs, err = zipList(34461, "inputs", vals[0], s); err != nil {
		return nil, err
	}
	if e.defaults, err = zipList(34462, "defaults", vals[1], s); err != nil {
		return nil, err
	}
	if l := vals[2]; !l.IsMissing() {
		if l.Type != bsonx.TypeBool {
			return nil, mongoerr.New(34463, "useLongestLength must be a bool, found %s", l.Type)
		}
		e.longest = l.Bool()
	}
	switch {
	case len(e.inputs) == 0:
		return nil, mongoerr.New(34465, "$zip requires at least one input array")
	case !e.longest && len(e.defaults) > 0:
		return nil, mongoerr.New(34466, "cannot specify defaults unless useLongestLength is true")
	case len(e.defaults) > 0 && len(e.defaults) != len(e.inputs):
		return nil, mongoerr.New(34467, "defaults and inputs must have the same length")
	}
	return e, nil
}

func zipList(code mongoerr.Code, what string, v bsonx.Value, s *Scope) ([]Expr, error) {
	switch v.Type {
	case bsonx.Missing:
		return nil, nil
	case bsonx.TypeArray:
		return parseList(v.Doc(), s)
	}
	return nil, mongoerr.New(code, "%s must be an array of expressions, found %s", what, v.Type)
}

func (e *zip) Args() []Expr { return append(slices.Clip(e.inputs), e.defaults...) }

func (e *zip) Eval(c *Context) (bsonx.Value, error) {
	columns := make([]bsonx.Iter, len(e.inputs))
	shortest, longest := -1, 0
	for i, in := range e.inputs {
		v, err := in.Eval(c)
		switch {
		case err != nil:
			return v, err
		case v.IsNullish():
			return bsonx.Null, nil
		case v.Type != bsonx.TypeArray:
			return v, mongoerr.New(34468, "$zip found a non-array expression in input: %s", bsonx.Format(v))
		}
		columns[i] = v.Doc().Iter()
		n := v.Doc().Count()
		longest = max(longest, n)
		if shortest < 0 || n < shortest {
			shortest = n
		}
	}
	defaults := make([]bsonx.Value, len(e.inputs))
	rows := shortest
	if e.longest {
		rows = longest
		if shortest != longest {
			for i, d := range e.defaults {
				v, err := d.Eval(c)
				if err != nil {
					return v, err
				}
				defaults[i] = v
			}
		}
	}
	return zipRows(c, rows, columns, defaults)
}

func zipRows(c *Context, rows int, columns []bsonx.Iter, defaults []bsonx.Value) (bsonx.Value, error) {
	b := bsonx.AppendDocStart(c.Scratch())
	for row := range rows {
		b = bsonx.AppendIndexHeader(b, bsonx.TypeArray, row)
		start := len(b)
		b = bsonx.AppendDocStart(b)
		for i := range columns {
			_, v, ok := columns[i].Next()
			if !ok {
				v = defaults[i]
			}
			b = bsonx.AppendIndexElem(b, i, v)
		}
		b = bsonx.AppendDocEnd(b, start)
		if err := checkSize(b); err != nil {
			c.Drop(b)
			return bsonx.Value{}, err
		}
	}
	return c.KeepArray(b), nil
}
