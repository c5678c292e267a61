package odm

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Explain returns the server's plan for the query as a find.
func (q *Query[T]) Explain(ctx context.Context, verbosity string) (bson.Raw, error) {
	r, filter, err := q.target(ctx)
	if err != nil {
		return nil, err
	}
	find := bson.D{{Key: "find", Value: q.m.cfg.collection}, {Key: "filter", Value: filter}}
	if q.sort != nil {
		find = append(find, bson.E{Key: "sort", Value: q.sort})
	}
	if q.limit > 0 {
		find = append(find, bson.E{Key: "limit", Value: q.limit})
	}
	if q.skip > 0 {
		find = append(find, bson.E{Key: "skip", Value: q.skip})
	}
	if q.hint != nil {
		find = append(find, bson.E{Key: "hint", Value: q.hint})
	}
	cmd := bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: verbosity}}
	var plan bson.Raw
	err = r.do(func(ctx context.Context) (err error) {
		plan, err = r.client.Database(q.m.conn.opts.Database).RunCommand(ctx, cmd).Raw()
		return err
	})
	return plan, wrapDriver(q.m.name, "explain", err)
}
