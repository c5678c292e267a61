package catalog

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// MaxIndexes is how many indexes a collection may have, MaxIndexFields how many fields one.
const (
	MaxIndexes     = 64
	MaxIndexFields = 32
)

const maxExpireAfterSeconds = math.MaxInt32

// IDIndexSpec is the specification of the automatic _id index.
func IDIndexSpec() bsonx.Doc {
	return bsonx.NewBuilder(nil).Int32("v", 2).
		Doc("key", bsonx.NewBuilder(nil).Int32("_id", 1).Build()).
		String("name", "_id_").Build()
}

// NewIndex makes an index without ident from its specification, as createIndexes receives
// it, and normalises the specification for listIndexes. It refuses what MongoDB refuses, with
// its codes, and by name what is not supported.
func NewIndex(ns string, spec bsonx.Doc) (*Index, error) {
	x := &Index{Version: 2, ExpireAfter: -1, State: &IndexState{Since: time.Now().UnixMilli()}}
	if err := x.parse(spec); err != nil {
		e := mongoerr.From(err)
		if e.Code == mongoerr.FailedToParse || e.Code == mongoerr.TypeMismatch || e.Code == mongoerr.InvalidIndexSpecificationOption {
			return nil, e.Prefixed("Error in specification " + spec.String())
		}
		return nil, err
	}
	if err := x.check(); err != nil {
		return nil, err
	}
	x.Spec = x.spec(spec)
	return x, nil
}

func (x *Index) parse(spec bsonx.Doc) error {
	for it := spec.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := x.setField(name, v); err != nil {
			return err
		}
	}
	switch {
	case x.Pattern == nil:
		return mongoerr.New(mongoerr.FailedToParse, "The 'key' field is a required property of an index specification")
	case x.Name == "":
		return mongoerr.New(mongoerr.FailedToParse, "The 'name' field is a required property of an index specification")
	}
	return nil
}

func (x *Index) setField(name string, v bsonx.Value) error {
	want := bsonx.TypeDocument
	switch name {
	case "key":
		if v.Type != want {
			break
		}
		x.Pattern = v.Doc().Clone()
		return x.parsePattern()
	case "name":
		if want = bsonx.TypeString; v.Type != want {
			break
		}
		if v.Str() == "" {
			return mongoerr.New(mongoerr.CannotCreateIndex, "index name cannot be empty")
		}
		if v.Str() == "*" {
			return mongoerr.New(mongoerr.BadValue, "The index name '*' is not valid.")
		}
		x.Name = strings.Clone(v.Str())
		return nil
	case "unique":
		return flag(name, v, &x.Unique)
	case "sparse":
		return flag(name, v, &x.Sparse)
	case "hidden":
		return flag(name, v, &x.Hidden)
	case "prepareUnique":
		return flag(name, v, &x.PrepareUnique)
	case "partialFilterExpression":
		if v.Type != want {
			break
		}
		x.PartialFilter = v.Doc().Clone()
		return nil
	case "expireAfterSeconds":
		return x.setExpire(v)
	case "collation":
		return x.setCollation(v)
	case "v":
		if n, ok := number(v); !ok || n < 1 || n > 2 {
			return mongoerr.New(mongoerr.CannotCreateIndex, "Invalid index specification; cannot create an index with v=%s", bsonx.Format(v))
		}
		n, _ := number(v)
		x.Version = int32(n)
		return nil
	case "background", "ns", "storageEngine", "dropDups", "clustered":
		return nil
	case "weights", "default_language", "language_override", "textIndexVersion", "2dsphereIndexVersion",
		"bits", "min", "max", "bucketSize", "wildcardProjection", "columnstoreProjection":
		return mongoerr.New(mongoerr.CannotCreateIndex, "index option '%s' is not supported", name)
	default:
		return mongoerr.New(mongoerr.InvalidIndexSpecificationOption,
			"The field '%s' is not valid for an index specification. Specification: %s", name, x.Name)
	}
	return mongoerr.New(mongoerr.TypeMismatch, "The field '%s' must be an %s, but got %s", name, want, v.Type)
}

// indexFields are the fields of a specification.
var indexFields = []string{
	"2dsphereIndexVersion", "background", "bits", "bucketSize", "clustered", "collation", "columnstoreProjection",
	"default_language", "dropDups", "expireAfterSeconds", "hidden", "key", "language_override", "max", "min", "name",
	"ns", "partialFilterExpression", "prepareUnique", "sparse", "storageEngine", "textIndexVersion", "unique", "v",
	"weights", "wildcardProjection",
}

