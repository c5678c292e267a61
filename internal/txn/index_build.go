package txn

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// An index is built under the exclusive lock of its collection, so that nobody writes
// documents meanwhile:
//
//  1. Under the lock, find out which indexes are missing. If the collection has no documents,
//     one commit adds them to the catalog, and that is all.
//  2. One commit puts the key range of each new index on the garbage list. If the build fails
//     or the process ends, the range will be destroyed as any other garbage.
//  3. Commits of buildChunk documents add entries, with locks on unique keys, so that a
//     duplicate shows as a key that exists.
//  4. One commit takes the ranges from the garbage list and adds the indexes to the catalog.
//
// Until step 4 the idents are in no catalog version, so nobody reads the entries.

// The documents and bytes after which a chunk of an index build is committed.
const (
	buildChunk      = 1000
	buildChunkBytes = 4 << 20
)

// CreateIndexes makes the indexes that the collection does not have yet, and the collection
// itself if need be. It waits for transactions that use the collection, unless there is nothing
// to do.
func (s *Store) CreateIndexes(ctx context.Context, ns string, specs []bsonx.Doc, d storage.Durability) (IndexResult, error) {
	xs, err := s.parseIndexes(ns, specs)
	if err != nil {
		return IndexResult{}, err
	}
	if c := s.Catalog.Current().Collection(ns); c != nil {
		missing, err := s.missingIndexes(c, xs)
		if err != nil {
			return IndexResult{}, err
		}
		if len(missing) == 0 {
			n := indexCount(c)
			return IndexResult{Before: n, After: n, AllExist: true}, nil
		}
	}
	for {
		res, err := s.createIndexes(ctx, ns, xs, d)
		var conflict *storage.ConflictError
		if !errors.As(err, &conflict) {
			return res, err
		}
		if err := s.Await(ctx, conflict); err != nil {
			return res, err
		}
	}
}

func (s *Store) createIndexes(ctx context.Context, ns string, xs []*catalog.Index, d storage.Durability) (IndexResult, error) {
	l, err := s.Catalog.Locks.Acquire(ctx, ns, catalog.LockX, -1)
	if err != nil {
		return IndexResult{}, err
	}
	defer l.Release()
	var res IndexResult
	c := s.Catalog.Current().Collection(ns)
	if c == nil {
		res.CreatedCollection = true
		return s.commitDDL(ctx, d, func(t *Txn) (IndexResult, error) {
			c, err := t.CreateCollection(ctx, ns, nil)
			if err != nil {
				return res, err
			}
			return t.addEmptyIndexes(ctx, c, xs, res)
		}, l)
	}
	missing, err := s.missingIndexes(c, xs)
	if err != nil {
		return res, err
	}
	b := &indexBuild{store: s, coll: c}
	defer b.end()
	for _, x := range missing {
		if err := b.add(ctx, x); err != nil {
			return res, err
		}
	}
	if err := b.run(ctx); err != nil {
		return res, errors.Join(err, b.abandon(ctx))
	}
	return s.commitDDL(ctx, d, func(t *Txn) (IndexResult, error) { return b.publish(ctx, t) }, l)
}

// commitDDL runs fn in a transaction of its own under a lock that the caller holds and
// releases.
func (s *Store) commitDDL(ctx context.Context, d storage.Durability, fn func(t *Txn) (IndexResult, error), l catalog.Lock) (IndexResult, error) {
	t, err := s.Begin(ctx, Options{})
	if err != nil {
		return IndexResult{}, err
	}
	t.borrow(l)
	defer t.Rollback()
	res, err := fn(t)
	if err != nil {
		return res, err
	}
	_, err = t.Commit(ctx, d)
	return res, err
}

// indexBuild is the construction of indexes of one collection, which is locked.
type indexBuild struct {
	store   *Store
	coll    *catalog.Collection
	indexes []*catalog.Index
	listed  uint64 // the timestamp in the garbage keys

	keys  keySet
	locks []storage.LockRequest
}

// add takes an index into the build, under a new ident that Reclaim leaves alone.
func (b *indexBuild) add(ctx context.Context, x *catalog.Index) error {
	id, err := b.store.newIdent(ctx)
	if err != nil {
		return err
	}
	b.indexes = append(b.indexes, x.WithIdent(id))
	b.store.building.Lock()
	b.store.building.m[id] = true
	b.store.building.Unlock()
	return nil
}

