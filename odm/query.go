package odm

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Query is a query that is built step by step and runs at its last one. It is used by one
// goroutine; it can run more than once.
type Query[T any] struct {
	m        *Model[T]
	err      error
	filters  []bson.Raw
	sort     bson.D
	skip     int64
	limit    int64
	selected bson.D
	shown    []string // hidden paths that were asked for
	populate []*popSpec
	strict   Strict
	hint     any
	coll     *options.Collation
	comment  string
	batch    int32
	sess     *Session
	sessSet  bool
}

// Query starts a query with filters, each a bson.D, bson.M, bson.Raw or struct. All must match.
func (m *Model[T]) Query(filters ...any) *Query[T] {
	q := &Query[T]{m: m}
	for _, f := range filters {
		q.Filter(f)
	}
	return q
}

// Where starts a query with a condition on a path.
func (m *Model[T]) Where(path string) *Condition[T] { return m.Query().Where(path) }

// Find returns the documents that match.
func (m *Model[T]) Find(ctx context.Context, filter any) ([]*T, error) {
	return m.Query(filter).All(ctx)
}

// FindOne returns a document that matches, or a NotFoundError.
func (m *Model[T]) FindOne(ctx context.Context, filter any) (*T, error) {
	return m.Query(filter).One(ctx)
}

// FindByID returns the document of the id, or a NotFoundError.
func (m *Model[T]) FindByID(ctx context.Context, id any) (*T, error) {
	return m.ByID(id).One(ctx)
}

// ByID starts a query for an id.
func (m *Model[T]) ByID(id any) *Query[T] { return m.Query(bson.D{{Key: "_id", Value: id}}) }

// Count returns how many documents match.
func (m *Model[T]) Count(ctx context.Context, filter any) (int64, error) {
	return m.Query(filter).Count(ctx)
}

// Exists tells whether a document matches.
func (m *Model[T]) Exists(ctx context.Context, filter any) (bool, error) {
	return m.Query(filter).Exists(ctx)
}

// Filter adds a filter.
func (q *Query[T]) Filter(filter any) *Query[T] {
	raw, err := toRaw(filter)
	if err != nil && q.err == nil {
		q.err = &OpError{Model: q.m.name, Op: "filter", cause: err}
	}
	if err == nil && len(raw) > len(emptyDoc) {
		q.filters = append(q.filters, raw)
	}
	return q
}

// Sort orders by paths, each with "-" before it for descending: Sort("name", "-age").
func (q *Query[T]) Sort(paths ...string) *Query[T] {
	for _, list := range paths {
		for p := range strings.FieldsSeq(list) {
			name, down := strings.CutPrefix(p, "-")
			dir := 1
			if down {
				dir = -1
			}
			q.sort = append(q.sort, bson.E{Key: q.m.pathOf(name), Value: dir})
		}
	}
	return q
}

func (m *Model[T]) pathOf(name string) string {
	if p, ok := m.aliases[name]; ok {
		return p
	}
	return name
}

// Skip leaves out the first n.
func (q *Query[T]) Skip(n int64) *Query[T] { q.skip = n; return q }

// Limit ends after n.
func (q *Query[T]) Limit(n int64) *Query[T] { q.limit = n; return q }

// BatchSize is how many documents the server sends at a time.
func (q *Query[T]) BatchSize(n int32) *Query[T] { q.batch = n; return q }

// Select loads these paths only; with "-" before them all others; with "+" hidden ones as well.
func (q *Query[T]) Select(paths ...string) *Query[T] {
	for _, list := range paths {
		for p := range strings.FieldsSeq(list) {
			switch name := q.m.pathOf(p[1:]); p[0] {
			case '-':
				q.selected = append(q.selected, bson.E{Key: name, Value: 0})
			case '+':
				q.shown = append(q.shown, name)
			default:
				q.selected = append(q.selected, bson.E{Key: q.m.pathOf(p), Value: 1})
			}
		}
	}
	return q
}

// Project adds a projection, such as one with $slice or $elemMatch.
func (q *Query[T]) Project(p bson.D) *Query[T] { q.selected = append(q.selected, p...); return q }

// Strict sets what becomes of unknown paths in the filter.
func (q *Query[T]) Strict(s Strict) *Query[T] { q.strict = s; return q }

// Hint names the index to use.
func (q *Query[T]) Hint(index any) *Query[T] { q.hint = index; return q }

