// Package sortkey compiles sort patterns, makes sort keys that compare bytewise, and sorts
// documents by them in bounded memory.
//
// A key is the concatenation of keyenc encodings, one for each field of the pattern. Missing
// fields sort as null. Where a path leads through an array, the document sorts by its lowest
// key (by its highest for descending fields); an empty array sorts below null.
package sortkey

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/path"
)

// fieldsMax is MongoDB's limit on the fields of a pattern.
const fieldsMax = 32

// Field is one field of a pattern.
type Field struct {
	Path string
	Desc bool

	parts []path.Part
}

// Pattern is a compiled sort pattern, safe for concurrent use.
type Pattern struct {
	fields []Field
	coll   *collation.Collation
}

// Compile compiles a sort specification. An empty one gives a pattern without fields, by
// which all documents are equal. $natural is no sort key: callers take it out before. Strings sort
// by coll, nil for the binary order.
func Compile(spec bsonx.Doc, coll *collation.Collation) (*Pattern, error) {
	p := &Pattern{coll: coll}
	seen := make(map[string]bool)
	for it := spec.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return p, nil
		}
		f, err := compileField(strings.Clone(name), v)
		if err != nil {
			return nil, err
		}
		if seen[f.Path] {
			return nil, mongoerr.New(7472500, "$sort key must not contain duplicate keys (field: '%s')", f.Path)
		}
		seen[f.Path] = true
		if p.fields = append(p.fields, f); len(p.fields) > fieldsMax {
			return nil, mongoerr.New(13103, "too many compound keys")
		}
	}
}

func compileField(name string, v bsonx.Value) (Field, error) {
	if v.Type == bsonx.TypeDocument {
		return Field{}, refuseMeta(name, v)
	}
	if _, err := expr.SplitPath(name); err != nil {
		return Field{}, err
	}
	if !v.IsNumber() {
		return Field{}, mongoerr.New(15974, "Illegal key in $sort specification: %s: %s", name, bsonx.Format(v))
	}
	f := Field{Path: name, parts: path.Split(name)}
	switch {
	case bsonx.Equal(v, bsonx.Int32(1)):
	case bsonx.Equal(v, bsonx.Int32(-1)):
		f.Desc = true
	default:
		return Field{}, mongoerr.New(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
	}
	return f, nil
}

// refuseMeta names why a document is no direction.
func refuseMeta(name string, v bsonx.Value) error {
	key, meta, _ := v.Doc().First()
	switch {
	case key != "$meta":
		return mongoerr.New(15974, "Illegal key in $sort specification: %s: %s", name, bsonx.Format(v))
	case v.Doc().Count() > 1:
		return mongoerr.New(mongoerr.FailedToParse, "Cannot have additional keys in a $meta sort specification")
	case meta.Type != bsonx.TypeString:
		return mongoerr.New(31138, "Illegal $meta sort: %s", bsonx.Format(bsonx.Document(v.Doc())))
	case meta.Str() == "textScore":
		return mongoerr.New(40218, "query requires text score metadata, but it is not available")
	}
	return mongoerr.New(31138, "Illegal $meta sort: $meta: \"%s\"", meta.Str())
}

// Fields returns the fields of the pattern. The caller must not change them.
func (p *Pattern) Fields() []Field { return p.fields }

// Collation returns what strings sort by, nil for the binary order.
func (p *Pattern) Collation() *collation.Collation { return p.coll }

// IsEmpty reports whether the pattern has no fields.
func (p *Pattern) IsEmpty() bool { return len(p.fields) == 0 }
