package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// inhibitStage is $_internalInhibitOptimization, which is there for tests: documents pass, but no
// stage moves or merges across it, and the planner gets nothing of what follows.
type inhibitStage struct{}

func parseInhibit(_ *parser, arg bsonx.Value) (stage, error) {
	switch {
	case arg.Type != bsonx.TypeDocument:
		return nil, mongoerr.New(mongoerr.TypeMismatch, "$_internalInhibitOptimization must take a nested object but found: %s", bsonx.Format(arg))
	case !arg.Doc().IsEmpty():
		return nil, mongoerr.New(mongoerr.InvalidOptions, "$_internalInhibitOptimization must take an empty object as its argument, but found: %s", bsonx.Format(arg))
	}
	return inhibitStage{}, nil
}

func (inhibitStage) deps(d *Deps) bool {
	d.whole()
	return true
}

func (inhibitStage) open(_ context.Context, _ *run, in Iterator) (Iterator, error) { return in, nil }
