package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
)

// special opens the stages that report on the server itself.
func (c *Call) special(ctx context.Context, stage string, spec bsonx.Doc) (agg.Iterator, error) {
	return nil, mongoerr.New(mongoerr.NotImplemented, "%s is not supported by this server", stage)
}