// end gives the idents up.
func (b *indexBuild) end() {
	b.store.building.Lock()
	for _, x := range b.indexes {
		delete(b.store.building.m, x.ID)
	}
	b.store.building.Unlock()
}

// run writes the entries of all documents.
func (b *indexBuild) run(ctx context.Context) error {
	r, err := b.store.Engine.Snapshot(ctx, 0)
	if err != nil {
		return err
	}
	v := &View{store: b.store, reader: r}
	defer r.Close()
	if err := b.list(ctx, v); err != nil {
		return err
	}
	it, err := v.Records(ctx, b.coll, RecordRange{})
	if err != nil {
		return err
	}
	defer it.Close()
	for more := it.Next(); more; {
		if more, err = b.chunk(ctx, it); err != nil {
			return err
		}
	}
	return it.Err()
}

// list puts the ranges on the garbage list.
func (b *indexBuild) list(ctx context.Context, v *View) error {
	t, err := b.store.Engine.Begin(ctx, storage.TxnOptions{})
	if err != nil {
		return err
	}
	defer t.Rollback()
	b.listed = uint64(t.Timestamp())
	for _, x := range b.indexes {
		t.Put(layout.Garbage(b.listed, layout.AppendIndexPrefix(nil, x.ID)), []byte{})
	}
	_, err = t.Commit(ctx, storage.Buffered)
	return err
}

// chunk commits the entries of the next documents, the current one first, and reports
// whether there are more.
func (b *indexBuild) chunk(ctx context.Context, it *RecordIter) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, context.Cause(ctx)
	}
	t, err := b.store.Engine.Begin(ctx, storage.TxnOptions{})
	if err != nil {
		return false, err
	}
	defer t.Rollback()
	more = true
	for n := 0; more && n < buildChunk && t.Bytes() < buildChunkBytes; n++ {
		if err := b.document(ctx, t, it.RID(), it.Doc()); err != nil {
			return false, err
		}
		more = it.Next()
	}
	if !t.Writes() {
		return more, nil
	}
	_, err = t.Commit(ctx, storage.Buffered)
	return more, storageError(err)
}

// document writes the entries of one document.
func (b *indexBuild) document(ctx context.Context, t storage.Txn, rid []byte, doc bsonx.Doc) error {
	b.keys.reset()
	b.locks = b.locks[:0]
	for i, x := range b.indexes {
		marks, err := b.keys.add(b.coll, i, x, rid, doc)
		if err != nil {
			return err
		}
		if err := b.store.mark(ctx, x, marks); err != nil {
			return err
		}
	}
	for i := range b.keys.entries {
		if e := &b.keys.entries[i]; b.indexes[e.index].Unique {
			b.locks = append(b.locks, storage.LockRequest{Key: b.keys.key(e), Mode: storage.LockAbsent})
		}
	}
	if len(b.locks) > 0 {
		if err := b.lock(ctx, t, doc); err != nil {
			return err
		}
	}
	for i := range b.keys.entries {
		e := &b.keys.entries[i]
		t.Put(b.keys.key(e), b.keys.value(e))
	}
	return nil
}

func (b *indexBuild) lock(ctx context.Context, t storage.Txn, doc bsonx.Doc) error {
	err := t.Lock(ctx, b.locks)
	var exists *storage.KeyExistsError
	if !errors.As(err, &exists) {
		return storageError(err)
	}
	c := b.coll
	for _, x := range b.indexes {
		c = c.WithIndex(x)
	}
	err = duplicateKey(c, doc, exists.Key)
	return mongoerr.From(err).Prefixed("Index build failed")
}

// publish takes the ranges from the garbage list and adds the indexes to the catalog.
func (b *indexBuild) publish(ctx context.Context, t *Txn) (IndexResult, error) {
	res := IndexResult{Before: indexCount(b.coll), AllExist: len(b.indexes) == 0}
	c := b.coll
	for _, x := range b.indexes {
		t.st.Delete(layout.Garbage(b.listed, layout.AppendIndexPrefix(nil, x.ID)))
		c = c.WithIndex(x)
	}
	res.After = indexCount(c)
	if len(b.indexes) == 0 {
		return res, nil
	}
	return res, t.setCollection(ctx, c.NS, c)
}

// abandon destroys what was built.
func (b *indexBuild) abandon(ctx context.Context) error {
	b.end()
	return b.store.Reclaim(context.WithoutCancel(ctx))
}
