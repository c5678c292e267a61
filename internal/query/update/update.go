// Package update compiles update specifications and applies them to documents.
//
// An update is parsed once a command into one of three forms: a tree of modifiers by path
// ($set and the like), a replacement document, or a pipeline. Applied to a document, a
// tree makes one pass over the bytes: ranges that no path touches are copied, and only
// sub-documents on a path are entered.
//
// The package knows neither storage nor indexes; matching of array elements comes from
// package match, arithmetic from package expr, pipelines from package agg.
package update

import (
	"bytes"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Options is what an update statement says beside the update itself.
type Options struct {
	ArrayFilters []bsonx.Doc
	Scope        *expr.Scope // variables and times; nil means none
	Multi        bool
	Upsert       bool
	Filter       bsonx.Doc // the statement's filter, from which an upsert takes fields
	Supplied     bsonx.Doc // what an upsert inserts instead of what the update makes, or nil
}

// collation returns what values are compared by, nil for the binary order.
func (o *Options) collation() *collation.Collation {
	if o.Scope == nil {
		return nil
	}
	return o.Scope.Collation()
}

// Kind is the form of an update.
type Kind uint8

// The forms of an update.
const (
	KindOperators Kind = iota
	KindReplacement
	KindPipeline
)

// Update is a parsed update. It shares the bytes of the specification it was parsed from
// and is used by one goroutine at a time.
type Update struct {
	kind       Kind
	scope      *expr.Scope
	filter     bsonx.Doc
	supplied   bsonx.Doc
	positional bool

	root        *node
	renames     []rename
	immutable   string // the first path at or below _id, empty for none
	mayDeepen   bool   // whether a result may nest deeper than the document did
	replacement bsonx.Doc
	pipeline    *agg.Update

	run run
}

// Parse compiles an update: a document of operators, a replacement, or a pipeline.
func Parse(u bsonx.Value, opts *Options) (*Update, error) {
	out := &Update{scope: opts.Scope, filter: opts.Filter, supplied: opts.Supplied}
	if out.scope == nil {
		out.scope = expr.NewScope(nil)
	}
	switch u.Type {
	case bsonx.TypeArray:
		return out, out.parsePipeline(u.Doc(), opts)
	case bsonx.TypeDocument:
	default:
		return nil, mongoerr.New(mongoerr.FailedToParse,
			"Update argument must be either an object or an array")
	}
	if first, _, ok := u.Doc().First(); ok && first != "" && first[0] == '$' {
		return out, out.parseOperators(u.Doc(), opts)
	}
	return out, out.parseReplacement(u.Doc(), opts)
}

// Kind returns the form of the update.
func (u *Update) Kind() Kind { return u.kind }

// IsReplacement reports whether the update replaces whole documents.
func (u *Update) IsReplacement() bool { return u.kind == KindReplacement }

// IsPipeline reports whether the update is an aggregation pipeline.
func (u *Update) IsPipeline() bool { return u.kind == KindPipeline }

// NeedsPositional reports whether a path has the positional "$", so that Apply needs the
// array index that the filter matched.
func (u *Update) NeedsPositional() bool { return u.positional }

// Apply appends the updated doc to dst. changed is false if the result has the same bytes
// as doc. c evaluates expressions and filters; positional is the array index that the
// filter matched, -1 if none.
//
// The error is the write error of this document: the result is too large or too deep, its
// _id would change, or a modifier does not fit the document.
func (u *Update) Apply(dst []byte, doc bsonx.Doc, c *expr.Context, positional int) (out bsonx.Doc, changed bool, err error) {
	start := len(dst)
	switch u.kind {
	case KindReplacement:
		dst, err = u.replace(dst, doc)
	case KindPipeline:
		dst, err = u.transform(dst, doc)
	default:
		dst, err = u.modify(dst, doc, c, positional, false)
	}
	if err != nil {
		return nil, false, err
	}
	out = dst[start:]
	if bytes.Equal(out, doc) {
		return out, false, nil
	}
	if len(out) > MaxDocumentSize {
		return nil, false, mongoerr.New(17419, "Resulting document after update is larger than %d", MaxDocumentSize)
	}
	if u.mayDeepen && nestsDeeper(out, bsonx.MaxDepth) {
		return nil, false, errTooDeep
	}
	return out, true, nil
}

// modify runs the tree over doc.
func (u *Update) modify(dst []byte, doc bsonx.Doc, c *expr.Context, positional int, insert bool) ([]byte, error) {
	r := &u.run
	r.update, r.ctx, r.doc, r.positional, r.insert = u, c, doc, positional, insert
	r.dst = dst
	defer func() { r.dst, r.doc, r.ctx = nil, nil, nil }()
	if err := r.findRenamed(); err != nil {
		return nil, err
	}
	start := len(dst)
	if err := r.object(u.root, doc); err != nil {
		return nil, err
	}
	if u.immutable != "" && !insert {
		if err := u.checkID(doc.Lookup("_id"), bsonx.Doc(r.dst[start:]).Lookup("_id")); err != nil {
			return nil, err
		}
	}
	return r.dst, nil
}

// checkID refuses a changed _id. An equal number of another type passes.
func (u *Update) checkID(before, after bsonx.Value) error {
	if before.IsMissing() || !after.IsMissing() && bsonx.Equal(before, after) {
		return nil
	}
	return mongoerr.New(mongoerr.ImmutableField,
		"Performing an update on the path '%s' would modify the immutable field '_id'", u.immutable)
}
