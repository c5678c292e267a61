package odm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// InsertOption is an option of InsertMany.
type InsertOption func(*insertConfig)

type insertConfig struct{ unordered bool }

// Unordered goes on after an error.
func Unordered() InsertOption { return func(c *insertConfig) { c.unordered = true } }

// InsertResult says which documents InsertMany stored, and why it did not store others.
type InsertResult[T any] struct {
	Inserted []*T
	Errors   map[int]error // by position; only of Unordered
}

// InsertMany validates new documents and inserts them by one statement. The hooks of save
// do not run. In order, the first invalid document keeps all from being sent; Unordered
// inserts those that are valid.
func (m *Model[T]) InsertMany(ctx context.Context, docs []*T, opts ...InsertOption) (*InsertResult[T], error) {
	var cfg insertConfig
	for _, o := range opts {
		o(&cfg)
	}
	r, err := m.conn.route(ctx, nil)
	if err != nil {
		return nil, err
	}
	res := &InsertResult[T]{Errors: map[int]error{}}
	call := &Call{Model: m.name, Op: OpInsertMany, Result: res}
	err = m.hooks.runOp(r.ctx, call, func() error { return m.insertMany(r, docs, &cfg, res) })
	if errors.Is(err, ErrStop) {
		err = nil
	}
	return res, err
}

// pending is a document on its way into the database.
type pending[T any] struct {
	at       int
	st       *state[T]
	doc, enc bson.Raw
	before   bson.Raw
	entry    *docEntry[T]
}

func (m *Model[T]) insertMany(r route, docs []*T, cfg *insertConfig, res *InsertResult[T]) error {
	var batch []*pending[T]
	for i, v := range docs {
		p, err := m.pendingInsert(r, v)
		if err != nil {
			if !cfg.unordered {
				return err
			}
			res.Errors[i] = err
			continue
		}
		p.at = i
		batch = append(batch, p)
	}
	if len(batch) == 0 {
		return nil
	}
	raws := make([]bson.Raw, len(batch))
	for i, p := range batch {
		raws[i] = p.doc
	}
	err := r.do(func(ctx context.Context) error {
		_, err := m.collection(r.client).InsertMany(ctx, raws, options.InsertMany().SetOrdered(!cfg.unordered))
		return err
	})
	failed, first := failures(err, len(batch), !cfg.unordered)
	for i, p := range batch {
		if p.entry != nil {
			p.entry.noteWrites(p.before, p.enc)
		}
		if e, bad := failed[i]; bad {
			if e != nil {
				res.Errors[p.at] = wrapDriver(m.name, "insertMany", e)
			}
			continue
		}
		p.st.stored(p.doc, p.enc)
		p.st.remember(r)
		res.Inserted = append(res.Inserted, docs[p.at])
	}
	return wrapDriver(m.name, "insertMany", first)
}

// pendingInsert makes a document ready to be inserted.
func (m *Model[T]) pendingInsert(r route, v *T) (*pending[T], error) {
	m.New(v)
	st, err := m.docOf(v).state()
	if err != nil {
		return nil, err
	}
	unlock, err := st.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	p := &pending[T]{st: st}
	if p.entry, err = st.touch(r.journal()); err != nil {
		return nil, err
	}
	if p.entry != nil {
		if p.before, err = m.encode(v); err != nil {
			return nil, err
		}
	}
	if err := st.validate(r.ctx); err != nil {
		return nil, err
	}
	p.doc, p.enc, err = st.insertion(false)
	return p, err
}

// failures says which writes of a batch failed, with their errors, or were not tried: nil.
func failures(err error, n int, ordered bool) (map[int]error, error) {
	if err == nil {
		return nil, nil
	}
	failed := map[int]error{}
	var bwe mongo.BulkWriteException
	if !errors.As(err, &bwe) || len(bwe.WriteErrors) == 0 {
		for i := range n { // nobody knows: count them as not written
			failed[i] = nil
		}
		return failed, err
	}
	for _, we := range bwe.WriteErrors {
		failed[we.Index] = mongo.WriteException{WriteErrors: mongo.WriteErrors{we.WriteError}}
		if ordered {
			for i := we.Index + 1; i < n; i++ {
				failed[i] = nil
			}
		}
	}
	return failed, err
}

