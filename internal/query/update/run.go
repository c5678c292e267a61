package update

import (
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// run is the state of one application of a tree to one document.
type run struct {
	update     *Update
	ctx        *expr.Context
	doc        bsonx.Doc // before the update
	dst        []byte    // the result grows here
	positional int
	insert     bool
	trail      []string // the keys of the documents and arrays that are being changed

	renamed []bsonx.Value // the values that $rename moves, in order of Update.renames
	scratch []byte        // a modifier's result until it is in dst
	values  []bsonx.Value // array elements that are being rearranged
}

// bitset marks the children of a node that the document had.
type bitset struct {
	word uint64
	more []uint64
}

func (b *bitset) has(i int) bool {
	if i < 64 {
		return b.word&(1<<i) != 0
	}
	i -= 64
	return i/64 < len(b.more) && b.more[i/64]&(1<<(i%64)) != 0
}

func (b *bitset) set(i int) {
	if i < 64 {
		b.word |= 1 << i
		return
	}
	i -= 64
	for i/64 >= len(b.more) {
		b.more = append(b.more, 0)
	}
	b.more[i/64] |= 1 << (i % 64)
}

// object appends document d as n changes it: its fields in their order, then the new ones
// in the order of the children. Of fields with the same name the first is meant.
func (r *run) object(n *node, d bsonx.Doc) error {
	n, err := n.at(r)
	if err != nil {
		return err
	}
	if len(d) < len(bsonx.Empty) {
		d = bsonx.Empty
	}
	start := len(r.dst)
	r.dst = bsonx.AppendDocStart(r.dst)
	var seen bitset
	left := len(n.children)
	from, pos := 4, 4
	for it := d.Iter(); left > 0; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		next := len(d) - 1 - len(it.Rest())
		if i := n.find(key); i >= 0 && !seen.has(i) {
			r.dst = append(r.dst, d[from:pos]...)
			if err := r.element(n.children[i], key, v, false); err != nil {
				return err
			}
			seen.set(i)
			left--
			from = next
		}
		pos = next
	}
	r.dst = append(r.dst, d[from:len(d)-1]...)
	for i := 0; left > 0; i++ {
		if seen.has(i) {
			continue
		}
		left--
		if err := r.create(n.children[i], n.children[i].name); err != nil {
			return err
		}
	}
	r.dst = bsonx.AppendDocEnd(r.dst, start)
	return nil
}

// array appends array d as n, whose children are indexes, changes it. The array's key is
// for messages.
func (r *run) array(n *node, key string, d bsonx.Doc) error {
	n, err := n.at(r)
	if err != nil {
		return err
	}
	children := n.children
	for _, c := range children {
		if c.index < 0 && r.blocked(c) != ignorePath {
			return r.notViable(n, c, key, bsonx.Array(d))
		}
	}
	start := len(r.dst)
	r.dst = bsonx.AppendDocStart(r.dst)
	from, pos, i := 4, 4, 0
	for it := d.Iter(); len(children) > 0; i++ {
		elemKey, v, ok := it.Next()
		if !ok {
			break
		}
		next := len(d) - 1 - len(it.Rest())
		if children[0].index == i {
			r.dst = append(r.dst, d[from:pos]...)
			if err := r.element(children[0], elemKey, v, true); err != nil {
				return err
			}
			children = children[1:]
			from = next
		}
		pos = next
	}
	r.dst = append(r.dst, d[from:len(d)-1]...)
	for _, c := range children {
		if c.index < 0 || r.blocked(c) != createPath {
			continue
		}
		if c.index-i > maxPadding {
			return mongoerr.New(mongoerr.CannotBackfillArray, "can't backfill more than %d elements", maxPadding)
		}
		for ; i < c.index; i++ {
			r.dst = bsonx.AppendIndexElem(r.dst, i, bsonx.Null)
		}
		if err := r.create(c, c.name); err != nil {
			return err
		}
		i++
	}
	r.dst = bsonx.AppendDocEnd(r.dst, start)
	return nil
}

// filtered appends array d as n, whose children are array filters, changes it.
func (r *run) filtered(n *node, d bsonx.Doc) error {
	start := len(r.dst)
	r.dst = bsonx.AppendDocStart(r.dst)
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		var mask uint64
		for i, c := range n.filters {
			match, err := c.filter.matches(v)
			if err != nil {
				return err
			}
			if match {
				mask |= 1 << i
			}
		}
		c, err := n.matching(mask, r, key)
		if err != nil {
			return err
		}
		if c == nil {
			r.dst = bsonx.AppendElem(r.dst, key, v)
			continue
		}
		if err := r.element(c, key, v, true); err != nil {
			return err
		}
	}
	r.dst = bsonx.AppendDocEnd(r.dst, start)
	return nil
}

