package txn

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/layout"
)

// entry is one index entry of a document: offsets into a keySet's buffer.
type entry struct {
	index  int // position in Collection.Indexes
	start  int // of the storage key
	fields int // end of the encoded fields
	key    int // end of the storage key
	value  int // end of the value, which starts at key
}

// keySet is the set of index entries of one document, ordered by index, then key. It is reused
// between documents.
type keySet struct {
	buf     []byte
	entries []entry
	unknown []unknown
	gen     generator

	// What tuple adds entries for.
	coll  *catalog.Collection
	pos   int // of index in coll.Indexes
	index *catalog.Index
	rid   []byte
	cut   uint64 // CutKeys if tuple had to cut a key
}

func (s *keySet) reset() {
	s.buf = s.buf[:0]
	s.entries = s.entries[:0]
	s.unknown = s.unknown[:0]
}

// unknown are marks of an index, some of which it does not have yet.
type unknown struct {
	index *catalog.Index
	marks uint64
}

func (s *keySet) key(e *entry) []byte   { return s.buf[e.start:e.key] }
func (s *keySet) value(e *entry) []byte { return s.buf[e.key:e.value] }

// tuplePrefix is the key without the record id: what all entries of one tuple begin with.
func (s *keySet) tuplePrefix(e *entry) []byte { return s.buf[e.start:e.fields] }

func (s *keySet) fields(e *entry) []byte { return s.buf[e.start+layout.HeaderLen : e.fields] }

// build replaces the set by the entries of doc, stored at rid, in all indexes of c.
func (s *keySet) build(c *catalog.Collection, rid []byte, doc bsonx.Doc) error {
	s.reset()
	for i, x := range c.Indexes {
		marks, err := s.add(c, i, x, rid, doc)
		if err != nil {
			return err
		}
		if marks&^x.Marks() != 0 {
			s.unknown = append(s.unknown, unknown{x, marks})
		}
	}
	return nil
}

// add adds doc's entries in x, which is at position i, and returns the marks that x needs for
// them.
func (s *keySet) add(c *catalog.Collection, i int, x *catalog.Index, rid []byte, doc bsonx.Doc) (uint64, error) {
	if x.Filter != nil && !x.Filter.Matches(doc) {
		return 0, nil
	}
	first := len(s.entries)
	s.coll, s.pos, s.index, s.rid, s.cut = c, i, x, rid, 0
	if err := s.gen.run(x, doc, s); err != nil {
		return 0, err
	}
	if len(s.entries)-first > 1 {
		s.sort(first)
	}
	return s.gen.multikey | s.cut, nil
}

// tuple appends the entry of one tuple of values.
func (s *keySet) tuple(vals []bsonx.Value) {
	x, rid := s.index, s.rid
	e := entry{index: s.pos, start: len(s.buf)}
	s.buf = layout.AppendIndexPrefix(s.buf, x.ID)
	s.buf = appendFields(s.buf, x, vals)
	e.fields = len(s.buf)
	if keyenc.IsTruncated(s.fields(&e)) {
		s.cut = catalog.CutKeys
	}
	if !x.Unique {
		s.buf = append(s.buf, rid...)
	}
	e.key = len(s.buf)
	s.buf = appendEntryHead(s.buf, s.coll, x, rid)
	bits := len(s.buf)
	for f := range vals {
		s.buf = keyenc.AppendTypeBits(s.buf, vals[f])
	}
	s.buf = keyenc.TrimTypeBits(s.buf, bits)
	e.value = len(s.buf)
	s.entries = append(s.entries, e)
}

// appendEntryHead appends what precedes the type bits in an entry's value: how long the record
// id is where that varies, and the record id where it is not in the key.
func appendEntryHead(dst []byte, c *catalog.Collection, x *catalog.Index, rid []byte) []byte {
	if c.Clustered {
		dst = binary.AppendUvarint(dst, uint64(len(rid)))
	}
	if x.Unique {
		dst = append(dst, rid...)
	}
	return dst
}

// sort orders the entries from position first and drops duplicates: a document has one entry
// for equal elements of an array.
func (s *keySet) sort(first int) {
	es := s.entries[first:]
	slices.SortFunc(es, func(a, b entry) int {
		if c := bytes.Compare(s.key(&a), s.key(&b)); c != 0 {
			return c
		}
		return bytes.Compare(s.value(&a), s.value(&b))
	})
	es = slices.CompactFunc(es, func(a, b entry) bool { return bytes.Equal(s.key(&a), s.key(&b)) })
	s.entries = s.entries[:first+len(es)]
}

// change is one difference between the entries of an old and a new document.
type change uint8

const (
	entryRemoved change = iota // the key is only in the old set
	entryAdded                 // the key is only in the new set
	entryChanged               // the key is in both, with another value in the new set
)

// differ walks two sets in order and returns their differences one by one.
type differ struct {
	old, new *keySet
	i, j     int
}

// next returns the next difference and the set that its entry is in.
func (d *differ) next() (what change, set *keySet, e *entry, ok bool) {
	for d.i < len(d.old.entries) || d.j < len(d.new.entries) {
		switch c := d.order(); {
		case c < 0:
			d.i++
			return entryRemoved, d.old, &d.old.entries[d.i-1], true
		case c > 0:
			d.j++
			return entryAdded, d.new, &d.new.entries[d.j-1], true
		}
		a, b := &d.old.entries[d.i], &d.new.entries[d.j]
		d.i++
		d.j++
		if !bytes.Equal(d.old.value(a), d.new.value(b)) {
			return entryChanged, d.new, b, true
		}
	}
	return 0, nil, nil, false
}

// order compares the keys that both sets are at.
func (d *differ) order() int {
	switch {
	case d.i == len(d.old.entries):
		return 1
	case d.j == len(d.new.entries):
		return -1
	}
	a, b := &d.old.entries[d.i], &d.new.entries[d.j]
	if a.index != b.index {
		return a.index - b.index
	}
	return bytes.Compare(d.old.key(a), d.new.key(b))
}
