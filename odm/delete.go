package odm

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Delete removes the document. A second call sends nothing.
func (d *Doc[T]) Delete(ctx context.Context) error {
	st, r, unlock, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if st.deleted {
		return nil
	}
	m := st.model
	st.remember(r)
	err = m.hooks.runDoc(r.ctx, OnDelete, m.table, st.val, func() error {
		id, err := rawValue(st.id())
		if err != nil {
			return err
		}
		filter := document(appendRawElement(nil, "_id", id))
		call := &Call{Model: m.name, Op: OpDeleteOne, Filter: filter}
		return m.hooks.runOp(r.ctx, call, func() error {
			var res *mongo.DeleteResult
			err := r.do(func(ctx context.Context) (err error) {
				res, err = m.collection(r.client).DeleteOne(ctx, call.Filter)
				return err
			})
			if err != nil {
				return wrapDriver(m.name, "delete", err)
			}
			call.Result = res
			st.deleted = res.DeletedCount > 0
			return nil
		})
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// Reload reads the document again. What was assigned since is lost.
func (d *Doc[T]) Reload(ctx context.Context) error {
	st, r, unlock, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	m := st.model
	id, err := rawValue(st.id())
	if err != nil {
		return err
	}
	filter := document(appendRawElement(nil, "_id", id))
	var raw bson.Raw
	err = r.do(func(ctx context.Context) (err error) {
		raw, err = m.collection(r.client).FindOne(ctx, filter).Raw()
		return err
	})
	if errors.Is(err, mongo.ErrNoDocuments) {
		return &NotFoundError{Model: m.name, Filter: filter}
	}
	if err != nil {
		return wrapDriver(m.name, "reload", err)
	}
	return st.reloaded(r, raw)
}

func (st *state[T]) reloaded(r route, raw bson.Raw) error {
	m := st.model
	var fresh T
	var loaded state[T]
	if err := m.load(&fresh, &loaded, raw, nil); err != nil {
		return err
	}
	m.copyInto(st.val, &fresh)
	st.snapshot = loaded.snapshot
	st.remember(r)
	return m.initialised(r.ctx, st.val)
}
