package sortkey

import (
	"bytes"
	"slices"
	"sync"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/path"
)

// AppendKey appends the sort key of a document. Keys of one pattern compare bytewise.
func (p *Pattern) AppendKey(dst []byte, doc bsonx.Doc) ([]byte, error) {
	start := len(dst)
	for i := range p.fields {
		f := &p.fields[i]
		v, _ := follow(doc, f.parts)
		if v.Type == bsonx.TypeArray {
			return p.appendLowest(dst[:start], doc)
		}
		dst = keyenc.AppendCollated(dst, orNull(v), f.Desc, p.coll)
	}
	return dst, nil
}

// Values returns the values by which a document sorts, one a field.
func (p *Pattern) Values(doc bsonx.Doc) ([]bsonx.Value, error) {
	g := generators.Get().(*generator)
	defer g.release()
	if err := g.lowest(p, doc); err != nil {
		return nil, err
	}
	return slices.Clone(g.values), nil
}

func orNull(v bsonx.Value) bsonx.Value {
	if v.IsMissing() {
		return bsonx.Null
	}
	return v
}

// follow walks through documents to the end of the path or to the first array, and returns
// what is there with the rest of the path.
func follow(doc bsonx.Doc, parts []path.Part) (bsonx.Value, []path.Part) {
	for {
		v := doc.Lookup(parts[0].Name)
		parts = parts[1:]
		if len(parts) == 0 || v.Type == bsonx.TypeArray {
			return v, parts
		}
		if v.Type != bsonx.TypeDocument {
			return bsonx.Value{}, nil
		}
		doc = v.Doc()
	}
}

// cursor is how far one field of the pattern has come.
type cursor struct {
	done  bool
	value bsonx.Value // done: the field's value
	doc   bsonx.Doc   // not done: where the rest of the path starts
	parts []path.Part
}

// generator enumerates the keys of a document with arrays and keeps the lowest. All fields
// that meet an array must meet the same one, and advance through its elements together.
type generator struct {
	fields    []Field
	coll      *collation.Collation
	stack     []cursor // frames of len(fields) cursors
	key, best []byte
	values    []bsonx.Value // of best
	found     bool
}

var generators = sync.Pool{New: func() any { return new(generator) }}

func (p *Pattern) appendLowest(dst []byte, doc bsonx.Doc) ([]byte, error) {
	g := generators.Get().(*generator)
	defer g.release()
	if err := g.lowest(p, doc); err != nil {
		return dst, err
	}
	return append(dst, g.best...), nil
}

// lowest finds the lowest key of a document.
func (g *generator) lowest(p *Pattern, doc bsonx.Doc) error {
	g.fields, g.coll, g.found, g.stack = p.fields, p.coll, false, g.stack[:0]
	for _, f := range p.fields {
		g.stack = append(g.stack, cursor{doc: doc, parts: f.parts})
	}
	return g.expand(0)
}

func (g *generator) release() {
	clear(g.stack[:cap(g.stack)]) // they hold documents
	clear(g.values[:cap(g.values)])
	g.fields, g.coll = nil, nil
	generators.Put(g)
}

// expand advances the cursors of the frame at base to their values, or to the first array.
func (g *generator) expand(base int) error {
	var array bsonx.Value
	for i := range g.fields {
		c := &g.stack[base+i]
		if c.done {
			continue
		}
		v, parts := follow(c.doc, c.parts)
		if v.Type != bsonx.TypeArray {
			*c = cursor{done: true, value: orNull(v)}
			continue
		}
		if !array.IsMissing() && !sameBytes(array, v) {
			return mongoerr.New(mongoerr.BadValue, "cannot sort with keys that are parallel arrays")
		}
		array = v
		c.parts = parts
	}
	if array.IsMissing() {
		g.emit(base)
		return nil
	}
	return g.expandArray(base, array.Doc())
}

func sameBytes(a, b bsonx.Value) bool { return &a.Doc()[0] == &b.Doc()[0] }

// expandArray goes on from each element of the array that the unfinished cursors of a frame
// have reached.
func (g *generator) expandArray(base int, arr bsonx.Doc) error {
	if arr.IsEmpty() {
		return g.enter(base, arr, bsonx.Undefined)
	}
	for it := arr.Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return nil
		}
		if err := g.enter(base, arr, elem); err != nil {
			return err
		}
	}
}

// enter expands a copy of the frame in which the unfinished cursors stand at one element.
func (g *generator) enter(base int, arr bsonx.Doc, elem bsonx.Value) error {
	next := len(g.stack)
	g.stack = append(g.stack, g.stack[base:base+len(g.fields)]...)
	for i := range g.fields {
		if c := &g.stack[next+i]; !c.done {
			c.step(arr, elem)
		}
	}
	err := g.expand(next)
	g.stack = g.stack[:next]
	return err
}

// step moves the cursor from an array to one element, or to the element that the path names by
// its position. Arrays within are not expanded again.
func (c *cursor) step(arr bsonx.Doc, elem bsonx.Value) {
	if len(c.parts) == 0 {
		*c = cursor{done: true, value: elem}
		return
	}
	if i := c.parts[0].Index; i >= 0 {
		if v := arr.Index(i); !v.IsMissing() {
			elem = v
			if c.parts = c.parts[1:]; len(c.parts) == 0 {
				*c = cursor{done: true, value: elem}
				return
			}
		}
	}
	if elem.Type != bsonx.TypeDocument {
		*c = cursor{done: true, value: bsonx.Null}
		return
	}
	c.doc = elem.Doc()
}

// emit encodes the frame at base and keeps the key if it is the lowest so far.
func (g *generator) emit(base int) {
	g.key = g.key[:0]
	for i, f := range g.fields {
		g.key = keyenc.AppendCollated(g.key, g.stack[base+i].value, f.Desc, g.coll)
	}
	if !g.found || bytes.Compare(g.key, g.best) < 0 {
		g.key, g.best = g.best, g.key
		g.found = true
		g.values = g.values[:0]
		for i := range g.fields {
			g.values = append(g.values, g.stack[base+i].value)
		}
	}
}
