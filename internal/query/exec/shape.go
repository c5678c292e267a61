package exec

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/query/project"
)

// recordIDField is the field of showRecordId.
const recordIDField = "$recordId"

// What only the scan knows of a document, its record id and its index entry, is added to it as
// fields at the end, its tail, which a sort carries along. The result shows what it is asked for.

// wantsRecordID reports whether the result shows record ids.
func (q *Compiled) wantsRecordID() bool {
	return q.find.ShowRecordID || q.proj != nil && q.proj.Shows(project.RecordID)
}

// wantsIndexKey reports whether the result shows index entries.
func (q *Compiled) wantsIndexKey() bool {
	return q.find.ReturnKey || q.proj != nil && q.proj.Shows(project.IndexKey)
}

// tail returns how many fields decorate adds.
func (q *Compiled) tail() int {
	n := 0
	if q.wantsRecordID() {
		n++
	}
	if q.wantsIndexKey() {
		n++
	}
	return n
}

// decorate adds the tail to the document that the scan is at.
func (cur *Cursor) decorate(doc bsonx.Doc) bsonx.Doc {
	if cur.q.tail() == 0 {
		return doc
	}
	cur.buf = append(cur.buf[:0], doc...)
	if cur.q.wantsRecordID() {
		id := bsonx.Int64(layout.HeapID(cur.scan.rid))
		if cur.scan.c.Clustered {
			id = bsonx.Binary(0, cur.scan.rid)
		}
		cur.buf = appendField(cur.buf, recordIDField, id)
	}
	if cur.q.wantsIndexKey() {
		cur.buf = appendField(cur.buf, "$indexKey", bsonx.Document(cur.scan.keyDoc()))
	}
	return cur.buf
}

// appendField adds a field to the document that is all of d.
func appendField(d []byte, name string, v bsonx.Value) []byte {
	return bsonx.AppendDocEnd(bsonx.AppendElem(d[:len(d)-1], name, v), 0)
}

// shape applies the projection. A result of returnKey has no record id, not even with showRecordId.
func (cur *Cursor) shape(doc bsonx.Doc) (bsonx.Doc, bool, error) {
	q, meta := cur.q, &cur.meta
	if n := q.tail(); n > 0 {
		doc = cur.cutTail(doc, n, meta)
	}
	if q.proj != nil && q.proj.Shows(project.SortKey) && q.sort != nil {
		key, err := q.sort.Values(doc)
		if err != nil {
			return nil, false, err
		}
		meta[project.SortKey] = bsonx.MakeArray(key...)
	}
	switch {
	case q.find.ReturnKey:
		key := meta[project.IndexKey].Doc()
		if key == nil {
			key = bsonx.Empty
		}
		cur.out = append(cur.out[:0], key...)
		if q.proj != nil {
			cur.out = bsonx.AppendDocEnd(q.proj.AppendAlone(cur.out[:len(cur.out)-1], meta), 0)
		}
	case q.proj != nil:
		var err error
		if cur.out, err = q.proj.AppendMeta(cur.out[:0], doc, q.contextFor(doc), meta); err != nil {
			return nil, false, err
		}
	case !q.find.ShowRecordID:
		return doc, true, nil
	default:
		cur.out = append(cur.out[:0], doc...)
	}
	if q.find.ShowRecordID && !q.find.ReturnKey {
		cur.out = appendField(cur.out, recordIDField, meta[project.RecordID])
	}
	return cur.out, true, nil
}

// cutTail returns a document without its tail of n fields, and what the tail says.
func (cur *Cursor) cutTail(doc bsonx.Doc, n int, meta *project.Meta) bsonx.Doc {
	it := doc.Iter()
	for left := doc.Count() - n; left > 0; left-- {
		it.Next()
	}
	size := len(doc) - len(it.Rest()) - 1
	*meta = project.Meta{}
	if cur.q.wantsRecordID() {
		_, meta[project.RecordID], _ = it.Next()
	}
	if cur.q.wantsIndexKey() {
		if _, key, _ := it.Next(); !key.Doc().IsEmpty() {
			meta[project.IndexKey] = key
		}
	}
	cur.bare = bsonx.AppendDocEnd(append(cur.bare[:0], doc[:size]...), 0)
	return cur.bare
}
