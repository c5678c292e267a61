package txn

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// ambiguousField is MongoDB's code for a path in which a number names both an array position
// and a field of an array's element.
const ambiguousField = 16746

// generator finds the tuples of values under which a document stands in an index.
//
// It walks all paths of the index from the document's root until each has ended: at its value,
// at nothing, or at an array. If there is no array, the tuple is complete. Otherwise all paths
// that met an array must have met the same one, and the walk goes on, once for every element,
// with what the element gives these paths. An empty array counts as one undefined element.
//
// A path whose next part is a position in the array is resolved through the array once, and
// has that value for every element.
type generator struct {
	x        *catalog.Index
	out      tupleSink
	multikey uint64 // the paths that met an array

	levels []level // one per array the walk is in
}

// tupleSink takes the tuples that a generator finds. vals are valid during the call.
type tupleSink interface {
	tuple(vals []bsonx.Value)
}

// level is the state of the walk in one document or array element.
type level struct {
	vals     []bsonx.Value
	rest     []int // the next part of each path; len(Parts) for a path that has ended
	pos      []position
	missing  int // paths that ended at nothing
	array    bsonx.Value
	inArray  uint64 // the paths that ended at array
	nested   bool   // an array was reached by position in an array
	arrayKey string // the name of array, for messages
}

// position is what a path gets from an array by position.
type position struct {
	ok     bool
	val    bsonx.Value
	rest   int
	nested bool
}

func (g *generator) level(depth int) *level {
	for len(g.levels) <= depth {
		g.levels = append(g.levels, level{})
	}
	l := &g.levels[depth]
	n := len(g.x.Keys)
	if cap(l.vals) < n {
		l.vals, l.rest, l.pos = make([]bsonx.Value, n), make([]int, n), make([]position, n)
	}
	l.vals, l.rest, l.pos = l.vals[:n], l.rest[:n], l.pos[:n]
	return l
}

// run passes the tuples of doc in x to out.
func (g *generator) run(x *catalog.Index, doc bsonx.Doc, out tupleSink) error {
	g.x, g.out, g.multikey = x, out, 0
	l := g.level(0)
	for i := range l.rest {
		l.rest[i], l.pos[i] = 0, position{}
	}
	l.missing = 0
	return g.walk(doc, 0)
}

// walk resolves the paths of level depth that have not ended in doc.
func (g *generator) walk(doc bsonx.Doc, depth int) error {
	l := &g.levels[depth]
	l.array, l.inArray, l.nested = bsonx.Value{}, 0, false
	for i := range l.vals {
		if l.rest[i] == len(g.x.Keys[i].Parts) {
			continue
		}
		if err := g.step(l, doc, i); err != nil {
			return err
		}
	}
	if l.inArray == 0 {
		if !g.x.Sparse || l.missing < len(l.vals) {
			g.out.tuple(l.vals)
		}
		return nil
	}
	g.multikey |= l.inArray
	return g.expand(depth)
}

// step resolves path i in doc.
func (g *generator) step(l *level, doc bsonx.Doc, i int) error {
	parts := g.x.Keys[i].Parts
	v, rest, nested := bsonx.Value{}, l.rest[i], false
	p := &l.pos[i]
	field := doc.Lookup(parts[rest])
	switch {
	case !field.IsMissing() && p.ok:
		return mongoerr.New(ambiguousField,
			"Ambiguous field name found in array (do not use numeric field names in embedded elements in an array), field: '%s' for array: %s",
			parts[rest], bsonx.Format(bsonx.Document(doc)))
	case !field.IsMissing():
		v, rest = follow(field, parts, rest+1)
	case p.ok:
		v, rest, nested = p.val, p.rest, p.nested
	}
	switch v.Type {
	case bsonx.Missing:
		l.vals[i], l.rest[i] = bsonx.Null, len(parts)
		l.missing++
	case bsonx.TypeArray:
		name := parts[rest-1]
		if l.inArray != 0 && !sameBytes(l.array, v) {
			return mongoerr.New(mongoerr.CannotIndexParallelArrays, "cannot index parallel arrays [%s] [%s]", name, l.arrayKey)
		}
		l.array, l.arrayKey, l.rest[i] = v, name, rest
		l.inArray |= 1 << i
		l.nested = l.nested || nested
	default:
		l.vals[i], l.rest[i] = v, len(parts)
	}
	return nil
}

// follow goes on from v along parts[rest:] until the end or an array, and returns what it
// found and the next part.
func follow(v bsonx.Value, parts []string, rest int) (bsonx.Value, int) {
	for rest < len(parts) && v.Type != bsonx.TypeArray {
		if v.Type != bsonx.TypeDocument {
			return bsonx.Value{}, rest
		}
		v = v.Doc().Lookup(parts[rest])
		rest++
	}
	return v, rest
}

// fieldsOf returns a document's fields; other values, arrays among them, have none.
func fieldsOf(v bsonx.Value) bsonx.Doc {
	if v.Type == bsonx.TypeDocument {
		return v.Doc()
	}
	return nil
}

func sameBytes(a, b bsonx.Value) bool {
	x, y := a.Bytes(), b.Bytes()
	return len(x) == len(y) && len(x) > 0 && &x[0] == &y[0]
}

// expand walks every element of the array that paths of level depth ended at.
func (g *generator) expand(depth int) error {
	g.level(depth + 1) // may move the levels
	l := &g.levels[depth]
	arr := l.array.Doc()
	for i := range l.pos {
		l.pos[i] = position{}
		parts := g.x.Keys[i].Parts
		if l.inArray&(1<<i) == 0 || l.rest[i] == len(parts) {
			continue
		}
		if elem := arr.Lookup(parts[l.rest[i]]); !elem.IsMissing() {
			v, rest := follow(elem, parts, l.rest[i]+1)
			l.pos[i] = position{ok: true, val: v, rest: rest, nested: elem.Type == bsonx.TypeArray}
		}
	}
	it := arr.Iter()
	for n := 0; ; n++ {
		_, elem, ok := it.Next()
		if !ok && n > 0 {
			return nil
		}
		if !ok {
			elem = bsonx.Undefined
		}
		g.enter(&g.levels[depth], &g.levels[depth+1], elem)
		if err := g.walk(fieldsOf(elem), depth+1); err != nil {
			return err
		}
		if !ok {
			return nil
		}
	}
}

// enter sets next up for one element of l's array.
func (g *generator) enter(l, next *level, elem bsonx.Value) {
	copy(next.vals, l.vals)
	copy(next.rest, l.rest)
	copy(next.pos, l.pos)
	next.missing = l.missing
	for i := range next.vals {
		if l.inArray&(1<<i) != 0 && l.rest[i] == len(g.x.Keys[i].Parts) {
			next.vals[i] = elem
			if l.nested {
				next.vals[i] = l.array
			}
		}
	}
}
