package txn

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/storage"
)

// RecordRange is a range of records of a collection.
type RecordRange struct {
	Lo, Hi  []byte // record ids: from Lo on and below Hi; nil for open
	Reverse bool   // from the highest record id down
}

// RecordIter walks records in the order of their ids. It starts before the first one.
type RecordIter struct {
	it  storage.Iter
	id  layout.Ident
	buf []byte
}

// Records returns an iterator over records of c in the state as of this call: later writes of
// the own transaction do not show.
func (v *View) Records(ctx context.Context, c *catalog.Collection, r RecordRange) (*RecordIter, error) {
	v.buf = layout.AppendRecord(v.buf[:0], c.ID, r.Lo)
	n := len(v.buf)
	if r.Hi == nil {
		v.buf = layout.AppendRangeEnd(v.buf, v.buf)
	} else {
		v.buf = layout.AppendRecord(v.buf, c.ID, r.Hi)
	}
	it, err := v.reader.Scan(ctx, v.buf[:n], v.buf[n:], storage.ScanOptions{Reverse: r.Reverse})
	if err != nil {
		return nil, storageError(err)
	}
	return &RecordIter{it: it, id: c.ID}, nil
}

// Next moves to the next record and reports whether there is one.
func (r *RecordIter) Next() bool { return r.it.Next() }

// Seek moves to the first record at or after rid in the direction of the iterator, within its
// range.
func (r *RecordIter) Seek(rid []byte) bool {
	r.buf = layout.AppendRecord(r.buf[:0], r.id, rid)
	return r.it.Seek(r.buf)
}

// RID returns the id of the current record, valid until the iterator moves.
func (r *RecordIter) RID() []byte { return r.it.Key()[layout.HeaderLen:] }

// Doc returns the current document, valid until the iterator moves.
func (r *RecordIter) Doc() bsonx.Doc { return r.it.Value() }

// Err returns the error that ended the iteration, if any.
func (r *RecordIter) Err() error { return storageError(r.it.Err()) }

// Close releases the iterator and returns Err. It is idempotent.
func (r *RecordIter) Close() error { return storageError(r.it.Close()) }