// BulkWrite sends several writes at once: see InsertOp, UpdateOneOp, UpdateManyOp and
// DeleteOp. Filters and updates are cast; no hooks of documents run.
func (m *Model[T]) BulkWrite(ctx context.Context, writes []BulkOp[T], opts ...InsertOption) (*mongo.BulkWriteResult, error) {
	var cfg insertConfig
	for _, o := range opts {
		o(&cfg)
	}
	r, err := m.conn.route(ctx, nil)
	if err != nil {
		return nil, err
	}
	models := make([]mongo.WriteModel, 0, len(writes))
	for _, w := range writes {
		wm, err := w(r, m)
		if err != nil {
			return nil, err
		}
		if wm != nil {
			models = append(models, wm)
		}
	}
	res := &mongo.BulkWriteResult{}
	if len(models) == 0 {
		return res, nil
	}
	call := &Call{Model: m.name, Op: OpBulkWrite}
	err = m.hooks.runOp(r.ctx, call, func() error {
		err := r.do(func(ctx context.Context) (err error) {
			res, err = m.collection(r.client).BulkWrite(ctx, models, options.BulkWrite().SetOrdered(!cfg.unordered))
			return err
		})
		call.Result = res
		return wrapDriver(m.name, "bulkWrite", err)
	})
	if errors.Is(err, ErrStop) {
		err = nil
	}
	return res, err
}

// BulkOp is one write of a BulkWrite.
type BulkOp[T any] func(r route, m *Model[T]) (mongo.WriteModel, error)

// InsertOp inserts a document.
func InsertOp[T any](v *T) BulkOp[T] {
	return func(r route, m *Model[T]) (mongo.WriteModel, error) {
		p, err := m.pendingInsert(r, v)
		if err != nil {
			return nil, err
		}
		return mongo.NewInsertOneModel().SetDocument(p.doc), nil
	}
}

// UpdateOneOp changes the first document that matches.
func UpdateOneOp[T any](filter, update any, opts ...UpdateOption) BulkOp[T] {
	return func(r route, m *Model[T]) (mongo.WriteModel, error) {
		f, u, cfg, err := m.bulkUpdate(r.ctx, filter, update, opts)
		if err != nil || emptyUpdate(u) {
			return nil, err
		}
		return mongo.NewUpdateOneModel().SetFilter(f).SetUpdate(u).SetUpsert(cfg.upsert), nil
	}
}

// UpdateManyOp changes all documents that match.
func UpdateManyOp[T any](filter, update any, opts ...UpdateOption) BulkOp[T] {
	return func(r route, m *Model[T]) (mongo.WriteModel, error) {
		f, u, cfg, err := m.bulkUpdate(r.ctx, filter, update, opts)
		if err != nil || emptyUpdate(u) {
			return nil, err
		}
		return mongo.NewUpdateManyModel().SetFilter(f).SetUpdate(u).SetUpsert(cfg.upsert), nil
	}
}

func (m *Model[T]) bulkUpdate(ctx context.Context, filter, update any, opts []UpdateOption) (bson.Raw, any, *updateConfig, error) {
	cfg := updateOptions(opts)
	q := m.Query(filter)
	if q.err != nil {
		return nil, nil, nil, q.err
	}
	f, err := q.filter()
	if err != nil {
		return nil, nil, nil, err
	}
	u, err := q.prepare(ctx, update, cfg)
	return f, u, cfg, err
}

// DeleteOp removes the first document that matches.
func DeleteOp[T any](filter any) BulkOp[T] {
	return func(_ route, m *Model[T]) (mongo.WriteModel, error) {
		q := m.Query(filter)
		if q.err != nil {
			return nil, q.err
		}
		f, err := q.filter()
		if err != nil {
			return nil, err
		}
		return mongo.NewDeleteOneModel().SetFilter(f), nil
	}
}

// BulkSaveError says that fewer documents were found than had changes.
type BulkSaveError struct {
	Model string
	IDs   []any // of the documents whose changes may be missing
}

