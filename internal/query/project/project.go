// Package project shapes documents: the projections of find and $project, and $addFields, $set
// and $unset.
//
// A specification is compiled once into a tree by path; applying it copies the bytes of what is
// kept and evaluates expressions for what is new.
package project

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// Kind is where a projection stands.
type Kind uint8

// The kinds. Find knows $slice, $elemMatch and the positional operator, too.
const (
	Find Kind = iota
	Aggregate
)

// mode is what happens to fields that the specification does not name.
type mode uint8

const (
	exclusion mode = iota // they stay
	inclusion             // they go
	addition              // they stay, and computed fields take their old place
)

// Projection is a compiled projection. It is immutable and safe for concurrent use.
type Projection struct {
	mode   mode
	root   *node
	filter *match.Filter // of the query, for the positional operator
	simple bool
}

// action is what happens to a field that the specification names.
type action uint8

const (
	nested     action = iota // see node.fields
	include                  // the field is kept
	exclude                  // the field goes
	compute                  // the field becomes the value of an expression
	slice                    // a part of the array is kept
	elemMatch                // the first element that matches is kept
	positional               // the element that the query has matched is kept
)

// node is a field in the tree of a specification.
type node struct {
	name   string
	action action
	fields []*node // in the order of the specification
	adds   bool    // this node or one below is computed, so it can make a missing field

	expr  expr.Expr
	slice sliceArgs
	elem  *match.Filter
}

func (n *node) find(name string) *node {
	for _, f := range n.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// IsSimple reports whether the projection only keeps, or only drops, whole fields.
func (p *Projection) IsSimple() bool { return p.simple }

// Append appends the projection of doc, to which c has been Reset, to dst.
func (p *Projection) Append(dst []byte, doc bsonx.Doc, c *expr.Context) ([]byte, error) {
	r := run{p: p, c: c, doc: doc, pos: -2}
	start := len(dst)
	dst, err := r.fields(bsonx.AppendDocStart(dst), doc, p.root)
	if err != nil {
		return nil, err
	}
	return bsonx.AppendDocEnd(dst, start), nil
}

// run is one application of a projection.
type run struct {
	p   *Projection
	c   *expr.Context
	doc bsonx.Doc
	pos int // the position that the query has matched, -2 when it is not known yet
}

// fields appends the fields of one document, as n wants them.
func (r *run) fields(dst []byte, d bsonx.Doc, n *node) ([]byte, error) {
	var seen uint64 // the nodes that the document has a field for
	var err error
	for it := d.Iter(); ; {
		k, v, ok := it.Next()
		if !ok {
			break
		}
		i := n.index(k)
		if i < 0 {
			if r.p.mode != inclusion {
				dst = bsonx.AppendElem(dst, k, v)
			}
			continue
		}
		if i < 64 && seen&(1<<i) != 0 && r.p.mode == addition {
			continue // a repeated field that was replaced already
		}
		if i < 64 && !(r.p.mode == inclusion && n.fields[i].late()) {
			seen |= 1 << i
		}
		if dst, err = r.field(dst, k, v, n.fields[i]); err != nil {
			return nil, err
		}
	}
	for i, f := range n.fields {
		if f.adds && (i >= 64 || seen&(1<<i) == 0) {
			if dst, err = r.added(dst, d, f); err != nil {
				return nil, err
			}
		}
	}
	return dst, nil
}

func (n *node) index(name string) int {
	for i, f := range n.fields {
		if f.name == name {
			return i
		}
	}
	return -1
}

// late reports whether the field comes after those that are kept, whatever its old place.
func (n *node) late() bool { return n.action == compute || n.action == elemMatch }

// field appends a field that the document has.
func (r *run) field(dst []byte, k string, v bsonx.Value, n *node) ([]byte, error) {
	switch n.action {
	case include:
		return bsonx.AppendElem(dst, k, v), nil
	case exclude:
		return dst, nil
	case compute:
		if r.p.mode != addition {
			return dst, nil
		}
		return r.computed(dst, n)
	case slice:
		if v.Type != bsonx.TypeArray {
			return bsonx.AppendElem(dst, k, v), nil
		}
		return n.slice.appendTo(dst, k, v.Doc()), nil
	case positional:
		return r.positional(dst, k, v)
	case nested:
		return r.below(dst, k, v, n)
	}
	return dst, nil // elemMatch comes later
}

func (r *run) computed(dst []byte, n *node) ([]byte, error) {
	v, err := n.expr.Eval(r.c)
	if err != nil {
		return nil, err
	}
	return bsonx.AppendElem(dst, n.name, v), nil
}

// below appends a field whose parts the specification names.
func (r *run) below(dst []byte, k string, v bsonx.Value, n *node) ([]byte, error) {
	switch v.Type {
	case bsonx.TypeDocument:
		dst = bsonx.AppendHeader(dst, bsonx.TypeDocument, k)
		return r.document(dst, v.Doc(), n)
	case bsonx.TypeArray:
		dst = bsonx.AppendHeader(dst, bsonx.TypeArray, k)
		return r.array(dst, v.Doc(), n)
	}
	if n.adds {
		dst = bsonx.AppendHeader(dst, bsonx.TypeDocument, k)
		return r.document(dst, bsonx.Empty, n)
	}
	if r.p.mode == inclusion {
		return dst, nil
	}
	return bsonx.AppendElem(dst, k, v), nil
}

func (r *run) document(dst []byte, d bsonx.Doc, n *node) ([]byte, error) {
	start := len(dst)
	dst, err := r.fields(bsonx.AppendDocStart(dst), d, n)
	if err != nil {
		return nil, err
	}
	return bsonx.AppendDocEnd(dst, start), nil
}

// array applies n to every element.
func (r *run) array(dst []byte, arr bsonx.Doc, n *node) ([]byte, error) {
	start := len(dst)
	dst = bsonx.AppendDocStart(dst)
	i := 0
	for it := arr.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return bsonx.AppendDocEnd(dst, start), nil
		}
		var err error
		switch {
		case v.Type == bsonx.TypeDocument:
			dst = bsonx.AppendIndexHeader(dst, bsonx.TypeDocument, i)
			dst, err = r.document(dst, v.Doc(), n)
		case v.Type == bsonx.TypeArray:
			dst = bsonx.AppendIndexHeader(dst, bsonx.TypeArray, i)
			dst, err = r.array(dst, v.Doc(), n)
		case n.adds:
			dst = bsonx.AppendIndexHeader(dst, bsonx.TypeDocument, i)
			dst, err = r.document(dst, bsonx.Empty, n)
		case r.p.mode == inclusion:
			continue
		default:
			dst = bsonx.AppendIndexElem(dst, i, v)
		}
		if err != nil {
			return nil, err
		}
		i++
	}
}

