package catalog

import (
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// NewCollection makes a collection or view without ident, UUID and indexes from create
// options: those that listCollections shows. It refuses what is not supported by name.
func NewCollection(ns string, options bsonx.Doc) (*Collection, error) {
	c := &Collection{
		NS:               ns,
		Options:          options.Clone(),
		ExpireAfter:      -1,
		ValidationLevel:  "strict",
		ValidationAction: "error",
		State:            &State{},
	}
	if options.IsEmpty() {
		c.Options = bsonx.Empty
		return c, nil
	}
	for it := c.Options.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := c.setOption(name, v); err != nil {
			return nil, err
		}
	}
	c.completeOptions()
	return c, c.check()
}

// MaxCappedSize is how large a capped collection may be, in bytes. One that is to be smaller than
// minCappedSize gets that size.
const (
	MaxCappedSize = 1 << 50
	minCappedSize = 256
)

func (c *Collection) setOption(name string, v bsonx.Value) error {
	var ok bool
	switch name {
	case "capped":
		ok = v.Type == bsonx.TypeBool || v.IsNumber()
		c.Capped = v.Truthy()
	case "size":
		if c.CappedSize, ok = number(v); c.CappedSize > 0 {
			c.CappedSize = max(c.CappedSize, minCappedSize)
		}
	case "max":
		c.CappedMax, ok = number(v)
	case "viewOn":
		c.ViewOn, ok = v.Str(), v.Type == bsonx.TypeString
	case "pipeline":
		c.Pipeline, ok = v.Doc(), v.Type == bsonx.TypeArray
	case "validator":
		ok = v.Type == bsonx.TypeDocument
		if ok && !v.Doc().IsEmpty() {
			c.Validator = v.Doc()
		}
	case "validationLevel":
		c.ValidationLevel, ok = v.Str(), v.Type == bsonx.TypeString
		return oneOf(name, v, ok, "off", "strict", "moderate")
	case "validationAction":
		c.ValidationAction, ok = v.Str(), v.Type == bsonx.TypeString
		return oneOf(name, v, ok, "error", "warn")
	case "clusteredIndex":
		return c.setClustered(v)
	case "expireAfterSeconds":
		c.ExpireAfter, ok = number(v)
	case "collation":
		return c.setCollation(v)
	case "storageEngine", "indexOptionDefaults", "idIndex", "autoIndexId", "flags", "changeStreamPreAndPostImages":
		ok = true
	case "timeseries":
		return c.setTimeSeries(v)
	case "encryptedFields":
		return mongoerr.New(mongoerr.NotImplemented, "create option '%s' is not supported", name)
	default:
		return mongoerr.New(40415, "BSON field 'create.%s' is an unknown field.", name)
	}
	if !ok {
		return mongoerr.New(mongoerr.TypeMismatch, "BSON field 'create.%s' is the wrong type '%s'", name, v.Type)
	}
	return nil
}

func (c *Collection) setClustered(v bsonx.Value) error {
	if v.Type == bsonx.TypeBool && !v.Bool() {
		return nil
	}
	d := v.Doc()
	if v.Type != bsonx.TypeDocument {
		return mongoerr.New(mongoerr.TypeMismatch, "BSON field 'create.clusteredIndex' is the wrong type '%s', expected type 'object'", v.Type)
	}
	key := d.Lookup("key").Doc()
	if k, dir, ok := key.First(); !ok || key.Count() != 1 || k != "_id" || !isOne(dir) {
		return mongoerr.New(mongoerr.InvalidIndexSpecificationOption, "The clusteredIndex option is not supported for this key: it must be {_id: 1}")
	}
	if u := d.Lookup("unique"); u.IsMissing() || !u.Truthy() {
		return mongoerr.New(5979700, "The clusteredIndex option requires unique: true to be specified")
	}
	c.Clustered = true
	c.ClusterName = "_id_"
	if name := d.Lookup("name").Str(); name != "" {
		c.ClusterName = name
	}
	return nil
}

// setTimeSeries makes the collection one that is clustered by the time of its documents.
func (c *Collection) setTimeSeries(v bsonx.Value) (err error) {
	if v.Type != bsonx.TypeDocument {
		return mongoerr.New(mongoerr.TypeMismatch, "BSON field 'create.timeseries' is the wrong type '%s', expected type 'object'", v.Type)
	}
	c.TimeSeries, err = ParseTimeSeries(v.Doc())
	c.Clustered = true
	return err
}

