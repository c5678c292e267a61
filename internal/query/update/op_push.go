package update

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// push is $push: it inserts elements at a position, then sorts, then cuts.
type push struct {
	one  bsonx.Value // the element, for the form without $each
	each bsonx.Doc   // the elements otherwise

	position *int64
	order    *elementOrder
	slice    *int64
}

func buildPush(_ string, arg bsonx.Value, opts *Options) (modifier, error) {
	if arg.Type != bsonx.TypeDocument || arg.Doc().Lookup("$each").IsMissing() {
		return &push{one: arg}, nil
	}
	m := &push{}
	for it := arg.Doc().Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		i := slices.IndexFunc(pushClauses, func(c pushClause) bool { return c.name == key })
		if i < 0 {
			return nil, mongoerr.New(mongoerr.BadValue, "Unrecognized clause in $push: %s", key)
		}
		if err := pushClauses[i].parse(m, v); err != nil {
			return nil, err
		}
	}
	if m.order != nil {
		m.order.coll = opts.collation()
	}
	return m, nil
}

// pushClause is one of the fields beside $each.
type pushClause struct {
	name  string
	parse func(m *push, v bsonx.Value) error
}

var pushClauses = []pushClause{
	{"$each", (*push).parseEach},
	{"$position", (*push).parsePosition},
	{"$slice", (*push).parseSlice},
	{"$sort", (*push).parseSort},
}

func (m *push) parseEach(v bsonx.Value) error {
	if v.Type != bsonx.TypeArray {
		return mongoerr.New(mongoerr.BadValue,
			"The argument to $each in $push must be an array but it was of type: %s", v.Type)
	}
	m.each = v.Doc()
	return nil
}

func (m *push) parsePosition(v bsonx.Value) error {
	i, ok := expr.Integer(v)
	if !ok {
		return mongoerr.New(mongoerr.BadValue, "The value for $position must be an integer value, not of type: %s", v.Type)
	}
	m.position = &i
	return nil
}

func (m *push) parseSlice(v bsonx.Value) error {
	i, ok := expr.Integer(v)
	if !ok {
		return mongoerr.New(mongoerr.BadValue, "The value for $slice must be an integer value but was given type: %s", v.Type)
	}
	m.slice = &i
	return nil
}

func (m *push) parseSort(v bsonx.Value) (err error) {
	m.order, err = parseElementOrder(v)
	return err
}

func (*push) missing(*run) missingPath { return createPath }

func (m *push) apply(r *run, n *node, old bsonx.Value) (bsonx.Value, error) {
	if !old.IsMissing() && old.Type != bsonx.TypeArray {
		return old, mongoerr.New(mongoerr.BadValue, "The field '%s' must be an array but is of type %s in document %s",
			n.path, old.Type, r.id())
	}
	if m.position == nil && m.order == nil && m.slice == nil {
		return m.appendTo(r, old.Doc()), nil
	}
	r.loadValues(old.Doc())
	r.values = slices.Insert(r.values, m.at(len(r.values)), elements(m.each)...)
	if m.order != nil {
		m.order.sort(r.values)
	}
	return r.storeValues(m.cut(r.values)), nil
}

// appendTo is the common case: the old elements stay as they are.
func (m *push) appendTo(r *run, old bsonx.Doc) bsonx.Value {
	b := append(r.scratch[:0], old...)
	if len(old) == 0 {
		b = append(b, bsonx.Empty...)
	}
	b = b[:len(b)-1]
	i := old.Count()
	if !m.one.IsMissing() {
		b = bsonx.AppendIndexElem(b, i, m.one)
	}
	for it := m.each.Iter(); ; i++ {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		b = bsonx.AppendIndexElem(b, i, v)
	}
	return r.finishScratch(b)
}

// at returns where to insert into an array of n elements.
func (m *push) at(n int) int {
	switch {
	case m.position == nil || *m.position >= int64(n):
		return n
	case *m.position >= 0:
		return int(*m.position)
	}
	return int(max(0, int64(n)+*m.position))
}

func (m *push) cut(vs []bsonx.Value) []bsonx.Value {
	n := int64(len(vs))
	switch {
	case m.slice == nil:
		return vs
	case *m.slice >= 0:
		return vs[:min(n, *m.slice)]
	}
	return vs[max(0, n+max(*m.slice, -n)):]
}

// elements returns the elements of an array.
func elements(arr bsonx.Doc) []bsonx.Value {
	var out []bsonx.Value
	for it := arr.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return out
		}
		out = append(out, v)
	}
}
