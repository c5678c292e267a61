package exec

import (
	"context"
	"sync"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/project"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

// Find is a query on one collection as a client asks it.
type Find struct {
	Filter, Sort, Projection bsonx.Doc
	Skip, Limit              int64 // a Limit of zero is none
	Hint                     bsonx.Value
	Min, Max                 bsonx.Doc
	Scope                    *expr.Scope
	Use                      match.Use

	// Deps are the paths that the consumer of an unprojected result reads, with Counting
	// if it reads nothing at all. Without them it gets whole documents.
	Deps     []string
	Counting bool

	ReturnKey, ShowRecordID bool

	AllowDiskUse bool
	TempDir      string

	compiled Compiled // what Compile returns, here to save an allocation
}

// Compiled is a Find whose parts have been checked. It does not depend on the state of any
// collection and may be run more than once, one run at a time.
type Compiled struct {
	find    *Find
	id      bsonx.Value // the _id that alone is asked for, missing if it is another filter
	filter  *match.Filter
	sort    *sortkey.Pattern
	proj    *project.Projection
	context *expr.Context
	running context.Context // of the call that runs the query now, for context.Check

	cursor0 Cursor // the first one that Open returns
}

// Compile checks a query. The query must not be changed any more.
func (f *Find) Compile() (*Compiled, error) {
	q := &f.compiled
	*q = Compiled{find: f}
	var err error
	if id, ok := simpleID(f.Filter); ok && f.Sort.IsEmpty() {
		if q.id = id; f.Projection.IsEmpty() {
			return q, nil
		}
	}
	q.scope()
	if q.filter, err = match.CompileFor(f.Use, f.Filter, f.Scope); err != nil {
		return nil, err
	}
	if err := f.checkNatural(); err != nil {
		return nil, err
	}
	if s, ok := f.Sort, !f.Sort.IsEmpty(); ok && !isNatural(s) {
		if q.sort, err = sortkey.Compile(s, f.collation()); err != nil {
			return nil, err
		}
	}
	if !f.Projection.IsEmpty() {
		if q.proj, err = project.Compile(f.Projection, f.Scope, project.Find, q.filter); err != nil {
			return nil, err
		}
		if q.proj.Shows(project.SortKey) && f.Sort.IsEmpty() {
			return nil, mongoerr.New(mongoerr.BadValue, "cannot use sortKey $meta projection without a sort")
		}
	}
	if q.filter != nil && q.filter.NeedsContext() || q.proj != nil {
		q.newContext()
	}
	return q, nil
}

// newContext makes the context of the query's expressions. Those of a filter, and those that
// compute something, see the end of the statement, however long one evaluation takes.
func (q *Compiled) newContext() {
	q.context = q.scope().NewContext()
	if q.filter != nil && q.filter.NeedsContext() || q.proj != nil && !q.proj.IsSimple() {
		q.context.Check = q.check
	}
}

// check returns the error of the statement that runs the query, once it has been ended.
func (q *Compiled) check() error {
	if q.running == nil {
		return nil
	}
	return interrupted(q.running)
}

// scope returns the query's scope.
func (q *Compiled) scope() *expr.Scope {
	if q.find.Scope == nil {
		q.find.Scope = expr.NewScope(nil)
	}
	return q.find.Scope
}

// collation returns what the query compares strings by: its scope says it.
func (f *Find) collation() *collation.Collation {
	if f.Scope == nil {
		return nil
	}
	return f.Scope.Collation()
}

// simpleID recognises {_id: value} and {_id: {$eq: value}}, which need neither filter nor plan.
func simpleID(filter bsonx.Doc) (bsonx.Value, bool) {
	k, v, ok := only(filter)
	if !ok || k != "_id" {
		return bsonx.Value{}, false
	}
	if op, operand, ok := only(v.Doc()); ok && op == "$eq" && v.Type == bsonx.TypeDocument {
		v = operand
	}
	switch v.Type {
	case bsonx.TypeDocument, bsonx.TypeArray, bsonx.TypeRegex, bsonx.TypeNull, bsonx.TypeUndefined:
		return bsonx.Value{}, false
	}
	return v, true
}

// only returns the field of a document that has just one.
func only(d bsonx.Doc) (string, bsonx.Value, bool) {
	it := d.Iter()
	k, v, ok := it.Next()
	return k, v, ok && len(it.Rest()) == 0
}

func isNatural(sort bsonx.Doc) bool {
	k, _, _ := sort.First()
	return k == "$natural"
}

// checkNatural refuses orders by $natural that mean nothing.
func (f *Find) checkNatural() error {
	if v := f.Sort.Lookup("$natural"); !v.IsMissing() {
		switch {
		case f.Sort.Count() > 1:
			return mongoerr.New(mongoerr.BadValue, "Cannot include '$natural' in compound sort: %s", f.Sort)
		case !isDirection(v):
			return mongoerr.New(mongoerr.BadValue, "$natural sort cannot be set to a value other than -1 or 1.")
		}
	}
	hint := f.Hint.Doc()
	if v := hint.Lookup("$natural"); f.Hint.Type == bsonx.TypeDocument && !v.IsMissing() {
		switch {
		case hint.Count() > 1:
			return mongoerr.New(mongoerr.BadValue, "Cannot combine '$natural' with other fields in a hint: %s", hint)
		case !isDirection(v):
			return mongoerr.New(mongoerr.BadValue, "$natural hint cannot be set to a value other than -1 or 1.")
		}
	}
	return nil
}

func isDirection(v bsonx.Value) bool {
	return bsonx.Equal(v, bsonx.Int32(1)) || bsonx.Equal(v, bsonx.Int32(-1))
}

// Filter returns the compiled filter, compiling it now for a query that could do without.
func (q *Compiled) Filter() (*match.Filter, error) {
	if q.filter == nil {
		var err error
		if q.filter, err = match.CompileFor(q.find.Use, q.find.Filter, q.scope()); err != nil {
			return nil, err
		}
	}
	return q.filter, nil
}

// Plan chooses the plan on a collection, which must not be nil.
func (q *Compiled) Plan(c *catalog.Collection, multikey plan.Multikey) (*plan.Plan, error) {
	filter, err := q.Filter()
	if err != nil {
		return nil, err
	}
	pq := &plan.Query{Filter: filter, Sort: q.sort, Hint: q.find.hint(), Min: q.find.Min, Max: q.find.Max, Collation: q.find.collation()}
	switch {
	case q.byID(c):
		pq.Whole = true // which it reads whatever of it is shown
	case q.proj != nil:
		pq.Deps, pq.Whole = q.proj.Deps()
	case q.find.Counting:
	case q.find.Deps != nil:
		pq.Deps = q.find.Deps
	default:
		pq.Whole = true
	}
	return plan.Choose(c, pq, multikey)
}

// hint is the hint, or what a sort by $natural means.
func (f *Find) hint() bsonx.Value {
	if f.Hint.IsMissing() && isNatural(f.Sort) {
		return bsonx.Document(f.Sort)
	}
	return f.Hint
}

// Open starts the query on a collection, nil for one that does not exist, in a state. The
// cursor does not own the state.
func (q *Compiled) Open(ctx context.Context, st *State, c *catalog.Collection) (*Cursor, error) {
	if c != nil && q.byID(c) {
		cur := q.cursor(st)
		cur.byID = c
		return cur, nil
	}
	if c == nil {
		_, err := q.Filter()
		return q.cursor(st), err
	}
	v, err := st.View(ctx)
	if err != nil {
		return nil, err
	}
	p, err := q.Plan(c, v.Multikey)
	if err != nil {
		return nil, err
	}
	return q.openPlan(ctx, st, c, p)
}

// openPlan starts the query with a plan.
func (q *Compiled) openPlan(_ context.Context, st *State, c *catalog.Collection, p *plan.Plan) (*Cursor, error) {
	cur := q.cursor(st)
	if c == nil {
		return cur, nil
	}
	if f := p.Residual; f != nil && f.NeedsContext() && q.context == nil {
		q.newContext()
	}
	if x := p.Index; x != nil {
		x.State.Ops.Add(1)
	}
	cur.scan = newScan(st, c, p, q.context, cur.record)
	cur.scan.single = cur.limit == 1 && cur.skip == 0 && p.Sorted && p.Residual == nil && !p.Dedup && q.tail() == 0
	return cur, nil
}

// byID reports whether the query is a mere look-up by _id on c. Strings can only be looked up by
// the collation that the _id index has.
func (q *Compiled) byID(c *catalog.Collection) bool {
	f := q.find
	if c.TimeSeries != nil {
		return false
	}
	if collation.Affects(q.id) && !collation.Same(f.collation(), c.Collation) {
		return false
	}
	return !q.id.IsMissing() && f.Hint.IsMissing() && f.Min == nil && f.Max == nil && q.tail() == 0
}

func (q *Compiled) cursor(st *State) *Cursor {
	cur := &q.cursor0
	if cur.q != nil {
		cur = new(Cursor)
	}
	*cur = Cursor{q: q, state: st, skip: q.find.Skip, limit: q.find.Limit, record: records.Get().(*[]byte)}
	if cur.limit == 0 {
		cur.limit = -1
	}
	return cur
}

// Cursor gives the documents of a query. It is used by one goroutine.
type Cursor struct {
	q     *Compiled
	state *State
	scan  *scan               // nil where there is nothing to find
	byID  *catalog.Collection // find by _id instead
	sort  *sortkey.Sorter     // filled at the first Next of a plan that does not give the order

	skip, limit int64 // limit -1 is none
	out, buf    []byte
	bare        []byte // see cutTail
	meta        project.Meta
	record      *[]byte // lent, see records
	idDone      bool
	returned    int64
}

// records lends cursors the memory that they read records into: it is as large as a document and
// most cursors live for one statement.
var records = sync.Pool{New: func() any { return new([]byte) }}

// recordMax is up to which size such memory is kept, in bytes.
const recordMax = 64 << 10

// Next returns the next document, valid until the call after.
func (cur *Cursor) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	cur.q.running = ctx
	for cur.limit != 0 {
		doc, ok, err := cur.find(ctx)
		if err != nil || !ok {
			return nil, false, err
		}
		if cur.skip > 0 {
			cur.skip--
			continue
		}
		if cur.limit > 0 {
			cur.limit--
		}
		cur.returned++
		return cur.shape(doc)
	}
	return nil, false, nil
}