func (c *Collection) check() error {
	if c.TimeSeries != nil {
		if err := c.checkTimeSeries(); err != nil {
			return err
		}
	}
	switch {
	case c.ExpireAfter < -1 || c.ExpireAfter > maxExpireAfterSeconds:
		return mongoerr.New(mongoerr.InvalidOptions, "expireAfterSeconds must be within the range 0 to %d, found: %d", maxExpireAfterSeconds, c.ExpireAfter)
	case c.Capped && c.CappedSize <= 0:
		return mongoerr.New(mongoerr.InvalidOptions, "the 'size' field is required when 'capped' is true")
	case c.CappedSize > MaxCappedSize:
		return mongoerr.New(51024, "BSON field 'size' value must be <= %d, actual value '%d'", int64(MaxCappedSize), c.CappedSize)
	case !c.Capped && (c.CappedSize != 0 || c.CappedMax != 0):
		return mongoerr.New(mongoerr.InvalidOptions, "the 'capped' field needs to be true when either the 'size' or 'max' fields are present")
	case c.Capped && c.Clustered:
		return mongoerr.New(mongoerr.InvalidOptions, "Cannot create a clustered collection that is capped")
	case c.ClusteredByID() && c.Collation != nil:
		return mongoerr.New(mongoerr.NotImplemented, "the collation option is not supported for a clustered collection")
	case c.Pipeline != nil && c.ViewOn == "":
		return mongoerr.New(mongoerr.InvalidOptions, "'pipeline' requires 'viewOn' to also be specified")
	case c.ExpireAfter >= 0 && !c.Clustered:
		return mongoerr.New(mongoerr.InvalidOptions, "'expireAfterSeconds' is only supported on time-series collections or when the 'clusteredIndex' option is specified")
	case c.ViewOn != "" && (c.Capped || c.Clustered || c.Validator != nil):
		return mongoerr.New(mongoerr.InvalidOptions, "a view cannot have collection options")
	}
	return nil
}

// setCollation sets the default collation and writes it in full into the options.
func (c *Collection) setCollation(v bsonx.Value) (err error) {
	switch {
	case v.Type != bsonx.TypeDocument:
		return mongoerr.New(mongoerr.TypeMismatch, "BSON field 'create.collation' is the wrong type '%s', expected type 'object'", v.Type)
	case v.Doc().IsEmpty():
		return mongoerr.New(mongoerr.BadValue, "'collation' cannot be an empty document.")
	}
	c.Collation, err = collation.Parse(v.Doc())
	return err
}

// completeOptions writes collation and timeseries options in full into the options, the binary
// collation not at all.
func (c *Collection) completeOptions() {
	if c.Options.Lookup("collation").IsMissing() && c.TimeSeries == nil {
		return
	}
	b := bsonx.NewBuilder(nil)
	for it := c.Options.Iter(); ; {
		name, v, ok := it.Next()
		switch {
		case !ok:
			c.Options = b.Build()
			return
		case name == "timeseries":
			b.Doc(name, c.TimeSeries.Spec())
		case name != "collation":
			b.Value(name, v)
		case c.Collation != nil:
			b.Doc(name, c.Collation.Spec())
		}
	}
}

// checkTimeSeries refuses the options that do not go with timeseries.
func (c *Collection) checkTimeSeries() error {
	for it := c.Options.Iter(); ; {
		name, _, ok := it.Next()
		if !ok {
			return nil
		}
		switch name {
		case "timeseries", "expireAfterSeconds", "collation", "storageEngine", "indexOptionDefaults":
		default:
			return mongoerr.New(mongoerr.InvalidOptions, "'timeseries' is not allowed with '%s'", name)
		}
	}
}

func oneOf(name string, v bsonx.Value, isString bool, allowed ...string) error {
	if !isString {
		return mongoerr.New(mongoerr.TypeMismatch, "BSON field 'create.%s' is the wrong type '%s', expected type 'string'", name, v.Type)
	}
	for _, a := range allowed {
		if v.Str() == a {
			return nil
		}
	}
	return mongoerr.New(mongoerr.BadValue, "Enumeration value '%s' for field 'create.%s' is not a valid value.", v.Str(), name)
}

// number reads a number of any numeric type, cut to an integer; NaN is none.
func number(v bsonx.Value) (int64, bool) {
	switch v.Type {
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return v.Int64(), true
	case bsonx.TypeDouble, bsonx.TypeDecimal128:
		f := doubleOf(v)
		switch {
		case math.IsNaN(f):
			return 0, false
		case f >= math.MaxInt64:
			return math.MaxInt64, true
		case f <= math.MinInt64:
			return math.MinInt64, true
		}
		return int64(f), true
	}
	return 0, false
}

func isOne(v bsonx.Value) bool { return bsonx.Equal(v, bsonx.Int32(1)) }
