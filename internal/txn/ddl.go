package txn

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// BeginDDL locks namespaces exclusively, in an order that can not deadlock, then starts a
// transaction, so that its snapshot is not older than their catalog entries. It waits until ctx
// ends.
func (s *Store) BeginDDL(ctx context.Context, opts Options, namespaces ...string) (*Txn, error) {
	var locks []catalog.Lock
	sorted := slices.Clone(namespaces)
	slices.Sort(sorted)
	for _, ns := range slices.Compact(sorted) {
		l, err := s.Catalog.Locks.Acquire(ctx, ns, catalog.LockX, -1)
		if err != nil {
			release(locks)
			return nil, err
		}
		locks = append(locks, l)
	}
	t, err := s.Begin(ctx, opts)
	if err != nil {
		release(locks)
		return nil, err
	}
	t.locks = append(t.locks, locks...)
	return t, nil
}

func release(locks []catalog.Lock) {
	for _, l := range locks {
		l.Release()
	}
}

// setCollection makes c, nil for none, the transaction's version of ns. The catalog key is a
// locked key: of two transactions that change a namespace, one fails with
// *storage.ConflictError. A session's transaction, which can only make new collections, takes the
// lock when it commits, as MongoDB does: until then it stands in nobody's way.
func (t *Txn) setCollection(ctx context.Context, ns string, c *catalog.Collection) error {
	if !t.opts.Session {
		if err := t.putCollection(ctx, ns, c); err != nil {
			return err
		}
	}
	t.ddl = maps.Clone(t.ddl) // savepoints keep the old one
	if t.ddl == nil {
		t.ddl = make(catalog.Change)
	}
	t.ddl[ns] = c
	return nil
}

// putCollection locks and writes the catalog key of ns.
func (t *Txn) putCollection(ctx context.Context, ns string, c *catalog.Collection) error {
	key := layout.Catalog(ns)
	if err := t.st.Lock(ctx, []storage.LockRequest{{Key: key}}); err != nil {
		return storageError(err)
	}
	if c == nil {
		t.st.Delete(key)
	} else {
		t.st.Put(key, c.Encode())
	}
	return nil
}

