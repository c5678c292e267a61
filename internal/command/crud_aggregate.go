package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/exec"
)

// aggregation is a checked aggregate command.
type aggregation struct {
	pipeline  *agg.Pipeline
	sources   *exec.Sources
	batchSize int64
}

func aggregate(ctx context.Context, c *Call) error {
	if c.Arg("explain").Truthy() {
		if c.InTxn() {
			return mongoerr.New(mongoerr.OperationNotSupportedInTransaction,
				"Operation not permitted in transaction :: caused by :: Explain for the aggregate command cannot run within a multi-document transaction")
		}
		return c.explainAggregate(ctx, c.Body, false)
	}
	cursor := c.Arg("cursor")
	if cursor.IsMissing() {
		return mongoerr.New(mongoerr.FailedToParse, "The 'cursor' option is required, except for aggregate with the explain argument")
	}
	a, err := c.parseAggregate(ctx, c.Body)
	if err != nil {
		return err
	}
	for it := cursor.Doc().Iter(); ; {
		name, _, ok := it.Next()
		if !ok {
			break
		}
		if name != "batchSize" {
			return unknownField("cursor", name)
		}
	}
	if a.batchSize, err = c.nonNegative("batchSize", cursor.Doc().Lookup("batchSize"), -1); err != nil {
		return err
	}
	w := a.pipeline.Writer()
	if w != nil && c.rc.Level&(Local|Available|Majority) == 0 {
		return mongoerr.New(mongoerr.InvalidOptions, "%s cannot be used with a '%s' read concern level", w.Stage, c.rc.Level)
	}
	it, st, err := c.openAggregate(ctx, a)
	if err != nil {
		return err
	}
	src := &query{it, st}
	if w != nil {
		return c.writePipeline(ctx, w, a.pipeline.Scope(), src)
	}
	return c.startCursor(ctx, c.NS(), src, a.batchSize, cursorOptions{})
}

// parseAggregate reads the arguments of an aggregate command, which explain has, too.
func (c *Call) parseAggregate(ctx context.Context, body bsonx.Doc) (*aggregation, error) {
	scope, err := c.collatedScope(ctx, body.Lookup("collation"))
	if err != nil {
		return nil, err
	}
	disk := body.Lookup("allowDiskUse")
	src := &exec.Sources{Hint: hintOf(body.Lookup("hint")), AllowDiskUse: disk.IsNullish() || disk.Truthy(), Special: c.special}
	pipeline := body.Lookup("pipeline")
	if pipeline.Type != bsonx.TypeArray {
		return nil, mongoerr.New(mongoerr.TypeMismatch, "'pipeline' option must be specified as an array")
	}
	p, err := agg.Parse(pipeline.Doc(), &agg.Options{
		Scope: scope, DB: c.DB, Coll: c.Coll(), AllowDiskUse: src.AllowDiskUse,
		InTransaction: c.InTxn(), Special: src.Special,
	})
	if err != nil {
		return nil, err
	}
	if p.Writer() != nil && c.rc.Level == Linearizable {
		return nil, mongoerr.New(mongoerr.InvalidOptions, "$out and $merge cannot be used with a 'linearizable' read concern level")
	}
	return &aggregation{pipeline: p, sources: src}, nil
}

// openAggregate starts the pipeline. The caller closes both.
func (c *Call) openAggregate(ctx context.Context, a *aggregation) (agg.Iterator, *exec.State, error) {
	st, err := c.pipelineState(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	if c.Coll() != "" {
		coll, err := st.Collection(ctx, c.NS())
		if err == nil {
			err = c.checkCollection(coll)
		}
		if err != nil {
			st.Close()
			return nil, nil, err
		}
	}
	it, err := a.sources.Run(ctx, c.DB, c.Coll(), a.pipeline)
	if err != nil {
		st.Close()
		return nil, nil, err
	}
	return it, st, nil
}

// pipelineState returns a state of all collections that the pipeline reads, which it takes for its
// source.
func (c *Call) pipelineState(ctx context.Context, a *aggregation) (*exec.State, error) {
	var namespaces []string
	if c.Coll() != "" {
		namespaces = append(namespaces, c.NS())
	}
	for _, ns := range a.pipeline.Namespaces() {
		namespaces = append(namespaces, ns.DB+"."+ns.Coll)
	}
	st, err := c.state(ctx, namespaces...)
	a.sources.State = st
	return st, err
}
