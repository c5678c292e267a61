package expr

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// FieldPath is "$a.b": a path from the root document.
type FieldPath struct {
	Path  string // "a.b"
	parts []string
}

// NewFieldPath makes the expression for a path without the leading "$".
func NewFieldPath(path string) (*FieldPath, error) {
	parts, err := SplitPath(path)
	if err != nil {
		return nil, err
	}
	return &FieldPath{Path: path, parts: parts}, nil
}

// Eval follows the path.
func (e *FieldPath) Eval(c *Context) (bsonx.Value, error) {
	return c.follow(c.Root, e.parts), nil
}

// Args returns nil.
func (e *FieldPath) Args() []Expr { return nil }

// Root is "$$ROOT" or "$$CURRENT": the whole document.
type Root struct{}

// Eval returns the document.
func (Root) Eval(c *Context) (bsonx.Value, error) { return c.Root, nil }

// Args returns nil.
func (Root) Args() []Expr { return nil }

// Variable is "$$name.a.b" for a variable in a slot.
type Variable struct {
	Name  string
	slot  int
	parts []string
}

// Eval reads the slot and follows the path.
func (e *Variable) Eval(c *Context) (bsonx.Value, error) {
	v := c.vars[e.slot]
	if len(e.parts) == 0 {
		return v, nil
	}
	return c.follow(v, e.parts), nil
}

// Args returns nil.
func (e *Variable) Args() []Expr { return nil }

// follow walks documents by name; an array on the way gives the array of what the
// documents in it give, without the missing ones. Numeric components are field names.
func (c *Context) follow(v bsonx.Value, parts []string) bsonx.Value {
	for i, p := range parts {
		switch v.Type {
		case bsonx.TypeDocument:
			v = v.Doc().Lookup(p)
		case bsonx.TypeArray:
			return c.followArray(v.Doc(), parts[i:])
		default:
			return bsonx.Value{}
		}
	}
	return v
}

func (c *Context) followArray(arr bsonx.Doc, parts []string) bsonx.Value {
	b := bsonx.AppendDocStart(c.Scratch())
	n := 0
	for it := arr.Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return c.KeepArray(b)
		}
		if elem.Type != bsonx.TypeDocument {
			continue
		}
		if v := c.follow(elem, parts); !v.IsMissing() {
			b = bsonx.AppendIndexElem(b, n, v)
			n++
		}
	}
}

// SplitPath splits and checks a field path without the leading "$".
func SplitPath(path string) ([]string, error) {
	switch {
	case path == "":
		return nil, mongoerr.New(40352, "FieldPath cannot be constructed with empty string")
	case strings.HasSuffix(path, "."):
		return nil, mongoerr.New(40353, "FieldPath must not end with a '.'.")
	}
	parts := strings.Split(path, ".")
	if len(parts) > bsonx.MaxDepth {
		return nil, mongoerr.New(mongoerr.Overflow, "FieldPath is too long")
	}
	for _, p := range parts {
		if err := checkFieldName(p); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// checkFieldName checks one component of a path.
func checkFieldName(name string) error {
	switch {
	case name == "":
		return mongoerr.New(15998, "FieldPath field names may not be empty strings.")
	case name[0] == '$':
		return mongoerr.New(16410, "FieldPath field names may not start with '$'. Consider using $getField or $setField.")
	case strings.IndexByte(name, 0) >= 0:
		return mongoerr.New(16411, "FieldPath field names may not contain '\\0'.")
	}
	return nil
}
