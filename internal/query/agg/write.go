package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// WriteSpec is what a final $out or $merge asks for.
type WriteSpec struct {
	// Stage is "$out" or "$merge", Target where it writes.
	Stage  string
	Target Namespace

	// On are the fields by which $merge finds the document to change. DefaultOn says that
	// none were given, which means _id.
	On        []string
	DefaultOn bool

	whenMatched    string // "pipeline" if there is one
	whenNotMatched string
	pipeline       bsonx.Doc
	let            []letVariable
	parser         *parser
	on             []path
}

// Writer writes what $out and $merge produce.
type Writer interface {
	// HasUniqueIndex reports whether a unique index that covers all documents has just
	// these fields, in any order.
	HasUniqueIndex(ctx context.Context, ns Namespace, fields []string) (bool, error)

	// Insert adds a document, with a new _id if it has none.
	Insert(ctx context.Context, ns Namespace, d bsonx.Doc) error

	// Update replaces the document that matches filter by what change makes of it. It
	// reports whether there was one. change may be called again after a write conflict.
	Update(ctx context.Context, ns Namespace, filter bsonx.Doc, change func(old bsonx.Doc) (bsonx.Doc, error)) (matched bool, err error)

	// Replace begins a new collection that shall take the place of the named one, with
	// its indexes and options. It fails for capped collections (17152) and for views.
	Replace(ctx context.Context, ns Namespace) (Replacement, error)
}

// Replacement is a collection being filled. One of Commit and Abort ends it.
type Replacement interface {
	// Insert adds a document, with a new _id if it has none.
	Insert(ctx context.Context, d bsonx.Doc) error

	// Commit puts the new collection in place, at once and entirely.
	Commit(ctx context.Context) error

	// Abort drops it.
	Abort(ctx context.Context)
}

// Run drains the pipeline's output into w. It does not close in.
func (s *WriteSpec) Run(ctx context.Context, in Iterator, w Writer) error {
	if s.Stage == "$out" {
		return s.replace(ctx, in, w)
	}
	return s.merge(ctx, in, w)
}

func (s *WriteSpec) replace(ctx context.Context, in Iterator, w Writer) error {
	r, err := w.Replace(ctx, s.Target)
	if err != nil {
		return err
	}
	if err := drain(ctx, in, func(d bsonx.Doc) error { return r.Insert(ctx, d) }); err != nil {
		r.Abort(ctx)
		return err
	}
	return r.Commit(ctx)
}

// drain calls fn for all documents.
func drain(ctx context.Context, in Iterator, fn func(bsonx.Doc) error) error {
	for {
		d, ok, err := in.Next(ctx)
		if err != nil || !ok {
			return err
		}
		if err := fn(d); err != nil {
			return err
		}
	}
}

func parseOut(p *parser, arg bsonx.Value) (*WriteSpec, error) {
	s := &WriteSpec{Stage: "$out", Target: Namespace{DB: p.opts.DB}}
	switch arg.Type {
	case bsonx.TypeString:
		s.Target.Coll = arg.Str()
	case bsonx.TypeDocument:
		if err := s.Target.parse("$out", arg.Doc()); err != nil {
			return nil, err
		}
	default:
		return nil, mongoerr.New(16990, "$out only supports a string or object argument, but found %s", arg.Type)
	}
	return s, s.Target.checkWritable("$out", 17385, 31321)
}

// parse reads {db, coll}.
func (ns *Namespace) parse(stage string, d bsonx.Doc) error {
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		switch {
		case name == "timeseries":
			return mongoerr.New(mongoerr.NotImplemented, "time-series collections are not supported: %s.timeseries", stage)
		case name != "db" && name != "coll":
			return unknownOption(40415, stage, name)
		case v.Type != bsonx.TypeString:
			return mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s.%s' is the wrong type '%s', expected type 'string'", stage, name, v.Type)
		case name == "db":
			ns.DB = v.Str()
		default:
			ns.Coll = v.Str()
		}
	}
	if ns.Coll == "" {
		return mongoerr.New(40414, "BSON field '%s.coll' is missing but a required field", stage)
	}
	return nil
}

// checkWritable refuses targets that users may not write by a pipeline.
func (ns *Namespace) checkWritable(stage string, special, internal mongoerr.Code) error {
	switch {
	case ns.Coll == "" || ns.DB == "":
		return mongoerr.New(mongoerr.InvalidNamespace, "Invalid %s target namespace: '%s.%s'", stage, ns.DB, ns.Coll)
	case len(ns.Coll) >= 7 && ns.Coll[:7] == "system.":
		return mongoerr.New(special, "Cannot %s to special collection: %s", stage, ns.Coll)
	case ns.DB == "admin" || ns.DB == "config" || ns.DB == "local":
		return mongoerr.New(internal, "Cannot %s to internal database: %s", stage, ns.DB)
	}
	return nil
}
