package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Options say in what surroundings a pipeline is parsed. The zero Options parse a pipeline
// over a collection, outside of a transaction, that may not use the disk.
type Options struct {
	// Scope holds the variables of the command's let option; nil means none.
	Scope *expr.Scope

	// DB and Coll name what the pipeline reads. Coll is empty for {aggregate: 1}.
	DB, Coll string

	// AllowDiskUse permits blocking stages to write temporary files to TempDir.
	AllowDiskUse bool
	TempDir      string

	// InTransaction refuses the stages that MongoDB refuses in transactions.
	InTransaction bool

	// MemoryMax bounds, in bytes, what one stage keeps in memory; 0 means
	// DefaultMemoryMax.
	MemoryMax int64

	// Update admits only the stages of an update, see ParseUpdate.
	Update bool

	// Special opens the stages that report on the server itself, such as $currentOp and
	// $collStats. A nil Special refuses them.
	Special func(ctx context.Context, stage string, spec bsonx.Doc) (Iterator, error)
}

// DefaultMemoryMax is MongoDB's limit for one blocking stage.
const DefaultMemoryMax = 100 << 20

func (o *Options) ensureDefaults() *Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Scope == nil {
		c.Scope = expr.NewScope(nil)
	}
	if c.MemoryMax == 0 {
		c.MemoryMax = DefaultMemoryMax
	}
	return &c
}

// Sources opens what stages such as $lookup read beside the pipeline's own input. All
// methods read from the snapshot and transaction of the statement that runs the pipeline.
type Sources interface {
	// Collection reads the documents of a collection or view that match filter, nil
	// for all of them. The filter was not parsed yet; scope holds its variables. A
	// collection that does not exist is empty.
	Collection(ctx context.Context, db, coll string, filter bsonx.Doc, scope *expr.Scope) (Iterator, error)

	// Pipeline runs p over a collection or view.
	Pipeline(ctx context.Context, db, coll string, p *Pipeline) (Iterator, error)

	// Index returns the index of a collection that answers equality on path, by a collation,
	// nil if there is none.
	Index(ctx context.Context, db, coll, path string, by *collation.Collation) (Index, error)
}

// Index finds documents by a value that they have on a path.
type Index interface {
	// Find returns the documents with the value, to be read before the next Find. It returns
	// ok false for a value that has to be asked for by a query.
	Find(ctx context.Context, v bsonx.Value) (it Iterator, ok bool, err error)
}

// Namespace names a collection.
type Namespace struct{ DB, Coll string }
