package odm

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// BulkResult is what a BulkWrite did.
type BulkResult struct {
	mongo.BulkWriteResult
	Errors map[int]error // by position in the list of writes
}

// BulkOp is one write of a BulkWrite.
type BulkOp[T any] func(r route, m *Model[T]) (bulkOp, error)

// bulkOp is a write that is ready. One without a model has nothing to send.
type bulkOp struct {
	model mongo.WriteModel
	after func(done bool) // once the server was asked, or nil
	at    int
}

// BulkWrite sends several writes at once: see InsertOp, UpdateOneOp, UpdateManyOp, ReplaceOp,
// DeleteOp and DeleteManyOp. Filters and updates are cast, documents validated; no hooks of
// documents run. In order, a write that cannot be made keeps all from being sent; Unordered
// sends the others, and Errors of the result says why some were not sent.
func (m *Model[T]) BulkWrite(ctx context.Context, writes []BulkOp[T], opts ...InsertOption) (*BulkResult, error) {
	var cfg insertConfig
	for _, o := range opts {
		o(&cfg)
	}
	r, err := m.route(ctx, nil)
	if err != nil {
		return nil, err
	}
	res := &BulkResult{Errors: map[int]error{}}
	ready, first := m.bulkOps(r, writes, &cfg, res)
	if len(ready) == 0 || (first != nil && !cfg.unordered) {
		return res, first
	}
	call := &Call{Model: m.name, Op: OpBulkWrite, Result: res}
	err = m.hooks.runOp(r.ctx, call, func() error { return m.bulkWrite(r, ready, &cfg, res) })
	if errors.Is(err, ErrStop) {
		err = nil
	}
	return res, err
}

// bulkOps makes the writes, and returns the error of the first that cannot be made.
func (m *Model[T]) bulkOps(r route, writes []BulkOp[T], cfg *insertConfig, res *BulkResult) (ready []bulkOp, first error) {
	for i, w := range writes {
		op, err := w(r, m)
		if err != nil {
			res.Errors[i] = err
			if first == nil {
				first = err
			}
			if !cfg.unordered {
				break
			}
			continue
		}
		if op.model != nil {
			op.at = i
			ready = append(ready, op)
		}
	}
	return ready, first
}

func (m *Model[T]) bulkWrite(r route, ready []bulkOp, cfg *insertConfig, res *BulkResult) error {
	models := make([]mongo.WriteModel, len(ready))
	for i, op := range ready {
		models[i] = op.model
	}
	err := r.do(func(ctx context.Context) error {
		out, err := m.collection(r.client).BulkWrite(ctx, models, options.BulkWrite().SetOrdered(!cfg.unordered))
		if out != nil {
			res.BulkWriteResult = *out
		}
		return err
	})
	failed, first := failures(err, len(ready), !cfg.unordered)
	for i, op := range ready {
		e, bad := failed[i]
		if e != nil {
			res.Errors[op.at] = wrapDriver(m.name, "bulkWrite", e)
		}
		if op.after != nil {
			op.after(!bad)
		}
	}
	return wrapDriver(m.name, "bulkWrite", first)
}

// InsertOp inserts a document, which is a saved one afterwards.
func InsertOp[T any](v *T) BulkOp[T] {
	return func(r route, m *Model[T]) (bulkOp, error) {
		p, err := m.pendingInsert(r, v)
		if err != nil {
			return bulkOp{}, err
		}
		return bulkOp{model: mongo.NewInsertOneModel().SetDocument(p.doc), after: func(done bool) { p.settle(r, done) }}, nil
	}
}

// UpdateOneOp changes the first document that matches.
func UpdateOneOp[T any](filter, update any, opts ...UpdateOption) BulkOp[T] {
	return func(r route, m *Model[T]) (bulkOp, error) {
		f, u, cfg, err := m.bulkUpdate(r.ctx, filter, update, opts)
		if err != nil || emptyUpdate(u) {
			return bulkOp{}, err
		}
		model := mongo.NewUpdateOneModel().SetFilter(f).SetUpdate(u).SetUpsert(cfg.upsert)
		if cfg.arrayFilters != nil {
			model.SetArrayFilters(cfg.arrayFilters)
		}
		return bulkOp{model: model}, nil
	}
}

// UpdateManyOp changes all documents that match.
func UpdateManyOp[T any](filter, update any, opts ...UpdateOption) BulkOp[T] {
	return func(r route, m *Model[T]) (bulkOp, error) {
		f, u, cfg, err := m.bulkUpdate(r.ctx, filter, update, opts)
		if err != nil || emptyUpdate(u) {
			return bulkOp{}, err
		}
		model := mongo.NewUpdateManyModel().SetFilter(f).SetUpdate(u).SetUpsert(cfg.upsert)
		if cfg.arrayFilters != nil {
			model.SetArrayFilters(cfg.arrayFilters)
		}
		return bulkOp{model: model}, nil
	}
}

// ReplaceOp replaces the first document that matches by v; it keeps its _id.
func ReplaceOp[T any](filter any, v *T, opts ...UpdateOption) BulkOp[T] {
	return func(r route, m *Model[T]) (bulkOp, error) {
		f, err := m.bulkFilter(filter)
		if err != nil {
			return bulkOp{}, err
		}
		cfg := updateOptions(opts)
		doc, err := m.replacement(r.ctx, v, cfg)
		if err != nil {
			return bulkOp{}, err
		}
		return bulkOp{model: mongo.NewReplaceOneModel().SetFilter(f).SetReplacement(doc).SetUpsert(cfg.upsert)}, nil
	}
}

// DeleteOp removes the first document that matches.
func DeleteOp[T any](filter any) BulkOp[T] {
	return func(_ route, m *Model[T]) (bulkOp, error) {
		f, err := m.bulkFilter(filter)
		return bulkOp{model: mongo.NewDeleteOneModel().SetFilter(f)}, err
	}
}

// DeleteManyOp removes all documents that match.
func DeleteManyOp[T any](filter any) BulkOp[T] {
	return func(_ route, m *Model[T]) (bulkOp, error) {
		f, err := m.bulkFilter(filter)
		return bulkOp{model: mongo.NewDeleteManyModel().SetFilter(f)}, err
	}
}

func (m *Model[T]) bulkFilter(filter any) (bson.Raw, error) {
	q := m.Query(filter)
	if q.err != nil {
		return nil, q.err
	}
	return q.filter()
}

func (m *Model[T]) bulkUpdate(ctx context.Context, filter, update any, opts []UpdateOption) (bson.Raw, any, *updateConfig, error) {
	cfg := updateOptions(opts)
	f, err := m.bulkFilter(filter)
	if err != nil {
		return nil, nil, nil, err
	}
	u, err := m.Query().prepare(ctx, update, cfg)
	return f, u, cfg, err
}
