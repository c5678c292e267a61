package txn

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/storage"
)

// EntryIter walks index entries in the order of the index. It starts before the first one.
type EntryIter struct {
	it        storage.Iter
	id        layout.Ident
	unique    bool
	clustered bool
	reverse   bool
	buf       []byte
	err       error

	lo, hi []byte // see Narrow
	seek   bool   // to the beginning of what it is narrowed to

	fields, rid, bits []byte // the current entry
}

// Entries returns an iterator over the entries of x whose encoded fields, followed by the
// record id unless x is unique, are at or above lo and below hi; nil is open. It walks the
// state as of this call: later writes of the own transaction do not show.
func (v *View) Entries(ctx context.Context, c *catalog.Collection, x *catalog.Index, lo, hi []byte, reverse bool) (*EntryIter, error) {
	v.buf = append(layout.AppendIndexPrefix(v.buf[:0], x.ID), lo...)
	n := len(v.buf)
	if hi == nil {
		v.buf = layout.AppendRangeEnd(v.buf, v.buf)
	} else {
		v.buf = append(layout.AppendIndexPrefix(v.buf, x.ID), hi...)
	}
	it, err := v.reader.Scan(ctx, v.buf[:n], v.buf[n:], storage.ScanOptions{Reverse: reverse})
	if err != nil {
		return nil, storageError(err)
	}
	return &EntryIter{it: it, id: x.ID, unique: x.Unique, clustered: c.Clustered, reverse: reverse}, nil
}

// Next moves to the next entry and reports whether there is one.
func (e *EntryIter) Next() bool {
	if e.seek {
		e.seek = false
		return e.start() && e.within() && e.parse()
	}
	return e.it.Next() && e.within() && e.parse()
}

// Narrow makes the iterator go on with the part of its range from lo on and below hi, nil being
// open, as if it were new. It keeps the slices. Many ranges cost less with one iterator than with
// one each.
func (e *EntryIter) Narrow(lo, hi []byte) { e.lo, e.hi, e.seek = lo, hi, true }

// start moves to the first entry of what the iterator is narrowed to.
func (e *EntryIter) start() bool {
	switch {
	case !e.reverse:
		e.buf = append(layout.AppendIndexPrefix(e.buf[:0], e.id), e.lo...)
	case e.hi == nil:
		e.buf = layout.AppendRangeEnd(e.buf[:0], layout.AppendIndexPrefix(e.buf[:0], e.id))
	default:
		e.buf = append(layout.AppendIndexPrefix(e.buf[:0], e.id), e.hi...)
	}
	ok := e.it.Seek(e.buf)
	for ok && e.reverse && e.hi != nil && bytes.Compare(e.it.Key()[layout.HeaderLen:], e.hi) >= 0 {
		ok = e.it.Next() // hi itself does not belong to the range
	}
	return ok
}

// within reports whether the engine's iterator is not beyond the end of what this one is narrowed
// to.
func (e *EntryIter) within() bool {
	switch {
	case e.reverse && e.lo != nil:
		return bytes.Compare(e.it.Key()[layout.HeaderLen:], e.lo) >= 0
	case !e.reverse && e.hi != nil:
		return bytes.Compare(e.it.Key()[layout.HeaderLen:], e.hi) < 0
	}
	return true
}

// Seek moves to the first entry at or after fields in the direction of the iterator, within its
// range. Since entries of indexes that are not unique have the record id behind the fields, a
// reverse iterator gets to the entries of fields by seeking fields followed by keyenc.Above.
func (e *EntryIter) Seek(fields []byte) bool {
	e.buf = append(layout.AppendIndexPrefix(e.buf[:0], e.id), fields...)
	return e.it.Seek(e.buf) && e.parse()
}

// parse takes the current entry apart.
func (e *EntryIter) parse() bool {
	key, value := e.it.Key(), e.it.Value()
	n := layout.HeapIDLen
	if e.clustered {
		size, k := binary.Uvarint(value)
		if k <= 0 || size > uint64(len(key)+len(value)) {
			return e.malformed()
		}
		n, value = int(size), value[k:]
	}
	fields := key[layout.HeaderLen:]
	if e.unique {
		if len(value) < n {
			return e.malformed()
		}
		e.fields, e.rid, e.bits = fields, value[:n], value[n:]
		return true
	}
	if len(fields) < n {
		return e.malformed()
	}
	split := len(fields) - n
	e.fields, e.rid, e.bits = fields[:split], fields[split:], value
	return true
}

func (e *EntryIter) malformed() bool {
	e.err = corrupt("index %d has a malformed entry %x", e.id, e.it.Key())
	return false
}

// Key returns the encoded fields, valid until the iterator moves.
func (e *EntryIter) Key() []byte { return e.fields }

// RID returns the record id, valid until the iterator moves.
func (e *EntryIter) RID() []byte { return e.rid }

// TypeBits returns the type bits of the fields, valid until the iterator moves.
func (e *EntryIter) TypeBits() []byte { return e.bits }

// Err returns the error that ended the iteration, if any.
func (e *EntryIter) Err() error {
	if e.err != nil {
		return e.err
	}
	return storageError(e.it.Err())
}

// Close releases the iterator and returns Err. It is idempotent.
func (e *EntryIter) Close() error {
	if err := e.it.Close(); err != nil && e.err == nil {
		return storageError(err)
	}
	return e.err
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("txn: %w: "+format, append([]any{storage.ErrCorruption}, args...)...)
}
