package command

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// explainAggregate explains a pipeline: the query of its beginning, and its stages.
func (c *Call) explainAggregate(ctx context.Context, body bsonx.Doc, run bool) error {
	a, err := c.parseAggregate(ctx, body)
	if err != nil {
		return err
	}
	if w := a.pipeline.Writer(); w != nil && run {
		code := map[string]mongoerr.Code{"$out": 51029, "$merge": 51184}[w.Stage]
		return mongoerr.New(code, "%s cannot be used with 'executionStats' or 'allPlansExecution' explain", w.Stage)
	}
	if a.pipeline.HasSource() {
		return c.explainSource(ctx, a, body, run)
	}
	if v := c.collection(); v != nil && v.IsView() {
		if a.pipeline, err = c.onSource(v, body.Lookup("pipeline").Doc(), a.pipeline.Scope()); err != nil {
			return err
		}
	}
	return c.explainPipeline(ctx, a, body, run)
}

// explainOnView explains a query on a view: the pipeline that it becomes on the view's source.
func (c *Call) explainOnView(ctx context.Context, v *catalog.Collection, f *exec.Find, kind explainKind, run bool) error {
	a := &findArgs{Find: *f}
	if kind.name == "find" {
		var err error
		if a, err = c.parseFind(ctx, kind.body); err != nil {
			return err
		}
	}
	if err := a.checkForView(); err != nil {
		return err
	}
	p, err := c.onSource(v, a.stages(), f.Scope)
	if err != nil {
		return err
	}
	sources := &exec.Sources{Hint: f.Hint, AllowDiskUse: true, Special: c.special}
	return c.explainPipeline(ctx, &aggregation{pipeline: p, sources: sources}, kind.body, run)
}

// onSource returns stages on a view as a pipeline on the collection that the view is on in the
// end, and makes that the collection of the command.
func (c *Call) onSource(v *catalog.Collection, stages bsonx.Doc, scope *expr.Scope) (*agg.Pipeline, error) {
	cat := c.Store().Catalog.Current()
	for depth := 0; v != nil && v.IsView(); depth++ {
		if depth >= exec.MaxViewDepth {
			return nil, mongoerr.New(mongoerr.ViewDepthLimitExceeded, "View depth exceeds limit of %d", exec.MaxViewDepth)
		}
		stages = concatArrays(v.Pipeline, stages)
		c.coll, c.ns = v.ViewOn, v.DB()+"."+v.ViewOn
		v = cat.Collection(c.ns)
	}
	return agg.Parse(stages, &agg.Options{Scope: scope, DB: c.DB, Coll: c.coll, AllowDiskUse: true, Special: c.special})
}

// concatArrays returns an array with the elements of both.
func concatArrays(a, b bsonx.Doc) bsonx.Doc {
	var elems []bsonx.Value
	for _, arr := range [...]bsonx.Doc{a, b} {
		for it := arr.Iter(); ; {
			_, v, ok := it.Next()
			if !ok {
				break
			}
			elems = append(elems, v)
		}
	}
	return bsonx.MakeArray(elems...).Doc()
}

// explainPipeline explains a pipeline on the command's collection.
func (c *Call) explainPipeline(ctx context.Context, a *aggregation, body bsonx.Doc, run bool) error {
	pre := a.pipeline.Prefix()
	f := exec.PrefixFind(pre, a.pipeline.Scope())
	f.Hint = a.sources.Hint
	shape, simple := pre.Rest.LeadingProject()
	if pre.Sort != nil && pre.Limit > 0 && !simple {
		shape = nil // computed after the limit
	}
	shown := 0 // of the stages, in the query
	if shape != nil {
		shown = 1
	}
	kind := "find"
	if len(pre.Rest.Explain(nil)) == shown {
		kind = "aggregate"
	}
	q, err := f.Compile()
	if err != nil {
		return err
	}
	st, err := c.pipelineState(ctx, a)
	if err != nil {
		return err
	}
	defer st.Close()
	x, err := q.Explain(ctx, st, c.ns, kind)
	if err != nil {
		return err
	}
	x.Shape, x.SimpleShape = shape, simple
	if kind == "aggregate" {
		return c.appendExplained(ctx, x, body, run)
	}
	b := c.Reply
	b.String("explainVersion", "1").StartArray("stages")
	b.StartDoc("0").StartDoc("$cursor")
	x.AppendPlanner(b)
	var pr *agg.Profile
	if run {
		started := time.Now()
		cur, err := x.Open(ctx)
		if err != nil {
			return err
		}
		if pr, err = pre.Rest.Profile(ctx, cur, a.sources); err != nil {
			return err
		}
		pr.Took = time.Since(started)
		x.AppendStats(b, pr.Took, c.Arg("verbosity").Str() != "executionStats")
	}
	b.End()
	if pr != nil {
		pr.AppendCursor(b, x.Returned())
	}
	b.End()
	for i, s := range pre.Rest.Explain(pr)[shown:] {
		b.Doc(indexName(i+1), s)
	}
	b.End()
	c.explainTail(body)
	return nil
}

// explainSource explains a pipeline that brings its own documents.
func (c *Call) explainSource(ctx context.Context, a *aggregation, body bsonx.Doc, run bool) error {
	var pr *agg.Profile
	if run {
		st, err := c.pipelineState(ctx, a)
		if err != nil {
			return err
		}
		defer st.Close()
		started := time.Now()
		if pr, err = a.pipeline.Profile(ctx, nil, a.sources); err != nil {
			return err
		}
		pr.Took = time.Since(started)
	}
	b := c.Reply
	b.String("explainVersion", "1").StartArray("stages")
	for i, s := range a.pipeline.Explain(pr) {
		b.Doc(indexName(i), s)
	}
	b.End()
	c.explainTail(body)
	return nil
}
