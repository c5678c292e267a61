package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/txn"
)

// cmdConvertToCapped makes a collection a capped one, with what fits of its documents and without
// its indexes.
func cmdConvertToCapped(ctx context.Context, c *Call) error {
	if err := c.checkCappedSize(); err != nil {
		return err
	}
	err := c.ddl(ctx, func(t *txn.Txn) error {
		coll, err := c.cappedSource(ctx, t)
		if err != nil {
			return err
		}
		if err := t.DropCollection(ctx, coll); err != nil {
			return err
		}
		return c.copyToCapped(ctx, t, coll, c.ns)
	}, c.ns)
	if err != nil {
		return err
	}
	c.Cursors().KillNamespace(c.ns, "collection converted to a capped one: "+c.ns)
	return nil
}

// cmdCloneAsCapped copies what fits of a collection's documents into a new capped one.
func cmdCloneAsCapped(ctx context.Context, c *Call) error {
	to := c.Arg("toCollection").Str()
	if err := checkColl(c.DB, to); err != nil {
		return err
	}
	if err := c.checkCappedSize(); err != nil {
		return err
	}
	to = c.DB + "." + to
	return c.ddl(ctx, func(t *txn.Txn) error {
		coll, err := c.cappedSource(ctx, t)
		if err != nil {
			return err
		}
		return c.copyToCapped(ctx, t, coll, to)
	}, c.ns, to)
}

func (c *Call) checkCappedSize() error {
	switch n, ok := integer(c.Arg("size")); {
	case !ok || n > catalog.MaxCappedSize:
		return mongoerr.New(mongoerr.BadValue, "Capped collection size must be at most %d", int64(catalog.MaxCappedSize))
	case n <= 0:
		return mongoerr.New(mongoerr.InvalidOptions, "Capped collection size must be greater than zero")
	}
	return nil
}

// cappedSource returns the collection of the command, locked.
func (c *Call) cappedSource(ctx context.Context, t *txn.Txn) (*catalog.Collection, error) {
	coll, err := t.ForDDL(ctx, c.ns)
	switch {
	case err != nil:
		return nil, err
	case coll == nil:
		return nil, mongoerr.New(mongoerr.NamespaceNotFound, "source collection %s does not exist", c.ns)
	case coll.TimeSeries != nil:
		return nil, mongoerr.New(mongoerr.CommandNotSupportedOnView, "Namespace %s is a time-series collection", c.ns)
	}
	return coll, c.notOnView(coll)
}

// copyToCapped makes a capped collection with the other options of from, and fills it.
func (c *Call) copyToCapped(ctx context.Context, t *txn.Txn, from *catalog.Collection, ns string) error {
	b := bsonx.NewBuilder(nil)
	for it := from.Options.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if key != "capped" && key != "size" && key != "max" {
			b.Value(key, v)
		}
	}
	b.Bool("capped", true).Value("size", shortest(c.Arg("size")))
	to, err := t.CreateCollection(ctx, ns, b.Build())
	if err != nil {
		return err
	}
	return t.CopyToCapped(ctx, from, to)
}
