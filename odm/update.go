package odm

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// updateConfig is what UpdateOptions set.
type updateConfig struct {
	upsert        bool
	strict        Strict
	runValidators bool
	before        bool
	noTimestamps  bool
	arrayFilters  []any
}

// UpdateOption is an option of updates by query.
type UpdateOption func(*updateConfig)

// Upsert inserts a document if none matches.
func Upsert() UpdateOption { return func(c *updateConfig) { c.upsert = true } }

// UpdateStrict sets what becomes of unknown paths in the update.
func UpdateStrict(s Strict) UpdateOption { return func(c *updateConfig) { c.strict = s } }

// RunValidators checks what the update sets, pushes, adds and pulls, or the replacement. An
// $unset of a required path fails. Other operators are not checked.
func RunValidators() UpdateOption { return func(c *updateConfig) { c.runValidators = true } }

// ReturnBefore makes FindOneAnd* return the document as it was before; the default is after.
func ReturnBefore() UpdateOption { return func(c *updateConfig) { c.before = true } }

// UpdateNoTimestamps leaves the timestamps as they are.
func UpdateNoTimestamps() UpdateOption { return func(c *updateConfig) { c.noTimestamps = true } }

// ArrayFilters say which elements the $[name] of an update means.
func ArrayFilters(filters ...any) UpdateOption {
	return func(c *updateConfig) { c.arrayFilters = filters }
}

func updateOptions(opts []UpdateOption) *updateConfig {
	c := &updateConfig{}
	for _, o := range opts {
		o(c)
	}
	return c
}

// prepare casts an update, or takes a pipeline as it is.
func (q *Query[T]) prepare(ctx context.Context, update any, cfg *updateConfig) (any, error) {
	if t, data, err := bson.MarshalValue(update); err == nil && t == bson.TypeArray {
		return q.m.stampPipeline(bson.RawValue{Type: t, Value: data}, cfg)
	}
	rawUpdate, err := toRaw(update)
	if err != nil {
		return nil, &OpError{Model: q.m.name, Op: "update", cause: err}
	}
	cast, err := q.m.castUpdate(rawUpdate, cfg, q.filters)
	if err != nil {
		return nil, malformed(q.m.name, "update", err)
	}
	if cfg.upsert {
		if err := q.upsertable(cfg.strict.or(q.m.strict())); err != nil {
			return nil, err
		}
	}
	if cfg.runValidators {
		if err := q.m.validateUpdate(ctx, cast); err != nil {
			return nil, err
		}
	}
	return cast, nil
}

// upsertable refuses paths in the filter that an upsert would store and the schema does not
// know.
func (q *Query[T]) upsertable(strict Strict) error {
	if strict == StrictKeep {
		return nil
	}
	for _, filter := range q.filters {
		for _, e := range listElements(filter) {
			path := q.m.pathOf(e.key)
			if strings.HasPrefix(path, "$") || q.m.table.find(path) != nil || q.m.known(path) {
				continue
			}
			return &StrictError{Model: q.m.name, Path: path, Where: "filter", What: "is not in the schema, and an upsert would store it"}
		}
	}
	return nil
}

func emptyUpdate(update any) bool {
	raw, ok := update.(bson.Raw)
	return ok && len(raw) <= len(emptyDoc)
}

// UpdateOne changes the first document that matches. An update of which the strict mode
// left nothing is not sent.
func (q *Query[T]) UpdateOne(ctx context.Context, update any, opts ...UpdateOption) (*mongo.UpdateResult, error) {
	return q.update(ctx, OpUpdateOne, update, opts)
}

// UpdateMany changes all documents that match.
func (q *Query[T]) UpdateMany(ctx context.Context, update any, opts ...UpdateOption) (*mongo.UpdateResult, error) {
	return q.update(ctx, OpUpdateMany, update, opts)
}

func (q *Query[T]) update(ctx context.Context, op Op, update any, opts []UpdateOption) (*mongo.UpdateResult, error) {
	if ctx == nil {
		return nil, q.m.misuse(ErrNilContext)
	}
	cfg := updateOptions(opts)
	cast, err := q.prepare(ctx, update, cfg)
	if err != nil {
		return nil, err
	}
	res := &mongo.UpdateResult{Acknowledged: true}
	if emptyUpdate(cast) {
		return res, nil
	}
	err = q.runUpdate(ctx, op, cast, func(ctx context.Context, c *mongo.Collection, filter bson.Raw, update any) (any, error) {
		var err error
		if op == OpUpdateMany {
			o := options.UpdateMany().SetUpsert(cfg.upsert)
			if cfg.arrayFilters != nil {
				o.SetArrayFilters(cfg.arrayFilters)
			}
			res, err = c.UpdateMany(ctx, filter, update, o)
			return res, err
		}
		o := options.UpdateOne().SetUpsert(cfg.upsert)
		if cfg.arrayFilters != nil {
			o.SetArrayFilters(cfg.arrayFilters)
		}
		if q.sort != nil {
			o.SetSort(q.sort)
		}
		res, err = c.UpdateOne(ctx, filter, update, o)
		return res, err
	})
	return res, err
}

