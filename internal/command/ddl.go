package command

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// ddl changes the catalog in a transaction of its own, with the namespaces locked exclusively. It
// waits for whoever uses them, and for whoever changes the same entries.
func (c *Call) ddl(ctx context.Context, fn func(t *txn.Txn) error, namespaces ...string) error {
	return c.changeCatalog(ctx, fn, func() (*txn.Txn, error) {
		return c.Store().BeginDDL(ctx, txn.Options{}, namespaces...)
	})
}

// creation is ddl for a namespace that fn gives its collection: it waits for nobody who uses that
// name, not even for a transaction that has made such a collection and not committed it.
func (c *Call) creation(ctx context.Context, fn func(t *txn.Txn) error, ns string) error {
	return c.changeCatalog(ctx, fn, func() (*txn.Txn, error) {
		return c.Store().BeginLocked(ctx, ns, txn.Options{})
	})
}

func (c *Call) changeCatalog(ctx context.Context, fn func(t *txn.Txn) error, begin func() (*txn.Txn, error)) error {
	for {
		err := c.tryChange(ctx, fn, begin)
		var conflict *storage.ConflictError
		if !errors.As(err, &conflict) {
			return err
		}
		if err := c.Store().Await(ctx, conflict); err != nil {
			return err
		}
	}
}

func (c *Call) tryChange(ctx context.Context, fn func(t *txn.Txn) error, begin func() (*txn.Txn, error)) error {
	t, err := begin()
	if err != nil {
		return err
	}
	defer t.Rollback()
	if err := fn(t); err != nil {
		return err
	}
	if !t.Writes() {
		return nil
	}
	ts, err := t.Commit(ctx, c.Durability())
	if err != nil {
		return err
	}
	c.Wrote(ts)
	return nil
}

// ownFields returns the fields of the command but for its name and the generic ones.
func (c *Call) ownFields(skip ...string) bsonx.Doc {
	b := bsonx.NewBuilder(nil)
	it := c.Body.Iter()
	it.Next()
next:
	for {
		key, v, ok := it.Next()
		if !ok {
			return b.Build()
		}
		if c.Spec.arg(key) < 0 || v.IsNullish() {
			continue
		}
		for _, s := range skip {
			if s == key {
				continue next
			}
		}
		b.Value(key, v)
	}
}

// listFilter compiles the filter of a listing; nil takes everything.
type listFilter struct {
	f   *match.Filter
	ctx *expr.Context
}

func (c *Call) listFilter() (listFilter, error) {
	v := c.Arg("filter")
	if v.Doc().IsEmpty() {
		return listFilter{}, nil
	}
	scope := expr.NewScope(nil)
	f, err := match.Compile(v.Doc(), scope)
	if err != nil {
		return listFilter{}, err
	}
	return listFilter{f, scope.NewContext()}, nil
}

func (l listFilter) match(d bsonx.Doc) (bool, error) {
	if l.f == nil {
		return true, nil
	}
	return l.f.Match(d, l.ctx)
}

// collection returns the command's collection, nil if there is none, without locking it.
func (c *Call) collection() *catalog.Collection {
	return c.Store().Catalog.Current().Collection(c.ns)
}

// missingNS is the error of a command on a collection that does not exist.
func missingNS(ns string) error {
	return mongoerr.New(mongoerr.NamespaceNotFound, "ns does not exist: %s", ns)
}

// notOnView refuses a command on a view.
func (c *Call) notOnView(coll *catalog.Collection) error {
	if coll != nil && coll.IsView() {
		return mongoerr.New(mongoerr.CommandNotSupportedOnView, "Namespace %s is a view, not a collection", coll.NS)
	}
	return nil
}
