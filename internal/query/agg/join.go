package agg

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// foreign is the other side of a join by equality: the documents of a collection whose
// field is one of some values, arrays on the path being searched as filters do.
//
// If an index serves the field, each find looks there, and the result is remembered for the next
// document with the same value. Otherwise the collection is read once into a hash table; if
// that does not fit in memory, each find is a query.
type foreign struct {
	db, coll string
	field    string
	restrict bsonx.Doc // a further filter, nil for none
	scope    *expr.Scope

	opened bool
	index  Index      // nil for none
	table  *joinTable // nil: index or query

	remembered map[string][]bsonx.Doc // the results for one value, by its key
	size       int64                  // of remembered
	key        []byte
}

// rememberMax bounds the results that are remembered, in bytes.
const rememberMax = 16 << 20

// find appends the documents that match one of values, in a form that is valid until the
// next find.
func (f *foreign) find(ctx context.Context, r *run, values *arrayState, dst []bsonx.Doc) ([]bsonx.Doc, error) {
	if !f.opened {
		if err := f.open(ctx, r); err != nil {
			return dst, err
		}
		f.opened = true
	}
	if f.table != nil {
		return f.table.find(values, dst), nil
	}
	if values.n == 1 {
		f.key = keyenc.AppendCollated(f.key[:0], values.value().Doc().Index(0), false, f.scope.Collation())
		if found, ok := f.remembered[string(f.key)]; ok {
			return append(dst, found...), nil
		}
	}
	it, err := f.query(ctx, r, values)
	if err != nil {
		return dst, err
	}
	found, err := Collect(ctx, it)
	if err != nil {
		return dst, err
	}
	if values.n == 1 {
		f.remember(found)
	}
	return append(dst, found...), nil
}

// open finds an index, or else reads the collection.
func (f *foreign) open(ctx context.Context, r *run) (err error) {
	if f.index, err = r.src.Index(ctx, f.db, f.coll, f.field, f.scope.Collation()); err != nil || f.index != nil {
		return err
	}
	return f.load(ctx, r)
}

// query opens the documents that match one of values.
func (f *foreign) query(ctx context.Context, r *run, values *arrayState) (Iterator, error) {
	if f.index != nil && values.n == 1 && f.restrict == nil {
		if it, ok, err := f.index.Find(ctx, values.value().Doc().Index(0)); ok || err != nil {
			return it, err
		}
	}
	return r.src.Collection(ctx, f.db, f.coll, f.filter(values), f.scope)
}

// remember keeps the result for the value whose key is in f.key, while there is room.
func (f *foreign) remember(found []bsonx.Doc) {
	size := int64(len(f.key) + mapEntrySize)
	for _, d := range found {
		size += int64(len(d)) + docOverhead
	}
	if f.size+size > rememberMax {
		return
	}
	if f.remembered == nil {
		f.remembered = make(map[string][]bsonx.Doc)
	}
	f.remembered[string(f.key)] = found
	f.size += size
}

// filter returns the query for the documents that match one of values. $in would take a
// regular expression for a pattern, $eq takes it for a value.
func (f *foreign) filter(values *arrayState) bsonx.Doc {
	if values.n == 0 {
		return bsonx.NewBuilder(nil).Int32("$alwaysFalse", 1).Build()
	}
	list := values.value()
	var eq bsonx.Doc
	switch {
	case values.n == 1:
		eq = equality(f.field, list.Doc().Index(0))
	case hasRegex(list.Doc()):
		b := bsonx.NewBuilder(nil).StartArray("$or")
		i := 0
		for it := list.Doc().Iter(); ; i++ {
			_, v, ok := it.Next()
			if !ok {
				break
			}
			*b.Buffer() = bsonx.AppendIndexElem(*b.Buffer(), i, bsonx.Document(equality(f.field, v)))
		}
		eq = b.Build()
	default:
		eq = bsonx.NewBuilder(nil).StartDoc(f.field).Value("$in", list).Build()
	}
	if f.restrict == nil {
		return eq
	}
	return bsonx.NewBuilder(nil).Value("$and", bsonx.MakeArray(bsonx.Document(eq), bsonx.Document(f.restrict))).Build()
}

func equality(field string, v bsonx.Value) bsonx.Doc {
	return bsonx.NewBuilder(nil).StartDoc(field).Value("$eq", v).Build()
}

