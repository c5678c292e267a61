package project

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// MetaKind is something that is known of a document beside its fields.
type MetaKind uint8

// The kinds of metadata that a find can show.
const (
	SortKey MetaKind = iota
	RecordID
	IndexKey
	metaKinds
)

// metaNames are the arguments of $meta.
var metaNames = map[string]MetaKind{"sortKey": SortKey, "recordId": RecordID, "indexKey": IndexKey}

// Meta is what is known of one document: a missing value where nothing is.
type Meta [metaKinds]bsonx.Value

// Shows reports whether the projection shows metadata of a kind.
func (p *Projection) Shows(k MetaKind) bool { return p.metas[k] }

// metadata adds a field that shows metadata, which says nothing on whether the others stay.
func (c *compiler) metadata(path string, v, arg bsonx.Value) error {
	kind, known := metaNames[arg.Str()]
	if !known || c.kind != Find {
		_, err := expr.Parse(v, c.scope)
		if err == nil {
			err = mongoerr.New(mongoerr.NotImplemented, "$meta: %s is not supported in projections", bsonx.Format(arg))
		}
		return err
	}
	c.metas[kind] = true
	return c.add(path, &node{action: metadata, meta: kind})
}

// AppendAlone appends to the elements of an open document what the projection shows of metadata.
func (p *Projection) AppendAlone(dst []byte, meta *Meta) []byte {
	for _, f := range p.root.fields {
		if f.action == metadata && !meta[f.meta].IsMissing() {
			dst = bsonx.AppendElem(dst, f.name, meta[f.meta])
		}
	}
	return dst
}