// element appends the field that v, named key, becomes. What is removed from an array
// leaves null behind.
func (r *run) element(n *node, key string, v bsonx.Value, inArray bool) error {
	if n.isLeaf() {
		out, err := n.mod.apply(r, n, v)
		if err != nil {
			return err
		}
		if inArray && out.IsMissing() {
			out = bsonx.Null
		}
		r.dst = bsonx.AppendElem(r.dst, key, out)
		return nil
	}
	r.trail = append(r.trail, key)
	err := r.descend(n, key, v)
	r.trail = r.trail[:len(r.trail)-1]
	return err
}

// descend is element for paths that go on below v.
func (r *run) descend(n *node, key string, v bsonx.Value) error {
	switch {
	case n.positional != nil && r.positional < 0:
		return errNoPositional
	case len(n.filters) > 0:
		if v.Type != bsonx.TypeArray {
			return mongoerr.New(mongoerr.BadValue,
				"Cannot apply array updates to non-array element %s: %s", key, bsonx.Format(v))
		}
		r.dst = bsonx.AppendHeader(r.dst, v.Type, key)
		return r.filtered(n, v.Doc())
	case v.Type == bsonx.TypeDocument:
		r.dst = bsonx.AppendHeader(r.dst, v.Type, key)
		return r.object(n, v.Doc())
	case v.Type == bsonx.TypeArray:
		r.dst = bsonx.AppendHeader(r.dst, v.Type, key)
		return r.array(n, key, v.Doc())
	case r.blocked(n) != ignorePath:
		return r.notViable(n, n.first(), key, v)
	}
	r.dst = bsonx.AppendElem(r.dst, key, v)
	return nil
}

// create appends a field that the document lacks, with the documents between.
func (r *run) create(n *node, key string) error {
	if n.isLeaf() {
		if n.mod.missing(r) != createPath {
			return nil
		}
		v, err := n.mod.apply(r, n, bsonx.Value{})
		if err != nil {
			return err
		}
		r.dst = bsonx.AppendElem(r.dst, key, v)
		return nil
	}
	switch {
	case n.positional != nil && r.positional < 0:
		return errNoPositional
	case len(n.filters) > 0:
		return mongoerr.New(mongoerr.BadValue,
			"The path '%s' must exist in the document in order to apply array updates.", n.path)
	case r.blocked(n) != createPath:
		return nil
	}
	r.dst = bsonx.AppendHeader(r.dst, bsonx.TypeDocument, key)
	r.trail = append(r.trail, key)
	err := r.object(n, bsonx.Empty)
	r.trail = r.trail[:len(r.trail)-1]
	return err
}

// blocked returns what the modifiers at and below n do where a path ends too early: the
// most demanding of them counts.
func (r *run) blocked(n *node) missingPath {
	if n.isLeaf() {
		return n.mod.missing(r)
	}
	if len(n.filters) > 0 {
		return createPath // to be refused there
	}
	out := ignorePath
	for _, c := range n.children {
		out = max(out, r.blocked(c))
	}
	if n.positional != nil {
		out = max(out, r.blocked(n.positional))
	}
	return out
}

// notViable is the error for a path that goes on below a value that has no fields.
func (r *run) notViable(n, child *node, key string, v bsonx.Value) error {
	name := child.name
	if child == n.positional {
		name = strconv.Itoa(r.positional)
	}
	if r.blocked(n) == createPath {
		return mongoerr.New(mongoerr.PathNotViable, "Cannot create field '%s' in element {%s: %s}", name, key, bsonx.Format(v))
	}
	return mongoerr.New(mongoerr.PathNotViable, "Cannot use the part (%s) of (%s) to traverse the element ({%s: %s})",
		name, child.path, key, bsonx.Format(v))
}

// place renders the path of a child of what is being changed, for messages.
func (r *run) place(key string) string { return strings.Join(append(r.trail, key), ".") }

// id renders the document's _id for messages.
func (r *run) id() string { return "{" + r.idField() + "}" }

func (r *run) idField() string {
	if id := r.doc.Lookup("_id"); !id.IsMissing() {
		return "_id: " + bsonx.Format(id)
	}
	return "no id"
}
