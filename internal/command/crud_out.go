package command

import (
	"context"
	"encoding/hex"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/update"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// writePipeline runs a pipeline, parsed in scope, that ends in $out or $merge. It closes the
// source.
func (c *Call) writePipeline(ctx context.Context, spec *agg.WriteSpec, scope *expr.Scope, src *query) error {
	defer src.Close()
	w := &pipelineWriter{c: c, source: src, scope: scope, writers: make(map[agg.Namespace]*exec.Writer)}
	err := spec.Run(ctx, src, w)
	if ferr := w.finish(ctx); err == nil {
		err = ferr
	}
	if err != nil {
		return err
	}
	c.Reply.StartDoc("cursor").StartArray("firstBatch").End()
	c.endCursor(0, c.NS())
	return nil
}

// pipelineWriter writes what $out and $merge produce.
type pipelineWriter struct {
	c       *Call
	source  *query
	writers map[agg.Namespace]*exec.Writer
	scope   *expr.Scope
	buf     []byte
}

func (w *pipelineWriter) finish(ctx context.Context) (err error) {
	for _, wr := range w.writers {
		ts, ferr := wr.Finish(ctx, w.c.Durability())
		wr.Close()
		if err == nil {
			err = ferr
		}
		if ts != 0 {
			w.c.Wrote(ts)
		}
	}
	return err
}

func (w *pipelineWriter) writer(ns agg.Namespace) *exec.Writer {
	wr := w.writers[ns]
	if wr == nil {
		wr = w.c.writer(ns.DB+"."+ns.Coll, bsonx.Value{})
		w.writers[ns] = wr
	}
	return wr
}

// HasUniqueIndex implements agg.Writer.
func (w *pipelineWriter) HasUniqueIndex(_ context.Context, ns agg.Namespace, fields []string) (bool, error) {
	c := w.c.Store().Catalog.Current().Collection(ns.DB + "." + ns.Coll)
	if c == nil || c.ClusteredByID() {
		if len(fields) == 1 && fields[0] == "_id" {
			return true, nil
		}
	}
	if c == nil {
		return false, nil
	}
	want := slices.Sorted(slices.Values(fields))
	return slices.ContainsFunc(c.Indexes, func(x *catalog.Index) bool {
		var paths []string
		for _, k := range x.Keys {
			paths = append(paths, k.Path)
		}
		slices.Sort(paths)
		return x.Unique && x.PartialFilter == nil && collation.Same(x.Collation, w.scope.Collation()) && slices.Equal(paths, want)
	}), nil
}

// Insert implements agg.Writer.
func (w *pipelineWriter) Insert(ctx context.Context, ns agg.Namespace, d bsonx.Doc) error {
	return w.insert(ctx, w.writer(ns), d)
}

func (w *pipelineWriter) insert(ctx context.Context, wr *exec.Writer, d bsonx.Doc) error {
	doc, err := update.PrepareInsert(w.buf[:0], d, newID, uint64(w.c.ClusterTime(ctx)))
	if err != nil {
		return err
	}
	w.buf = doc
	return wr.Insert(ctx, doc, nil)
}

// Update implements agg.Writer.
func (w *pipelineWriter) Update(ctx context.Context, ns agg.Namespace, filter bsonx.Doc, change func(bsonx.Doc) (bsonx.Doc, error)) (bool, error) {
	q, err := (&exec.Find{Filter: filter, Scope: w.scope}).Compile()
	if err != nil {
		return false, err
	}
	res, err := w.writer(ns).Modify(ctx, &exec.Modify{Query: q, Change: change})
	return res.Matched > 0, err
}

// Replace implements agg.Writer.
func (w *pipelineWriter) Replace(ctx context.Context, ns agg.Namespace) (agg.Replacement, error) {
	store := w.c.Store()
	target := ns.DB + "." + ns.Coll
	old := store.Catalog.Current().Collection(target)
	options, specs := bsonx.Empty, []bsonx.Doc(nil)
	if old != nil {
		switch {
		case old.IsView():
			return nil, mongoerr.New(mongoerr.CommandNotSupportedOnView, "Namespace %s is a view, not a collection", target)
		case old.TimeSeries != nil:
			return nil, mongoerr.New(mongoerr.InvalidOptions, "namespace '%s' is a time-series collection so it can't be used for $out", target)
		case old.Capped:
			return nil, mongoerr.New(17152, "namespace '%s' is capped so it can't be used for $out", target)
		}
		options = old.Options
		for _, x := range old.Indexes {
			if !x.IsID() {
				specs = append(specs, x.ExplicitSpec())
			}
		}
	}
	id := bson.NewObjectID()
	r := &replacement{w: w, target: target, temp: ns.DB + ".tmp.agg_out." + hex.EncodeToString(id[:])}
	err := w.c.ddl(ctx, func(t *txn.Txn) error {
		_, err := t.CreateCollection(ctx, r.temp, options)
		return err
	}, r.temp)
	if err == nil && len(specs) > 0 {
		_, err = store.CreateIndexes(ctx, r.temp, specs, storage.Buffered)
	}
	r.writer = w.c.writer(r.temp, bsonx.Value{})
	return r, err
}

// replacement is a collection that is filled under a name of its own.
type replacement struct {
	w            *pipelineWriter
	target, temp string
	writer       *exec.Writer
}

// Insert implements agg.Replacement.
func (r *replacement) Insert(ctx context.Context, d bsonx.Doc) error {
	return r.w.insert(ctx, r.writer, d)
}

// Commit implements agg.Replacement. The source is closed first: it may be the target.
func (r *replacement) Commit(ctx context.Context) error {
	if _, err := r.writer.Finish(ctx, storage.Buffered); err != nil {
		return err
	}
	if err := r.w.source.Close(); err != nil {
		return err
	}
	return r.w.c.ddl(ctx, func(t *txn.Txn) error {
		c, err := t.ForDDL(ctx, r.temp)
		if err != nil {
			return err
		}
		return t.RenameCollection(ctx, c, r.target, true)
	}, r.temp, r.target)
}

// Abort implements agg.Replacement.
func (r *replacement) Abort(ctx context.Context) {
	r.writer.Close()
	ctx = context.WithoutCancel(ctx)
	_ = r.w.c.ddl(ctx, func(t *txn.Txn) error {
		c, err := t.ForDDL(ctx, r.temp)
		if err != nil || c == nil {
			return err
		}
		return t.DropCollection(ctx, c)
	}, r.temp)
}
