package odm

import (
	"context"
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
	orFail   bool
	failWith error
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

// OrFail makes finding, changing or deleting nothing an error: err or, if it is nil, a
// NotFoundError. It is the default of what returns one document.
func (q *Query[T]) OrFail(err error) *Query[T] { q.orFail, q.failWith = true, err; return q }

// none returns the error of an operation that found nothing.
func (q *Query[T]) none(filter bson.Raw) error {
	if q.failWith != nil {
		return q.failWith
	}
	return &NotFoundError{Model: q.m.name, Filter: filter}
}

// changedSomething is what OrFail asks of a change.
func (q *Query[T]) changedSomething(call *Call) error {
	if !q.orFail {
		return nil
	}
	switch res := call.Result.(type) {
	case *mongo.UpdateResult:
		if res.MatchedCount+res.UpsertedCount == 0 {
			return q.none(call.Filter)
		}
	case *mongo.DeleteResult:
		if res.DeletedCount == 0 {
			return q.none(call.Filter)
		}
	}
	return nil
}

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
