package catalog

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/storage"
)

// Snapshot is one immutable state of the catalog.
type Snapshot struct {
	byNS    map[string]*Collection
	dropped map[string]storage.Timestamp // when a namespace lost its collection
}

// droppedKeep bounds how many drops a Snapshot remembers.
const droppedKeep = 4096

// Collection returns the collection or view named ns, nil if there is none.
func (s *Snapshot) Collection(ns string) *Collection { return s.byNS[ns] }

// Dropped returns when ns last lost a collection, zero for never.
func (s *Snapshot) Dropped(ns string) storage.Timestamp { return s.dropped[ns] }

// All returns every collection and view, ordered by namespace.
func (s *Snapshot) All() []*Collection {
	all := slices.Collect(maps.Values(s.byNS))
	slices.SortFunc(all, func(a, b *Collection) int {
		if a.NS < b.NS {
			return -1
		}
		return 1
	})
	return all
}

// Database returns the collections and views of db, ordered by name.
func (s *Snapshot) Database(db string) []*Collection {
	return slices.DeleteFunc(s.All(), func(c *Collection) bool { return c.DB() != db })
}

// Change is a set of new versions: nil for a namespace that is dropped.
type Change map[string]*Collection

// with returns the state after change was committed at ts.
func (s *Snapshot) with(change Change, ts storage.Timestamp) *Snapshot {
	n := &Snapshot{byNS: maps.Clone(s.byNS), dropped: s.dropped}
	for ns, c := range change {
		old := n.byNS[ns]
		if c == nil {
			n.forget(ns, ts)
			continue
		}
		if old != nil && old.ID != c.ID {
			n.forget(ns, ts)
		}
		v := *c
		v.Modified = ts
		if v.Created == 0 {
			v.Created = ts
		}
		n.byNS[ns] = &v
	}
	return n
}

func (s *Snapshot) forget(ns string, ts storage.Timestamp) {
	delete(s.byNS, ns)
	s.dropped = maps.Clone(s.dropped)
	if s.dropped == nil {
		s.dropped = make(map[string]storage.Timestamp)
	}
	s.dropped[ns] = ts
	if len(s.dropped) > droppedKeep {
		oldest := ns
		for k, t := range s.dropped {
			if t < s.dropped[oldest] {
				oldest = k
			}
		}
		delete(s.dropped, oldest)
	}
}

// Catalog is the current Snapshot and the collection locks. It is safe for concurrent use.
type Catalog struct {
	Locks *LockTable
	cur   atomic.Pointer[Snapshot]
}

// New returns a catalog of the given collections.
func New(colls []*Collection) *Catalog {
	c := &Catalog{Locks: NewLockTable()}
	s := &Snapshot{byNS: make(map[string]*Collection, len(colls))}
	for _, coll := range colls {
		s.byNS[coll.NS] = coll
	}
	c.cur.Store(s)
	return c
}

// Current returns the newest committed state.
func (c *Catalog) Current() *Snapshot { return c.cur.Load() }

// Publish makes change, committed at ts, the current state. The caller serialises: it is called in
// the engine's commit section.
func (c *Catalog) Publish(change Change, ts storage.Timestamp) {
	c.cur.Store(c.cur.Load().with(change, ts))
}
