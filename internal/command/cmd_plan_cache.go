package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// cmdPlanCacheClear forgets the cached plans of a collection, of which there are never any: each
// query is planned anew.
func cmdPlanCacheClear(_ context.Context, c *Call) error {
	for _, name := range [...]string{"projection", "sort", "collation"} {
		if c.Arg("query").IsMissing() && !c.Arg(name).IsMissing() {
			return mongoerr.New(mongoerr.BadValue, "%s provided without query", name)
		}
	}
	return c.notOnView(c.collection())
}
