package catalog

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/storage"
)

// Snapshot is one immutable state of the catalog, which still knows the versions that it has
// replaced not long ago, for readers of an older state.
type Snapshot struct {
	byNS  map[string]*Collection
	old   []version         // replaced versions in the order of the commits that did it; shared between states
	floor storage.Timestamp // versions replaced at it or before were forgotten
}

// version is a collection that was in its namespace until the commit at until.
type version struct {
	coll  *Collection
	until storage.Timestamp
}

// oldKeep bounds how many replaced versions a Snapshot remembers: at least so many, at most
// twice.
const oldKeep = 4096

// Collection returns the collection or view named ns, nil if there is none.
func (s *Snapshot) Collection(ns string) *Collection { return s.byNS[ns] }

// CollectionAt returns the version of ns as of the commit at ts, nil if there was none; ok is
// false where that was forgotten.
func (s *Snapshot) CollectionAt(ns string, ts storage.Timestamp) (c *Collection, ok bool) {
	if c := s.byNS[ns]; c != nil && c.Modified <= ts {
		return c, true
	}
	for i := len(s.old) - 1; i >= 0 && s.old[i].until > ts; i-- {
		if c := s.old[i].coll; c.NS == ns && c.Modified <= ts {
			return c, true
		}
	}
	return nil, ts >= s.floor
}

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
	n := &Snapshot{byNS: maps.Clone(s.byNS), old: s.old, floor: s.floor}
	for ns, c := range change {
		if old := n.byNS[ns]; old != nil {
			n.remember(version{old, ts})
		}
		if c == nil {
			delete(n.byNS, ns)
			continue
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

// remember adds a replaced version. States that share the list do not see it: each looks at its
// own length only.
func (s *Snapshot) remember(v version) {
	if len(s.old) == 2*oldKeep {
		s.floor = s.old[oldKeep-1].until
		s.old = slices.Clone(s.old[oldKeep:])
	}
	s.old = append(s.old, v)
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
