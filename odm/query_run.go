package odm

import (
	"context"
	"errors"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// target finds out where the query goes, and casts its filter.
func (q *Query[T]) target(ctx context.Context) (route, bson.Raw, error) {
	r, err := q.route(ctx)
	if err != nil {
		return route{}, nil, err
	}
	filter, err := q.filter()
	return r, filter, err
}

// begin is target for an operation, which it describes for the hooks.
func (q *Query[T]) begin(ctx context.Context, op Op) (route, *Call, error) {
	r, filter, err := q.target(ctx)
	return r, &Call{Model: q.m.name, Op: op, Filter: filter}, err
}

// One returns the first document, or a NotFoundError.
func (q *Query[T]) One(ctx context.Context) (*T, error) {
	r, call, err := q.begin(ctx, OpFindOne)
	if err != nil {
		return nil, err
	}
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
		return nil, q.none(filter)
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
	r, call, err := q.begin(ctx, OpFind)
	if err != nil {
		return nil, err
	}
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
	if q.orFail && len(docs) == 0 {
		return nil, q.none(filter)
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
	r, call, err := q.begin(ctx, OpFind)
	if err != nil {
		return err
	}
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
	r, filter, err := q.target(ctx)
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
	r, call, err := q.begin(ctx, op)
	if err != nil {
		return err
	}
	return q.runCall(r, call, fn)
}

func (q *Query[T]) runCall(r route, call *Call, fn func(ctx context.Context, c *mongo.Collection, call *Call) error) error {
	err := q.m.hooks.runOp(r.ctx, call, func() error {
		err := r.do(func(ctx context.Context) error { return fn(ctx, q.m.collection(r.client), call) })
		if err != nil {
			return wrapDriver(q.m.name, string(call.Op), err)
		}
		return q.changedSomething(call)
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}
