package odm

import (
	"context"
	"errors"

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
	err = m.hooks.runOp(ctx, &Call{Model: m.name, Op: OpCreateCollection}, func() error {
		err := client.Database(m.conn.opts.Database).CreateCollection(WithoutSession(ctx), m.cfg.collection, opts...)
		var ce mongo.CommandError
		if errors.As(err, &ce) && ce.Code == codeNamespaceExists {
			return nil
		}
		return wrapDriver(m.name, string(OpCreateCollection), err)
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// Indexes returns the indexes that the schema asks for.
func (m *Model[T]) Indexes() []mongo.IndexModel {
	var out []mongo.IndexModel
	m.table.each(func(f *field) {
		r := f.rules
		if !r.index && !r.unique && !r.sparse && r.expires == nil {
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
