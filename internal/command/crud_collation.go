package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// given is the collation argument of a statement. The zero value is none, which leaves it to the
// collection; nil by name is the binary collation.
type given struct {
	collation *collation.Collation
	named     bool
}

// readCollation reads a collation argument. An empty document is none.
func readCollation(v bsonx.Value) (given, error) {
	if v.Type != bsonx.TypeDocument || v.Doc().IsEmpty() {
		return given{}, nil
	}
	c, err := collation.Parse(v.Doc())
	return given{c, true}, err
}

// collationOn returns the collation of a statement on a namespace.
func (c *Call) collationOn(ns string, g given) *collation.Collation {
	if g.named {
		return g.collation
	}
	var coll *catalog.Collection
	if t := c.Txn(); t != nil {
		coll = t.Peek(ns)
	} else {
		coll = c.Store().Catalog.Current().Collection(ns)
	}
	if coll == nil {
		return nil
	}
	return coll.Collation
}

// collatedScope returns the variables for a command with a collation argument, v, on the
// command's collection.
func (c *Call) collatedScope(ctx context.Context, v bsonx.Value) (*expr.Scope, error) {
	g, err := readCollation(v)
	if err != nil {
		return nil, err
	}
	return c.scope(ctx, c.collationOn(c.ns, g))
}

// scopeFor returns the variables for one statement of a command: scope, unless the statement has
// a collation of its own.
func (c *Call) scopeFor(ctx context.Context, scope *expr.Scope, g given) (*expr.Scope, error) {
	if !g.named || collation.Same(g.collation, scope.Collation()) {
		return scope, nil
	}
	return c.scope(ctx, g.collation)
}