// Collation sets how strings compare.
func (q *Query[T]) Collation(c *options.Collation) *Query[T] { q.coll = c; return q }

// Comment is shown in the server's logs.
func (q *Query[T]) Comment(c string) *Query[T] { q.comment = c; return q }

// Session runs the query in a session, whatever the context carries; nil runs it outside.
func (q *Query[T]) Session(s *Session) *Query[T] { q.sess, q.sessSet = s, true; return q }

// route finds the session of the query.
func (q *Query[T]) route(ctx context.Context) (route, error) {
	if q.err != nil {
		return route{}, q.err
	}
	if ctx != nil && q.sessSet {
		if q.sess == nil {
			ctx = WithoutSession(ctx)
		} else {
			ctx = q.sess.Context(ctx)
		}
	}
	return q.m.route(ctx, nil)
}

// filter returns the filters as one, cast.
func (q *Query[T]) filter() (bson.Raw, error) {
	var all bson.Raw
	switch len(q.filters) {
	case 0:
		all = emptyDoc
	case 1:
		all = q.filters[0]
	default:
		list := make([]bson.RawValue, len(q.filters))
		for i, f := range q.filters {
			list[i] = bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: f}
		}
		all = document(appendRawElement(nil, "$and", arrayOf(list)))
	}
	cast, err := q.m.castFilter(all, q.strict.or(q.m.cfg.strictQuery, q.m.conn.opts.StrictQuery, StrictKeep))
	if err != nil {
		return nil, malformed(q.m.name, "filter", err)
	}
	return q.m.kindFilter(cast), nil
}

// projection returns what to load, nil for everything.
func (q *Query[T]) projection() (bson.D, *projection) {
	sel := q.selected
	including := including(sel)
	if !including {
		for _, h := range q.m.hidden {
			if !containsPath(q.shown, h) {
				sel = append(slices.Clip(sel), bson.E{Key: h, Value: 0})
			}
		}
	} else {
		for _, s := range q.shown {
			sel = append(slices.Clip(sel), bson.E{Key: s, Value: 1})
		}
		if key := q.m.cfg.versionKey; key != "" { // so that arrays stay versioned
			sel = append(slices.Clip(sel), bson.E{Key: key, Value: 1})
		}
	}
	if len(sel) == 0 {
		return nil, nil
	}
	p := &projection{}
	for _, e := range sel {
		name, _, deep := strings.Cut(e.Key, ".")
		_, plain := e.Value.(int)
		if !plain || deep {
			p.partial = append(p.partial, name)
		}
		switch {
		case including && e.Value != 0:
			p.included = append(p.included, e.Key)
		case plain && e.Value == 0:
			p.excluded = append(p.excluded, e.Key)
		}
	}
	return sel, p
}

// including tells whether a projection lists what to load. The _id can be in a list of
// either kind, and makes a list by itself.
func including(sel bson.D) bool {
	onlyID := false
	for _, e := range sel {
		switch n, plain := e.Value.(int); {
		case !plain:
		case n == 0:
			return false
		case e.Key != "_id":
			return true
		default:
			onlyID = len(sel) == 1
		}
	}
	return onlyID
}

func containsPath(list []string, p string) bool {
	return slices.Contains(list, p)
}

// One returns the first document, or a NotFoundError.
func (q *Query[T]) One(ctx context.Context) (*T, error) {
	r, err := q.route(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := q.filter()
	if err != nil {
		return nil, err
	}
	call := &Call{Model: q.m.name, Op: OpFindOne, Filter: filter}
	var doc *T
	err = q.m.hooks.runOp(r.ctx, call, func() error {
		doc, err = q.one(r, call.Filter)
		call.Result = doc
		return err
	})
	if errors.Is(err, ErrStop) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return doc, nil
}

func (q *Query[T]) one(r route, filter bson.Raw) (*T, error) {
	opts := options.FindOne()
	sel, proj := q.projection()
	if sel != nil {
		opts.SetProjection(sel)
	}
	if q.sort != nil {
		opts.SetSort(q.sort)
	}
	if q.skip > 0 {
		opts.SetSkip(q.skip)
	}
	if q.hint != nil {
		opts.SetHint(q.hint)
	}
	if q.coll != nil {
		opts.SetCollation(q.coll)
	}
	if q.comment != "" {
		opts.SetComment(q.comment)
	}
	var raw bson.Raw
	err := r.do(func(ctx context.Context) (err error) {
		raw, err = q.m.collection(r.client).FindOne(ctx, filter, opts).Raw()
		return err
	})
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return nil, &NotFoundError{Model: q.m.name, Filter: filter}
	case err != nil:
		return nil, wrapDriver(q.m.name, "findOne", err)
	}
	doc, err := q.m.hydrate(r.ctx, raw, r.sess, proj)
	if err != nil {
		return nil, err
	}
	return doc, q.m.populateAll(r, []*T{doc}, q.populate)
}