// find returns the next document in order, before skip, limit and projection.
func (cur *Cursor) find(ctx context.Context) (bsonx.Doc, bool, error) {
	switch {
	case cur.byID != nil:
		return cur.findID(ctx)
	case cur.scan == nil:
		return nil, false, nil
	case cur.scan.plan.Sorted:
		ok, err := cur.scan.next(ctx)
		if err != nil || !ok {
			return nil, false, err
		}
		return cur.decorate(cur.scan.doc), true, nil
	}
	if cur.sort == nil {
		if err := cur.fill(ctx); err != nil {
			return nil, false, err
		}
	}
	return cur.sort.Next()
}

func (cur *Cursor) findID(ctx context.Context) (bsonx.Doc, bool, error) {
	if cur.idDone {
		return nil, false, nil
	}
	cur.idDone = true
	v, err := cur.state.View(ctx)
	if err != nil {
		return nil, false, err
	}
	_, doc, ok, err := v.GetByID(ctx, cur.byID, cur.q.id, (*cur.record)[:0])
	if cap(doc) > cap(*cur.record) {
		*cur.record = doc
	}
	return doc, ok, err
}

// fill sorts everything that the scan finds, or the first documents if there is a limit.
func (cur *Cursor) fill(ctx context.Context) error {
	opts := sortkey.SorterOptions{AllowDiskUse: cur.q.find.AllowDiskUse, TempDir: cur.q.find.TempDir}
	if cur.limit > 0 {
		opts.Limit = cur.skip + cur.limit
	}
	s := sortkey.NewSorter(cur.q.sort, opts)
	for {
		ok, err := cur.scan.next(ctx)
		if err != nil {
			_ = s.Close()
			return err
		}
		if !ok {
			break
		}
		if err := s.Add(cur.decorate(cur.scan.doc)); err != nil {
			_ = s.Close()
			return err
		}
	}
	cur.scan.close()
	if err := s.Sort(); err != nil {
		return err
	}
	cur.sort = s
	return nil
}

// Project applies a projection, compiled in the query's scope, to one document.
func (q *Compiled) Project(p *project.Projection, doc bsonx.Doc) (bsonx.Doc, error) {
	return p.Append(nil, doc, q.contextFor(doc))
}

// Exhausted reports whether it is known that Next has nothing more to give.
func (cur *Cursor) Exhausted() bool {
	return cur.limit == 0 || cur.scan == nil && (cur.byID == nil || cur.idDone)
}

// Close ends the cursor, not its state. It is idempotent.
func (cur *Cursor) Close() error {
	if cur.scan != nil {
		cur.scan.close()
	}
	if cur.record != nil && cap(*cur.record) <= recordMax {
		records.Put(cur.record)
	}
	cur.record = nil
	if cur.sort != nil {
		return cur.sort.Close()
	}
	return nil
}
