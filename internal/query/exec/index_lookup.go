package exec

import (
	"bytes"
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/txn"
)

// indexLookup finds the documents with one value after the other through one index, which it
// chooses once for every version of the collection, and walks with one iterator as long as the
// state does not pause. It is the iterator over what was found last.
type indexLookup struct {
	state    *State
	ns, path string
	by       *collation.Collation

	c     *catalog.Collection // what the rest was chosen for
	byID  bool                // look the _id up, without index
	index *catalog.Index      // nil: none serves
	ents  *txn.EntryIter      // of all of index, nil while not open

	view  *txn.View
	found bsonx.Doc // by its _id
	key   []byte    // the beginning of the entries that are looked for
	at    bool      // ents is at the next entry to look at
	seen  map[string]struct{}
	buf   []byte
	steps uint
}

// Index implements agg.Sources.
func (s *Sources) Index(ctx context.Context, db, coll, path string, by *collation.Collation) (agg.Index, error) {
	l := &indexLookup{state: s.State, ns: db + "." + coll, path: path, by: by}
	if err := l.choose(ctx); err != nil || !l.serves() {
		return nil, err
	}
	return l, nil
}

// choose looks for an index, unless it has done so in this version of the collection.
func (l *indexLookup) choose(ctx context.Context) error {
	c, err := l.state.Collection(ctx, l.ns)
	if err != nil || c == l.c {
		return err
	}
	l.save()
	l.c, l.index, l.byID = c, nil, false
	if c == nil || c.IsView() {
		return nil
	}
	if l.path == "_id" && collation.Same(l.by, c.Collation) {
		l.byID = true
		return nil
	}
	for _, x := range c.Indexes {
		if x.Keys[0].Path == l.path && !x.Hidden && !x.Sparse && x.PartialFilter == nil && collation.Same(l.by, x.Collation) {
			l.index = x
			break
		}
	}
	return nil
}

func (l *indexLookup) serves() bool { return l.byID || l.index != nil }

// Find implements agg.Index.
func (l *indexLookup) Find(ctx context.Context, v bsonx.Value) (agg.Iterator, bool, error) {
	switch v.Type {
	case bsonx.TypeNull, bsonx.TypeUndefined, bsonx.TypeArray:
		return nil, false, nil // not what one entry stands for
	}
	err := l.choose(ctx)
	if err != nil || !l.serves() {
		return nil, false, err
	}
	if l.view, err = l.state.View(ctx); err != nil {
		return nil, false, err
	}
	if l.byID {
		return l, true, l.findID(ctx, v)
	}
	return l.seek(ctx, v)
}

// findID finds the document with an _id.
func (l *indexLookup) findID(ctx context.Context, v bsonx.Value) error {
	_, doc, ok, err := l.view.GetByID(ctx, l.c, v, l.buf[:0])
	if cap(doc) > cap(l.buf) {
		l.buf = doc
	}
	if l.found = nil; ok {
		l.found = doc
	}
	return err
}

// seek moves to the first entry with a value.
func (l *indexLookup) seek(ctx context.Context, v bsonx.Value) (it agg.Iterator, ok bool, err error) {
	l.key = keyenc.AppendCollated(l.key[:0], v, l.index.Keys[0].Desc, l.index.Collation)
	if len(l.key) >= keyenc.MaxKey {
		return nil, false, nil // entries may have been cut
	}
	if l.ents == nil {
		if l.ents, err = l.view.Entries(ctx, l.c, l.index, nil, nil, false); err != nil {
			return nil, false, err
		}
		l.state.opened(l)
	}
	l.index.State.Ops.Add(1)
	l.seen = nil
	if len(l.index.Keys) > 1 && l.view.Multikey(l.index) != 0 {
		l.seen = make(map[string]struct{})
	}
	l.at = l.ents.Seek(l.key)
	return l, true, l.ents.Err()
}

// Next returns the next document that was found.
func (l *indexLookup) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if doc := l.found; doc != nil {
		l.found = nil
		return doc, true, nil
	}
	for l.at && bytes.HasPrefix(l.ents.Key(), l.key) {
		if l.steps++; l.steps%interruptEvery == 0 {
			if err := interrupted(ctx); err != nil {
				return nil, false, err
			}
		}
		doc, err := l.load(ctx)
		if err != nil {
			return nil, false, err
		}
		l.at = l.ents.Next()
		if doc != nil {
			return doc, true, nil
		}
	}
	if l.ents == nil {
		return nil, false, nil
	}
	return nil, false, l.ents.Err()
}

// load reads the document of the current entry, nil if it was found before.
func (l *indexLookup) load(ctx context.Context) (bsonx.Doc, error) {
	rid := l.ents.RID()
	if l.seen != nil {
		if _, dup := l.seen[string(rid)]; dup {
			return nil, nil
		}
		l.seen[string(rid)] = struct{}{}
	}
	doc, ok, err := l.view.Get(ctx, l.c, rid, l.buf[:0])
	if err != nil || !ok {
		return nil, err
	}
	l.buf = doc
	return doc, nil
}

// Close ends the last Find. The iterator stays open for the next one; the state closes it.
func (l *indexLookup) Close() error {
	l.at, l.found = false, nil
	return nil
}

// save closes the iterator: between two finds there is no position.
func (l *indexLookup) save() { l.closeIters() }

func (l *indexLookup) closeIters() {
	if l.ents != nil {
		l.ents.Close()
		l.ents, l.at = nil, false
	}
}
