package match

import (
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/regex"
)

// schemaType is type and bsonType.
type schemaType struct {
	keyword
	types TypeSet
}

func (r *schemaType) holds(v bsonx.Value) bool { return r.types.Has(v.Type) }

func (r *schemaType) explain(b *bsonx.Builder, v bsonx.Value) {
	b.String("reason", "type did not match").Value("consideredValue", v).String("consideredType", v.Type.String())
}

// schemaBound is minimum and maximum.
type schemaBound struct {
	keyword
	cmp Compare
}

func (r *schemaBound) holds(v bsonx.Value) bool {
	if !v.IsNumber() {
		return true
	}
	ok, _ := r.cmp.matchElem(v) // comparing cannot fail
	return ok
}

func (r *schemaBound) explain(b *bsonx.Builder, v bsonx.Value) { considered(b, "comparison failed", v) }

func considered(b *bsonx.Builder, reason string, v bsonx.Value) {
	b.String("reason", reason).Value("consideredValue", v)
}

// schemaMultiple is multipleOf.
type schemaMultiple struct {
	keyword
	divisor *big.Rat
}

func (r *schemaMultiple) holds(v bsonx.Value) bool {
	if !v.IsNumber() {
		return true
	}
	n, ok := rational(v)
	return ok && n.Quo(n, r.divisor).IsInt()
}

func (r *schemaMultiple) explain(b *bsonx.Builder, v bsonx.Value) {
	considered(b, "considered value is not a multiple of the specified value", v)
}

// rational converts a finite number, doubles by their first 15 digits, so that 0.3 is three
// times 0.1.
func rational(v bsonx.Value) (*big.Rat, bool) {
	switch v.Type {
	case bsonx.TypeDouble:
		return new(big.Rat).SetString(strconv.FormatFloat(v.Double(), 'g', 15, 64))
	case bsonx.TypeDecimal128:
		m, e, err := v.Decimal128().BigInt()
		if err != nil {
			return nil, false
		}
		if e < 0 {
			return new(big.Rat).SetFrac(m, pow10(-e)), true
		}
		return new(big.Rat).SetInt(m.Mul(m, pow10(e))), true
	}
	return new(big.Rat).SetInt64(v.Int64()), true
}

// schemaSize is minLength, maxLength, minItems, maxItems, minProperties and maxProperties.
type schemaSize struct {
	keyword
	typ    bsonx.Type // of the values that it speaks of
	limit  int64
	upper  bool // limit is the greatest size, not the least
	reason string
}

func (r *schemaSize) size(v bsonx.Value) int {
	if r.typ == bsonx.TypeString {
		return utf8.RuneCountInString(v.Str())
	}
	return v.Doc().Count()
}

func (r *schemaSize) holds(v bsonx.Value) bool {
	if v.Type != r.typ {
		return true
	}
	if n := int64(r.size(v)); r.upper {
		return n <= r.limit
	} else {
		return n >= r.limit
	}
}

func (r *schemaSize) explain(b *bsonx.Builder, v bsonx.Value) {
	b.String("reason", r.reason)
	if r.typ == bsonx.TypeDocument {
		b.Int32("numberOfProperties", int32(r.size(v)))
		return
	}
	b.Value("consideredValue", v)
}

// schemaPattern is pattern.
type schemaPattern struct {
	keyword
	re *regex.Regexp
}

func (r *schemaPattern) holds(v bsonx.Value) bool {
	return v.Type != bsonx.TypeString || r.re.Match(v.Str())
}

func (r *schemaPattern) explain(b *bsonx.Builder, v bsonx.Value) {
	considered(b, "regular expression did not match", v)
}

// schemaEnum is enum.
type schemaEnum struct {
	keyword
	values []bsonx.Value
}

func (r *schemaEnum) holds(v bsonx.Value) bool {
	for _, e := range r.values {
		if equalUnordered(v, e) {
			return true
		}
	}
	return false
}

func (r *schemaEnum) explain(b *bsonx.Builder, v bsonx.Value) {
	considered(b, "value was not found in enum", v)
}

// equalUnordered compares values as schemas do: the order of fields does not matter.
func equalUnordered(a, b bsonx.Value) bool {
	if a.Type != b.Type || a.Type != bsonx.TypeDocument && a.Type != bsonx.TypeArray {
		return bsonx.Equal(a, b)
	}
	if a.Doc().Count() != b.Doc().Count() {
		return false
	}
	for it := a.Doc().Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return true
		}
		if other := b.Doc().Lookup(key); other.IsMissing() || !equalUnordered(v, other) {
			return false
		}
	}
}