// KnownIndexFields returns a specification without the fields that none has.
func KnownIndexFields(spec bsonx.Doc) bsonx.Doc {
	b := bsonx.NewBuilder(nil)
	for it := spec.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return b.Build()
		}
		if slices.Contains(indexFields, name) {
			b.Value(name, v)
		}
	}
}

func (x *Index) setCollation(v bsonx.Value) (err error) {
	switch {
	case v.Type != bsonx.TypeDocument:
		return mongoerr.New(mongoerr.TypeMismatch, "The field 'collation' must be an object, but got %s", v.Type)
	case v.Doc().IsEmpty():
		return mongoerr.New(mongoerr.BadValue, "The field 'collation' cannot be an empty object.")
	}
	x.collated = true
	x.Collation, err = collation.Parse(v.Doc())
	return err
}

// WithDefaults returns the index as it is on a collection, nil for one with no options: with the
// collection's collation, unless the specification named one.
func (x *Index) WithDefaults(c *Collection) *Index {
	if x.collated || c == nil || c.Collation == nil {
		return x
	}
	n := *x
	n.Collation = c.Collation
	n.Spec = bsonx.NewBuilder(nil).Append(x.Spec).Doc("collation", c.Collation.Spec()).Build()
	return &n
}

func flag(name string, v bsonx.Value, dst *bool) error {
	if v.Type != bsonx.TypeBool && !v.IsNumber() {
		return mongoerr.New(mongoerr.TypeMismatch, "The field '%s' has value %s, which is not convertible to bool", name, bsonx.Format(v))
	}
	*dst = v.Truthy()
	return nil
}

func (x *Index) setExpire(v bsonx.Value) error {
	if !v.IsNumber() {
		return mongoerr.New(mongoerr.TypeMismatch, "The field 'expireAfterSeconds' must be a number, but got %s", v.Type)
	}
	n, ok := number(v)
	if !ok || n < 0 || n > maxExpireAfterSeconds {
		return mongoerr.New(mongoerr.CannotCreateIndex,
			"TTL index 'expireAfterSeconds' option must be within an acceptable range, try a lower number. Index spec: %d is not in 0..%d", n, maxExpireAfterSeconds)
	}
	x.ExpireAfter = n
	return nil
}

func (x *Index) parsePattern() error {
	if x.Pattern.IsEmpty() {
		return mongoerr.New(mongoerr.CannotCreateIndex, "Index keys cannot be an empty object")
	}
	if len(x.Pattern) > 2048 {
		return mongoerr.New(mongoerr.CannotCreateIndex, "Key pattern too large")
	}
	for it := x.Pattern.Iter(); ; {
		path, v, ok := it.Next()
		if !ok {
			break
		}
		f, err := parseKeyField(path, v)
		if err != nil {
			return err
		}
		for _, other := range x.Keys {
			if other.Path == path {
				return mongoerr.New(mongoerr.BadValue, "The field '%s' appears multiple times in the index key pattern %s", path, x.Pattern)
			}
		}
		x.Keys = append(x.Keys, f)
	}
	if len(x.Keys) > MaxIndexFields {
		return mongoerr.New(13103, "too many compound keys")
	}
	return nil
}

func parseKeyField(path string, v bsonx.Value) (KeyField, error) {
	f := KeyField{Path: path, Parts: strings.Split(path, ".")}
	switch {
	case v.IsNumber():
		d := doubleOf(v)
		if d == 0 || math.IsNaN(d) {
			return f, mongoerr.New(mongoerr.CannotCreateIndex, "Values in v:2 index key pattern cannot be %s", bsonx.Format(v))
		}
		f.Desc = d < 0
	case v.Type == bsonx.TypeString:
		switch kind := v.Str(); kind {
		case "text", "2d", "2dsphere", "hashed":
			return f, mongoerr.New(mongoerr.CannotCreateIndex, "index type '%s' is not supported yet", kind)
		default:
			return f, mongoerr.New(mongoerr.CannotCreateIndex, "Unknown index plugin '%s'", kind)
		}
	default:
		return f, mongoerr.New(mongoerr.CannotCreateIndex,
			"Values in v:2 index key pattern cannot be of type %s. Only numbers > 0, numbers < 0, and strings are allowed.", v.Type)
	}
	if path == "$**" || strings.HasSuffix(path, ".$**") {
		return f, mongoerr.New(mongoerr.CannotCreateIndex, "wildcard indexes are not supported yet")
	}
	for _, p := range f.Parts {
		if p == "" {
			return f, mongoerr.New(mongoerr.CannotCreateIndex, "Index keys cannot contain an empty field.")
		}
		if p[0] == '$' && p != "$id" && p != "$ref" && p != "$db" {
			return f, mongoerr.New(mongoerr.CannotCreateIndex, "Index key contains an illegal field name: field name starts with '$'.")
		}
	}
	return f, nil
}

