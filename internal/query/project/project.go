// Package project shapes documents: the projections of find and $project, and $addFields, $set
// and $unset.
//
// A specification is compiled once into a tree by path; applying it copies the bytes of what is
// kept and evaluates expressions for what is new.
package project

import (
	"slices"

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
	filter *match.Filter // of the query, for the positional operator; nil without one
	simple bool
	metas  [metaKinds]bool // those that the projection shows
}

// action is what happens to a field that the specification names.
type action uint8

const (
	nested    action = iota // see node.fields
	include                 // the field is kept
	exclude                 // the field goes
	compute                 // the field becomes the value of an expression
	slice                   // a part of the array is kept
	elemMatch               // the first element that matches is kept
	metadata                // the field becomes what is known of the document
)

// node is a field in the tree of a specification.
type node struct {
	name       string
	action     action
	fields     []*node // in the order of the specification
	adds       bool    // this node or one below is computed, so it can make a missing field
	positional bool    // of the first array here or below, only the element that the query matched

	expr  expr.Expr
	slice sliceArgs
	elem  *match.ElemMatch
	meta  MetaKind
}

func (n *node) find(name string) *node {
	if i := n.index(name); i >= 0 {
		return n.fields[i]
	}
	return nil
}

func (n *node) index(name string) int {
	for i, f := range n.fields {
		if f.name == name {
			return i
		}
	}
	return -1
}

func (n *node) remove(name string) {
	n.fields = slices.DeleteFunc(n.fields, func(f *node) bool { return f.name == name })
}

// IsSimple reports whether the projection only keeps, or only drops, whole fields.
func (p *Projection) IsSimple() bool { return p.simple }

// Append appends the projection of doc, to which c has been Reset, to dst.
func (p *Projection) Append(dst []byte, doc bsonx.Doc, c *expr.Context) ([]byte, error) {
	return p.AppendMeta(dst, doc, c, nil)
}

// AppendMeta is Append for a document of which something is known; a nil meta says nothing.
func (p *Projection) AppendMeta(dst []byte, doc bsonx.Doc, c *expr.Context, meta *Meta) ([]byte, error) {
	r := run{p: p, c: c, doc: doc, meta: meta}
	return r.document(dst, doc, p.root)
}

// Deps returns the paths that the projection reads, whole set where it needs all of the
// document.
func (p *Projection) Deps() (paths []string, whole bool) {
	if p.mode != inclusion || p.filter != nil || p.metas != [metaKinds]bool{} {
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
		case include, slice, elemMatch:
			dst = append(dst, path)
		case nested:
			dst, ok = f.deps(dst, path+".")
		case compute:
			dst, ok = exprDeps(dst, f.expr)
		case exclude, metadata:
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
