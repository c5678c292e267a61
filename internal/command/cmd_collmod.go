package command

import (
	"context"
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/txn"
)

// cmdCollMod changes options of a collection or view, or of one of its indexes.
func cmdCollMod(ctx context.Context, c *Call) error {
	conv, err := c.conversion()
	if err != nil {
		return err
	}
	err = c.ddl(ctx, func(t *txn.Txn) error {
		coll, err := t.ForDDL(ctx, c.ns)
		if err != nil {
			return err
		}
		if coll == nil {
			return missingNS(c.ns)
		}
		if err := c.checkModified(coll); err != nil {
			return err
		}
		var m txn.Modification
		if m.Options, err = c.newOptions(coll); err != nil {
			return err
		}
		if v := c.Arg("index"); !v.IsMissing() {
			change, err := c.indexChange(coll, v.Doc())
			if err != nil {
				return err
			}
			conv.index = change.Name
			if change.ExpireAfterSeconds != nil || change.Hidden != nil || change.PrepareUnique != nil {
				m.Indexes = append(m.Indexes, change)
			}
		}
		if m.Options == nil && m.Indexes == nil {
			return nil
		}
		_, err = t.Modify(ctx, coll, m)
		return err
	}, c.ns)
	if err != nil || !conv.wanted {
		return err
	}
	return c.convert(ctx, conv)
}

// checkModified refuses the options of views for collections, and the other way round.
func (c *Call) checkModified(coll *catalog.Collection) error {
	for it := c.ownFields("dryRun").Iter(); ; {
		name, _, ok := it.Next()
		if !ok {
			return nil
		}
		ofView := name == "viewOn" || name == "pipeline"
		switch {
		case coll.IsView() && !ofView:
			return mongoerr.New(mongoerr.InvalidOptions, "option not supported on a view: %s", name)
		case !coll.IsView() && ofView:
			return mongoerr.New(mongoerr.InvalidOptions, "option only supported on a view: %s", name)
		}
	}
}

// newOptions returns the options of coll with what the command changes, nil if it changes
// none.
func (c *Call) newOptions(coll *catalog.Collection) (bsonx.Doc, error) {
	given := c.ownFields("index", "cappedSize", "cappedMax", "dryRun", "timeseries")
	sized := bsonx.NewBuilder(nil)
	for _, f := range [...][2]string{{"cappedSize", "size"}, {"cappedMax", "max"}} {
		v := c.Arg(f[0])
		if v.IsMissing() {
			continue
		}
		if !coll.Capped {
			return nil, mongoerr.New(mongoerr.InvalidOptions, "Cannot resize a non-capped collection %s", coll.NS)
		}
		if n, ok := integer(v); ok && n <= 0 && f[1] == "max" {
			v = bsonx.Int32(math.MaxInt32) // no limit
		}
		sized.Value(f[1], v)
	}
	if v := c.Arg("timeseries"); !v.IsNullish() {
		if coll.TimeSeries == nil {
			return nil, mongoerr.New(mongoerr.InvalidOptions, "option only supported on a time-series collection: timeseries")
		}
		ts, err := coll.TimeSeries.Modified(v.Doc())
		if err != nil {
			return nil, err
		}
		sized.Doc("timeseries", ts.Spec())
	}
	changes := bsonx.NewBuilder(nil).Append(given).Append(sized.Build()).Build()
	if changes.IsEmpty() {
		return nil, nil
	}
	if !given.Lookup("viewOn").IsMissing() != !given.Lookup("pipeline").IsMissing() {
		return nil, mongoerr.New(mongoerr.InvalidOptions, "Must specify both 'viewOn' and 'pipeline' when modifying a view")
	}
	if err := c.checkCreate(given); err != nil {
		return nil, err
	}
	if v := changes.Lookup("expireAfterSeconds"); v.Type == bsonx.TypeString && v.Str() != "off" {
		return nil, mongoerr.New(mongoerr.InvalidOptions, "Invalid string value for the 'clusteredIndex::expireAfterSeconds' option: %s", v.Str())
	}
	return changedOptions(coll.Options, changes), nil
}

// changedOptions returns the options with those of changes in place of the old ones. The expiry
// "off" is none.
func changedOptions(old, changes bsonx.Doc) bsonx.Doc {
	b := bsonx.NewBuilder(nil)
	add := func(key string, v bsonx.Value) {
		if key != "expireAfterSeconds" || v.Type != bsonx.TypeString {
			b.Value(key, v)
		}
	}
	for it := old.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if n := changes.Lookup(key); !n.IsMissing() {
			v = n
		}
		add(key, v)
	}
	for it := changes.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return b.Build()
		}
		if old.Lookup(key).IsMissing() {
			add(key, v)
		}
	}
}

