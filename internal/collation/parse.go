package collation

import (
	"sync"

	"golang.org/x/text/collate"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// The values of caseFirst.
const (
	caseOff   = "off"
	caseUpper = "upper"
	caseLower = "lower"
)

// Parse reads a collation document; the simple collation is nil. It refuses what MongoDB refuses,
// with its codes, and what is not supported by name.
func Parse(d bsonx.Doc) (*Collation, error) {
	if c, ok := known.get(d); ok {
		return c, nil
	}
	c, err := parse(d)
	if err == nil {
		known.put(d, c)
	}
	return c, err
}

func parse(d bsonx.Doc) (*Collation, error) {
	var f fields
	if err := f.read(d); err != nil {
		return nil, err
	}
	if f.options.locale == simple {
		return nil, nil
	}
	l, err := f.checkLocale(d)
	if err != nil {
		return nil, err
	}
	f.complete(l)
	if err := f.check(d, l); err != nil {
		return nil, err
	}
	c := &Collation{options: f.options, spec: f.spec(), tag: l.languageTag(f.options.backwards)}
	if c.numericOrdering {
		c.numeric = []collate.Option{collate.Numeric}
	}
	return c, nil
}

// fields are the options as they are read, with what was given.
type fields struct {
	options
	version                 string
	hasCaseFirst, hasFrench bool
}

func (f *fields) read(d bsonx.Doc) error {
	f.strength, f.caseFirst = tertiary, caseOff
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := f.set(name, v); err != nil {
			return err
		}
	}
	if d.Lookup("locale").IsMissing() {
		return mongoerr.New(40414, "BSON field 'collation.locale' is missing but a required field")
	}
	return nil
}

func (f *fields) set(name string, v bsonx.Value) (err error) {
	switch name {
	case "locale":
		return text(name, v, &f.options.locale)
	case "version":
		return text(name, v, &f.version)
	case "caseLevel":
		return flag(name, v, &f.caseLevel)
	case "numericOrdering":
		return flag(name, v, &f.numericOrdering)
	case "normalization":
		return flag(name, v, &f.normalization)
	case "backwards":
		f.hasFrench = true
		return flag(name, v, &f.backwards)
	case "strength":
		return f.setStrength(v)
	case "caseFirst":
		f.hasCaseFirst = true
		f.caseFirst, err = oneOf(name, v, caseOff, caseUpper, caseLower)
	case "alternate":
		var s string
		s, err = oneOf(name, v, "non-ignorable", "shifted")
		f.shifted = s == "shifted"
	case "maxVariable":
		var s string
		s, err = oneOf(name, v, "punct", "space")
		f.spacesOnly = s == "space"
	default:
		return mongoerr.New(40415, "BSON field 'collation.%s' is an unknown field.", name)
	}
	return err
}

func text(name string, v bsonx.Value, dst *string) error {
	if v.Type != bsonx.TypeString {
		return wrongType(name, v, "'string'")
	}
	*dst = string(v.Bytes())
	return nil
}

func flag(name string, v bsonx.Value, dst *bool) error {
	if v.Type != bsonx.TypeBool {
		return wrongType(name, v, "'bool'")
	}
	*dst = v.Bool()
	return nil
}

func oneOf(name string, v bsonx.Value, allowed ...string) (string, error) {
	if v.Type != bsonx.TypeString {
		return "", wrongType(name, v, "'string'")
	}
	for _, a := range allowed {
		if v.Str() == a {
			return a, nil
		}
	}
	return "", notOneOf(name, v.Str())
}

func wrongType(name string, v bsonx.Value, want string) error {
	return mongoerr.New(mongoerr.TypeMismatch, "BSON field 'collation.%s' is the wrong type '%s', expected type %s", name, v.Type, want)
}

func notOneOf(name, value string) error {
	return mongoerr.New(mongoerr.BadValue, "Enumeration value '%s' for field 'collation.%s' is not a valid value.", value, name)
}

func (f *fields) setStrength(v bsonx.Value) error {
	switch v.Type {
	case bsonx.TypeInt32, bsonx.TypeInt64, bsonx.TypeDouble:
	default:
		return wrongType("strength", v, "'[int, long, double]'")
	}
	for s := primary; s <= identical; s++ {
		if bsonx.Equal(v, bsonx.Int32(int32(s))) {
			f.strength = s
			return nil
		}
	}
	return notOneOf("strength", bsonx.Format(v))
}

func (f *fields) checkLocale(d bsonx.Doc) (*locale, error) {
	name := f.options.locale
	switch l, ok := findLocale(name); {
	case ok:
		return l, nil
	case name == "":
		return nil, mongoerr.New(mongoerr.BadValue, "Field 'locale' cannot be the empty string in: %s", d)
	case isForeign(name):
		return nil, mongoerr.New(mongoerr.NotImplemented, "collation with locale '%s' is not supported", name)
	}
	return nil, mongoerr.New(mongoerr.BadValue, "Field 'locale' is invalid in: %s", d)
}

// complete sets what was not given to what the locale has.
func (f *fields) complete(l *locale) {
	if !f.hasFrench {
		f.backwards = l.backwards
	}
	if !f.hasCaseFirst && l.upperFirst && (f.caseLevel || f.strength >= tertiary) {
		f.caseFirst = caseUpper
	}
}

func (f *fields) check(d bsonx.Doc, l *locale) error {
	switch {
	case f.version != "" && f.version != Version && f.version != foreignVersion:
		return mongoerr.New(mongoerr.IncompatibleCollationVersion,
			"Requested collation version %s but the only available collator version was %s. Requested collation spec: %s", f.version, Version, d)
	case f.backwards && f.strength == primary:
		return mongoerr.New(mongoerr.BadValue, "'backwards' is invalid with 'strength' of 1 in: %s", d)
	case f.caseFirst != caseOff && !f.caseLevel && f.strength < tertiary:
		return mongoerr.New(mongoerr.BadValue,
			"'caseFirst' is invalid unless 'caseLevel' is on or 'strength' is greater than 2 in: %s", d)
	case l.strengths != 0 && f.strength > l.strengths:
		return mongoerr.New(mongoerr.NotImplemented, "collation with locale '%s' and strength %d is not supported", l.name, f.strength)
	}
	return nil
}

// spec returns the document with all fields.
func (o *options) spec() bsonx.Doc {
	alternate, variable := "non-ignorable", "punct"
	if o.shifted {
		alternate = "shifted"
	}
	if o.spacesOnly {
		variable = "space"
	}
	return bsonx.NewBuilder(nil).
		String("locale", o.locale).
		Bool("caseLevel", o.caseLevel).
		String("caseFirst", o.caseFirst).
		Int32("strength", int32(o.strength)).
		Bool("numericOrdering", o.numericOrdering).
		String("alternate", alternate).
		String("maxVariable", variable).
		Bool("normalization", o.normalization).
		Bool("backwards", o.backwards).
		String("version", Version).
		Build()
}

// cache keeps collations by the documents they were parsed from, since every statement brings its
// own and making the tables of one costs more than a small query.
type cache struct {
	mu sync.RWMutex
	m  map[string]*Collation
}

// cacheMax bounds the documents kept. When there are more, the cache starts anew.
const cacheMax = 256

var known cache

func (k *cache) get(d bsonx.Doc) (*Collation, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	c, ok := k.m[string(d)]
	return c, ok
}

func (k *cache) put(d bsonx.Doc, c *Collation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil || len(k.m) >= cacheMax {
		k.m = make(map[string]*Collation)
	}
	k.m[string(d)] = c
}
