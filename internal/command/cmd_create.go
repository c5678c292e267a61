package command

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/match"
	"github.com/tandemdb/tandem/internal/txn"
)

// cmdCreate makes a collection or a view.
func cmdCreate(ctx context.Context, c *Call) error {
	options, err := c.createOptions()
	if err != nil {
		return err
	}
	if err := c.checkCreate(options); err != nil {
		return err
	}
	if t := c.Txn(); t != nil {
		if err := c.mayCreate(); err != nil {
			return err
		}
		if strings.HasPrefix(c.coll, "system.") {
			return mongoerr.New(mongoerr.OperationNotSupportedInTransaction, "Cannot create system collection %s within a transaction.", c.ns)
		}
		_, err := t.CreateCollection(ctx, c.ns, options)
		return err
	}
	if old := c.collection(); old != nil {
		return sameOptions(old, options) // without waiting for those who use it
	}
	return c.creation(ctx, func(t *txn.Txn) error {
		old, err := t.Collection(ctx, c.ns)
		if err != nil {
			return err
		}
		if old != nil {
			return sameOptions(old, options)
		}
		_, err = t.CreateCollection(ctx, c.ns, options)
		return err
	}, c.ns)
}

// createOptions are the options as listCollections shows them.
func (c *Call) createOptions() (bsonx.Doc, error) {
	if !c.Arg("timeseries").IsNullish() && !c.Arg("idIndex").IsNullish() {
		return nil, mongoerr.New(mongoerr.InvalidOptions, "'timeseries' is not allowed with 'idIndex'")
	}
	b := bsonx.NewBuilder(nil)
	for it := c.ownFields("autoIndexId", "flags", "temp", "idIndex").Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return b.Build(), nil
		}
		switch key {
		case "collation":
			if err := addCollation(b, v.Doc()); err != nil {
				return nil, err
			}
		case "capped":
			if v.Truthy() {
				b.Bool(key, true)
			}
		case "timeseries":
			ts, err := catalog.ParseTimeSeries(v.Doc())
			if err != nil {
				return nil, err
			}
			b.Doc(key, ts.Spec())
		case "clusteredIndex":
			b.Value(key, clusteredOption(v))
		case "size", "max":
			b.Value(key, shortest(v))
		default:
			b.Value(key, v)
		}
	}
}

// addCollation adds the collation in full; the binary one is left out, as if it had not been
// named.
func addCollation(b *bsonx.Builder, d bsonx.Doc) error {
	if d.IsEmpty() {
		return mongoerr.New(mongoerr.BadValue, "'collation' cannot be an empty document.")
	}
	coll, err := collation.Parse(d)
	if coll != nil {
		b.Doc("collation", coll.Spec())
	}
	return err
}

// shortest makes a whole number a 32-bit one where it fits.
func shortest(v bsonx.Value) bsonx.Value {
	n, ok := integer(v)
	switch {
	case !ok:
		return v
	case n == int64(int32(n)):
		return bsonx.Int32(int32(n))
	}
	return bsonx.Int64(n)
}

// clusteredOption completes the clusteredIndex option.
func clusteredOption(v bsonx.Value) bsonx.Value {
	d := v.Doc()
	if v.Type != bsonx.TypeDocument {
		return v
	}
	b := bsonx.NewBuilder(nil).Int32("v", 2).Value("key", d.Lookup("key"))
	if name := d.Lookup("name"); !name.IsMissing() {
		b.Value("name", name)
	} else {
		b.String("name", "_id_")
	}
	return bsonx.Document(b.Value("unique", d.Lookup("unique")).Build())
}

// checkCreate reports what is wrong with filters and pipelines among the options.
func (c *Call) checkCreate(options bsonx.Doc) error {
	if v := options.Lookup("validator").Doc(); v != nil {
		if err := checkValidator(c.ns, v); err != nil {
			return err
		}
	}
	if v := options.Lookup("storageEngine").Doc(); !v.IsEmpty() {
		if err := checkEngineOptions(v); err != nil {
			return err
		}
	}
	if v := c.Arg("idIndex").Doc(); v != nil {
		if err := checkIDIndex(c.ns, v, options); err != nil {
			return err
		}
	}
	if on := options.Lookup("viewOn"); on.Type == bsonx.TypeString {
		if _, err := catalog.NewCollection(c.ns, options); err != nil {
			return err
		}
		return c.checkView(on.Str(), options.Lookup("pipeline").Doc())
	}
	return nil
}

// checkValidator compiles a validator, to see whether it can be.
func checkValidator(ns string, v bsonx.Doc) error {
	if db, _ := catalog.SplitNS(ns); db == "admin" || db == "local" || db == "config" {
		return mongoerr.New(mongoerr.InvalidOptions, "Document validators are not allowed on collection %s in the %s database", ns, db)
	}
	_, err := match.CompileFor(match.Validator, v, nil)
	return err
}

// checkEngineOptions refuses options for engines of another server than MongoDB, whose own are
// stored and mean nothing.
func checkEngineOptions(d bsonx.Doc) error {
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		switch {
		case !ok:
			return nil
		case v.Type != bsonx.TypeDocument:
			return mongoerr.New(mongoerr.BadValue, "'storageEngine.%s' has to be an embedded document.", name)
		case name != "wiredTiger":
			return mongoerr.New(mongoerr.InvalidOptions, "%s is not a registered storage engine for this server", name)
		}
	}
}

// checkIDIndex reports what is wrong with the specification of a new collection's _id index.
func checkIDIndex(ns string, spec, options bsonx.Doc) error {
	x, err := catalog.NewIndex(ns, spec)
	switch {
	case err != nil:
		return err
	case !options.Lookup("viewOn").IsMissing():
		return mongoerr.New(mongoerr.InvalidOptions, "'idIndex' is not allowed with 'viewOn'")
	case len(x.Keys) != 1 || x.Keys[0].Path != "_id" || x.Keys[0].Desc:
		return mongoerr.New(mongoerr.BadValue, "The field 'key' for an _id index must be {_id: 1}, but got %s", x.Pattern)
	}
	coll, err := catalog.NewCollection(ns, options)
	if err != nil {
		return err
	}
	_, err = catalog.NewIndexes(coll, []*catalog.Index{x.WithDefaults(coll)})
	return err
}

// sameOptions lets a collection be created once more if nothing would be different.
func sameOptions(old *catalog.Collection, options bsonx.Doc) error {
	if bsonx.CompareDocs(withoutUUID(old.Options), options) == 0 {
		return nil
	}
	return mongoerr.New(mongoerr.NamespaceExists, "namespace %s already exists, but with different options: %s", old.NS, old.Options)
}

func withoutUUID(d bsonx.Doc) bsonx.Doc {
	if d.Lookup("uuid").IsMissing() {
		return d
	}
	b := bsonx.NewBuilder(nil)
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return b.Build()
		}
		if key != "uuid" {
			b.Value(key, v)
		}
	}
}

// mayCreate reports why a transaction cannot create something.
func (c *Call) mayCreate() error {
	if c.localConcern() {
		return nil
	}
	return mongoerr.New(mongoerr.InvalidOptions,
		"Command %s does not support this transaction's { readConcern: { level: \"%s\", provenance: \"clientSupplied\" } }",
		c.Spec.Name, c.stmt.ReadConcern().Lookup("level").Str())
}

// localConcern reports whether the transaction reads with the default read concern.
func (c *Call) localConcern() bool {
	level := c.stmt.ReadConcern().Lookup("level").Str()
	return level == "" || level == "local"
}
