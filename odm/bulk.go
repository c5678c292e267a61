package odm

import (
	"context"
	"errors"

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
	r, err := m.route(ctx, nil)
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
		e, bad := failed[i]
		p.settle(r, !bad)
		if e != nil {
			res.Errors[p.at] = wrapDriver(m.name, "insertMany", e)
		}
		if !bad {
			res.Inserted = append(res.Inserted, docs[p.at])
		}
	}
	return wrapDriver(m.name, "insertMany", first)
}

// settle is called once the server was asked.
func (p *pending[T]) settle(r route, done bool) {
	if p.entry != nil {
		p.entry.noteWrites(p.before, p.enc)
	}
	if done {
		p.st.stored(p.doc, p.enc)
		p.st.remember(r)
	}
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

// failures says which writes of a batch failed, with their errors; those that were not
// tried have none. It returns the error of the batch as well.
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