// OneOrNil returns the first document, or nil if there is none.
func (q *Query[T]) OneOrNil(ctx context.Context) (*T, error) {
	doc, err := q.One(ctx)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return doc, err
}

// findOptions are the options of a find.
func (q *Query[T]) findOptions() (*options.FindOptionsBuilder, *projection) {
	opts := options.Find()
	sel, proj := q.projection()
	if sel != nil {
		opts.SetProjection(sel)
	}
	if q.sort != nil {
		opts.SetSort(q.sort)
	}
	if q.skip > 0 {
		opts.SetSkip(q.skip)
	}
	if q.limit > 0 {
		opts.SetLimit(q.limit)
	}
	if q.batch > 0 {
		opts.SetBatchSize(q.batch)
	}
	if q.hint != nil {
		opts.SetHint(q.hint)
	}
	if q.coll != nil {
		opts.SetCollation(q.coll)
	}
	if q.comment != "" {
		opts.SetComment(q.comment)
	}
	return opts, proj
}

// All returns all documents.
func (q *Query[T]) All(ctx context.Context) ([]*T, error) {
	r, err := q.route(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := q.filter()
	if err != nil {
		return nil, err
	}
	call := &Call{Model: q.m.name, Op: OpFind, Filter: filter}
	var docs []*T
	err = q.m.hooks.runOp(r.ctx, call, func() error {
		docs, err = q.all(r, call.Filter)
		call.Result = docs
		return err
	})
	if errors.Is(err, ErrStop) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return docs, nil
}

func (q *Query[T]) all(r route, filter bson.Raw) ([]*T, error) {
	opts, proj := q.findOptions()
	docs := []*T{}
	err := q.m.scan(r, "find", func(ctx context.Context) (*mongo.Cursor, error) {
		return q.m.collection(r.client).Find(ctx, filter, opts)
	}, func(raw bson.Raw) (bool, error) {
		doc, err := q.m.hydrate(r.ctx, raw, r.sess, proj)
		docs = append(docs, doc)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return docs, q.m.populateAll(r, docs, q.populate)
}

// scan opens a cursor and calls fn for each document until it returns false. A session's
// slot is held while the server is asked, not while fn runs.
func (m *Model[T]) scan(r route, op string, open func(ctx context.Context) (*mongo.Cursor, error), fn func(raw bson.Raw) (bool, error)) error {
	var cur *mongo.Cursor
	err := r.do(func(ctx context.Context) (err error) {
		cur, err = open(ctx)
		return err
	})
	if err != nil {
		return wrapDriver(m.name, op, err)
	}
	defer func() {
		if cur.ID() != 0 {
			_ = r.do(func(ctx context.Context) error { return cur.Close(context.WithoutCancel(ctx)) })
		}
	}()
	for {
		more := false
		if cur.RemainingBatchLength() > 0 {
			more = cur.Next(r.ctx)
		} else if err := r.do(func(ctx context.Context) error {
			more = cur.Next(ctx)
			return cur.Err()
		}); err != nil {
			return wrapDriver(m.name, op, err)
		}
		if !more {
			return wrapDriver(m.name, op, cur.Err())
		}
		if on, err := fn(cur.Current); err != nil || !on {
			return err
		}
	}
}

// Each iterates over the documents as the server sends them. With Populate they are loaded
// batch by batch.
func (q *Query[T]) Each(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if err := q.each(ctx, func(doc *T) bool { return yield(doc, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// popBatch is how many documents of a cursor are populated by one query.
const popBatch = 100

func (q *Query[T]) each(ctx context.Context, yield func(*T) bool) error {
	r, err := q.route(ctx)
	if err != nil {
		return err
	}
	filter, err := q.filter()
	if err != nil {
		return err
	}
	call := &Call{Model: q.m.name, Op: OpFind, Filter: filter}
	if err := runCallHooks(r.ctx, q.m.hooks.preOp[OpFind], call); err != nil {
		if errors.Is(err, ErrStop) {
			return nil
		}
		return err
	}
	opts, proj := q.findOptions()
	var waiting []*T
	flush := func() (bool, error) {
		docs := waiting
		waiting = nil
		if err := q.m.populateAll(r, docs, q.populate); err != nil {
			return false, err
		}
		for _, d := range docs {
			call.Result = []*T{d}
			if err := runCallHooks(r.ctx, q.m.hooks.postOp[OpFind], call); err != nil {
				return false, err
			}
			if !yield(d) {
				return false, nil
			}
		}
		return true, nil
	}
	on := true
	err = q.m.scan(r, "find", func(ctx context.Context) (*mongo.Cursor, error) {
		return q.m.collection(r.client).Find(ctx, call.Filter, opts)
	}, func(raw bson.Raw) (bool, error) {
		doc, err := q.m.hydrate(r.ctx, raw, r.sess, proj)
		if err != nil {
			return false, err
		}
		waiting = append(waiting, doc)
		if len(q.populate) > 0 && len(waiting) < popBatch {
			return true, nil
		}
		on, err = flush()
		return on, err
	})
	if err != nil || !on {
		return err
	}
	_, err = flush()
	return err
}

// Lean returns the documents as they are stored, without state, defaults or hooks.
func (q *Query[T]) Lean(ctx context.Context) ([]bson.Raw, error) {
	r, err := q.route(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := q.filter()
	if err != nil {
		return nil, err
	}
	opts, _ := q.findOptions()
	out := []bson.Raw{}
	err = q.m.scan(r, "find", func(ctx context.Context) (*mongo.Cursor, error) {
		return q.m.collection(r.client).Find(ctx, filter, opts)
	}, func(raw bson.Raw) (bool, error) {
		out = append(out, append(bson.Raw(nil), raw...))
		return true, nil
	})
	return out, err
}

// Count returns how many documents match.
func (q *Query[T]) Count(ctx context.Context) (int64, error) {
	opts := options.Count()
	if q.skip > 0 {
		opts.SetSkip(q.skip)
	}
	if q.limit > 0 {
		opts.SetLimit(q.limit)
	}
	var n int64
	err := q.run(ctx, OpCount, func(ctx context.Context, c *mongo.Collection, call *Call) (err error) {
		n, err = c.CountDocuments(ctx, call.Filter, opts)
		call.Result = n
		return err
	})
	return n, err
}

// EstimatedCount returns how many documents the collection has, by its metadata.
func (m *Model[T]) EstimatedCount(ctx context.Context) (int64, error) {
	var n int64
	err := m.Query().run(ctx, OpEstimatedCount, func(ctx context.Context, c *mongo.Collection, call *Call) (err error) {
		n, err = c.EstimatedDocumentCount(ctx)
		call.Result = n
		return err
	})
	return n, err
}

// Exists tells whether a document matches.
func (q *Query[T]) Exists(ctx context.Context) (bool, error) {
	err := q.run(ctx, OpFindOne, func(ctx context.Context, c *mongo.Collection, call *Call) error {
		return c.FindOne(ctx, call.Filter, options.FindOne().SetProjection(idOnly)).Err()
	})
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}

// Distinct returns the different values of a path.
func (q *Query[T]) Distinct(ctx context.Context, path string) ([]bson.RawValue, error) {
	var out []bson.RawValue
	err := q.run(ctx, OpDistinct, func(ctx context.Context, c *mongo.Collection, call *Call) error {
		res := c.Distinct(ctx, q.m.pathOf(path), call.Filter)
		if err := res.Err(); err != nil {
			return err
		}
		err := res.Decode(&out)
		call.Result = out
		return err
	})
	return out, err
}

// run runs one statement of the query with its hooks.
func (q *Query[T]) run(ctx context.Context, op Op, fn func(ctx context.Context, c *mongo.Collection, call *Call) error) error {
	r, err := q.route(ctx)
	if err != nil {
		return err
	}
	filter, err := q.filter()
	if err != nil {
		return err
	}
	return q.runCall(r, &Call{Model: q.m.name, Op: op, Filter: filter}, fn)
}

func (q *Query[T]) runCall(r route, call *Call, fn func(ctx context.Context, c *mongo.Collection, call *Call) error) error {
	err := q.m.hooks.runOp(r.ctx, call, func() error {
		err := r.do(func(ctx context.Context) error { return fn(ctx, q.m.collection(r.client), call) })
		return wrapDriver(q.m.name, string(call.Op), err)
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}
