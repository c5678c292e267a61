package update

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Limits on stored documents, in bytes.
const (
	MaxDocumentSize = 16 << 20

	// maxMessageDocumentSize is what MongoDB reads at all: room for a user's document
	// and what the server wraps around it.
	maxMessageDocumentSize = MaxDocumentSize + 16<<10
)

var errTooDeep = mongoerr.New(mongoerr.Overflow,
	"Document exceeds maximum nesting depth of %d", bsonx.MaxDepth)

// PrepareInsert appends doc to dst as it is stored: with _id as its first field, made by
// newID if there is none, and with clusterTime in place of each top-level zero timestamp.
// It refuses what cannot be stored.
func PrepareInsert(dst []byte, doc bsonx.Doc, newID func() bsonx.Value, clusterTime uint64) (bsonx.Doc, error) {
	if err := checkInsertSize(len(doc)); err != nil {
		return nil, err
	}
	first, id, ids, zeros := survey(doc)
	if ids > 1 {
		return nil, mongoerr.New(mongoerr.BadValue, "can't have multiple _id fields in one document")
	}
	if nestsDeeper(doc, bsonx.MaxDepth) {
		return nil, mongoerr.New(mongoerr.Overflow,
			"cannot insert document because it exceeds %d levels of nesting", bsonx.MaxDepth)
	}
	if ids == 0 {
		id = newID()
	}
	if err := checkID(id); err != nil {
		return nil, err
	}
	if first && !zeros {
		return append(dst, doc...), nil
	}
	start := len(dst)
	dst = bsonx.AppendElem(bsonx.AppendDocStart(dst), "_id", id)
	dst = appendStamped(dst, doc, clusterTime)
	out := bsonx.Doc(bsonx.AppendDocEnd(dst, start)[start:])
	return out, checkInsertSize(len(out))
}

// CheckStorable refuses a document that cannot be stored: its _id has a forbidden type, or
// it is too large or too deep.
func CheckStorable(doc bsonx.Doc) error {
	if len(doc) > MaxDocumentSize {
		return mongoerr.New(mongoerr.BSONObjectTooLarge, "object to insert too large. size in bytes: %d, max size: %d", len(doc), MaxDocumentSize)
	}
	if nestsDeeper(doc, bsonx.MaxDepth) {
		return errTooDeep
	}
	return checkID(doc.Lookup("_id"))
}

func checkInsertSize(size int) error {
	switch {
	case size > maxMessageDocumentSize:
		return mongoerr.New(mongoerr.BSONObjectTooLarge, "BSONObj size: %d (0x%X) is invalid. Size must be between 0 and %d(16MB)",
			size, size, maxMessageDocumentSize)
	case size > MaxDocumentSize:
		return mongoerr.New(mongoerr.BadValue, "object to insert too large. size in bytes: %d, max size: %d", size, MaxDocumentSize)
	}
	return nil
}

// survey reads what PrepareInsert has to know of the top level: whether _id is first, the
// _id, the number of them, and whether another field is a zero timestamp.
func survey(doc bsonx.Doc) (first bool, id bsonx.Value, ids int, zeros bool) {
	i := 0
	for it := doc.Iter(); ; i++ {
		key, v, ok := it.Next()
		if !ok {
			return first, id, ids, zeros
		}
		if key == "_id" {
			if ids++; ids == 1 {
				first, id = i == 0, v
			}
			continue
		}
		zeros = zeros || v.Type == bsonx.TypeTimestamp && v.Timestamp() == 0
	}
}

// appendStamped appends the fields of doc but _id, with clusterTime for zero timestamps.
func appendStamped(dst []byte, doc bsonx.Doc, clusterTime uint64) []byte {
	for it := doc.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return dst
		}
		if key == "_id" {
			continue
		}
		if v.Type == bsonx.TypeTimestamp && v.Timestamp() == 0 {
			v = bsonx.Timestamp(clusterTime)
		}
		dst = bsonx.AppendElem(dst, key, v)
	}
}

// checkID refuses values that cannot be an _id.
func checkID(id bsonx.Value) error {
	switch id.Type {
	case bsonx.TypeArray, bsonx.TypeRegex, bsonx.TypeUndefined:
		return mongoerr.New(mongoerr.InvalidIDField, "The '_id' value cannot be of type %s", id.Type)
	case bsonx.TypeDocument:
		return checkIDFields(id.Doc())
	}
	return nil
}

// checkIDFields refuses field names that start with "$" anywhere inside an _id. The parts
// of a DBRef are allowed.
func checkIDFields(d bsonx.Doc) error {
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return nil
		}
		if strings.HasPrefix(key, "$") && key != "$ref" && key != "$id" && key != "$db" {
			return mongoerr.New(mongoerr.DollarPrefixedFieldName,
				"_id fields may not contain '$'-prefixed fields: The dollar ($) prefixed field '%s' in '%s' is not valid for storage.", key, key)
		}
		if v.Type == bsonx.TypeDocument {
			if err := checkIDFields(v.Doc()); err != nil {
				return err
			}
		}
	}
}

// minLevelSize is the least number of bytes of one more level of nesting: a type, an empty
// key, a length and a terminator.
const minLevelSize = 7

// nestsDeeper reports whether d, itself one level, has more than limit levels. Documents
// that are too small for that are not read.
func nestsDeeper(d bsonx.Doc, limit int) bool {
	if limit <= 0 {
		return true
	}
	if len(d) < limit*minLevelSize {
		return false
	}
	for it := d.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return false
		}
		if sub := v.Doc(); sub != nil && nestsDeeper(sub, limit-1) {
			return true
		}
	}
}

// nesting returns the number of levels of documents in v.
func nesting(v bsonx.Value) int {
	d := v.Doc()
	if d == nil {
		return 0
	}
	deepest := 0
	for it := d.Iter(); ; {
		_, sub, ok := it.Next()
		if !ok {
			return deepest + 1
		}
		deepest = max(deepest, nesting(sub))
	}
}
