package txn

import (
	"bytes"
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
	if c.ClusteredByID() {
		n := len(dst)
		dst = appendClusterID(dst, id)
		_, ok, err := v.Get(ctx, c, dst[n:], dst[len(dst):])
		return dst[n:], ok, err
	}
	x := c.IDIndex()
	if x == nil {
		return nil, false, nil
	}
	v.buf = appendIDKey(v.buf[:0], x, id)
	return v.lookup(ctx, c, x, v.buf, dst)
}

// appendIDKey appends the key of an _id in the index x, which is a collection's on _id.
func appendIDKey(dst []byte, x *catalog.Index, id bsonx.Value) []byte {
	start := len(dst)
	dst = layout.AppendIndexPrefix(dst, x.ID)
	return keyenc.Truncate(keyenc.AppendCollated(dst, id, false, x.Collation), start+layout.HeaderLen)
}

// lookup appends the record id to which the entry at key in x points.
func (v *View) lookup(ctx context.Context, c *catalog.Collection, x *catalog.Index, key, dst []byte) (rid []byte, ok bool, err error) {
	n := len(dst)
	dst, ok, err = v.reader.Get(ctx, key, dst)
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
		return v.getBehind(ctx, c, appendClusterID(dst, id)[n:])
	}
	x := c.IDIndex()
	if x == nil {
		return nil, nil, false, nil
	}
	v.buf = appendIDKey(v.buf[:0], x, id)
	hints, hash := &v.store.ids, v.store.ids.hash(v.buf)
	if hint, hinted := hints.find(hash); hinted {
		key := len(v.buf)
		rid, doc, ok, err = v.getBehind(ctx, c, layout.AppendHeapID(dst, hint)[len(dst):])
		if err != nil || ok && v.hasIDKey(x, doc, key) {
			return rid, doc, ok, err
		}
		v.buf = v.buf[:key]
	}
	if rid, ok, err = v.lookup(ctx, c, x, v.buf, dst); err != nil || !ok {
		return nil, nil, false, err
	}
	hints.put(hash, layout.HeapID(rid))
	v.buf = v.buf[:0]
	return v.getBehind(ctx, c, rid)
}

// hasIDKey reports whether the _id of doc has the key in x that v.buf begins with.
func (v *View) hasIDKey(x *catalog.Index, doc bsonx.Doc, key int) bool {
	v.buf = appendIDKey(v.buf[:key], x, doc.Lookup("_id"))
	return bytes.Equal(v.buf[:key], v.buf[key:])
}

// getBehind appends the document of the record rid to rid and returns both. It uses v.buf
// behind what that holds.
func (v *View) getBehind(ctx context.Context, c *catalog.Collection, rid []byte) (_ []byte, doc bsonx.Doc, ok bool, err error) {
	n, start := len(rid), len(v.buf)
	v.buf = layout.AppendRecord(v.buf, c.ID, rid)
	both, ok, err := v.reader.Get(ctx, v.buf[start:], rid)
	if err != nil || !ok {
		return nil, nil, false, storageError(err)
	}
	return both[:n:n], both[n:], true, nil
}

// Multikey returns the bits of the fields of x in which some document that the view can see
// has, or had, an array. They are to be asked for after the view was opened.
func (v *View) Multikey(x *catalog.Index) uint64 { return x.Multikey() }
