package update

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// equalities is the tree of fields that a filter requires to equal a value, in the
// filter's order.
type equalities struct {
	name     string
	path     string
	eq       bsonx.Value // missing for an inner node
	children []*equalities

	idOnly bool // of the root: only paths at and below _id count, as for a replacement
}

// collect adds the equalities of a filter: field conditions, and what $and, or a $or of one
// branch, if repeated, puts around them. Other conditions say nothing about an inserted document.
func (e *equalities) collect(filter bsonx.Doc) error {
	for it := filter.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return nil
		}
		var err error
		switch {
		case key == "$and":
			err = e.collectAll(v.Doc())
		case key == "$or" && allSame(v.Doc()):
			err = e.collect(v.Doc().Index(0).Doc())
		case strings.HasPrefix(key, "$"):
		default:
			err = e.condition(key, v)
		}
		if err != nil {
			return err
		}
	}
}

// allSame reports whether all elements of an array are the same.
func allSame(arr bsonx.Doc) bool {
	first := arr.Index(0)
	for _, v := range elements(arr) {
		if !bsonx.Identical(v, first) {
			return false
		}
	}
	return true
}

func (e *equalities) collectAll(branches bsonx.Doc) error {
	for it := branches.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return nil
		}
		if err := e.collect(v.Doc()); err != nil {
			return err
		}
	}
}

// condition adds what the condition v on a path says.
func (e *equalities) condition(path string, v bsonx.Value) error {
	if v.Type == bsonx.TypeRegex {
		return nil
	}
	first, _, _ := v.Doc().First()
	if v.Type != bsonx.TypeDocument || !isOperator(first) {
		return e.add(path, v)
	}
	for it := v.Doc().Iter(); ; {
		op, arg, ok := it.Next()
		if !ok {
			return nil
		}
		var err error
		switch {
		case op == "$eq":
			err = e.add(path, arg)
		case op == "$in" && arg.Doc().Count() == 1, op == "$all":
			err = e.listed(path, arg.Doc())
		}
		if err != nil {
			return err
		}
	}
}

// listed adds the literal values of $in or $all.
func (e *equalities) listed(path string, list bsonx.Doc) error {
	for it := list.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return nil
		}
		first, _, _ := v.Doc().First()
		if v.Type == bsonx.TypeRegex || v.Type == bsonx.TypeDocument && isOperator(first) {
			continue
		}
		if err := e.add(path, v); err != nil {
			return err
		}
	}
}

// isOperator reports whether a document whose first field has this name is a condition
// rather than a value. A DBRef is a value.
func isOperator(name string) bool {
	return strings.HasPrefix(name, "$") && name != "$ref" && name != "$id" && name != "$db"
}

func (e *equalities) add(path string, v bsonx.Value) error {
	if e.idOnly && path != "_id" && !strings.HasPrefix(path, "_id.") {
		return nil
	}
	n := e
	for rest := path; ; {
		part, after, more := strings.Cut(rest, ".")
		prefix := path[:len(path)-len(after)]
		if more {
			prefix = prefix[:len(prefix)-1]
		}
		child := n.child(part)
		switch {
		case child == nil:
			child = &equalities{name: part, path: prefix}
			n.children = append(n.children, child)
		case !more && !child.eq.IsMissing():
			return mongoerr.New(mongoerr.NotSingleValueField,
				"cannot infer query fields to set, path '%s' is matched twice", path)
		case !more || !child.eq.IsMissing():
			return mongoerr.New(mongoerr.NotSingleValueField,
				"cannot infer query fields to set, both paths '%s' and '%s' are matched", path, child.leaf().path)
		}
		if !more {
			child.eq = v
			return nil
		}
		n, rest = child, after
	}
}

func (e *equalities) child(name string) *equalities {
	i := slices.IndexFunc(e.children, func(c *equalities) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return e.children[i]
}

// leaf returns the first path at or below e.
func (e *equalities) leaf() *equalities {
	for len(e.children) > 0 {
		e = e.children[0]
	}
	return e
}

// value returns what a top-level field must equal, missing if nothing says so.
func (e *equalities) value(name string) bsonx.Value {
	if c := e.child(name); c != nil {
		return c.eq
	}
	return bsonx.Value{}
}

// idFor returns the _id of a document that is inserted as it is: its own, or the filter's, which
// it may not contradict, or a new one.
func (e *equalities) idFor(doc bsonx.Doc, newID func() bsonx.Value) (bsonx.Value, error) {
	required, own := e.value("_id"), doc.Lookup("_id")
	switch {
	case own.IsMissing() && required.IsMissing():
		if c := e.child("_id"); c != nil {
			return own, mongoerr.New(111, "field at '_id' must be exactly specified, field at sub-path '%s'found", c.leaf().path)
		}
		return newID(), nil
	case own.IsMissing():
		return required, nil
	case !required.IsMissing() && !bsonx.Equal(required, own):
		return own, alteredID(own)
	}
	return own, nil
}

// document builds the document that the equalities describe, with _id first.
func (e *equalities) document() bsonx.Doc {
	dst := bsonx.AppendDocStart(nil)
	if id := e.child("_id"); id != nil {
		dst = id.appendTo(dst)
	}
	for _, c := range e.children {
		if c.name != "_id" {
			dst = c.appendTo(dst)
		}
	}
	return bsonx.AppendDocEnd(dst, 0)
}

func (e *equalities) appendTo(dst []byte) []byte {
	if !e.eq.IsMissing() {
		return bsonx.AppendElem(dst, e.name, e.eq)
	}
	dst = bsonx.AppendHeader(dst, bsonx.TypeDocument, e.name)
	start := len(dst)
	dst = bsonx.AppendDocStart(dst)
	for _, c := range e.children {
		dst = c.appendTo(dst)
	}
	return bsonx.AppendDocEnd(dst, start)
}