func doubleOf(v bsonx.Value) float64 {
	switch v.Type {
	case bsonx.TypeDouble:
		return v.Double()
	case bsonx.TypeDecimal128:
		f, _ := strconv.ParseFloat(v.Decimal128().String(), 64)
		return f
	}
	return float64(v.Int64())
}

func (x *Index) check() error {
	if len(x.Keys) == 1 && x.Keys[0].Path == "_id" {
		if x.Keys[0].Desc {
			return mongoerr.New(mongoerr.BadValue, "The field 'key' for an _id index must be {_id: 1}, but got %s", x.Pattern)
		}
		for _, opt := range []struct {
			name string
			set  bool
		}{{"sparse", x.Sparse}, {"partialFilterExpression", x.PartialFilter != nil}, {"expireAfterSeconds", x.ExpireAfter >= 0}, {"hidden", x.Hidden}} {
			if opt.set {
				return mongoerr.New(mongoerr.InvalidIndexSpecificationOption,
					"The field '%s' is not valid for an _id index specification.", opt.name)
			}
		}
		x.Name = "_id_"
		x.Unique = true
	}
	switch {
	case x.Unique && x.PrepareUnique:
		return mongoerr.New(mongoerr.CannotCreateIndex, "'unique' and 'prepareUnique' cannot both be true")
	case x.Sparse && x.PartialFilter != nil:
		return mongoerr.New(mongoerr.CannotCreateIndex, "cannot mix \"partialFilterExpression\" and \"sparse\" options")
	case x.ExpireAfter >= 0 && len(x.Keys) > 1:
		return mongoerr.New(mongoerr.CannotCreateIndex, "TTL indexes are single-field indexes, compound indexes do not support TTL. Index spec: %s", x.Pattern)
	}
	return nil
}

// spec returns the normalised form: v, key and name first, then the options in their
// given order, without those that mean nothing any more.
func (x *Index) spec(given bsonx.Doc) bsonx.Doc {
	b := bsonx.NewBuilder(nil).Int32("v", x.Version).Doc("key", x.Pattern).String("name", x.Name)
	for it := given.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return b.Build()
		}
		switch name {
		case "v", "key", "name", "ns", "dropDups":
		case "unique":
			if v.Truthy() && !x.IsID() {
				b.Bool(name, true)
			}
		case "sparse", "background":
			b.Bool(name, v.Truthy())
		case "hidden", "prepareUnique":
			if v.Truthy() {
				b.Bool(name, true)
			}
		case "expireAfterSeconds":
			b.Int32(name, int32(x.ExpireAfter))
		case "collation":
			if x.Collation != nil {
				b.Doc(name, x.Collation.Spec())
			}
		default:
			b.Value(name, v)
		}
	}
}

// ExplicitSpec returns the specification that makes the same index on any collection: it names
// the collation even where that is the binary one.
func (x *Index) ExplicitSpec() bsonx.Doc {
	if x.Collation != nil {
		return x.Spec
	}
	return bsonx.NewBuilder(nil).Append(x.Spec).Doc("collation", x.Collation.Spec()).Build()
}

// SamePattern reports whether both indexes have equal key patterns.
func (x *Index) SamePattern(y *Index) bool { return bsonx.CompareDocs(x.Pattern, y.Pattern) == 0 }

// SameOptions reports whether two indexes of the same pattern differ at most in name.
func (x *Index) SameOptions(y *Index) bool {
	return x.Unique == y.Unique && x.PrepareUnique == y.PrepareUnique && x.Sparse == y.Sparse && x.ExpireAfter == y.ExpireAfter &&
		bsonx.CompareDocs(x.PartialFilter, y.PartialFilter) == 0
}

// SameIdentity reports whether the indexes can not exist beside each other: equal patterns
// and equal options among those that make indexes different.
func (x *Index) SameIdentity(y *Index) bool {
	return x.SamePattern(y) && x.Unique == y.Unique && x.Sparse == y.Sparse && collation.Same(x.Collation, y.Collation) &&
		bsonx.CompareDocs(x.PartialFilter, y.PartialFilter) == 0
}
