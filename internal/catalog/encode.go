package catalog

import (
	"fmt"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/storage"
)

// Encode returns the stored form of the collection.
func (c *Collection) Encode() bsonx.Doc {
	b := bsonx.NewBuilder(nil)
	b.Int64("id", int64(c.ID)).String("ns", c.NS)
	b.Value("uuid", bsonx.Binary(4, c.UUID[:]))
	b.Doc("options", c.Options)
	b.Value("created", bsonx.Timestamp(uint64(c.Created)))
	b.StartArray("indexes")
	for i, x := range c.Indexes {
		e := bsonx.NewBuilder(nil).Int64("id", int64(x.ID)).Doc("spec", x.Spec).Build()
		*b.Buffer() = bsonx.AppendIndexElem(*b.Buffer(), i, bsonx.Document(e))
	}
	b.End()
	return b.Build()
}

// Decode reads what Encode wrote. version is the timestamp the collection is known to
// be unchanged since.
func Decode(d bsonx.Doc, version storage.Timestamp) (*Collection, error) {
	ns := d.Lookup("ns").Str()
	if ns == "" {
		return nil, fmt.Errorf("catalog: %w: entry without namespace", storage.ErrCorruption)
	}
	c, err := NewCollection(ns, d.Lookup("options").Doc())
	if err != nil {
		return nil, fmt.Errorf("catalog: %s: %w", ns, err)
	}
	c.ID = layout.Ident(d.Lookup("id").Int64())
	if _, u := d.Lookup("uuid").Binary(); len(u) == len(c.UUID) {
		copy(c.UUID[:], u)
	}
	c.Created = storage.Timestamp(d.Lookup("created").Timestamp())
	c.Modified = version
	it := d.Lookup("indexes").Doc().Iter()
	for {
		_, v, ok := it.Next()
		if !ok {
			return c, nil
		}
		x, err := NewIndex(ns, v.Doc().Lookup("spec").Doc().Clone())
		if err != nil {
			return nil, fmt.Errorf("catalog: %s: %w", ns, err)
		}
		x.ID = layout.Ident(v.Doc().Lookup("id").Int64())
		c.Indexes = append(c.Indexes, x)
	}
}

// WithIndex returns a version that has x, too.
func (c *Collection) WithIndex(x *Index) *Collection {
	n := c.clone()
	n.Indexes = append(n.Indexes, x)
	return n
}

// WithoutIndex returns a version without the index of that name.
func (c *Collection) WithoutIndex(name string) *Collection {
	n := c.clone()
	n.Indexes = n.Indexes[:0]
	for _, x := range c.Indexes {
		if x.Name != name {
			n.Indexes = append(n.Indexes, x)
		}
	}
	return n
}

// WithChangedIndex returns a version in which x replaces the index of its name.
func (c *Collection) WithChangedIndex(x *Index) *Collection {
	n := c.clone()
	for i, old := range n.Indexes {
		if old.Name == x.Name {
			n.Indexes[i] = x
		}
	}
	return n
}

// WithOptions returns a version with other options, checked anew.
func (c *Collection) WithOptions(options bsonx.Doc) (*Collection, error) {
	n, err := NewCollection(c.NS, options)
	if err != nil {
		return nil, err
	}
	n.ID, n.UUID, n.Indexes, n.State, n.Created = c.ID, c.UUID, c.Indexes, c.State, c.Created
	return n, nil
}

// Renamed returns a version under another namespace.
func (c *Collection) Renamed(ns string) *Collection {
	n := c.clone()
	n.NS = ns
	return n
}

// Bare returns the collection without indexes, under another ident and UUID.
func (c *Collection) Bare(id layout.Ident, uuid [16]byte) *Collection {
	n := c.clone()
	n.ID, n.UUID, n.Indexes = id, uuid, nil
	return n
}

// WithIdent returns the index under an ident.
func (x *Index) WithIdent(id layout.Ident) *Index {
	n := *x
	n.ID = id
	return &n
}
