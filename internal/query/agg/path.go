package agg

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// path is a field path, split and checked.
type path []string

func parsePath(s string) (path, error) {
	parts, err := expr.SplitPath(s)
	return parts, err
}

func (p path) String() string { return strings.Join(p, ".") }

// get follows the path through documents only, not into arrays.
func (p path) get(d bsonx.Doc) bsonx.Value { return d.LookupPath(p...) }

// appendSet appends d with the value at the path replaced, or added at the end. What is not
// a document on the way becomes one. A missing v removes the field.
func (p path) appendSet(dst []byte, d bsonx.Doc, v bsonx.Value) []byte {
	start := len(dst)
	dst = bsonx.AppendDocStart(dst)
	found := false
	for it := d.Iter(); ; {
		before := it.Rest()
		key, old, ok := it.Next()
		if !ok {
			break
		}
		if key != p[0] {
			dst = append(dst, before[:len(before)-len(it.Rest())]...)
			continue
		}
		if !found {
			dst = p.appendField(dst, old, v)
		}
		found = true
	}
	if !found {
		dst = p.appendField(dst, bsonx.Value{}, v)
	}
	return bsonx.AppendDocEnd(dst, start)
}

// appendField appends the field p[0], whose value was old.
func (p path) appendField(dst []byte, old, v bsonx.Value) []byte {
	if len(p) == 1 {
		return bsonx.AppendElem(dst, p[0], v)
	}
	if v.IsMissing() && old.Type != bsonx.TypeDocument {
		return bsonx.AppendElem(dst, p[0], old)
	}
	var inner bsonx.Doc
	if old.Type == bsonx.TypeDocument {
		inner = old.Doc()
	}
	return p[1:].appendSet(bsonx.AppendHeader(dst, bsonx.TypeDocument, p[0]), inner, v)
}

// visit calls fn for the values at a local or connecting path, the way $lookup and
// $graphLookup read it: arrays are expanded on the way and at the end, one level each, and
// numeric components after the first may be array positions.
func (p path) visit(d bsonx.Doc, fn func(bsonx.Value)) {
	v := d.Lookup(p[0])
	rest := p[1:]
	for len(rest) > 0 && v.Type == bsonx.TypeArray {
		i, ok := arrayIndex(rest[0])
		if !ok {
			break
		}
		v, rest = v.Doc().Index(i), rest[1:]
	}
	if v.Type != bsonx.TypeArray {
		rest.visitElem(v, fn)
		return
	}
	for it := v.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return
		}
		rest.visitElem(elem, fn)
	}
}

// visitElem visits what is below v, which is no array to be expanded.
func (p path) visitElem(v bsonx.Value, fn func(bsonx.Value)) {
	switch {
	case v.IsMissing():
	case len(p) == 0:
		fn(v)
	case v.Type == bsonx.TypeDocument:
		p.visit(v.Doc(), fn)
	}
}

// arrayIndex reads a path component as an array position.
func arrayIndex(s string) (int, bool) {
	if s == "" || len(s) > 9 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// overlaps reports whether one path is equal to the other or leads to it.
func overlaps(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return strings.HasPrefix(b, a) && (len(a) == len(b) || b[len(a)] == '.')
}

// unknownOption is the error for a field of a stage's argument that the stage does not have.
func unknownOption(code mongoerr.Code, stage, name string) error {
	return mongoerr.New(code, "BSON field '%s.%s' is an unknown field.", stage, name)
}