func (e *BulkSaveError) Error() string {
	return fmt.Sprintf("odm: %s: %d documents were not saved", e.Model, len(e.IDs))
}

// BulkSave saves several documents by one statement: new ones are inserted, of loaded ones
// the changes are sent. The hooks of save run before and after.
func (m *Model[T]) BulkSave(ctx context.Context, docs []*T) error {
	r, err := m.conn.route(ctx, nil)
	if err != nil {
		return err
	}
	var writes []mongo.WriteModel
	var after []func() error
	var inserts, updates int
	var ids []any
	for _, v := range docs {
		b, err := m.bulkSaveOne(r, v)
		if err != nil {
			return err
		}
		if b.write == nil {
			continue
		}
		writes = append(writes, b.write)
		after = append(after, b.after)
		if b.insert {
			inserts++
		} else {
			updates++
			ids = append(ids, b.id)
		}
	}
	if len(writes) == 0 {
		return nil
	}
	var res *mongo.BulkWriteResult
	err = r.do(func(ctx context.Context) (err error) {
		res, err = m.collection(r.client).BulkWrite(ctx, writes)
		return err
	})
	if err != nil {
		return wrapDriver(m.name, "bulkSave", err)
	}
	if res.MatchedCount < int64(updates) {
		return &BulkSaveError{Model: m.name, IDs: ids}
	}
	for _, fn := range after {
		if err := fn(); err != nil {
			return err
		}
	}
	for _, v := range docs {
		if err := m.hooks.posts(r.ctx, OnSave, m.table, v); err != nil {
			return m.hooks.failed(r.ctx, OnSave, v, err)
		}
	}
	return nil
}

type bulkSaved struct {
	write  mongo.WriteModel
	insert bool
	id     any
	after  func() error
}

func (m *Model[T]) bulkSaveOne(r route, v *T) (*bulkSaved, error) {
	m.New(v)
	st, err := m.docOf(v).state()
	if err != nil {
		return nil, err
	}
	unlock, err := st.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	entry, err := st.touch(r.journal())
	if err != nil {
		return nil, err
	}
	var before bson.Raw
	if entry != nil {
		if before, err = m.encode(v); err != nil {
			return nil, err
		}
	}
	if err := st.validate(r.ctx); err != nil {
		return nil, err
	}
	if err := m.hooks.pres(r.ctx, OnSave, m.table, v); err != nil {
		return nil, m.hooks.failed(r.ctx, OnSave, v, err)
	}
	st.remember(r)
	b, enc, err := st.bulkWrite()
	if err == nil && entry != nil {
		entry.noteWrites(before, enc)
	}
	return b, err
}

// bulkWrite makes the write model of one document.
func (st *state[T]) bulkWrite() (*bulkSaved, bson.Raw, error) {
	if st.isNew {
		doc, enc, err := st.insertion(false)
		if err != nil {
			return nil, nil, err
		}
		return &bulkSaved{
			write: mongo.NewInsertOneModel().SetDocument(doc), insert: true,
			after: func() error { st.stored(doc, enc); return nil },
		}, enc, nil
	}
	enc, ch, err := st.diff(true)
	if err != nil {
		return nil, nil, err
	}
	if ch.empty() {
		return &bulkSaved{}, enc, nil
	}
	if cfg := st.model.cfg; cfg.timestamps && cfg.updatedAt != "" {
		if enc, err = st.stampUpdate(ch); err != nil {
			return nil, nil, err
		}
	}
	where, bump := st.versionRules(ch)
	if st.proj.divides(ch.replace) {
		return nil, nil, &DivergentArrayError{Model: st.model.name, Paths: slices.Clone(ch.replace)}
	}
	filter, err := st.filter(where)
	if err != nil {
		return nil, nil, err
	}
	update := ch.update(st.model.cfg.versionKey, bump)
	return &bulkSaved{
		write: mongo.NewUpdateOneModel().SetFilter(filter).SetUpdate(update), id: st.id(),
		after: func() error { return st.updated(enc, ch, bump) },
	}, enc, nil
}