// indexChange reads the index field and reports old and new values.
func (c *Call) indexChange(coll *catalog.Collection, d bsonx.Doc) (txn.IndexChange, error) {
	var change txn.IndexChange
	converted := false
	x, err := modifiedIndex(coll, d)
	if err != nil {
		return change, err
	}
	change.Name = x.Name
	if coll.TimeSeries != nil {
		for _, key := range [...]string{"expireAfterSeconds", "unique", "prepareUnique"} {
			if !d.Lookup(key).IsMissing() {
				return change, mongoerr.New(mongoerr.InvalidOptions, "'%s' is not supported for the indexes of time-series collections", key)
			}
		}
	}
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		switch key {
		case "keyPattern", "name":
		case "expireAfterSeconds":
			n, whole := integer(v)
			if !whole {
				return change, wrongType("collMod.index.expireAfterSeconds", v.Type, Number)
			}
			if err := checkExpiry(coll, x, n); err != nil {
				return change, err
			}
			change.ExpireAfterSeconds = &n
			if x.ExpireAfter >= 0 {
				c.Reply.Int64("expireAfterSeconds_old", x.ExpireAfter)
			}
			c.Reply.Int64("expireAfterSeconds_new", n)
		case "hidden":
			if v.Type != bsonx.TypeBool && !v.IsNumber() {
				return change, wrongType("collMod.index.hidden", v.Type, BoolLike)
			}
			hidden := v.Truthy()
			change.Hidden = &hidden
			if hidden != x.Hidden {
				c.Reply.Bool("hidden_old", x.Hidden).Bool("hidden_new", hidden)
			}
		case "prepareUnique":
			if v.Type != bsonx.TypeBool && !v.IsNumber() {
				return change, wrongType("collMod.index.prepareUnique", v.Type, BoolLike)
			}
			prepare := v.Truthy()
			if change.PrepareUnique = &prepare; prepare != x.PrepareUnique && !x.Unique {
				c.Reply.Bool("prepareUnique_old", x.PrepareUnique).Bool("prepareUnique_new", prepare)
			}
		case "unique", "forceNonUnique":
			converted = true // by convert
		default:
			return change, unknownField("collMod.index", key)
		}
	}
	if change.ExpireAfterSeconds == nil && change.Hidden == nil && change.PrepareUnique == nil && !converted {
		return change, mongoerr.New(mongoerr.InvalidOptions, "no expireAfterSeconds, hidden, unique, or prepareUnique field")
	}
	return change, nil
}

// checkExpiry reports why an index cannot make documents expire.
func checkExpiry(coll *catalog.Collection, x *catalog.Index, seconds int64) error {
	switch {
	case seconds < 0 || seconds > math.MaxInt32:
		return mongoerr.New(mongoerr.InvalidOptions,
			"TTL index 'expireAfterSeconds' option must be within an acceptable range, try a different number: %d", seconds)
	case x.IsID():
		return mongoerr.New(mongoerr.InvalidOptions, "the _id field does not support TTL indexes")
	case len(x.Keys) > 1:
		return mongoerr.New(mongoerr.InvalidOptions, "TTL indexes are single-field indexes, compound indexes do not support TTL")
	}
	return nil
}

func modifiedIndex(coll *catalog.Collection, d bsonx.Doc) (*catalog.Index, error) {
	name, pattern := d.Lookup("name"), d.Lookup("keyPattern")
	switch {
	case !name.IsMissing() && name.Type != bsonx.TypeString:
		return nil, wrongType("collMod.index.name", name.Type, String)
	case !pattern.IsMissing() && pattern.Type != bsonx.TypeDocument:
		return nil, wrongType("collMod.index.keyPattern", pattern.Type, Object)
	case name.IsMissing() == pattern.IsMissing():
		return nil, mongoerr.New(mongoerr.InvalidOptions, "must specify either index name or key pattern, and not both")
	case !name.IsMissing():
		if x := coll.Index(name.Str()); x != nil {
			return x, nil
		}
		return nil, mongoerr.New(mongoerr.IndexNotFound, "cannot find index %s for ns %s", name.Str(), coll.NS)
	}
	var found *catalog.Index
	for _, x := range coll.Indexes {
		if bsonx.CompareDocs(x.Pattern, pattern.Doc()) != 0 {
			continue
		}
		if found != nil {
			return nil, mongoerr.New(mongoerr.AmbiguousIndexKeyPattern, "index keyPattern %s matches 2 indexes, must use index name. Conflicting indexes: %s, %s",
				pattern.Doc(), found.Spec, x.Spec)
		}
		found = x
	}
	if found != nil {
		return found, nil
	}
	return nil, mongoerr.New(mongoerr.IndexNotFound, "cannot find index %s for ns %s", pattern.Doc(), coll.NS)
}
