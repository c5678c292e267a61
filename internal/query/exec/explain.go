package exec

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/txn"
)

// Explanation is the plan of a query and, after Run, what it has counted.
type Explanation struct {
	q    *Compiled
	st   *State
	ns   string
	kind string // the command: "find", "count", "update", ...
	c    *catalog.Collection
	plan *plan.Plan
	view *txn.View

	cur *Cursor

	// Failure is the error that ended the run, nil for none.
	Failure error

	// Effect is what a write would do, nil for a read.
	Effect *Effect

	// Shape is the $project of a pipeline that is shown as the query's projection, nil for none.
	// It is simple if it only keeps, or only drops, whole fields.
	Shape       bsonx.Doc
	SimpleShape bool
}

// Explain plans the query without running it.
func (q *Compiled) Explain(ctx context.Context, st *State, ns, kind string) (*Explanation, error) {
	x := &Explanation{q: q, st: st, ns: ns, kind: kind}
	var err error
	if x.c, err = st.Collection(ctx, ns); err != nil {
		return nil, err
	}
	if x.view, err = st.View(ctx); err != nil {
		return nil, err
	}
	switch {
	case x.c == nil:
		_, err = q.Filter()
		x.plan = &plan.Plan{Kind: plan.Nothing, Sorted: true}
	case x.c.IsView():
		err = mongoerr.New(mongoerr.CommandNotSupportedOnView, "Namespace %s is a view, not a collection", ns)
	default:
		x.plan, err = q.Plan(x.c, x.view.Multikey)
	}
	return x, err
}

// Open starts the query, whose statistics are those of what was read of it.
func (x *Explanation) Open(ctx context.Context) (*Cursor, error) {
	cur, err := x.q.openPlan(ctx, x.st, x.c, x.plan)
	x.cur = cur
	return cur, err
}

// Run runs the query for its statistics.
func (x *Explanation) Run(ctx context.Context) error {
	cur, err := x.Open(ctx)
	if err != nil {
		return err
	}
	defer cur.Close()
	if x.Effect != nil {
		return x.Effect.run(ctx, cur)
	}
	for {
		_, ok, err := cur.Next(ctx)
		if err != nil || !ok {
			return err
		}
	}
}

// AppendPlanner appends the queryPlanner section.
func (x *Explanation) AppendPlanner(b *bsonx.Builder) {
	b.StartDoc("queryPlanner").String("namespace", x.ns)
	b.StartDoc("parsedQuery").Append(x.filter()).End()
	if coll := x.q.find.collation(); coll != nil {
		b.Doc("collation", coll.Spec())
	}
	if x.kind == "aggregate" { // which would show stages, too, if there were others
		b.Bool("optimizedPipeline", true)
	}
	b.Bool("indexFilterSet", false).Bool("maxIndexedOrSolutionsReached", false).
		Bool("maxIndexedAndSolutionsReached", false).Bool("maxScansToExplodeReached", false)
	b.StartDoc("winningPlan")
	x.appendStages(b, x.plan, nil)
	b.End()
	b.StartArray("rejectedPlans")
	for i, p := range x.plan.Rejected {
		b.StartDoc(indexKey(i))
		x.appendStages(b, p, nil)
		b.End()
	}
	b.End().End()
}

// AppendStats appends the executionStats section, with the (empty) list of other plans that were
// tried if allPlans says so. Run must have been called.
func (x *Explanation) AppendStats(b *bsonx.Builder, took time.Duration, allPlans bool) {
	keys, docs := x.counts()
	b.StartDoc("executionStats").Bool("executionSuccess", x.Failure == nil)
	if x.Failure != nil {
		e := mongoerr.From(x.Failure)
		b.String("errorMessage", e.Message).Int32("errorCode", int32(e.Code))
	}
	b.Int32("nReturned", int32(x.returned())).Int32("executionTimeMillis", int32(took.Milliseconds()))
	b.Int32("totalKeysExamined", int32(keys)).Int32("totalDocsExamined", int32(docs))
	b.StartDoc("executionStages")
	x.appendStages(b, x.plan, func(b *bsonx.Builder) {
		b.Int32("nReturned", int32(x.returned())).Int32("executionTimeMillisEstimate", int32(took.Milliseconds()))
		b.Int32("works", int32(max(keys, docs)+1)).Int32("advanced", int32(x.returned())).Bool("isEOF", true)
		b.Int32("keysExamined", int32(keys)).Int32("docsExamined", int32(docs))
	})
	b.End()
	if allPlans {
		b.StartArray("allPlansExecution").End()
	}
	b.End()
}

// Returned is how many documents the query returned.
func (x *Explanation) Returned() int64 { return x.cur.returned }

func (x *Explanation) returned() int64 {
	switch {
	case x.Effect != nil:
		return x.Effect.returned()
	case x.kind == "count":
		return 0
	}
	return x.cur.returned
}

// fastCount reports whether the query counts all documents, which needs no look at them.
func (x *Explanation) fastCount() bool {
	f := x.q.find
	return x.kind == "count" && x.c != nil && f.Filter.IsEmpty() && f.Hint.IsMissing()
}

