package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Insert appends the document that an upsert inserts: the fields that the filter requires
// to equal a value, changed by the update, with _id first. newID makes the _id if neither
// gives one.
func (u *Update) Insert(dst []byte, c *expr.Context, newID func() bsonx.Value) (bsonx.Doc, error) {
	var eq equalities
	if err := eq.collect(u.filter); err != nil {
		return nil, err
	}
	id := eq.value("_id")
	start := len(dst)
	switch u.kind {
	case KindReplacement:
		after := u.replacement.Lookup("_id")
		switch {
		case after.IsMissing() && id.IsMissing():
			if err := eq.checkIDExact(); err != nil {
				return nil, err
			}
			after = newID()
		case after.IsMissing():
			after = id
		case !id.IsMissing() && !bsonx.Equal(id, after):
			return nil, alteredID(after)
		}
		dst = u.appendReplacement(dst, after)
	default:
		var err error
		if dst, err = u.insertModified(dst, eq.document(), id, c, newID); err != nil {
			return nil, err
		}
	}
	return checkUpserted(dst[start:])
}

// insertModified appends base as the tree changes it.
func (u *Update) insertModified(dst []byte, base bsonx.Doc, id bsonx.Value, c *expr.Context, newID func() bsonx.Value) ([]byte, error) {
	start := len(dst)
	dst, err := u.modify(dst, base, c, -1, true)
	if err != nil {
		return nil, err
	}
	out := bsonx.Doc(dst[start:])
	after := out.Lookup("_id")
	if err := u.checkID(id, after); err != nil {
		return nil, err
	}
	if key, _, _ := out.First(); key == "_id" {
		return dst, nil
	}
	// Build the document anew behind itself, then move it to its place.
	if after.IsMissing() {
		after = newID()
	}
	end := len(dst)
	dst = bsonx.AppendElem(bsonx.AppendDocStart(dst), "_id", after)
	for it := bsonx.Doc(dst[start:end]).Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if key != "_id" {
			dst = bsonx.AppendElem(dst, key, v)
		}
	}
	dst = bsonx.AppendDocEnd(dst, end)
	return append(dst[:start], dst[end:]...), nil
}

// checkUpserted refuses what cannot be stored.
func checkUpserted(doc bsonx.Doc) (bsonx.Doc, error) {
	if len(doc) > MaxDocumentSize {
		return nil, mongoerr.New(17420, "Document to upsert is larger than %d", MaxDocumentSize)
	}
	return doc, CheckStorable(doc)
}
