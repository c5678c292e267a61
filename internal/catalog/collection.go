// Package catalog knows databases, collections, indexes and views, and who is using
// them.
//
// A catalog state is an immutable Snapshot; committing a change publishes the next one. A
// Collection is one version of one collection. What lives longer than a version, such as
// the record-id allocator, is in its State, which all versions share.
package catalog

import (
	"strings"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/storage"
)

// Collection is one version of a collection or view. It is immutable.
type Collection struct {
	ID   layout.Ident // 0 for views
	NS   string       // "db.coll"
	UUID [16]byte

	// Options are the create options as listCollections shows them.
	Options bsonx.Doc

	// Collation is what queries and new indexes use that name none; nil is the binary one.
	Collation *collation.Collation

	ViewOn   string    // the view's source collection, empty for collections
	Pipeline bsonx.Doc // the view's pipeline, an array

	Capped     bool
	CappedSize int64 // bytes
	CappedMax  int64 // documents, 0 for no limit

	// Clustered collections are stored in the order of ClusterField.
	Clustered   bool
	ClusterName string
	TimeSeries  *TimeSeries // nil for other collections
	ExpireAfter int64       // seconds after which a clustered document expires, -1 for never

	Validator        bsonx.Doc // nil for none
	ValidationLevel  string    // "strict", "moderate", "off"
	ValidationAction string    // "error", "warn"

	// Indexes holds the _id index first; clustered collections have no _id index.
	Indexes []*Index

	Created  storage.Timestamp // the commit that made the collection
	Modified storage.Timestamp // the commit of this version

	State *State
}

// State is what all versions of one collection share. It is safe for concurrent use.
type State struct {
	NextID   atomic.Int64 // next free heap record id
	Reserved atomic.Int64 // ids below are reserved on disk

	Usage Usage // since the server started

	// CutIDs says that a clustered collection has, or had, record ids which were too long to be
	// stored in full. Among those that begin alike they are in no order.
	CutIDs atomic.Bool
}

// IsView reports whether this is a view.
func (c *Collection) IsView() bool { return c.ViewOn != "" }

// ClusteredByID reports whether records are found by the _id alone, without an index.
func (c *Collection) ClusteredByID() bool { return c.Clustered && c.TimeSeries == nil }

// ClusterField is what gives the records of a clustered collection their order.
func (c *Collection) ClusterField() string {
	if c.TimeSeries != nil {
		return c.TimeSeries.TimeField
	}
	return "_id"
}

// DB returns the database part of the namespace.
func (c *Collection) DB() string { db, _ := SplitNS(c.NS); return db }

// Name returns the collection part of the namespace.
func (c *Collection) Name() string { _, coll := SplitNS(c.NS); return coll }

// Index returns the index of that name, nil if there is none.
func (c *Collection) Index(name string) *Index {
	for _, x := range c.Indexes {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// IDIndex returns the _id index, nil for clustered collections.
func (c *Collection) IDIndex() *Index {
	if len(c.Indexes) > 0 && c.Indexes[0].IsID() {
		return c.Indexes[0]
	}
	return nil
}

// clone returns a copy whose index slice may be changed.
func (c *Collection) clone() *Collection {
	n := *c
	n.Indexes = append([]*Index(nil), c.Indexes...)
	return &n
}

// KeyField is one component of an index key pattern.
type KeyField struct {
	Path  string
	Parts []string // Path split at the dots
	Desc  bool
}

// Index is one version of an index. It is immutable but for its marks.
type Index struct {
	ID   layout.Ident
	Name string

	// Spec is the index as listIndexes shows it.
	Spec bsonx.Doc

	Keys    []KeyField
	Pattern bsonx.Doc // the key pattern

	Version       int32 // as the specification says; it changes nothing
	Unique        bool
	Sparse        bool
	Hidden        bool
	PrepareUnique bool
	PartialFilter bsonx.Doc            // nil for none
	Collation     *collation.Collation // whose keys stand for strings; nil is the binary one
	ExpireAfter   int64                // seconds, -1 for no TTL

	collated bool // the specification named a collation

	// Filter is the compiled PartialFilter, nil for none. Whoever makes an index sets it
	// before the index is used.
	Filter Filter

	State *IndexState
}

// Filter says which documents a partial index holds.
type Filter = interface {
	Matches(doc bsonx.Doc) bool
}

// IndexState is what all versions of one index share. It is safe for concurrent use.
type IndexState struct {
	marks atomic.Uint64 // see Index.Marks
	Ops   atomic.Int64  // uses by queries since Since
	Since int64         // ms since the epoch
}

// IsID reports whether this is the _id index.
func (x *Index) IsID() bool { return len(x.Keys) == 1 && x.Keys[0].Path == "_id" && x.Name == "_id_" }

// CutKeys is the mark of an index that has, or had, keys which were too long to be stored in full.
// Among those that begin alike they are in no order. It is above the bits of all fields.
const CutKeys uint64 = 1 << 63

// Marks returns what is known of the documents in the index: the bits of Multikey, and CutKeys.
func (x *Index) Marks() uint64 { return x.State.marks.Load() }

// Mark adds to Marks.
func (x *Index) Mark(marks uint64) { x.State.marks.Or(marks) }

// Multikey returns the bits of the fields in which some document has, or had, an array.
func (x *Index) Multikey() uint64 { return x.Marks() &^ CutKeys }

// HasCutKeys reports whether CutKeys is among the marks.
func (x *Index) HasCutKeys() bool { return x.Marks()&CutKeys != 0 }

// SplitNS splits "db.coll" at the first dot.
func SplitNS(ns string) (db, coll string) {
	db, coll, _ = strings.Cut(ns, ".")
	return db, coll
}
