package project

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// run is one application of a projection.
type run struct {
	p   *Projection
	c   *expr.Context
	doc bsonx.Doc

	meta *Meta

	inArray bool // the array that is being projected is an element of an array: $slice does not reach there

	picked bool // inside of the element that the positional operator has picked
}

func (r *run) document(dst []byte, d bsonx.Doc, n *node) ([]byte, error) {
	start := len(dst)
	dst, err := r.fields(bsonx.AppendDocStart(dst), d, n)
	if err != nil {
		return nil, err
	}
	return bsonx.AppendDocEnd(dst, start), nil
}

// fields appends the fields of one document, as n wants them: those that are there in their
// order, then what is added in that of the specification.
func (r *run) fields(dst []byte, d bsonx.Doc, n *node) ([]byte, error) {
	var seen set // the nodes that are done with
	left := len(n.fields)
	it := d.Iter()
	for left > 0 || r.p.mode != inclusion {
		rest := it.Rest()
		k, v, ok := it.Next()
		if !ok {
			break
		}
		raw := rest[:len(rest)-len(it.Rest())]
		i := n.index(k)
		if i < 0 {
			if r.p.mode != inclusion {
				dst = append(dst, raw...)
			}
			continue
		}
		if n.fields[i].adds && seen.has(i) {
			continue // a repeated field that was replaced already
		}
		left--
		var done bool
		var err error
		if dst, done, err = r.field(dst, raw, v, n.fields[i]); err != nil {
			return nil, err
		}
		if done {
			seen.add(i)
		}
	}
	for i, f := range n.fields {
		if !f.adds || seen.has(i) {
			continue
		}
		var err error
		if dst, err = r.added(dst, d, f); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// field appends a field that the document has. done is false if it is to be added at the end,
// whatever its old place.
func (r *run) field(dst, raw []byte, v bsonx.Value, n *node) (out []byte, done bool, err error) {
	if n.positional && !r.picked && v.Type == bsonx.TypeArray {
		out, err = r.pick(dst, v.Doc(), n)
		return out, true, err
	}
	switch n.action {
	case include:
		return append(dst, raw...), true, nil
	case exclude:
		return dst, true, nil
	case slice:
		if v.Type == bsonx.TypeArray && !r.inArray {
			return n.slice.appendTo(dst, n.name, v.Doc()), true, nil
		}
		return append(dst, raw...), true, nil
	case nested:
		return r.below(dst, raw, v, n)
	}
	if r.p.mode == inclusion {
		return dst, false, nil
	}
	switch n.action {
	case compute:
		out, err = r.computed(dst, n)
	case metadata:
		out = r.metadata(dst, n)
	default:
		out, err = r.elemMatch(dst, v, n)
	}
	return out, true, err
}

// below appends a field whose parts the specification names.
func (r *run) below(dst, raw []byte, v bsonx.Value, n *node) (out []byte, done bool, err error) {
	switch {
	case v.Type == bsonx.TypeDocument:
		dst = bsonx.AppendHeader(dst, bsonx.TypeDocument, n.name)
		out, err = r.document(dst, v.Doc(), n)
	case v.Type == bsonx.TypeArray:
		dst = bsonx.AppendHeader(dst, bsonx.TypeArray, n.name)
		out, err = r.array(dst, v.Doc(), n)
	case r.p.mode == inclusion:
		return dst, false, nil
	case n.adds:
		dst = bsonx.AppendHeader(dst, bsonx.TypeDocument, n.name)
		out, err = r.document(dst, bsonx.Empty, n)
	default:
		out = append(dst, raw...)
	}
	return out, true, err
}

// array applies n to every element.
func (r *run) array(dst []byte, arr bsonx.Doc, n *node) ([]byte, error) {
	start := len(dst)
	dst = bsonx.AppendDocStart(dst)
	i := 0
	for it := arr.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return bsonx.AppendDocEnd(dst, start), nil
		}
		out, kept, err := r.element(dst, i, v, n)
		if err != nil {
			return nil, err
		}
		if dst = out; kept {
			i++
		}
	}
}

