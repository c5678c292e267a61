package odm

import (
	"context"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ChangeEvent is one change of a collection.
type ChangeEvent[T any] struct {
	Op       string // insert, update, replace, delete, ...
	Key      bson.Raw
	Document *T // if the server sends it
	Raw      bson.Raw
}

// Watch iterates over the changes of the collection until ctx ends. It needs a server with
// change streams; transactions have none.
func (m *Model[T]) Watch(ctx context.Context, pipeline any, opts ...options.Lister[options.ChangeStreamOptions]) iter.Seq2[ChangeEvent[T], error] {
	return func(yield func(ChangeEvent[T], error) bool) {
		err := m.watch(ctx, pipeline, opts, func(e ChangeEvent[T]) bool { return yield(e, nil) })
		if err != nil {
			yield(ChangeEvent[T]{}, err)
		}
	}
}

func (m *Model[T]) watch(ctx context.Context, pipeline any, opts []options.Lister[options.ChangeStreamOptions], yield func(ChangeEvent[T]) bool) error {
	client, err := m.client(ctx)
	if err != nil {
		return err
	}
	if pipeline == nil {
		pipeline = bson.A{}
	}
	stages, err := stagesOf(pipeline)
	if err != nil {
		return &OpError{Model: m.name, Op: "watch", cause: err}
	}
	stream, err := m.collection(client).Watch(WithoutSession(ctx), stages, opts...)
	if err != nil {
		return wrapDriver(m.name, "watch", err)
	}
	defer func() { _ = stream.Close(context.WithoutCancel(ctx)) }()
	for stream.Next(ctx) {
		raw := append(bson.Raw(nil), stream.Current...)
		e := ChangeEvent[T]{Raw: raw}
		e.Op, _ = lookup(raw, "operationType").StringValueOK()
		e.Key, _ = lookup(raw, "documentKey").DocumentOK()
		if full, ok := lookup(raw, "fullDocument").DocumentOK(); ok {
			if e.Document, err = m.hydrate(ctx, full, nil, nil); err != nil {
				return err
			}
		}
		if !yield(e) {
			return nil
		}
	}
	return wrapDriver(m.name, "watch", stream.Err())
}
