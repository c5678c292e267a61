package odm

import (
	"bytes"
	"context"
	"errors"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// saveConfig is what SaveOptions set.
type saveConfig struct {
	noValidate   bool
	noTimestamps bool
	noHooks      bool
}

// SaveOption is an option of Save and Create.
type SaveOption func(*saveConfig)

// NoValidate leaves validation out.
func NoValidate() SaveOption { return func(c *saveConfig) { c.noValidate = true } }

// NoTimestamps leaves the timestamps as they are.
func NoTimestamps() SaveOption { return func(c *saveConfig) { c.noTimestamps = true } }

// NoHooks leaves the hooks of save out.
func NoHooks() SaveOption { return func(c *saveConfig) { c.noHooks = true } }

// Save inserts a new document, or sends what changed in a loaded one. The session is the
// context's, else the document's.
func (d *Doc[T]) Save(ctx context.Context, opts ...SaveOption) error {
	st, r, unlock, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	var cfg saveConfig
	for _, o := range opts {
		o(&cfg)
	}
	return st.save(r, &cfg)
}

func (st *state[T]) save(r route, cfg *saveConfig) error {
	if st.uncertain {
		return st.misuse("", ErrUncertain)
	}
	st.remember(r)
	j := r.journal()
	var before bson.Raw
	if j != nil {
		var err error
		if before, err = st.model.encode(st.val); err != nil {
			return err
		}
	}
	err := st.saveHooked(r, cfg)
	if j != nil { // whatever became of it: the values count
		if after, encErr := st.model.encode(st.val); encErr == nil {
			if e, touchErr := st.touch(j); touchErr == nil {
				e.noteWrites(before, after)
			}
		}
	}
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

func (st *state[T]) saveHooked(r route, cfg *saveConfig) error {
	m := st.model
	if !cfg.noValidate {
		if err := st.validate(r.ctx); err != nil {
			return m.hooks.failed(r.ctx, OnSave, st.val, err)
		}
	} else {
		st.applySetters()
	}
	if cfg.noHooks {
		return st.write(r, cfg)
	}
	return m.hooks.runDoc(r.ctx, OnSave, m.table, st.val, func() error { return st.write(r, cfg) })
}

func (st *state[T]) write(r route, cfg *saveConfig) error {
	if st.isNew {
		return st.insert(r, cfg)
	}
	return st.update(r, cfg)
}

// insertion returns the document to store, and the struct's part of it.
func (st *state[T]) insertion(noTimestamps bool) (doc, enc bson.Raw, err error) {
	m := st.model
	id := m.table.get("_id")
	if reflect.ValueOf(st.val).Elem().FieldByIndex(id.goIdx).IsZero() && id.typ.Kind() != reflect.String && !id.leaf().isNumber() {
		m.makeID(st.val)
		if reflect.ValueOf(st.val).Elem().FieldByIndex(id.goIdx).IsZero() {
			return nil, nil, st.misuse("_id", ErrNoID)
		}
	}
	var extra []byte
	if !noTimestamps {
		extra = m.stampNew(st.val, extra)
	}
	st.version, st.versioned = 0, m.cfg.versionKey != ""
	m.setVersionField(st)
	if enc, err = m.encode(st.val); err != nil {
		return nil, nil, err
	}
	extra = m.appendVersion(extra, 0)
	extra = m.appendKind(extra)
	return withElements(enc, extra), enc, nil
}

func (f *field) isNumber() bool {
	return f.kind == kindInt || f.kind == kindUint || f.kind == kindFloat
}

func (st *state[T]) insert(r route, cfg *saveConfig) error {
	doc, enc, err := st.insertion(cfg.noTimestamps)
	if err != nil {
		return err
	}
	err = r.do(func(ctx context.Context) error {
		_, err := st.model.collection(r.client).InsertOne(ctx, doc)
		return err
	})
	if err != nil {
		return wrapDriver(st.model.name, "save", err)
	}
	st.stored(doc, enc)
	return nil
}

// stored makes doc what the server has.
func (st *state[T]) stored(doc, enc bson.Raw) {
	st.base, st.norm = doc, enc
	st.isNew, st.deleted, st.proj = false, false, nil
	st.forced, st.ignored, st.atomics = nil, nil, nil
	st.model.readVersion(st)
}

func (st *state[T]) update(r route, cfg *saveConfig) error {
	m := st.model
	enc, ch, err := st.diff(true)
	if err != nil {
		return err
	}
	if ch.empty() {
		return st.stillThere(r, m.cfg.optimistic != nil && m.cfg.optimistic(nil))
	}
	if m.cfg.timestamps && m.cfg.updatedAt != "" && !cfg.noTimestamps {
		if enc, err = st.stampUpdate(ch); err != nil {
			return err
		}
	}
	where, bump := st.versionRules(ch)
	if st.proj.divides(ch.replace) {
		return &DivergentArrayError{Model: m.name, Paths: ch.replace}
	}
	filter, err := st.filter(where)
	if err != nil {
		return err
	}
	update := ch.update(m.cfg.versionKey, bump)
	var res *mongo.UpdateResult
	err = r.do(func(ctx context.Context) (err error) {
		res, err = m.collection(r.client).UpdateOne(ctx, filter, update)
		return err
	})
	switch {
	case err != nil:
		return wrapDriver(m.name, "save", err)
	case res.MatchedCount == 0 && where && st.versioned:
		return &VersionError{Model: m.name, ID: st.id(), Version: st.version, Paths: ch.paths}
	case res.MatchedCount == 0:
		return &NotFoundError{Model: m.name, Filter: filter}
	}
	return st.updated(enc, ch, bump)
}

// stampUpdate adds updatedAt to an update, and returns the encoding with it.
func (st *state[T]) stampUpdate(ch *changes) (bson.Raw, error) {
	m := st.model
	now := m.now()
	if !m.stamp(st.val, m.cfg.updatedAt, now, false) {
		ch.set = bsoncore.AppendTimeElement(ch.set, m.cfg.updatedAt, now)
		return m.encode(st.val)
	}
	enc, again, err := st.diff(true)
	if err != nil {
		return nil, err
	}
	*ch = *again
	return enc, nil
}

// versionRules say whether the version is looked for, and whether it grows.
func (st *state[T]) versionRules(ch *changes) (where, bump bool) {
	cfg := st.model.cfg
	if cfg.versionKey == "" || !st.versioned {
		return false, false
	}
	if cfg.optimistic != nil {
		on := cfg.optimistic(ch.paths)
		return on, on
	}
	return ch.where, ch.bump
}

// stillThere is what a save without changes asks the server.
func (st *state[T]) stillThere(r route, where bool) error {
	filter, err := st.filter(where)
	if err != nil {
		return err
	}
	m := st.model
	err = r.do(func(ctx context.Context) error {
		return m.collection(r.client).FindOne(ctx, filter, options.FindOne().SetProjection(idOnly)).Err()
	})
	switch {
	case errors.Is(err, mongo.ErrNoDocuments) && where && st.versioned:
		return &VersionError{Model: m.name, ID: st.id(), Version: st.version}
	case errors.Is(err, mongo.ErrNoDocuments):
		return &NotFoundError{Model: m.name, Filter: filter}
	}
	return wrapDriver(m.name, "save", err)
}

var idOnly = bson.D{{Key: "_id", Value: 1}}

// updated makes the base what the server has after the update.
func (st *state[T]) updated(enc bson.Raw, ch *changes, bump bool) error {
	m := st.model
	if bump {
		st.version++
	}
	if !bump && len(enc) >= len(emptyDoc) && st.baseExtends(st.norm) && !m.cfg.timestamps {
		// The server has the struct's fields and then some: keep those.
		st.base, st.norm = withElements(enc, st.base[len(st.norm)-1:len(st.base)-1]), enc
		st.forced, st.ignored, st.atomics = nil, nil, nil
		return nil
	}
	dst := make([]byte, 0, len(enc)+64)
	err := elements(enc, func(key []byte, v bson.RawValue) error {
		old, stored := findElement(st.base, key)
		was, _ := findElement(st.norm, key)
		switch {
		case !equalValues(was, v):
			dst = appendRawElement(dst, string(key), v)
		case stored:
			dst = appendRawElement(dst, string(key), old)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if m.table.extra == nil { // keep what the struct does not know
		err = elements(st.base, func(key []byte, v bson.RawValue) error {
			k := string(key)
			switch {
			case m.table.get(k) != nil:
			case k == m.cfg.versionKey:
				dst = m.appendVersion(dst, st.version)
			case k == m.cfg.updatedAt && m.cfg.timestamps:
				if set, ok := findElement(document(ch.set), key); ok {
					v = set
				}
				dst = appendRawElement(dst, k, v)
			default:
				dst = appendRawElement(dst, k, v)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	st.base, st.norm = document(dst), enc
	st.forced, st.ignored, st.atomics = nil, nil, nil
	if bump && m.table.get(m.cfg.versionKey) != nil {
		m.setVersionField(st)
		if enc, err = m.encode(st.val); err != nil {
			return err
		}
		st.norm = enc
		v, _ := findElement(enc, []byte(m.cfg.versionKey))
		st.base = replaceElement(st.base, m.cfg.versionKey, v)
	}
	return nil
}

func replaceElement(doc bson.Raw, key string, v bson.RawValue) bson.Raw {
	var dst []byte
	_ = elements(doc, func(k []byte, old bson.RawValue) error {
		if string(k) == key {
			old = v
		}
		dst = appendRawElement(dst, string(k), old)
		return nil
	})
	return document(dst)
}

// baseExtends tells whether what the server has is the struct's encoding with fields after it.
func (st *state[T]) baseExtends(norm bson.Raw) bool {
	return len(norm) >= len(emptyDoc) && len(st.base) >= len(norm) && bytes.Equal(st.base[4:len(norm)-1], norm[4:len(norm)-1])
}
