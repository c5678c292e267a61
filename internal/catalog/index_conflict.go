package catalog

import (
	"slices"

	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// NewIndexes returns those of the requested indexes that c does not have yet. It fails with
// MongoDB's codes where one can not exist beside the others. c may be nil: then it has an _id
// index only.
func NewIndexes(c *Collection, requested []*Index) ([]*Index, error) {
	var have, added []*Index
	clustered := false
	if c != nil {
		have, clustered = c.Indexes, c.Clustered
	}
	for i, x := range requested {
		if c != nil && c.TimeSeries != nil {
			if err := c.TimeSeries.CheckIndex(x); err != nil {
				return nil, err
			}
		}
		if x.IsID() {
			if err := checkID(c, x); err != nil {
				return nil, err
			}
			continue // exists always
		}
		for _, y := range requested[:i] {
			if x.SameIdentity(y) && x.Name == y.Name {
				return nil, mongoerr.New(mongoerr.IndexAlreadyExists, "Identical index already exists: %s", x.Name)
			}
		}
		exists, err := conflict(x, append(slices.Clip(have), added...))
		if err != nil {
			return nil, err
		}
		if !exists {
			added = append(added, x)
		}
	}
	if n := len(have) + len(added); n > MaxIndexes || clustered && n+1 > MaxIndexes {
		return nil, mongoerr.New(mongoerr.CannotCreateIndex, "add index fails, too many indexes for %s key:%s",
			c.NS, added[len(added)-1].Pattern)
	}
	return added, nil
}

// checkID refuses an _id index with another collation than its collection's.
func checkID(c *Collection, x *Index) error {
	var own *collation.Collation
	if c != nil {
		own = c.Collation
	}
	if collation.Same(x.Collation, own) {
		return nil
	}
	return mongoerr.New(mongoerr.BadValue,
		"The _id index must have the same collation as the collection. Index collation: %s, collection collation: %s", x.Collation.Spec(), own.Spec())
}

// conflict reports whether an identical index exists, or fails with why x can not exist beside
// the others.
func conflict(x *Index, others []*Index) (exists bool, err error) {
	for _, y := range others {
		switch {
		case x.Name == y.Name && x.SameIdentity(y) && x.SameOptions(y):
			return true, nil
		case x.Name == y.Name && x.SameIdentity(y):
			return false, mongoerr.New(mongoerr.IndexOptionsConflict,
				"An equivalent index already exists with the same name but different options. Requested index: %s, existing index: %s", x.Spec, y.Spec)
		case x.Name == y.Name:
			return false, mongoerr.New(mongoerr.IndexKeySpecsConflict,
				"An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. Requested index: %s, existing index: %s", x.Spec, y.Spec)
		}
	}
	for _, y := range others {
		if x.SameIdentity(y) {
			return false, mongoerr.New(mongoerr.IndexOptionsConflict,
				"Index already exists with a different name: %s", y.Name)
		}
	}
	return false, nil
}