func hasRegex(arr bsonx.Doc) bool {
	for it := arr.Iter(); ; {
		_, v, ok := it.Next()
		if !ok || v.Type == bsonx.TypeRegex {
			return ok
		}
	}
}

// load reads the collection into a table, unless it is too big.
func (f *foreign) load(ctx context.Context, r *run) error {
	it, err := r.src.Collection(ctx, f.db, f.coll, f.restrict, f.scope)
	if err != nil {
		return err
	}
	t, err := newJoinTable(f.field, f.scope.Collation())
	for err == nil && t.size <= r.opts.MemoryMax {
		var d bsonx.Doc
		var ok bool
		if d, ok, err = it.Next(ctx); err != nil || !ok {
			break
		}
		err = t.add(d)
	}
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	if err == nil && t.size <= r.opts.MemoryMax {
		f.table = t
	}
	return err
}

// joinTable finds documents by the values of one field.
type joinTable struct {
	path   path
	coll   *collation.Collation
	isNull *match.Filter

	docs  []bsonx.Doc
	byKey map[string][]int32 // ascending positions in docs
	nulls []int32            // documents that {field: null} matches
	size  int64
	key   []byte
	hits  []int32
}

func newJoinTable(field string, coll *collation.Collation) (*joinTable, error) {
	isNull, err := match.Compile(equality(field, bsonx.Null), nil)
	if err != nil {
		return nil, err
	}
	p, err := parsePath(field)
	return &joinTable{path: p, coll: coll, isNull: isNull, byKey: make(map[string][]int32)}, err
}

// add adds a copy of d.
func (t *joinTable) add(d bsonx.Doc) error {
	n := int32(len(t.docs))
	d = d.Clone()
	t.docs = append(t.docs, d)
	t.size += int64(len(d)) + docOverhead
	null, err := t.isNull.Match(d, nil)
	if err != nil {
		return err
	}
	if null {
		t.nulls = append(t.nulls, n)
		t.size += 4
	}
	t.path.search(bsonx.Document(d), func(v bsonx.Value) {
		if v.Type == bsonx.TypeNull {
			return
		}
		t.key = keyenc.AppendCollated(t.key[:0], v, false, t.coll)
		at := t.byKey[string(t.key)]
		if len(at) > 0 && at[len(at)-1] == n {
			return
		}
		if at == nil {
			t.size += int64(len(t.key)) + mapEntrySize
		}
		t.byKey[string(t.key)] = append(at, n)
		t.size += 4
	})
	return nil
}

// find appends the documents that have one of values, each once, in the order of add.
func (t *joinTable) find(values *arrayState, dst []bsonx.Doc) []bsonx.Doc {
	t.hits = t.hits[:0]
	lists := 0
	for it := values.value().Doc().Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		hits := t.nulls
		if v.Type != bsonx.TypeNull {
			t.key = keyenc.AppendCollated(t.key[:0], v, false, t.coll)
			hits = t.byKey[string(t.key)]
		}
		if len(hits) > 0 {
			lists++
			t.hits = append(t.hits, hits...)
		}
	}
	if lists > 1 {
		slices.Sort(t.hits)
		t.hits = slices.Compact(t.hits)
	}
	for _, n := range t.hits {
		dst = append(dst, t.docs[n])
	}
	return dst
}

// search calls fn for the values that an equality on the path compares: arrays are searched
// one level for each component, at the end the array itself counts, too, and a numeric
// component is both a field name and a position.
func (p path) search(v bsonx.Value, fn func(bsonx.Value)) {
	if len(p) == 0 {
		fn(v)
		if v.Type == bsonx.TypeArray {
			each(v.Doc(), fn)
		}
		return
	}
	switch v.Type {
	case bsonx.TypeDocument:
		if inner := v.Doc().Lookup(p[0]); !inner.IsMissing() {
			p[1:].search(inner, fn)
		}
	case bsonx.TypeArray:
		if i, ok := arrayIndex(p[0]); ok {
			switch elem := v.Doc().Index(i); {
			case elem.IsMissing():
			case len(p) == 1:
				fn(elem) // an array that is named by its position is not searched
			default:
				p[1:].search(elem, fn)
			}
		}
		each(v.Doc(), func(elem bsonx.Value) {
			if elem.Type == bsonx.TypeDocument {
				p.search(elem, fn)
			}
		})
	}
}

// each calls fn for the elements of an array.
func each(arr bsonx.Doc, fn func(bsonx.Value)) {
	for it := arr.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return
		}
		fn(v)
	}
}