func (x *Explanation) counts() (keys, docs int64) {
	if sc := x.cur.scan; sc != nil && !x.fastCount() {
		return sc.keysExamined, sc.docsExamined
	}
	return 0, 0
}

func (x *Explanation) filter() bsonx.Doc {
	if x.q.find.Filter == nil {
		return bsonx.Empty
	}
	return x.q.find.Filter
}

// appendStages appends the tree of stages from the outside in.
func (x *Explanation) appendStages(b *bsonx.Builder, p *plan.Plan, stats func(*bsonx.Builder)) {
	depth := 0
	stage := func(name string, fields func()) {
		b.String("stage", name)
		if fields != nil {
			fields()
		}
		if stats != nil {
			stats(b)
		}
		b.StartDoc("inputStage")
		depth++
	}
	f := x.q.find
	switch {
	case x.Effect != nil:
		x.Effect.stages(stage, b, stats != nil)
	case x.kind == "count":
		x.appendCount(b, p, stats)
		return
	}
	switch {
	case x.q.proj != nil:
		stage(projectionName(p, x.q.proj.IsSimple()), func() { b.Doc("transformBy", f.Projection) })
	case x.Shape != nil:
		stage(projectionName(p, x.SimpleShape), func() { b.Doc("transformBy", transformation(x.Shape)) })
	case len(f.Deps) > 0:
		transform, simple := readsOnly(f.Deps)
		stage(projectionName(p, simple), func() { b.Doc("transformBy", transform) })
	}
	if f.Limit > 0 && (p.Sorted || f.Skip > 0) {
		stage("LIMIT", func() { b.Int64("limitAmount", f.Limit) })
	}
	if f.Skip > 0 {
		stage("SKIP", func() { b.Int64("skipAmount", f.Skip) })
	}
	if !p.Sorted {
		stage("SORT", func() {
			b.Doc("sortPattern", f.Sort).Int64("memLimit", sortMemory).String("type", "simple")
			if f.Limit > 0 {
				b.Int64("limitAmount", f.Limit+f.Skip)
			}
		})
	}
	x.appendScan(b, p, stats)
	for ; depth > 0; depth-- {
		b.End()
	}
}

// appendCount appends the stages of a count, which skips and limits without stages of their own.
func (x *Explanation) appendCount(b *bsonx.Builder, p *plan.Plan, stats func(*bsonx.Builder)) {
	name := "COUNT"
	if x.fastCount() {
		name = "RECORD_STORE_FAST_COUNT"
	}
	b.String("stage", name)
	if stats != nil {
		stats(b)
		b.Int64("nCounted", x.cur.returned).Int64("nSkipped", x.q.find.Skip-max(x.cur.skip, 0))
	}
	if x.fastCount() {
		return
	}
	b.StartDoc("inputStage")
	x.appendScan(b, p, stats)
	b.End()
}

func projectionName(p *plan.Plan, simple bool) string {
	switch {
	case p.Covered:
		return "PROJECTION_COVERED"
	case simple:
		return "PROJECTION_SIMPLE"
	}
	return "PROJECTION_DEFAULT"
}

// readsOnly shows as a projection that a pipeline reads these paths only.
func readsOnly(paths []string) (transform bsonx.Doc, simple bool) {
	b := bsonx.NewBuilder(nil)
	for _, path := range paths {
		b.Bool(path, true)
	}
	if !slices.Contains(paths, "_id") {
		b.Bool("_id", false)
	}
	return b.Build(), !slices.ContainsFunc(paths, func(p string) bool { return strings.Contains(p, ".") })
}

// transformation shows a specification with truth values for what it keeps and drops, and _id.
func transformation(spec bsonx.Doc) bsonx.Doc {
	b := bsonx.NewBuilder(nil)
	for it := spec.Iter(); ; {
		field, v, ok := it.Next()
		switch {
		case !ok && spec.Lookup("_id").IsMissing():
			return b.Bool("_id", true).Build()
		case !ok:
			return b.Build()
		case v.IsNumber():
			b.Bool(field, v.Truthy())
		default:
			b.Value(field, v)
		}
	}
}

func (x *Explanation) appendScan(b *bsonx.Builder, p *plan.Plan, stats func(*bsonx.Builder)) {
	if !x.q.id.IsMissing() && p.IDLookup {
		b.String("stage", "IDHACK")
		if stats != nil {
			stats(b)
		}
		return
	}
	if p.Kind == plan.Nothing {
		why := "predicateEvalsToFalse"
		if x.c == nil {
			why = "nonExistentNamespace"
		}
		b.String("stage", "EOF").String("type", why)
		if stats != nil {
			stats(b)
		}
		return
	}
	p.Explain(b, x.filter(), x.view.Multikey, stats)
}

// sortMemory is the memory limit of a sort, in bytes.
const sortMemory = 100 << 20

func indexKey(i int) string { return strconv.Itoa(i) }
