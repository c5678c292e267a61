package match

import (
	"math"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Op is the relation of a Compare node.
type Op uint8

// The relations.
const (
	Eq Op = iota
	Lt
	Lte
	Gt
	Gte
)

// String returns the operator's name in the query language.
func (o Op) String() string { return [...]string{"$eq", "$lt", "$lte", "$gt", "$gte"}[o] }

// Compare is the node of $eq, $lt, $lte, $gt and $gte. Only values of the operand's sort class
// can match, with two exceptions: a missing value is like null, and MinKey and MaxKey as
// operands of inequalities are compared with all values.
type Compare struct {
	Field
	Op    Op
	Value bsonx.Value

	Collation *collation.Collation // of strings in Value; nil for the binary order
}

func (n *Compare) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.walk(doc, n, expandedArrays)
}

func (n *Compare) matchElem(v bsonx.Value) (bool, error) {
	if v.Type.Class() != n.Value.Type.Class() {
		return n.matchOtherClass(v), nil
	}
	r := 0
	if n.Collation == nil {
		r = bsonx.Compare(v, n.Value) // not by the method: filters spend their time here
	} else {
		r = n.Collation.Compare(v, n.Value)
	}
	if n.Op == Eq {
		return r == 0, nil
	}
	if r != 0 && v.IsNumber() && (isNaN(v) || isNaN(n.Value)) {
		return false, nil // NaN is ordered for sorting only
	}
	switch n.Op {
	case Lt:
		return r < 0, nil
	case Lte:
		return r <= 0, nil
	case Gt:
		return r > 0, nil
	}
	return r >= 0, nil
}

func (n *Compare) matchOtherClass(v bsonx.Value) bool {
	switch n.Value.Type {
	case bsonx.TypeNull:
		return v.IsMissing() && (n.Op == Eq || n.Op == Lte || n.Op == Gte)
	case bsonx.TypeMinKey:
		return n.Op == Gt || n.Op == Gte
	case bsonx.TypeMaxKey:
		return n.Op == Lt || n.Op == Lte
	}
	return false
}

func isNaN(v bsonx.Value) bool {
	switch v.Type {
	case bsonx.TypeDouble:
		return math.IsNaN(v.Double())
	case bsonx.TypeDecimal128:
		return v.Decimal128().IsNaN()
	}
	return false
}

// In is the node of $in: equality to one of Values, or a match of one of Regexes. Values are
// ascending and distinct by the Collation, which is nil for the binary order.
type In struct {
	Field
	Values  []bsonx.Value
	Regexes []*Regex

	Collation *collation.Collation
	hasNull   bool
}

func newIn(field Field, values []bsonx.Value, regexes []*Regex, coll *collation.Collation) *In {
	slices.SortFunc(values, coll.Compare)
	values = slices.CompactFunc(values, coll.Equal)
	hasNull := slices.ContainsFunc(values, func(v bsonx.Value) bool { return v.Type == bsonx.TypeNull })
	return &In{Field: field, Values: values, Regexes: regexes, Collation: coll, hasNull: hasNull}
}

func (n *In) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.walk(doc, n, expandedArrays)
}

func (n *In) matchElem(v bsonx.Value) (bool, error) {
	if v.IsMissing() {
		return n.hasNull, nil
	}
	lo, hi := 0, len(n.Values)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		c := 0
		if n.Collation == nil {
			c = bsonx.Compare(n.Values[mid], v)
		} else {
			c = n.Collation.Compare(n.Values[mid], v)
		}
		switch {
		case c == 0:
			return true, nil
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	for _, re := range n.Regexes {
		if ok, err := re.matchElem(v); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
