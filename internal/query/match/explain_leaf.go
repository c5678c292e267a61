package match

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// leafReason is how the failure of a field operator is worded.
type leafReason struct {
	failed, held string
	whole        bool          // arrays are considered as such
	types        [6]bsonx.Type // that can match; none means all
}

var comparisonReason = leafReason{failed: "comparison failed", held: "comparison succeeded"}

var bitsReason = leafReason{
	failed: "bitwise operator failed to match", held: "bitwise operator matched successfully",
	types: [6]bsonx.Type{bsonx.TypeBinary, bsonx.TypeDecimal128, bsonx.TypeDouble, bsonx.TypeInt32, bsonx.TypeInt64},
}

var inReason = leafReason{failed: "no matching value found in array", held: "matching value found in array"}

var leafReasons = map[string]leafReason{
	"$all":          {failed: "array did not contain all specified values", held: "array did contain all specified values", whole: true},
	"$bitsAllClear": bitsReason,
	"$bitsAllSet":   bitsReason,
	"$bitsAnyClear": bitsReason,
	"$bitsAnySet":   bitsReason,
	"$elemMatch":    {failed: "array did not satisfy the child predicate", held: "array did satisfy the child predicate", whole: true, types: [6]bsonx.Type{bsonx.TypeArray}},
	"$eq":           comparisonReason,
	"$exists":       {failed: "path does not exist", held: "path does exist", whole: true},
	"$gt":           comparisonReason,
	"$gte":          comparisonReason,
	"$in":           inReason,
	"$lt":           comparisonReason,
	"$lte":          comparisonReason,
	"$mod": {
		failed: "$mod did not evaluate to expected remainder", held: "$mod did evaluate to expected remainder",
		types: [6]bsonx.Type{bsonx.TypeDecimal128, bsonx.TypeDouble, bsonx.TypeInt32, bsonx.TypeInt64},
	},
	"$ne":    comparisonReason,
	"$nin":   inReason,
	"$regex": {failed: "regular expression did not match", held: "regular expression did match", types: [6]bsonx.Type{bsonx.TypeRegex, bsonx.TypeString, bsonx.TypeSymbol}},
	"$size":  {failed: "array length was not equal to given size", held: "array length was equal to given size", whole: true, types: [6]bsonx.Type{bsonx.TypeArray}},
	"$type":  {failed: "type did not match", held: "type did match"},
}

// leaf explains an operator on a field.
func (x *explainer) leaf(c clause, w want) bsonx.Doc {
	r := leafReasons[c.name]
	if c.negated {
		w = !w
	}
	values := x.considered(c.field, r)
	b := bsonx.NewBuilder(nil).String("operatorName", c.name).Doc("specifiedAs", c.spec)
	if w == wantMatch {
		switch {
		case c.name == "$exists":
			return b.String("reason", r.failed).Build()
		case len(values) == 0:
			return b.String("reason", "field was missing").Build()
		case r.types[0] != bsonx.Missing && !slices.ContainsFunc(values, r.accepts):
			b.String("reason", "type did not match")
			appendConsidered(b, values)
			return r.appendTypes(b, values).Build()
		}
	}
	b.String("reason", reason(w, r.failed, r.held))
	appendConsidered(b, values)
	if c.name == "$type" {
		appendConsideredTypes(b, values)
	}
	return b.Build()
}

func (r leafReason) accepts(v bsonx.Value) bool { return slices.Contains(r.types[:], v.Type) }

func (r leafReason) appendTypes(b *bsonx.Builder, values []bsonx.Value) *bsonx.Builder {
	appendConsideredTypes(b, values)
	var names []string
	for _, t := range r.types {
		if t != bsonx.Missing {
			names = append(names, t.String())
		}
	}
	if len(names) == 1 {
		return b.String("expectedType", names[0])
	}
	return b.Strings("expectedTypes", names)
}

func appendConsidered(b *bsonx.Builder, values []bsonx.Value) {
	switch len(values) {
	case 0:
	case 1:
		b.Value("consideredValue", values[0])
	default:
		b.Value("consideredValues", bsonx.MakeArray(values...))
	}
}

func appendConsideredTypes(b *bsonx.Builder, values []bsonx.Value) {
	var names []string
	for _, v := range values {
		if name := v.Type.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
	case 1:
		b.String("consideredType", names[0])
	default:
		b.Strings("consideredTypes", names)
	}
}

// collector records the values that a path leads to.
type collector struct{ values []bsonx.Value }

func (c *collector) matchElem(v bsonx.Value) (bool, error) {
	if !v.IsMissing() {
		c.values = append(c.values, v)
	}
	return false, nil
}

func (x *explainer) considered(field string, r leafReason) []bsonx.Value {
	var c collector
	f := newField(field)
	_, _, _ = f.walk(x.doc, &c, leafArrays(!r.whole)) // collecting cannot fail
	return c.values
}
