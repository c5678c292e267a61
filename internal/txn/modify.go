package txn

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Modification is what collMod changes.
type Modification struct {
	// Options replace the collection's options where they are not nil: all of them, as
	// listCollections shows them.
	Options bsonx.Doc

	Indexes []IndexChange
}

// IndexChange changes one index. A nil field stays as it is.
type IndexChange struct {
	Name               string
	ExpireAfterSeconds *int64
	Hidden             *bool
	PrepareUnique      *bool
}

// Modify changes options and indexes of a collection and returns its new version. It waits for
// all who use the collection.
func (t *Txn) Modify(ctx context.Context, c *catalog.Collection, m Modification) (*catalog.Collection, error) {
	cur, err := t.ForDDL(ctx, c.NS)
	if err != nil {
		return nil, err
	}
	if cur == nil || cur.UUID != c.UUID {
		return nil, mongoerr.New(mongoerr.NamespaceNotFound, "ns does not exist: %s", c.NS)
	}
	next := cur
	if m.Options != nil {
		if next, err = cur.WithOptions(m.Options); err != nil {
			return nil, err
		}
		if next.Clustered != cur.Clustered || next.Capped != cur.Capped || next.IsView() != cur.IsView() || (next.TimeSeries == nil) != (cur.TimeSeries == nil) {
			return nil, mongoerr.New(mongoerr.InvalidOptions, "collMod cannot change the kind of collection %s", c.NS)
		}
	}
	for _, change := range m.Indexes {
		x := next.Index(change.Name)
		if x == nil {
			return nil, mongoerr.New(mongoerr.IndexNotFound, "cannot find index %s for ns %s", change.Name, c.NS)
		}
		if x, err = changedIndex(next.NS, x, change); err != nil {
			return nil, err
		}
		next = next.WithChangedIndex(x)
	}
	return next, t.setCollection(ctx, c.NS, next)
}

// changedIndex returns x with another specification.
func changedIndex(ns string, x *catalog.Index, change IndexChange) (*catalog.Index, error) {
	if change.Hidden != nil && *change.Hidden && x.IsID() {
		return nil, mongoerr.New(mongoerr.BadValue, "can't hide _id index")
	}
	b := bsonx.NewBuilder(nil)
	for it := x.Spec.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if name == "expireAfterSeconds" && change.ExpireAfterSeconds != nil || name == "hidden" && change.Hidden != nil ||
			name == "prepareUnique" && change.PrepareUnique != nil {
			continue
		}
		b.Value(name, v)
	}
	if change.PrepareUnique != nil && *change.PrepareUnique && !x.Unique {
		b.Bool("prepareUnique", true)
	}
	if change.ExpireAfterSeconds != nil {
		b.Int64("expireAfterSeconds", *change.ExpireAfterSeconds)
	}
	if change.Hidden != nil && *change.Hidden {
		b.Bool("hidden", true)
	}
	n, err := catalog.NewIndex(ns, b.Build())
	if err != nil {
		return nil, err
	}
	n.ID, n.State, n.Filter = x.ID, x.State, x.Filter
	return n, nil
}
