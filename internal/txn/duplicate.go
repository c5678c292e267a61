package txn

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// duplicateKey makes MongoDB's error for a document whose unique key exists already. key is
// the storage key of that record or index entry.
func duplicateKey(c *catalog.Collection, doc bsonx.Doc, key []byte) error {
	kind, id, fields := layout.Split(key)
	if kind == layout.KindRecord {
		pattern := bsonx.NewBuilder(nil).Int32("_id", 1).Build()
		return duplicateError(c.NS, c.ClusterName, pattern, []bsonx.Value{doc.Lookup("_id")}, nil)
	}
	for i, x := range c.Indexes {
		if x.ID == id {
			return duplicateError(c.NS, x.Name, x.Pattern, duplicateValues(c, i, doc, fields), x.Collation)
		}
	}
	return corrupt("duplicate in unknown index %d of %s", id, c.NS)
}

// duplicateValues returns the values of doc whose encoding is fields.
func duplicateValues(c *catalog.Collection, i int, doc bsonx.Doc, fields []byte) []bsonx.Value {
	f := &tupleFinder{x: c.Indexes[i], want: fields}
	var g generator
	if err := g.run(f.x, doc, f); err != nil {
		return nil
	}
	return f.found
}

// tupleFinder keeps the tuple whose encoding is want.
type tupleFinder struct {
	x         *catalog.Index
	want, buf []byte
	found     []bsonx.Value
}

func (f *tupleFinder) tuple(vals []bsonx.Value) {
	f.buf = appendFields(f.buf[:0], f.x, vals)
	if f.found == nil && bytes.Equal(f.buf, f.want) {
		f.found = append(f.found, vals...)
	}
}

// appendFields appends the encoded fields of an index entry.
func appendFields(dst []byte, x *catalog.Index, vals []bsonx.Value) []byte {
	start := len(dst)
	for f := range vals {
		dst = keyenc.AppendCollated(dst, vals[f], x.Keys[f].Desc, x.Collation)
	}
	return keyenc.Truncate(dst, start)
}

// duplicateError words the error. With a collation it is the sort keys of strings that are
// duplicates, so they are shown, in hexadecimal.
func duplicateError(ns, index string, pattern bsonx.Doc, vals []bsonx.Value, coll *collation.Collation) error {
	value := bsonx.NewBuilder(nil)
	it := pattern.Iter()
	for _, v := range vals {
		name, _, _ := it.Next()
		if v.IsMissing() {
			v = bsonx.Null
		}
		if coll != nil && v.Type == bsonx.TypeString {
			v = bsonx.String("0x" + hex.EncodeToString(coll.AppendKey(nil, v.Bytes())))
		}
		value.Value(name, v)
	}
	doc := value.Build()
	fields := bsonx.NewBuilder(nil).Doc("keyPattern", pattern).Doc("keyValue", doc)
	rules := ""
	if coll != nil {
		fields.Doc("collation", coll.Spec())
		rules = " collation: " + coll.Spec().String()
	}
	return mongoerr.New(mongoerr.DuplicateKey, "E11000 duplicate key error collection: %s index: %s%s dup key: %s",
		strings.Clone(ns), index, rules, doc).WithFields(fields.Build())
}
