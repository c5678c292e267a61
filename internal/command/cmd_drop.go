package command

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/txn"
)

// cmdDrop removes a collection or view. One that does not exist is as good as dropped.
func cmdDrop(ctx context.Context, c *Call) error {
	if strings.HasPrefix(c.coll, "system.") && c.coll != "system.profile" && c.coll != "system.js" {
		return mongoerr.New(mongoerr.IllegalOperation, "can't drop system collection %s", c.ns)
	}
	was := -1
	err := c.ddl(ctx, func(t *txn.Txn) error {
		coll, err := t.ForDDL(ctx, c.ns)
		if err != nil {
			return err
		}
		if err := c.checkUUID(c.Arg("collectionUUID"), c.ns, coll); err != nil || coll == nil {
			return err
		}
		if was = 0; !coll.IsView() {
			was = len(coll.Indexes)
			if coll.ClusteredByID() {
				was++
			}
		}
		return t.DropCollection(ctx, coll)
	}, c.ns)
	if err != nil || was < 0 {
		return err
	}
	c.Cursors().KillNamespace(c.ns, "collection dropped: "+c.ns)
	if was > 0 {
		c.Reply.Int32("nIndexesWas", int32(was))
	}
	c.Reply.String("ns", c.ns)
	return nil
}

// checkUUID refuses a collection, nil for none, that is not the one with the UUID that the client
// has given, a missing value for any.
func (c *Call) checkUUID(want bsonx.Value, ns string, coll *catalog.Collection) error {
	if want.IsNullish() {
		return nil
	}
	_, uuid := want.Binary()
	if coll != nil && string(uuid) == string(coll.UUID[:]) {
		return nil
	}
	db, name := catalog.SplitNS(ns)
	actual := bsonx.Null
	for _, other := range c.Store().Catalog.Current().Database(db) {
		if string(uuid) == string(other.UUID[:]) {
			actual = bsonx.String(other.Name())
		}
	}
	return mongoerr.New(mongoerr.CollectionUUIDMismatch, "Collection UUID does not match that specified").
		WithFields(bsonx.NewBuilder(nil).String("db", db).Value("collectionUUID", want).
			String("expectedCollection", name).Value("actualCollection", actual).Build())
}

// cmdDropDatabase removes everything in a database.
func cmdDropDatabase(ctx context.Context, c *Call) error {
	if c.DB == "admin" || c.DB == "config" || c.DB == "local" {
		return mongoerr.New(mongoerr.IllegalOperation, "Dropping the '%s' database is prohibited.", c.DB)
	}
	dropped, err := c.Store().DropDatabase(ctx, c.DB, c.Durability())
	if err != nil {
		return err
	}
	c.Wrote(c.Service.lastApplied(ctx))
	for _, ns := range dropped {
		c.Cursors().KillNamespace(ns, "database dropped: "+c.DB)
	}
	if len(dropped) > 0 {
		c.Reply.String("dropped", c.DB)
	}
	return nil
}

// cmdRenameCollection gives a collection another name, also in another database.
func cmdRenameCollection(ctx context.Context, c *Call) error {
	to := c.Arg("to").Str()
	if err := CheckNamespace(to); err != nil {
		return err
	}
	drop := c.Arg("dropTarget")
	if drop.Type == bsonx.TypeBinary {
		return mongoerr.New(mongoerr.NotImplemented, "renameCollection: 'dropTarget' as a UUID is not supported")
	}
	err := c.ddl(ctx, func(t *txn.Txn) error {
		coll, err := t.ForDDL(ctx, c.ns)
		if err != nil {
			return err
		}
		if coll == nil {
			return mongoerr.New(mongoerr.NamespaceNotFound, "Source collection %s does not exist", c.ns)
		}
		return t.RenameCollection(ctx, coll, to, drop.Truthy())
	}, c.ns, to)
	if err != nil {
		return err
	}
	c.Cursors().KillNamespace(c.ns, "collection renamed from '"+c.ns+"' to '"+to+"'")
	c.Cursors().KillNamespace(to, "collection dropped: "+to)
	return nil
}