// runUpdate runs an update with its hooks, which may change it unless it is a pipeline.
func (q *Query[T]) runUpdate(ctx context.Context, op Op, update any, fn func(ctx context.Context, c *mongo.Collection, filter bson.Raw, update any) (any, error)) error {
	r, call, err := q.begin(ctx, op)
	if err != nil {
		return err
	}
	call.Update, _ = update.(bson.Raw)
	return q.runCall(r, call, func(ctx context.Context, c *mongo.Collection, call *Call) (err error) {
		if call.Update != nil {
			update = call.Update
		}
		call.Result, err = fn(ctx, c, call.Filter, update)
		return err
	})
}

// replacement encodes a document that replaces another one, with its defaults, setters and
// timestamps.
func (m *Model[T]) replacement(ctx context.Context, v *T, cfg *updateConfig) (bson.Raw, error) {
	fields := reflect.ValueOf(v).Elem()
	m.applyDefaults(fields, nil)
	m.setStruct(fields, m.table, true)
	if cfg.runValidators {
		check := validation{ctx: ctx, doc: v}
		check.structure(fields, m.table, "")
		if err := check.failed(m.name); err != nil {
			return nil, err
		}
	}
	extra := m.stampNew(v, nil)
	raw, err := m.encode(v)
	if err != nil {
		return nil, err
	}
	var dst []byte
	for _, e := range listElements(raw) {
		if e.key != "_id" && e.key != m.cfg.versionKey {
			dst = appendRawElement(dst, e.key, e.v)
		}
	}
	if m.cfg.versionKey != "" {
		dst = bsoncore.AppendInt32Element(dst, m.cfg.versionKey, 0)
	}
	return document(append(m.appendKind(dst), extra...)), nil
}

// ReplaceOne replaces the first document that matches; it keeps its _id.
func (q *Query[T]) ReplaceOne(ctx context.Context, v *T, opts ...UpdateOption) (*mongo.UpdateResult, error) {
	if ctx == nil {
		return nil, q.m.misuse(ErrNilContext)
	}
	cfg := updateOptions(opts)
	doc, err := q.m.replacement(ctx, v, cfg)
	if err != nil {
		return nil, err
	}
	var res *mongo.UpdateResult
	err = q.runUpdate(ctx, OpReplaceOne, doc, func(ctx context.Context, c *mongo.Collection, filter bson.Raw, update any) (any, error) {
		var err error
		res, err = c.ReplaceOne(ctx, filter, update, options.Replace().SetUpsert(cfg.upsert))
		return res, err
	})
	return res, err
}

// DeleteOne removes the first document that matches.
func (q *Query[T]) DeleteOne(ctx context.Context) (int64, error) {
	return q.delete(ctx, OpDeleteOne, func(ctx context.Context, c *mongo.Collection, f bson.Raw) (*mongo.DeleteResult, error) {
		return c.DeleteOne(ctx, f)
	})
}

// DeleteMany removes all documents that match.
func (q *Query[T]) DeleteMany(ctx context.Context) (int64, error) {
	return q.delete(ctx, OpDeleteMany, func(ctx context.Context, c *mongo.Collection, f bson.Raw) (*mongo.DeleteResult, error) {
		return c.DeleteMany(ctx, f)
	})
}

func (q *Query[T]) delete(ctx context.Context, op Op, fn func(context.Context, *mongo.Collection, bson.Raw) (*mongo.DeleteResult, error)) (int64, error) {
	var n int64
	err := q.run(ctx, op, func(ctx context.Context, c *mongo.Collection, call *Call) error {
		res, err := fn(ctx, c, call.Filter)
		if err == nil {
			n, call.Result = res.DeletedCount, res
		}
		return err
	})
	return n, err
}

