package txn

import (
	"context"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// Tag is what a transaction tells others about itself in a conflict: see Options.Tag.
type Tag interface {
	Describe(b *bsonx.Builder)
}

// conflictText is MongoDB's text, with room for what we know about the conflict.
const conflictText = "WriteConflict error: this operation conflicted with another operation%s. Please retry your operation or multi-document transaction."

// ConflictError makes the error of a conflict that a client sees. It names the namespace, the
// index and the _id, and says of the other transaction what is known.
func (s *Store) ConflictError(c *storage.ConflictError) *mongoerr.Error {
	w := s.locate(c.Key)
	info := bsonx.NewBuilder(nil)
	text := w.describe(info)
	text += holder(info, c)
	return mongoerr.New(mongoerr.WriteConflict, conflictText, text).WithInfo(info.Build()).WithCause(c)
}

// DescribeConflict appends what a conflict is about: namespace, index and _id, as far as they are
// known.
func (s *Store) DescribeConflict(b *bsonx.Builder, c *storage.ConflictError) {
	w := s.locate(c.Key)
	w.describe(b)
}

// holder describes the other transaction.
func holder(info *bsonx.Builder, c *storage.ConflictError) string {
	committed := c.CommittedAt
	if committed == 0 && c.Holder != nil {
		committed = c.Holder.CommittedAt()
	}
	text := "; it is held by an open transaction"
	info.StartDoc("other")
	if committed != 0 {
		info.String("state", "committed after the snapshot")
		info.Value("committedAt", bsonx.Timestamp(uint64(committed)))
		text = "; it was committed after the snapshot"
	} else {
		info.String("state", "open")
	}
	if h := c.Holder; h != nil {
		if !h.Started.IsZero() {
			age := time.Since(h.Started).Milliseconds()
			info.Int64("ageMillis", age)
			text += ", begun " + strconv.FormatInt(age, 10) + " ms ago"
		}
		if tag, ok := h.Tag.(Tag); ok {
			tag.Describe(info)
		}
	}
	info.End()
	return text
}

// place is what a key stands for.
type place struct {
	ns, index string
	key       bsonx.Doc   // the values in the index
	id        bsonx.Value // of the document
}

// describe appends the place and returns it as text.
func (w *place) describe(b *bsonx.Builder) string {
	text := ""
	if w.ns != "" {
		b.String("ns", w.ns)
		text = " on " + w.ns
	}
	if w.index != "" {
		b.String("index", w.index)
		text += " index: " + w.index
	}
	if !w.key.IsEmpty() {
		b.Doc("key", w.key)
		text += " key: " + w.key.String()
	}
	if !w.id.IsMissing() {
		b.Value("_id", w.id)
		text += " _id: " + bsonx.Format(w.id)
	}
	return text
}

// locate finds out what key stands for, as far as that is known: another transaction may not
// have committed the document.
func (s *Store) locate(key []byte) place {
	kind, id, rest := layout.Split(key)
	switch kind {
	case layout.KindCatalog:
		return place{ns: string(rest)}
	case layout.KindRecord:
		for _, c := range s.Catalog.Current().All() {
			if c.ID == id {
				return place{ns: c.NS, id: s.recordID(c, rest)}
			}
		}
	case layout.KindIndex:
		for _, c := range s.Catalog.Current().All() {
			for _, x := range c.Indexes {
				if x.ID == id {
					return s.locateEntry(c, x, key, rest)
				}
			}
		}
	}
	return place{}
}

func (s *Store) locateEntry(c *catalog.Collection, x *catalog.Index, key, fields []byte) place {
	p := place{ns: c.NS, index: x.Name}
	b := bsonx.NewBuilder(nil)
	for _, f := range x.Keys {
		if x.Collation != nil {
			break // it holds sort keys, which say nothing to a reader
		}
		v, rest, _, err := keyenc.Decode(fields, f.Desc, nil)
		if err != nil {
			break // the key was cut
		}
		b.Value(f.Path, v)
		fields = rest
		if x.IsID() {
			p.id = v
			return p
		}
	}
	p.key = b.Build()
	ctx := context.Background()
	r, err := s.Engine.Snapshot(ctx, 0)
	if err != nil {
		return p
	}
	defer r.Close()
	value, ok, err := r.Get(ctx, key, nil)
	if err != nil || !ok || c.Clustered || len(value) < layout.HeapIDLen {
		return p
	}
	p.id = s.recordID(c, value[:layout.HeapIDLen])
	return p
}

// recordID returns the _id of a committed record, missing if there is none.
func (s *Store) recordID(c *catalog.Collection, rid []byte) bsonx.Value {
	ctx := context.Background()
	if c.ClusteredByID() {
		if v, _, _, err := keyenc.Decode(rid, false, nil); err == nil {
			return v
		}
	}
	r, err := s.Engine.Snapshot(ctx, 0)
	if err != nil {
		return bsonx.Value{}
	}
	defer r.Close()
	doc, ok, err := r.Get(ctx, layout.AppendRecord(nil, c.ID, rid), nil)
	if err != nil || !ok {
		return bsonx.Value{}
	}
	return bsonx.Doc(doc).Lookup("_id")
}
