package txn

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/layout"
)

// Get appends the document of a record to dst and returns it, without what dst held before,
// and whether the record exists.
func (v *View) Get(ctx context.Context, c *catalog.Collection, rid, dst []byte) (doc bsonx.Doc, ok bool, err error) {
	v.buf = layout.AppendRecord(v.buf[:0], c.ID, rid)
	n := len(dst)
	dst, ok, err = v.reader.Get(ctx, v.buf, dst)
	if err != nil || !ok {
		return nil, false, storageError(err)
	}
	return dst[n:], true, nil
}

// LookupID appends the id of the record whose _id equals id to dst and returns it, without
// what dst held before, and whether there is one.
func (v *View) LookupID(ctx context.Context, c *catalog.Collection, id bsonx.Value, dst []byte) (rid []byte, ok bool, err error) {
	n := len(dst)
	if c.ClusteredByID() {
		dst = appendClusterID(dst, id)
		_, ok, err := v.Get(ctx, c, dst[n:], dst[len(dst):])
		return dst[n:], ok, err
	}
	x := c.IDIndex()
	if x == nil {
		return nil, false, nil
	}
	v.buf = layout.AppendIndexPrefix(v.buf[:0], x.ID)
	v.buf = keyenc.Truncate(keyenc.AppendCollated(v.buf, id, false, x.Collation), layout.HeaderLen)
	dst, ok, err = v.reader.Get(ctx, v.buf, dst)
	if err != nil || !ok {
		return nil, false, storageError(err)
	}
	if len(dst)-n < layout.HeapIDLen {
		return nil, false, corrupt("entry of %s in %s has no record id", c.NS, x.Name)
	}
	return dst[n : n+layout.HeapIDLen], true, nil
}

// GetByID appends record id and document of the record whose _id equals id to dst, and
// returns both.
func (v *View) GetByID(ctx context.Context, c *catalog.Collection, id bsonx.Value, dst []byte) (rid []byte, doc bsonx.Doc, ok bool, err error) {
	if c.ClusteredByID() {
		n := len(dst)
		dst = appendClusterID(dst, id)
		rid = dst[n:]
	} else if rid, ok, err = v.LookupID(ctx, c, id, dst); err != nil || !ok {
		return nil, nil, false, err
	}
	n := len(rid)
	v.buf = layout.AppendRecord(v.buf[:0], c.ID, rid)
	both, ok, err := v.reader.Get(ctx, v.buf, rid)
	if err != nil || !ok {
		return nil, nil, false, storageError(err)
	}
	return both[:n:n], both[n:], true, nil
}

// Multikey returns the bits of the fields of x in which some document that the view can see
// has, or had, an array. They are to be asked for after the view was opened.
func (v *View) Multikey(x *catalog.Index) uint64 { return x.Multikey() }