func (r *run) element(dst []byte, i int, v bsonx.Value, n *node) (out []byte, kept bool, err error) {
	switch {
	case v.Type == bsonx.TypeDocument:
		out, err = r.document(bsonx.AppendIndexHeader(dst, bsonx.TypeDocument, i), v.Doc(), n)
	case v.Type == bsonx.TypeArray:
		outer := r.inArray
		r.inArray = true
		out, err = r.array(bsonx.AppendIndexHeader(dst, bsonx.TypeArray, i), v.Doc(), n)
		r.inArray = outer
	case n.adds:
		out, err = r.document(bsonx.AppendIndexHeader(dst, bsonx.TypeDocument, i), bsonx.Empty, n)
	case r.p.mode == inclusion:
		return dst, false, nil
	default:
		out = bsonx.AppendIndexElem(dst, i, v)
	}
	return out, true, err
}

// added appends a field that the document d lacks, or that comes late.
func (r *run) added(dst []byte, d bsonx.Doc, n *node) ([]byte, error) {
	switch n.action {
	case compute:
		return r.computed(dst, n)
	case elemMatch:
		return r.elemMatch(dst, d.Lookup(n.name), n)
	case metadata:
		return r.metadata(dst, n), nil
	}
	return r.document(bsonx.AppendHeader(dst, bsonx.TypeDocument, n.name), bsonx.Empty, n)
}

func (r *run) computed(dst []byte, n *node) ([]byte, error) {
	v, err := n.expr.Eval(r.c)
	if err != nil {
		return nil, err
	}
	return bsonx.AppendElem(dst, n.name, v), nil
}

func (r *run) metadata(dst []byte, n *node) []byte {
	if r.meta == nil || r.meta[n.meta].IsMissing() {
		return dst
	}
	return bsonx.AppendElem(dst, n.name, r.meta[n.meta])
}

func (r *run) elemMatch(dst []byte, v bsonx.Value, n *node) ([]byte, error) {
	pos, err := n.elem.Find(v)
	if err != nil || pos < 0 {
		return dst, err
	}
	dst, start := startArray(dst, n.name)
	return bsonx.AppendDocEnd(bsonx.AppendIndexElem(dst, 0, v.Doc().Index(pos)), start), nil
}

// pick appends, of an array, the element that the query has matched.
func (r *run) pick(dst []byte, arr bsonx.Doc, n *node) ([]byte, error) {
	pos := -1
	if r.p.filter != nil {
		var err error
		if _, pos, err = r.p.filter.MatchPositional(r.doc, r.c); err != nil {
			return nil, err
		}
	}
	if pos < 0 {
		return nil, mongoerr.New(51246, "Executor error during find command :: caused by :: positional operator '.$' couldn't find a matching element in the array")
	}
	elem := arr.Index(pos)
	if elem.IsMissing() {
		return nil, mongoerr.New(51247, "Executor error during find command :: caused by :: positional operator '.$' element mismatch")
	}
	dst, start := startArray(dst, n.name)
	if n.action != nested {
		return bsonx.AppendDocEnd(bsonx.AppendIndexElem(dst, 0, elem), start), nil
	}
	r.picked = true
	dst, _, err := r.element(dst, 0, elem, n)
	r.picked = false
	if err != nil {
		return nil, err
	}
	return bsonx.AppendDocEnd(dst, start), nil
}

func startArray(dst []byte, name string) (out []byte, start int) {
	dst = bsonx.AppendHeader(dst, bsonx.TypeArray, name)
	return bsonx.AppendDocStart(dst), len(dst)
}

// set is a set of small numbers.
type set struct {
	low  uint64
	high map[int]bool
}

func (s *set) add(i int) {
	if i < 64 {
		s.low |= 1 << i
		return
	}
	if s.high == nil {
		s.high = make(map[int]bool)
	}
	s.high[i] = true
}

func (s *set) has(i int) bool {
	if i < 64 {
		return s.low&(1<<i) != 0
	}
	return s.high[i]
}