// FindOneAndUpdate changes the first document that matches and returns it as it is then.
func (q *Query[T]) FindOneAndUpdate(ctx context.Context, update any, opts ...UpdateOption) (*T, error) {
	if ctx == nil {
		return nil, q.m.misuse(ErrNilContext)
	}
	cfg := updateOptions(opts)
	cast, err := q.prepare(ctx, update, cfg)
	if err != nil {
		return nil, err
	}
	if emptyUpdate(cast) {
		return q.One(ctx)
	}
	o := options.FindOneAndUpdate().SetUpsert(cfg.upsert).SetReturnDocument(cfg.returned())
	sel, proj := q.projection()
	if sel != nil {
		o.SetProjection(sel)
	}
	if q.sort != nil {
		o.SetSort(q.sort)
	}
	if cfg.arrayFilters != nil {
		o.SetArrayFilters(cfg.arrayFilters)
	}
	return q.findAnd(ctx, OpFindOneAndUpdate, cast, proj, func(ctx context.Context, c *mongo.Collection, filter bson.Raw, update any) *mongo.SingleResult {
		return c.FindOneAndUpdate(ctx, filter, update, o)
	})
}

func (c *updateConfig) returned() options.ReturnDocument {
	if c.before {
		return options.Before
	}
	return options.After
}

// FindOneAndReplace replaces the first document that matches and returns what it is then.
func (q *Query[T]) FindOneAndReplace(ctx context.Context, v *T, opts ...UpdateOption) (*T, error) {
	if ctx == nil {
		return nil, q.m.misuse(ErrNilContext)
	}
	cfg := updateOptions(opts)
	doc, err := q.m.replacement(ctx, v, cfg)
	if err != nil {
		return nil, err
	}
	o := options.FindOneAndReplace().SetUpsert(cfg.upsert).SetReturnDocument(cfg.returned())
	sel, proj := q.projection()
	if sel != nil {
		o.SetProjection(sel)
	}
	if q.sort != nil {
		o.SetSort(q.sort)
	}
	return q.findAnd(ctx, OpFindOneAndReplace, doc, proj, func(ctx context.Context, c *mongo.Collection, filter bson.Raw, update any) *mongo.SingleResult {
		return c.FindOneAndReplace(ctx, filter, update, o)
	})
}

// FindOneAndDelete removes the first document that matches and returns it.
func (q *Query[T]) FindOneAndDelete(ctx context.Context) (*T, error) {
	o := options.FindOneAndDelete()
	sel, proj := q.projection()
	if sel != nil {
		o.SetProjection(sel)
	}
	if q.sort != nil {
		o.SetSort(q.sort)
	}
	doc, err := q.findAnd(ctx, OpFindOneAndDelete, nil, proj, func(ctx context.Context, c *mongo.Collection, filter bson.Raw, _ any) *mongo.SingleResult {
		return c.FindOneAndDelete(ctx, filter, o)
	})
	if doc != nil {
		q.m.docOf(doc).s.deleted = true
	}
	return doc, err
}

func (q *Query[T]) findAnd(ctx context.Context, op Op, update any, proj *projection, fn func(ctx context.Context, c *mongo.Collection, filter bson.Raw, update any) *mongo.SingleResult) (*T, error) {
	r, call, err := q.begin(ctx, op)
	if err != nil {
		return nil, err
	}
	call.Update, _ = update.(bson.Raw)
	var doc *T
	err = q.m.hooks.runOp(r.ctx, call, func() error {
		if call.Update != nil {
			update = call.Update
		}
		var raw bson.Raw
		err := r.do(func(ctx context.Context) (err error) {
			raw, err = fn(ctx, q.m.collection(r.client), call.Filter, update).Raw()
			return err
		})
		switch {
		case errors.Is(err, mongo.ErrNoDocuments):
			return q.none(call.Filter)
		case err != nil:
			return wrapDriver(q.m.name, string(op), err)
		}
		if doc, err = q.m.hydrate(r.ctx, raw, r.sess, proj); err != nil {
			return err
		}
		call.Result = doc
		return q.m.populateAll(r, []*T{doc}, q.populate)
	})
	if errors.Is(err, ErrStop) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// Update changes the document in the database by an update, not by its fields, which stay
// as they are until Reload.
func (d *Doc[T]) Update(ctx context.Context, update any, opts ...UpdateOption) error {
	st, r, unlock, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	m := st.model
	st.remember(r)
	err = m.hooks.runDoc(r.ctx, OnUpdate, m.table, st.val, func() error {
		res, err := m.ByID(st.id()).UpdateOne(r.ctx, update, opts...)
		if err == nil && res.MatchedCount == 0 && res.UpsertedCount == 0 {
			filter, _ := st.filter(false)
			return &NotFoundError{Model: m.name, Filter: filter}
		}
		return err
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}
