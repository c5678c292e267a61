package txn

import (
	"bytes"
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// An index that is prepared to become unique has the entries of an ordinary one, in which
// duplicates may remain, but takes no new ones. Writers lock what all entries of a tuple begin with,
// so that of two which add the same tuple one sees the other's entry.

// checkPrepared fails with DuplicateKey if an entry, of the document in scratch, is in an index that
// takes no duplicates and another document has the tuple. The tuple is locked.
func (t *Txn) checkPrepared(ctx context.Context, c *catalog.Collection, e *entry, doc bsonx.Doc) error {
	x, keys := c.Indexes[e.index], &t.scr.keys
	if !x.PrepareUnique || x.Unique {
		return nil
	}
	fields := keys.fields(e)
	it, err := t.Entries(ctx, c, x, fields, append(bytes.Clone(fields), keyenc.Above), false)
	if err != nil {
		return err
	}
	defer it.Close()
	for it.Next() {
		if bytes.Equal(it.Key(), fields) && !bytes.Equal(it.RID(), keys.buf[e.fields:e.key]) {
			return duplicateKey(c, doc, keys.tuplePrefix(e))
		}
	}
	return it.Err()
}

// ConvertIndex makes an index unique, or not unique any more, under the exclusive lock of its
// collection. It fails with CannotConvertIndexToUnique, naming the documents, where there are
// duplicates. A dry run only looks for them.
func (s *Store) ConvertIndex(ctx context.Context, ns, name string, unique, dryRun bool, d storage.Durability) error {
	for {
		err := s.convertIndex(ctx, ns, name, unique, dryRun, d)
		var conflict *storage.ConflictError
		if !errors.As(err, &conflict) {
			return err
		}
		if err := s.Await(ctx, conflict); err != nil {
			return err
		}
	}
}

func (s *Store) convertIndex(ctx context.Context, ns, name string, unique, dryRun bool, d storage.Durability) error {
	l, err := s.Catalog.Locks.Acquire(ctx, ns, catalog.LockX, -1)
	if err != nil {
		return err
	}
	defer l.Release()
	c := s.Catalog.Current().Collection(ns)
	if c == nil {
		return mongoerr.New(mongoerr.NamespaceNotFound, "ns does not exist: %s", ns)
	}
	x := c.Index(name)
	switch {
	case x == nil:
		return mongoerr.New(mongoerr.IndexNotFound, "cannot find index %s for ns %s", name, ns)
	case x.Unique == unique:
		return nil
	case unique && !x.PrepareUnique && !dryRun:
		return mongoerr.New(mongoerr.InvalidOptions, "Cannot make index unique with 'prepareUnique=false'. Run collMod to set it first.")
	}
	if unique {
		if err := s.noDuplicates(ctx, c, x); err != nil {
			return err
		}
	}
	if dryRun {
		return nil
	}
	b := &indexBuild{store: s, coll: c}
	defer b.end()
	nx, err := s.withUniqueness(c, x, unique)
	if err != nil {
		return err
	}
	if err := b.add(ctx, nx); err != nil {
		return err
	}
	if err := b.run(ctx); err != nil {
		return errors.Join(err, b.abandon(ctx))
	}
	_, err = s.commitDDL(ctx, d, func(t *Txn) (IndexResult, error) { return IndexResult{}, b.replace(ctx, t, x) }, l)
	return err
}

// withUniqueness returns an index like x, without entries, that is unique or not.
func (s *Store) withUniqueness(c *catalog.Collection, x *catalog.Index, unique bool) (*catalog.Index, error) {
	b := bsonx.NewBuilder(nil)
	for it := x.Spec.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if name != "unique" && name != "prepareUnique" {
			b.Value(name, v)
		}
	}
	if unique {
		b.Bool("unique", true)
	}
	nx, err := catalog.NewIndex(c.NS, b.Build())
	if err != nil {
		return nil, err
	}
	return nx, s.prepareIndex(nx)
}

// replace puts the index that was built in the place of x.
func (b *indexBuild) replace(ctx context.Context, t *Txn, x *catalog.Index) error {
	nx := b.indexes[0]
	t.st.Delete(layout.Garbage(b.listed, layout.AppendIndexPrefix(nil, nx.ID)))
	t.garbage(layout.AppendIndexPrefix(nil, x.ID))
	return t.setCollection(ctx, b.coll.NS, b.coll.WithChangedIndex(nx))
}

// violationsMax is how much of what is wrong an error says, in bytes.
const violationsMax = 8 << 20

// noDuplicates fails with the _ids of the documents that share a tuple of an index.
func (s *Store) noDuplicates(ctx context.Context, c *catalog.Collection, x *catalog.Index) error {
	r, err := s.Engine.Snapshot(ctx, 0)
	if err != nil {
		return snapshotError(err)
	}
	defer r.Close()
	v := &View{store: s, reader: r}
	it, err := v.Entries(ctx, c, x, nil, nil, false)
	if err != nil {
		return err
	}
	defer it.Close()
	d := &duplicates{view: v, coll: c}
	for it.Next() && d.size < violationsMax {
		if err := d.add(ctx, it.Key(), it.RID()); err != nil {
			return err
		}
	}
	if err := errors.Join(it.Err(), d.flush(ctx)); err != nil || len(d.found) == 0 {
		return err
	}
	return mongoerr.New(mongoerr.CannotConvertIndexToUnique,
		"Cannot convert the index to unique. Please resolve conflicting documents before running collMod again.").
		WithFields(bsonx.NewBuilder(nil).Array("violations", bsonx.MakeArray(d.found...).Doc()).Build())
}

// duplicates gathers groups of documents with the same tuple.
type duplicates struct {
	view *View
	coll *catalog.Collection

	tuple []byte
	rids  [][]byte // the records that have the tuple
	found []bsonx.Value
	size  int
}

// add takes the next entry of the index.
func (d *duplicates) add(ctx context.Context, tuple, rid []byte) error {
	if !bytes.Equal(tuple, d.tuple) {
		if err := d.flush(ctx); err != nil {
			return err
		}
		d.tuple = append(d.tuple[:0], tuple...)
	}
	d.rids = append(d.rids, bytes.Clone(rid))
	return nil
}

// flush ends the group.
func (d *duplicates) flush(ctx context.Context) error {
	rids := d.rids
	d.rids = nil
	if len(rids) < 2 {
		return nil
	}
	var ids []bsonx.Value
	for _, rid := range rids {
		doc, ok, err := d.view.Get(ctx, d.coll, rid, nil)
		if err != nil {
			return err
		}
		if ok {
			ids = append(ids, doc.Lookup("_id"))
		}
	}
	group := bsonx.NewBuilder(nil).Array("ids", bsonx.MakeArray(ids...).Doc()).Build()
	d.found = append(d.found, bsonx.Document(group))
	d.size += len(group)
	return nil
}
