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

// BulkSaveError says which documents were not found as they were loaded. A document that
// somebody else changed at the same time is among them when in doubt.
type BulkSaveError struct {
	Model string
	IDs   []any
	errs  []error
}

func (e *BulkSaveError) Error() string {
	return fmt.Sprintf("odm: %s: %d documents were not saved: %v", e.Model, len(e.IDs), errors.Join(e.errs...))
}

// Unwrap returns the VersionError or NotFoundError of each document.
func (e *BulkSaveError) Unwrap() []error { return e.errs }

// BulkSave saves several documents by one statement: new ones are inserted, of loaded ones
// the changes are sent, those without changes are left out. The hooks of save run before and
// after. Documents that were saved count as saved even when others were not.
func (m *Model[T]) BulkSave(ctx context.Context, docs []*T, opts ...InsertOption) error {
	var cfg insertConfig
	for _, o := range opts {
		o(&cfg)
	}
	r, err := m.route(ctx, nil)
	if err != nil {
		return err
	}
	b := &bulkSave[T]{m: m, r: r}
	defer b.unlock()
	for _, v := range docs {
		if err := b.add(v); err != nil {
			return err
		}
	}
	if err := b.send(&cfg); err != nil {
		return errors.Join(err, b.settle())
	}
	return b.settle()
}

// bulkSave is a BulkSave under way.
type bulkSave[T any] struct {
	m     *Model[T]
	r     route
	docs  []*bulkDoc[T]
	locks []func()
}

// bulkDoc is one document of it.
type bulkDoc[T any] struct {
	st     *state[T]
	write  mongo.WriteModel // nil: nothing changed
	ch     *changes         // of updates
	enc    bson.Raw
	where  bool
	bump   bool
	after  func() error
	failed bool
}

func (b *bulkSave[T]) unlock() {
	for _, f := range b.locks {
		f()
	}
}

// add makes a document ready. One that a hook stopped is left out.
func (b *bulkSave[T]) add(v *T) error {
	m := b.m
	m.New(v)
	st, err := m.docOf(v).state()
	if err != nil {
		return err
	}
	unlock, err := st.lock()
	if err != nil {
		return err
	}
	b.locks = append(b.locks, unlock)
	entry, err := st.touch(b.r.journal())
	if err != nil {
		return err
	}
	var before bson.Raw
	if entry != nil {
		if before, err = m.encode(v); err != nil {
			return err
		}
	}
	if st.uncertain {
		return st.misuse("", ErrUncertain)
	}
	if err := st.validate(b.r.ctx); err != nil {
		return m.hooks.failed(b.r.ctx, OnSave, v, err)
	}
	if err := m.hooks.pres(b.r.ctx, OnSave, m.table, v); errors.Is(err, ErrStop) {
		return nil
	} else if err != nil {
		return m.hooks.failed(b.r.ctx, OnSave, v, err)
	}
	st.remember(b.r)
	d := &bulkDoc[T]{st: st}
	if err := d.prepare(); err != nil {
		return err
	}
	if entry != nil {
		entry.noteWrites(before, d.enc)
	}
	b.docs = append(b.docs, d)
	return nil
}

// prepare makes the write of a document.
func (d *bulkDoc[T]) prepare() error {
	st := d.st
	if st.isNew {
		doc, enc, err := st.insertion(false)
		d.enc = enc
		d.write = mongo.NewInsertOneModel().SetDocument(doc)
		d.after = func() error { st.stored(doc, enc); return nil }
		return err
	}
	enc, ch, err := st.diff(true)
	if d.enc = enc; err != nil || ch.empty() {
		return err
	}
	if cfg := st.model.cfg; cfg.timestamps && cfg.updatedAt != "" {
		if d.enc, err = st.stampUpdate(ch); err != nil {
			return err
		}
	}
	d.ch = ch
	d.where, d.bump = st.versionRules(ch)
	if st.proj.divides(ch.replace) {
		return &DivergentArrayError{Model: st.model.name, Paths: slices.Clone(ch.replace)}
	}
	filter, err := st.filter(d.where)
	if err != nil {
		return err
	}
	d.write = mongo.NewUpdateOneModel().SetFilter(filter).SetUpdate(ch.update(st.model.cfg.versionKey, d.bump))
	d.after = func() error { return st.updated(d.enc, ch, d.bump) }
	return nil
}

