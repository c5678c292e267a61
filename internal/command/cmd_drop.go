package command

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
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
		if err != nil || coll == nil {
			return err
		}
		if err := c.checkUUID(coll.UUID, coll.NS); err != nil {
			return err
		}
		if was = 0; !coll.IsView() {
			was = len(coll.Indexes)
			if coll.Clustered {
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

// checkUUID refuses a collection that is not the one that the client means.
func (c *Call) checkUUID(have [16]byte, ns string) error {
	v := c.Arg("collectionUUID")
	if v.IsMissing() {
		return nil
	}
	if _, want := v.Binary(); string(want) == string(have[:]) {
		return nil
	}
	info := bsonx.NewBuilder(nil).String("db", c.DB).Value("collectionUUID", v).String("expectedCollection", c.coll)
	actual := bsonx.Null
	for _, coll := range c.Store().Catalog.Current().Database(c.DB) {
		if _, want := v.Binary(); string(want) == string(coll.UUID[:]) {
			actual = bsonx.String(coll.Name())
		}
	}
	return mongoerr.New(mongoerr.CollectionUUIDMismatch, "Collection UUID does not match that specified for %s", ns).
		WithFields(info.Value("actualCollection", actual).Build())
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
