package txn

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// IndexResult is what the reply of createIndexes says.
type IndexResult struct {
	Before, After     int
	CreatedCollection bool
	AllExist          bool
}

// parseIndexes makes indexes, without idents, of specifications.
func (s *Store) parseIndexes(ns string, specs []bsonx.Doc) ([]*catalog.Index, error) {
	if err := catalog.CheckNamespace(ns); err != nil {
		return nil, err
	}
	if len(specs) == 0 {
		return nil, mongoerr.New(mongoerr.BadValue, "Must specify at least one index to create")
	}
	xs := make([]*catalog.Index, len(specs))
	for i, spec := range specs {
		x, err := catalog.NewIndex(ns, spec)
		if err != nil {
			return nil, err
		}
		if err := s.prepareIndex(x); err != nil {
			return nil, err
		}
		xs[i] = x
	}
	return xs, nil
}

// missingIndexes returns those of xs, as they are on c, that c, nil for none, does not have.
func (s *Store) missingIndexes(c *catalog.Collection, xs []*catalog.Index) ([]*catalog.Index, error) {
	if c != nil && c.IsView() {
		return nil, mongoerr.New(mongoerr.CommandNotSupportedOnView, "Namespace %s is a view, not a collection", c.NS)
	}
	xs, err := s.withDefaults(c, xs)
	if err != nil {
		return nil, err
	}
	for _, x := range xs {
		if c != nil && c.Capped && x.ExpireAfter >= 0 {
			return nil, mongoerr.New(mongoerr.CannotCreateIndex, "Cannot create TTL index on a capped collection")
		}
	}
	return catalog.NewIndexes(c, xs)
}