// putCreated writes the collections that a session's transaction has made, in an order in which one
// of several that make the same collections succeeds.
func (t *Txn) putCreated(ctx context.Context) error {
	for _, ns := range slices.Sorted(maps.Keys(t.ddl)) {
		err := t.putCollection(ctx, ns, t.ddl[ns])
		if conflict, ok := errors.AsType[*storage.ConflictError](err); ok {
			return t.store.ConflictError(conflict)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// CreateCollection makes a collection, with its _id index, or a view. It fails with
// NamespaceExists, and, in a session's transaction not before Commit, with a conflict where another
// transaction makes it, too.
func (t *Txn) CreateCollection(ctx context.Context, ns string, options bsonx.Doc) (*catalog.Collection, error) {
	if err := catalog.CheckNamespace(ns); err != nil {
		return nil, err
	}
	old, err := t.ForWrite(ctx, ns)
	if err != nil {
		return nil, err
	}
	if old != nil {
		return nil, mongoerr.New(mongoerr.NamespaceExists, "Collection %s already exists.", ns)
	}
	if t.opts.Session && t.store.NoCreation.Load() {
		return nil, mongoerr.New(mongoerr.OperationNotSupportedInTransaction, "Cannot create namespace %s in multi-document transaction.", ns)
	}
	if t.opts.Session && t.store.CreationFault != nil {
		if err := t.store.CreationFault(); err != nil {
			return nil, err
		}
	}
	db, _ := catalog.SplitNS(ns)
	if err := t.store.Catalog.Current().CheckNewDB(db); err != nil {
		return nil, err
	}
	c, err := catalog.NewCollection(ns, options)
	if err != nil {
		return nil, err
	}
	if t.opts.Session && c.IsView() {
		return nil, mongoerr.New(mongoerr.OperationNotSupportedInTransaction, "Cannot create a view in a multi-document transaction.")
	}
	if t.opts.Session && c.TimeSeries != nil {
		return nil, mongoerr.New(mongoerr.OperationNotSupportedInTransaction, "Cannot create a time-series collection in a multi-document transaction.")
	}
	if c, err = t.store.identify(ctx, c); err != nil {
		return nil, err
	}
	return c, t.setCollection(ctx, ns, c)
}

// identify gives a new collection its identity and the index that it comes with.
func (s *Store) identify(ctx context.Context, c *catalog.Collection) (*catalog.Collection, error) {
	var uuid [16]byte
	rand.Read(uuid[:])
	uuid[6], uuid[8] = uuid[6]&0x0f|0x40, uuid[8]&0x3f|0x80
	if c.IsView() {
		return c.Bare(0, uuid), nil
	}
	id, err := s.newIdent(ctx)
	if err != nil {
		return nil, err
	}
	c.State.NextID.Store(1)
	c.State.Reserved.Store(1)
	c = c.Bare(id, uuid)
	spec := catalog.IDIndexSpec()
	switch {
	case c.TimeSeries != nil && c.TimeSeries.MetaField != "":
		spec = c.TimeSeries.IndexSpec()
	case c.Clustered:
		return c, nil
	}
	x, err := catalog.NewIndex(c.NS, spec)
	if err != nil {
		return nil, err
	}
	x = x.WithDefaults(c)
	if id, err = s.newIdent(ctx); err != nil {
		return nil, err
	}
	return c.WithIndex(x.WithIdent(id)), nil
}

// DropCollection removes a collection or view. It waits for all who use it.
func (t *Txn) DropCollection(ctx context.Context, c *catalog.Collection) error {
	cur, err := t.ForDDL(ctx, c.NS)
	if err != nil {
		return err
	}
	if cur == nil || cur.UUID != c.UUID {
		return mongoerr.New(mongoerr.NamespaceNotFound, "ns not found %s", c.NS)
	}
	if err := t.setCollection(ctx, c.NS, nil); err != nil {
		return err
	}
	return t.discard(ctx, cur)
}

// discard makes the data of a collection garbage and its counters zero.
func (t *Txn) discard(ctx context.Context, c *catalog.Collection) error {
	if c.IsView() {
		return nil
	}
	t.garbage(layout.AppendRecordPrefix(nil, c.ID))
	for _, x := range c.Indexes {
		t.garbage(layout.AppendIndexPrefix(nil, x.ID))
	}
	records, size, err := t.counters(ctx, c)
	if err != nil {
		return err
	}
	t.change(c.ID, -records, -size)
	return nil
}

// garbage puts the range that starts at first on the list of what Reclaim destroys.
func (t *Txn) garbage(first []byte) {
	t.st.Put(layout.Garbage(uint64(t.Timestamp()), first), []byte{})
}

// counters returns documents and bytes of c with the own changes. It is exact only while no
// other transaction writes c.
func (t *Txn) counters(ctx context.Context, c *catalog.Collection) (records, size int64, err error) {
	if records, size, err = t.store.totals(ctx, c); err != nil {
		return 0, 0, err
	}
	for _, n := range t.counts {
		if n.coll == c.ID {
			records += n.records
			size += n.bytes
		}
	}
	return records, size, nil
}

// totals returns documents and bytes of c as of the last commit.
func (s *Store) totals(ctx context.Context, c *catalog.Collection) (records, size int64, err error) {
	if records, err = s.Count(ctx, c); err != nil {
		return 0, 0, storageError(err)
	}
	size, err = s.DataSize(ctx, c)
	return records, size, storageError(err)
}

// RenameCollection gives a collection another namespace, in place of what has it where
// dropTarget is set. Use a transaction of BeginDDL with both namespaces: taking the locks here,
// one after the other, can deadlock with another rename.
func (t *Txn) RenameCollection(ctx context.Context, c *catalog.Collection, to string, dropTarget bool) error {
	switch {
	case c.IsView():
		return mongoerr.New(mongoerr.CommandNotSupportedOnView, "cannot rename view: %s", c.NS)
	case c.TimeSeries != nil:
		return mongoerr.New(mongoerr.IllegalOperation, "Renaming a time-series collection is not allowed: %s", c.NS)
	case c.NS == to:
		return mongoerr.New(mongoerr.IllegalOperation, "Can't rename a collection to itself")
	}
	if err := catalog.CheckNamespace(to); err != nil {
		return err
	}
	to = strings.Clone(to) // the catalog keeps it longer than the caller has the request
	from, err := t.ForDDL(ctx, c.NS)
	if err != nil {
		return err
	}
	if from == nil || from.UUID != c.UUID {
		return mongoerr.New(mongoerr.NamespaceNotFound, "Source collection %s does not exist", c.NS)
	}
	target, err := t.ForDDL(ctx, to)
	if err != nil {
		return err
	}
	if target != nil {
		if !dropTarget {
			return mongoerr.New(mongoerr.NamespaceExists, "target namespace exists")
		}
		if target.IsView() {
			return mongoerr.New(mongoerr.NamespaceExists, "a view already exists with that name: %s", to)
		}
		if err := t.discard(ctx, target); err != nil {
			return err
		}
	} else if db, _ := catalog.SplitNS(to); db != from.DB() {
		if err := t.store.Catalog.Current().CheckNewDB(db); err != nil {
			return err
		}
	}
	if err := t.setCollection(ctx, c.NS, nil); err != nil {
		return err
	}
	return t.setCollection(ctx, to, from.Renamed(to))
}

// DropDatabase removes all collections and views of a database in one commit, and returns
// their namespaces.
func (s *Store) DropDatabase(ctx context.Context, db string, d storage.Durability) ([]string, error) {
	for {
		names := namespaces(s.Catalog.Current().Database(db))
		t, err := s.BeginDDL(ctx, Options{}, names...)
		if err != nil {
			return nil, err
		}
		again, err := t.dropAll(ctx, db, names, d)
		t.Rollback()
		if err != nil || !again {
			return names, err
		}
	}
}

// dropAll drops names, unless db has got others since they were listed: then it asks for
// another round.
func (t *Txn) dropAll(ctx context.Context, db string, names []string, d storage.Durability) (again bool, err error) {
	colls := t.store.Catalog.Current().Database(db)
	for _, c := range colls {
		if !slices.Contains(names, c.NS) {
			return true, nil
		}
	}
	for _, c := range colls {
		if err := t.DropCollection(ctx, c); err != nil {
			return false, err
		}
	}
	if !t.Writes() {
		return false, nil
	}
	_, err = t.Commit(ctx, d)
	return false, err
}

func namespaces(colls []*catalog.Collection) []string {
	names := make([]string, len(colls))
	for i, c := range colls {
		names[i] = c.NS
	}
	return names
}
