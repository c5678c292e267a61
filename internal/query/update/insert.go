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
	eq := equalities{idOnly: u.kind == KindReplacement || u.supplied != nil}
	if err := eq.collect(u.filter); err != nil {
		return nil, err
	}
	id := eq.value("_id")
	start := len(dst)
	var err error
	switch {
	case u.supplied != nil:
		if id, err = eq.idFor(u.supplied, newID); err == nil {
			dst = moveID(append(dst, u.supplied...), start, id)
		}
	case u.kind == KindReplacement:
		if id, err = eq.idFor(u.replacement, newID); err == nil {
			dst = u.appendReplacement(dst, id)
		}
	default:
		dst, err = u.insertModified(dst, eq.document(), id, c, newID)
	}
	if err != nil {
		return nil, err
	}
	return checkUpserted(dst[start:])
}

// insertModified appends base as the update changes it.
func (u *Update) insertModified(dst []byte, base bsonx.Doc, id bsonx.Value, c *expr.Context, newID func() bsonx.Value) ([]byte, error) {
	start := len(dst)
	var err error
	if u.kind == KindPipeline {
		dst, err = u.runPipeline(dst, base)
	} else {
		dst, err = u.modify(dst, base, c, -1, true)
	}
	if err != nil {
		return nil, err
	}
	after := bsonx.Doc(dst[start:]).Lookup("_id")
	if err := u.checkID(id, after); err != nil {
		return nil, err
	}
	if after.IsMissing() {
		after = newID()
	}
	return moveID(dst, start, after), nil
}

// moveID makes id the first field, and the only _id, of the document that dst holds from start
// on.
func moveID(dst []byte, start int, id bsonx.Value) []byte {
	if key, v, _ := bsonx.Doc(dst[start:]).First(); key == "_id" && bsonx.Identical(v, id) {
		return dst
	}
	// Build the document anew behind itself, then move it to its place.
	end := len(dst)
	dst = bsonx.AppendElem(bsonx.AppendDocStart(dst), "_id", id)
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
	return append(dst[:start], dst[end:]...)
}

// checkUpserted refuses what cannot be stored.
func checkUpserted(doc bsonx.Doc) (bsonx.Doc, error) {
	if len(doc) > MaxDocumentSize {
		return nil, mongoerr.New(17420, "Document to upsert is larger than %d", MaxDocumentSize)
	}
	return doc, CheckStorable(doc)
}