// added appends a field that the document d lacks, or that comes late.
func (r *run) added(dst []byte, d bsonx.Doc, n *node) ([]byte, error) {
	switch n.action {
	case compute:
		return r.computed(dst, n)
	case elemMatch:
		return r.elemMatch(dst, d.Lookup(n.name), n)
	}
	dst = bsonx.AppendHeader(dst, bsonx.TypeDocument, n.name)
	return r.document(dst, bsonx.Empty, n)
}

// Deps returns the paths that the projection reads, whole set where it needs all of the
// document.
func (p *Projection) Deps() (paths []string, whole bool) {
	if p.mode != inclusion || p.filter != nil {
		return nil, true
	}
	paths, ok := p.root.deps(nil, "")
	return paths, !ok
}

func (n *node) deps(dst []string, prefix string) ([]string, bool) {
	for _, f := range n.fields {
		path := prefix + f.name
		ok := true
		switch f.action {
		case include:
			dst = append(dst, path)
		case nested:
			dst, ok = f.deps(dst, path+".")
		case compute:
			dst, ok = exprDeps(dst, f.expr)
		case exclude:
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
	}
	return dst, true
}

func exprDeps(dst []string, e expr.Expr) ([]string, bool) {
	ok := true
	expr.Walk(e, func(e expr.Expr) {
		switch e := e.(type) {
		case *expr.FieldPath:
			dst = append(dst, e.Path)
		case expr.Root:
			ok = false
		}
	})
	return dst, ok
}
