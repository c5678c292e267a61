package update

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// elementOrder is $push's $sort: by the whole element, or by fields of it.
type elementOrder struct {
	whole int // 1 or -1, 0 if keys say it
	keys  []elementKey
	coll  *collation.Collation
}

type elementKey struct {
	path []string
	sign int
}

func parseElementOrder(v bsonx.Value) (*elementOrder, error) {
	switch {
	case v.IsNumber():
		sign, ok := direction(v)
		if !ok {
			return nil, mongoerr.New(mongoerr.BadValue, "The $sort element value must be either 1 or -1")
		}
		return &elementOrder{whole: sign}, nil
	case v.Type != bsonx.TypeDocument:
		return nil, mongoerr.New(mongoerr.BadValue,
			"The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields")
	case v.Doc().IsEmpty():
		return nil, mongoerr.New(mongoerr.BadValue, "The $sort pattern is empty when it should be a set of fields.")
	}
	o := &elementOrder{}
	for it := v.Doc().Iter(); ; {
		key, dir, ok := it.Next()
		if !ok {
			return o, nil
		}
		sign, ok := direction(dir)
		if !ok {
			return nil, mongoerr.New(mongoerr.BadValue, "The $sort element value must be either 1 or -1")
		}
		if key == "" {
			return nil, mongoerr.New(mongoerr.BadValue, "The $sort field cannot be empty")
		}
		path := strings.Split(key, ".")
		if slices.Contains(path, "") {
			return nil, mongoerr.New(mongoerr.BadValue, "The $sort field is a dotted field but has an empty part: %s", key)
		}
		o.keys = append(o.keys, elementKey{path, sign})
	}
}

func direction(v bsonx.Value) (int, bool) {
	i, ok := expr.Integer(v)
	return int(i), ok && (i == 1 || i == -1)
}

func (o *elementOrder) sort(vs []bsonx.Value) { slices.SortStableFunc(vs, o.compare) }

func (o *elementOrder) compare(a, b bsonx.Value) int {
	if o.whole != 0 {
		return o.coll.Compare(a, b) * o.whole
	}
	for _, k := range o.keys {
		if c := o.coll.Compare(k.of(a), k.of(b)); c != 0 {
			return c * k.sign
		}
	}
	return 0
}

// of returns what an element is sorted by; null if it has no such field.
func (k *elementKey) of(elem bsonx.Value) bsonx.Value {
	if elem.Type == bsonx.TypeDocument {
		if v := elem.Doc().LookupPath(k.path...); !v.IsMissing() {
			return v
		}
	}
	return bsonx.Null
}
