package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// cmdCommitTransaction commits the session's transaction, or confirms an earlier commit.
func cmdCommitTransaction(ctx context.Context, c *Call) error {
	if c.stmt == nil {
		return mongoerr.New(mongoerr.CommandFailed, "commitTransaction must be run within a transaction")
	}
	ts, err := c.stmt.Commit(ctx, c.Durability())
	if err != nil {
		return err
	}
	c.Wrote(ts)
	return nil
}

// cmdAbortTransaction drops everything that the session's transaction did.
func cmdAbortTransaction(_ context.Context, c *Call) error {
	if c.stmt == nil {
		return mongoerr.New(mongoerr.CommandFailed, "abortTransaction must be run within a transaction")
	}
	return c.stmt.Abort()
}
