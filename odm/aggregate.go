package odm

import (
	"context"
	"errors"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Aggregate runs a pipeline over the model's collection and decodes its results as Row.
// A discriminator's model sees the documents of its kind.
func Aggregate[Row, T any](ctx context.Context, m *Model[T], pipeline any, opts ...options.Lister[options.AggregateOptions]) ([]Row, error) {
	rows := []Row{}
	for row, err := range AggregateEach[Row](ctx, m, pipeline, opts...) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// AggregateEach is Aggregate, row by row as the server sends them.
func AggregateEach[Row, T any](ctx context.Context, m *Model[T], pipeline any, opts ...options.Lister[options.AggregateOptions]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var none Row
		if err := aggregate(ctx, m, pipeline, opts, func(row Row) bool { return yield(row, nil) }); err != nil {
			yield(none, err)
		}
	}
}

func aggregate[Row, T any](ctx context.Context, m *Model[T], pipeline any, opts []options.Lister[options.AggregateOptions], yield func(Row) bool) error {
	r, err := m.route(ctx, nil)
	if err != nil {
		return err
	}
	stages, err := stagesOf(pipeline)
	if err != nil {
		return &OpError{Model: m.name, Op: "aggregate", cause: err}
	}
	if m.discr != nil {
		match := document(appendRawElement(nil, "$match", bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: m.kindFilter(emptyDoc)}))
		stages = append([]bson.Raw{match}, stages...)
	}
	call := &Call{Model: m.name, Op: OpAggregate, Pipeline: stages}
	err = m.hooks.runOp(r.ctx, call, func() error {
		return m.scan(r, "aggregate", func(ctx context.Context) (*mongo.Cursor, error) {
			return m.collection(r.client).Aggregate(ctx, call.Pipeline, opts...)
		}, func(raw bson.Raw) (bool, error) {
			var row Row
			if keep, ok := any(&row).(*bson.Raw); ok { // the cursor's bytes do not last
				*keep = append(bson.Raw(nil), raw...)
			} else if err := bson.Unmarshal(raw, &row); err != nil {
				return false, &CastError{Model: m.name, Path: decodePath(err), Kind: "row", Value: idOf(raw), Reason: err}
			}
			return yield(row), nil
		})
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// stagesOf makes a list of stages of whatever the driver takes for a pipeline.
func stagesOf(pipeline any) ([]bson.Raw, error) {
	if p, ok := pipeline.(*Pipeline); ok {
		pipeline = p.stages
	}
	t, data, err := bson.MarshalValue(pipeline)
	if err != nil {
		return nil, err
	}
	if t != bson.TypeArray {
		return nil, errors.New("a pipeline is a list of stages")
	}
	list, err := arrayElements(bson.RawValue{Type: t, Value: data})
	if err != nil {
		return nil, err
	}
	stages := make([]bson.Raw, len(list))
	for i, e := range list {
		if e.Type != bson.TypeEmbeddedDocument {
			return nil, errors.New("a stage is a document")
		}
		stages[i] = e.Value
	}
	return stages, nil
}

// Pipeline builds a pipeline stage by stage.
type Pipeline struct{ stages bson.A }

// NewPipeline returns an empty pipeline.
func NewPipeline() *Pipeline { return &Pipeline{stages: bson.A{}} }

// Stage adds a stage, named with its "$".
func (p *Pipeline) Stage(name string, arg any) *Pipeline {
	p.stages = append(p.stages, bson.D{{Key: name, Value: arg}})
	return p
}

// Match lets through what matches.
func (p *Pipeline) Match(filter any) *Pipeline { return p.Stage("$match", filter) }

// Group groups by an expression and accumulates fields.
func (p *Pipeline) Group(by any, fields ...bson.E) *Pipeline {
	return p.Stage("$group", append(bson.D{{Key: "_id", Value: by}}, fields...))
}

// Sort orders.
func (p *Pipeline) Sort(order bson.D) *Pipeline { return p.Stage("$sort", order) }

// Project selects and computes fields.
func (p *Pipeline) Project(fields bson.D) *Pipeline { return p.Stage("$project", fields) }

// Unwind makes a document of each element of an array.
func (p *Pipeline) Unwind(path string) *Pipeline { return p.Stage("$unwind", "$"+path) }

// Skip leaves out the first n.
func (p *Pipeline) Skip(n int64) *Pipeline { return p.Stage("$skip", n) }

// Limit ends after n.
func (p *Pipeline) Limit(n int64) *Pipeline { return p.Stage("$limit", n) }