// send sends the writes and finds out which were not done.
func (b *bulkSave[T]) send(cfg *insertConfig) error {
	var sent []*bulkDoc[T]
	var writes []mongo.WriteModel
	updates := 0
	for _, d := range b.docs {
		if d.write != nil {
			sent, writes = append(sent, d), append(writes, d.write)
		}
		if d.ch != nil {
			updates++
		}
	}
	if len(writes) == 0 {
		return nil
	}
	var res *mongo.BulkWriteResult
	err := b.r.do(func(ctx context.Context) (err error) {
		res, err = b.m.collection(b.r.client).BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(!cfg.unordered))
		return err
	})
	failed, first := failures(err, len(writes), !cfg.unordered)
	for i := range failed {
		sent[i].failed = true
		if sent[i].ch != nil {
			updates--
		}
	}
	if res != nil && res.MatchedCount < int64(updates) {
		return errors.Join(wrapDriver(b.m.name, "bulkSave", first), b.unmatched(sent))
	}
	return wrapDriver(b.m.name, "bulkSave", first)
}

// unmatched reads the updated documents again to find those that the update did not.
func (b *bulkSave[T]) unmatched(sent []*bulkDoc[T]) error {
	var ids []bson.RawValue
	for _, d := range sent {
		if d.ch != nil && !d.failed {
			id, _ := findElement(d.st.base, []byte("_id"))
			ids = append(ids, id)
		}
	}
	filter := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
	there := make(map[string]bson.Raw, len(ids))
	err := b.m.scan(b.r, "bulkSave", func(ctx context.Context) (*mongo.Cursor, error) {
		return b.m.collection(b.r.client).Find(ctx, filter)
	}, func(raw bson.Raw) (bool, error) {
		there[rawKey(lookup(raw, "_id"))] = slices.Clone(raw)
		return true, nil
	})
	if err != nil {
		return err
	}
	e := &BulkSaveError{Model: b.m.name}
	for _, d := range sent {
		if d.ch == nil || d.failed {
			continue
		}
		if err := d.notSaved(there); err != nil {
			d.failed = true
			e.IDs, e.errs = append(e.IDs, d.st.id()), append(e.errs, err)
		}
	}
	return e
}

// notSaved compares what is stored with what the update would have made of it.
func (d *bulkDoc[T]) notSaved(there map[string]bson.Raw) error {
	st, m := d.st, d.st.model
	id, _ := findElement(st.base, []byte("_id"))
	raw, ok := there[rawKey(id)]
	if !ok {
		return &NotFoundError{Model: m.name, Filter: document(appendRawElement(nil, "_id", id))}
	}
	if !d.where || !st.versioned {
		return nil
	}
	want := st.version
	if d.bump {
		want++
	}
	same := true
	if v, _ := lookup(raw, m.cfg.versionKey).AsInt64OK(); v != want {
		same = false
	}
	for _, p := range d.ch.paths {
		same = same && equalValues(lookup(raw, p), lookup(d.enc, p))
	}
	if same {
		return nil
	}
	return &VersionError{Model: m.name, ID: st.id(), Version: st.version, Paths: d.ch.paths}
}

// settle gives the documents that were saved their new state, and runs the hooks after save.
func (b *bulkSave[T]) settle() error {
	for _, d := range b.docs {
		if d.after != nil && !d.failed {
			if err := d.after(); err != nil {
				return err
			}
		}
	}
	for _, d := range b.docs {
		if d.failed {
			continue
		}
		if err := b.m.hooks.posts(b.r.ctx, OnSave, b.m.table, d.st.val); err != nil {
			return b.m.hooks.failed(b.r.ctx, OnSave, d.st.val, err)
		}
	}
	return nil
}
