package match

import "github.com/tandemdb/tandem/internal/bsonx"

// schemaUnique is uniqueItems.
type schemaUnique struct{ keyword }

func (r *schemaUnique) holds(v bsonx.Value) bool { return r.duplicate(v).IsMissing() }

// duplicate returns an element that is there twice, the missing value if none is.
func (r *schemaUnique) duplicate(v bsonx.Value) bsonx.Value {
	if v.Type != bsonx.TypeArray {
		return bsonx.Value{}
	}
	for it := v.Doc().Iter(); ; {
		_, a, ok := it.Next()
		if !ok {
			return bsonx.Value{}
		}
		for rest := it; ; {
			_, b, ok := rest.Next()
			if !ok {
				break
			}
			if equalUnordered(a, b) {
				return b
			}
		}
	}
}

func (r *schemaUnique) explain(b *bsonx.Builder, v bsonx.Value) {
	considered(b, "found a duplicate item", v)
	b.Value("duplicatedValue", r.duplicate(v))
}

// schemaItems is items with one schema for all elements, and additionalItems with one for
// those beyond the first ones.
type schemaItems struct {
	keyword
	from   int
	schema *schema
	reason string
}

func (r *schemaItems) holds(v bsonx.Value) bool { i, _ := r.failing(v); return i < 0 }

func (r *schemaItems) failing(v bsonx.Value) (int, bsonx.Value) {
	if v.Type != bsonx.TypeArray {
		return -1, v
	}
	it := v.Doc().Iter()
	for i := 0; ; i++ {
		_, e, ok := it.Next()
		if !ok {
			return -1, e
		}
		if i >= r.from && !r.schema.holds(e) {
			return i, e
		}
	}
}

func (r *schemaItems) explain(b *bsonx.Builder, v bsonx.Value) {
	i, e := r.failing(v)
	b.String("reason", r.reason).Int32("itemIndex", int32(i)).Value("details", r.schema.explain(e))
}

// schemaTuple is items with a schema for each position.
type schemaTuple struct {
	keyword
	schemas []*schema
}

func (r *schemaTuple) holds(v bsonx.Value) bool {
	return v.Type != bsonx.TypeArray || len(r.failing(v)) == 0
}

func (r *schemaTuple) failing(v bsonx.Value) []bsonx.Value {
	var failed []bsonx.Value
	it := v.Doc().Iter()
	for i, s := range r.schemas {
		_, e, ok := it.Next()
		if !ok {
			break
		}
		if s.holds(e) {
			continue
		}
		b := bsonx.NewBuilder(nil).Int32("itemIndex", int32(i))
		s.annotate(b)
		failed = append(failed, bsonx.Document(b.Value("details", s.explain(e)).Build()))
	}
	return failed
}

func (r *schemaTuple) explain(b *bsonx.Builder, v bsonx.Value) {
	b.Value("details", bsonx.MakeArray(r.failing(v)...))
}

// schemaNoItems is additionalItems: false.
type schemaNoItems struct {
	keyword
	from int
}

func (r *schemaNoItems) holds(v bsonx.Value) bool {
	return v.Type != bsonx.TypeArray || v.Doc().Count() <= r.from
}

func (r *schemaNoItems) explain(b *bsonx.Builder, v bsonx.Value) {
	var more []bsonx.Value
	for i := r.from; i < v.Doc().Count(); i++ {
		more = append(more, v.Doc().Index(i))
	}
	b.String("reason", "found additional items").Value("additionalItems", bsonx.MakeArray(more...))
}