// withDefaults returns the indexes as they are on c.
func (s *Store) withDefaults(c *catalog.Collection, xs []*catalog.Index) ([]*catalog.Index, error) {
	out := make([]*catalog.Index, len(xs))
	for i, x := range xs {
		out[i] = x.WithDefaults(c)
		if out[i] == x {
			continue
		}
		if err := s.prepareIndex(out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CreateIndexes makes indexes inside a session's transaction, where only a collection that the
// transaction made itself, and that is still empty, can get any; a collection that does not
// exist is made. Everywhere else use Store.CreateIndexes.
func (t *Txn) CreateIndexes(ctx context.Context, ns string, specs []bsonx.Doc) (IndexResult, error) {
	xs, err := t.store.parseIndexes(ns, specs)
	if err != nil {
		return IndexResult{}, err
	}
	c, err := t.ForWrite(ctx, ns)
	if err != nil {
		return IndexResult{}, err
	}
	var res IndexResult
	if c != nil {
		missing, err := t.store.missingIndexes(c, xs)
		if err != nil {
			return res, err
		}
		if len(missing) == 0 {
			n := indexCount(c)
			return IndexResult{Before: n, After: n, AllExist: true}, nil
		}
		if err := t.checkIndexable(ctx, c); err != nil {
			return res, err
		}
	} else {
		if c, err = t.CreateCollection(ctx, ns, nil); err != nil {
			return res, err
		}
		res.CreatedCollection = true
	}
	return t.addEmptyIndexes(ctx, c, xs, res)
}

// checkIndexable refuses collections that a session's transaction can not add indexes to.
func (t *Txn) checkIndexable(ctx context.Context, c *catalog.Collection) error {
	own := t.ddl[c.NS] == c
	if cur := t.store.Catalog.Current().Collection(c.NS); cur != nil && cur.ID == c.ID {
		own = false
	}
	if !own {
		return mongoerr.New(mongoerr.OperationNotSupportedInTransaction,
			"Cannot create new indexes on existing collection %s in a multi-document transaction.", c.NS)
	}
	empty, err := t.isEmpty(ctx, c)
	if err != nil {
		return err
	}
	if !empty {
		return mongoerr.New(mongoerr.OperationNotSupportedInTransaction,
			"Cannot create new indexes on non-empty collection %s in a multi-document transaction.", c.NS)
	}
	return nil
}

func (v *View) isEmpty(ctx context.Context, c *catalog.Collection) (bool, error) {
	it, err := v.Records(ctx, c, RecordRange{})
	if err != nil {
		return false, err
	}
	found := it.Next()
	return !found, it.Close()
}

// addEmptyIndexes adds those of xs that c, which has no documents, does not have.
func (t *Txn) addEmptyIndexes(ctx context.Context, c *catalog.Collection, xs []*catalog.Index, res IndexResult) (IndexResult, error) {
	missing, err := t.store.missingIndexes(c, xs)
	if err != nil {
		return res, err
	}
	res.Before = indexCount(c)
	for _, x := range missing {
		id, err := t.store.newIdent(ctx)
		if err != nil {
			return res, err
		}
		c = c.WithIndex(x.WithIdent(id))
	}
	res.After = indexCount(c)
	res.AllExist = len(missing) == 0
	return res, t.setCollection(ctx, c.NS, c)
}

// indexCount is the number of indexes as MongoDB counts them: with the cluster key.
func indexCount(c *catalog.Collection) int {
	if c.ClusteredByID() {
		return len(c.Indexes) + 1
	}
	return len(c.Indexes)
}

// DropIndexes removes the indexes that which names: by name, by key pattern, by an array of
// names, or all but the _id index by "*". It returns how many indexes there were.
func (t *Txn) DropIndexes(ctx context.Context, c *catalog.Collection, which bsonx.Value) (was int, err error) {
	cur, err := t.ForDDL(ctx, c.NS)
	if err != nil {
		return 0, err
	}
	if cur == nil || cur.UUID != c.UUID {
		return 0, mongoerr.New(mongoerr.NamespaceNotFound, "ns not found %s", c.NS)
	}
	if cur.IsView() {
		return 0, mongoerr.New(mongoerr.CommandNotSupportedOnView, "Cannot drop indexes on view %s", c.NS)
	}
	drop, err := selectIndexes(cur, which)
	if err != nil {
		return 0, err
	}
	was = indexCount(cur)
	if len(drop) == 0 {
		return was, nil
	}
	next := cur
	for _, x := range drop {
		t.garbage(layout.AppendIndexPrefix(nil, x.ID))
		next = next.WithoutIndex(x.Name)
	}
	return was, t.setCollection(ctx, c.NS, next)
}

// selectIndexes returns the indexes that the index argument of dropIndexes means.
func selectIndexes(c *catalog.Collection, which bsonx.Value) ([]*catalog.Index, error) {
	switch which.Type {
	case bsonx.TypeString:
		if which.Str() == "*" {
			return droppable(c), nil
		}
		x, err := indexByName(c, which.Str())
		if err != nil {
			return nil, err
		}
		return []*catalog.Index{x}, nil
	case bsonx.TypeDocument:
		x, err := indexByPattern(c, which.Doc())
		if err != nil {
			return nil, err
		}
		return []*catalog.Index{x}, nil
	case bsonx.TypeArray:
		return indexesByName(c, which.Doc())
	}
	return nil, mongoerr.New(mongoerr.TypeMismatch,
		"BSON field 'dropIndexes.index' is the wrong type '%s', expected types '[string, object]'", which.Type)
}

func droppable(c *catalog.Collection) []*catalog.Index {
	var xs []*catalog.Index
	for _, x := range c.Indexes {
		if !x.IsID() {
			xs = append(xs, x)
		}
	}
	return xs
}

func indexByName(c *catalog.Collection, name string) (*catalog.Index, error) {
	x := c.Index(name)
	switch {
	case x != nil && x.IsID():
		return nil, mongoerr.New(mongoerr.InvalidOptions, "cannot drop _id index")
	case c.Clustered && name == c.ClusterName:
		return nil, mongoerr.New(5979800, "It is illegal to drop the clusteredIndex")
	case x == nil:
		return nil, mongoerr.New(mongoerr.IndexNotFound, "index not found with name [%s]", name)
	}
	return x, nil
}

func indexesByName(c *catalog.Collection, names bsonx.Doc) ([]*catalog.Index, error) {
	var xs []*catalog.Index
	seen := make(map[string]bool)
	for it := names.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return xs, nil
		}
		if v.Type != bsonx.TypeString {
			return nil, mongoerr.New(mongoerr.TypeMismatch,
				"BSON field 'dropIndexes.index' is the wrong type '%s', expected type 'string'", v.Type)
		}
		x, err := indexByName(c, v.Str())
		if err != nil {
			return nil, err
		}
		if !seen[x.Name] {
			seen[x.Name] = true
			xs = append(xs, x)
		}
	}
}

func indexByPattern(c *catalog.Collection, pattern bsonx.Doc) (*catalog.Index, error) {
	var found *catalog.Index
	for _, x := range c.Indexes {
		if bsonx.CompareDocs(x.Pattern, pattern) != 0 {
			continue
		}
		if found != nil {
			return nil, mongoerr.New(mongoerr.AmbiguousIndexKeyPattern,
				"2 indexes found for key: %s, identify by name instead. Conflicting indexes: %s, %s", pattern, found.Spec, x.Spec)
		}
		found = x
	}
	switch {
	case found == nil:
		return nil, mongoerr.New(mongoerr.IndexNotFound, "can't find index with key: %s", pattern)
	case found.IsID():
		return nil, mongoerr.New(mongoerr.InvalidOptions, "cannot drop _id index")
	}
	return found, nil
}
