package command

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/txn"
)

// cmdCreateIndexes builds indexes, and the collection if need be.
func cmdCreateIndexes(ctx context.Context, c *Call) error {
	specs, err := c.indexSpecs()
	if err != nil {
		return err
	}
	var res txn.IndexResult
	if t := c.Txn(); t != nil {
		if err := c.mayCreate(); err != nil {
			return err
		}
		if strings.HasPrefix(c.coll, "system.") {
			return mongoerr.New(mongoerr.OperationNotSupportedInTransaction, "Cannot write to system collection %s within a transaction.", c.ns)
		}
		res, err = t.CreateIndexes(ctx, c.ns, specs)
	} else {
		res, err = c.Store().CreateIndexes(ctx, c.ns, specs, c.Durability())
		c.Wrote(c.Service.lastApplied(ctx))
	}
	if err != nil {
		return err
	}
	c.Reply.Int32("numIndexesBefore", int32(res.Before)).
		Int32("numIndexesAfter", int32(res.After)).
		Bool("createdCollectionAutomatically", res.CreatedCollection)
	if c.Txn() == nil {
		c.Reply.String("commitQuorum", "votingMembers")
	}
	if res.AllExist {
		c.Reply.String("note", "all indexes already exist")
	}
	return nil
}

// indexSpecs reads the specifications, with the names that they are given by default.
func (c *Call) indexSpecs() ([]bsonx.Doc, error) {
	var specs []bsonx.Doc
	ignore := c.Arg("ignoreUnknownIndexOptions").Truthy()
	for it := c.Arg("indexes").Doc().Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if v.Type != bsonx.TypeDocument {
			return nil, wrongType("createIndexes.indexes."+key, v.Type, Object)
		}
		spec := v.Doc()
		if ignore {
			spec = catalog.KnownIndexFields(spec)
		}
		specs = append(specs, spec)
	}
	if c.ns == "config.transactions" {
		return nil, mongoerr.New(mongoerr.IllegalOperation, "not allowed to create index on %s", c.ns)
	}
	if len(specs) == 0 {
		return nil, mongoerr.New(mongoerr.BadValue, "Must specify at least one index to create")
	}
	if strings.HasPrefix(c.coll, "system.") && c.coll != "system.js" {
		return nil, mongoerr.New(mongoerr.CannotCreateIndex, "Cannot create indexes on the system collection %s", c.ns)
	}
	return specs, nil
}

// cmdListIndexes lists the indexes of a collection.
func cmdListIndexes(_ context.Context, c *Call) error {
	coll := c.collection()
	if coll == nil {
		return missingNS(c.ns)
	}
	if err := c.notOnView(coll); err != nil {
		return err
	}
	docs := make([]bsonx.Doc, 0, len(coll.Indexes)+1)
	if coll.ClusteredByID() {
		docs = append(docs, clusterKey(coll))
	}
	for _, x := range coll.Indexes {
		docs = append(docs, x.Spec)
	}
	return c.replyList(c.ns, docs)
}

// clusterKey is the order of a clustered collection as listIndexes shows it.
func clusterKey(coll *catalog.Collection) bsonx.Doc {
	return bsonx.NewBuilder(nil).Int32("v", 2).
		Doc("key", bsonx.NewBuilder(nil).Int32("_id", 1).Build()).
		String("name", coll.ClusterName).
		Bool("unique", true).
		Bool("clustered", true).
		Build()
}

// cmdDropIndexes removes indexes: by name, by pattern, by a list of names, or all.
func cmdDropIndexes(ctx context.Context, c *Call) error {
	which := c.Arg("index")
	err := c.ddl(ctx, func(t *txn.Txn) error {
		coll, err := t.ForDDL(ctx, c.ns)
		if err != nil {
			return err
		}
		if coll == nil {
			return mongoerr.New(mongoerr.NamespaceNotFound, "ns not found %s", c.ns)
		}
		was, err := t.DropIndexes(ctx, coll, which)
		if err != nil {
			return err
		}
		c.Reply.Int32("nIndexesWas", int32(was))
		if which.Str() == "*" {
			c.Reply.String("msg", "non-_id indexes dropped for collection")
		}
		return nil
	}, c.ns)
	if err != nil {
		return err
	}
	c.Cursors().KillNamespace(c.ns, "index dropped on "+c.ns)
	return nil
}
