package odm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Init creates the collection, if the schema says so, and the schema's indexes, unless the
// connection has NoAutoIndex. It must not be called in a transaction.
func (m *Model[T]) Init(ctx context.Context) error {
	if m.cfg.autoCreate {
		if err := m.CreateCollection(ctx); err != nil {
			return err
		}
	}
	if m.conn.opts.NoAutoIndex {
		return nil
	}
	return m.EnsureIndexes(ctx)
}

const codeNamespaceExists = 48

// CreateCollection creates the collection with the schema's options; it may exist.
func (m *Model[T]) CreateCollection(ctx context.Context) error {
	client, err := m.client(ctx)
	if err != nil {
		return err
	}
	var opts []options.Lister[options.CreateCollectionOptions]
	if m.cfg.create != nil {
		opts = append(opts, m.cfg.create)
	}
	err = client.Database(m.conn.opts.Database).CreateCollection(WithoutSession(ctx), m.cfg.collection, opts...)
	var ce mongo.CommandError
	if errors.As(err, &ce) && ce.Code == codeNamespaceExists {
		return nil
	}
	return wrapDriver(m.name, "createCollection", err)
}

// Indexes returns the indexes that the schema asks for.
func (m *Model[T]) Indexes() []mongo.IndexModel {
	var out []mongo.IndexModel
	m.table.each(func(f *field) {
		r := f.rules
		if !r.index && !r.unique && r.expires == nil {
			return
		}
		opts := options.Index()
		if r.unique {
			opts.SetUnique(true)
		}
		if r.sparse {
			opts.SetSparse(true)
		}
		if r.expires != nil {
			opts.SetExpireAfterSeconds(int32(r.expires.Seconds()))
		}
		out = append(out, mongo.IndexModel{Keys: bson.D{{Key: f.path, Value: 1}}, Options: opts})
	})
	return append(out, m.cfg.indexes...)
}

// EnsureIndexes creates the schema's indexes that are not there yet.
func (m *Model[T]) EnsureIndexes(ctx context.Context) error {
	client, err := m.client(ctx)
	if err != nil {
		return err
	}
	models := m.Indexes()
	if len(models) == 0 {
		return nil
	}
	_, err = m.collection(client).Indexes().CreateMany(WithoutSession(ctx), models)
	return wrapDriver(m.name, "createIndexes", err)
}

// IndexDiff is how the collection's indexes and the schema's differ, by name.
type IndexDiff struct{ ToDrop, ToCreate []string }

// DiffIndexes compares the collection's indexes with the schema's.
func (m *Model[T]) DiffIndexes(ctx context.Context) (*IndexDiff, error) {
	client, err := m.client(ctx)
	if err != nil {
		return nil, err
	}
	cur, err := m.collection(client).Indexes().List(WithoutSession(ctx))
	if err != nil {
		return nil, wrapDriver(m.name, "listIndexes", err)
	}
	var have []bson.Raw
	if err := cur.All(ctx, &have); err != nil {
		return nil, wrapDriver(m.name, "listIndexes", err)
	}
	diff := &IndexDiff{}
	want := map[string]string{}
	for _, im := range m.Indexes() {
		name, sig, err := indexSignature(im)
		if err != nil {
			return nil, err
		}
		want[name] = sig
	}
	there := map[string]bool{}
	for _, raw := range have {
		name, _ := raw.Lookup("name").StringValueOK()
		if name == "_id_" {
			continue
		}
		if sig, ok := want[name]; ok && sig == storedSignature(raw) {
			there[name] = true
			continue
		}
		diff.ToDrop = append(diff.ToDrop, name)
	}
	for name := range want {
		if !there[name] {
			diff.ToCreate = append(diff.ToCreate, name)
		}
	}
	slices.Sort(diff.ToCreate)
	return diff, nil
}

// indexSignature returns the name and the properties that make an index another one.
func indexSignature(im mongo.IndexModel) (string, string, error) {
	keys, err := toRaw(im.Keys)
	if err != nil {
		return "", "", err
	}
	var o options.IndexOptions
	if im.Options != nil {
		for _, set := range im.Options.List() {
			if err := set(&o); err != nil {
				return "", "", err
			}
		}
	}
	var parts []string
	els, err := keys.Elements()
	if err != nil {
		return "", "", err
	}
	for _, e := range els {
		parts = append(parts, e.Key(), strings.Trim(fmt.Sprint(plainNumber(e.Value())), `"`))
	}
	name := strings.Join(parts, "_")
	if o.Name != nil {
		name = *o.Name
	}
	expires := "-"
	if o.ExpireAfterSeconds != nil {
		expires = fmt.Sprint(*o.ExpireAfterSeconds)
	}
	return name, fmt.Sprint(strings.Join(parts, "_"), yes(o.Unique), yes(o.Sparse), expires), nil
}

func yes(b *bool) bool { return b != nil && *b }

func plainNumber(v bson.RawValue) any {
	if n, ok := v.AsInt64OK(); ok {
		return n
	}
	return v.String()
}

func storedSignature(raw bson.Raw) string {
	var parts []string
	if keys, ok := raw.Lookup("key").DocumentOK(); ok {
		els, _ := keys.Elements()
		for _, e := range els {
			parts = append(parts, e.Key(), strings.Trim(fmt.Sprint(plainNumber(e.Value())), `"`))
		}
	}
	unique, _ := lookup(raw, "unique").BooleanOK()
	sparse, _ := lookup(raw, "sparse").BooleanOK()
	expires := "-"
	if n, ok := lookup(raw, "expireAfterSeconds").AsInt64OK(); ok {
		expires = fmt.Sprint(n)
	}
	return fmt.Sprint(strings.Join(parts, "_"), unique, sparse, expires)
}

// SyncIndexes creates the collection, drops indexes that the schema lacks, never that of
// _id, and creates those that are missing. It returns the names of the dropped ones.
func (m *Model[T]) SyncIndexes(ctx context.Context) ([]string, error) {
	if err := m.CreateCollection(ctx); err != nil {
		return nil, err
	}
	diff, err := m.DiffIndexes(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range diff.ToDrop {
		if err := m.Collection().Indexes().DropOne(WithoutSession(ctx), name); err != nil {
			return nil, wrapDriver(m.name, "dropIndexes", err)
		}
	}
	return diff.ToDrop, m.EnsureIndexes(ctx)
}
