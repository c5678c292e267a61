package match

import "github.com/tandemdb/tandem/internal/bsonx"

// schemaList is allOf, anyOf and oneOf.
type schemaList struct {
	keyword
	schemas []*schema
}

func (r *schemaList) holds(v bsonx.Value) bool {
	n := 0
	for _, s := range r.schemas {
		if s.holds(v) {
			n++
		}
	}
	switch r.name {
	case "allOf":
		return n == len(r.schemas)
	case "anyOf":
		return n > 0
	}
	return n == 1
}

func (r *schemaList) explain(b *bsonx.Builder, v bsonx.Value) {
	var failed, matched []bsonx.Value
	for i, s := range r.schemas {
		if s.holds(v) {
			matched = append(matched, bsonx.Int32(int32(i)))
			continue
		}
		d := bsonx.NewBuilder(nil).Int32("index", int32(i))
		s.annotate(d)
		failed = append(failed, bsonx.Document(d.Value("details", s.explain(v)).Build()))
	}
	if r.name == "oneOf" && len(matched) > 1 {
		b.String("reason", "more than one subschema matched").Value("matchingSchemaIndexes", bsonx.MakeArray(matched...))
		return
	}
	b.Value("schemasNotSatisfied", bsonx.MakeArray(failed...))
}

// schemaNot is not.
type schemaNot struct {
	keyword
	schema *schema
}

func (r *schemaNot) holds(v bsonx.Value) bool { return !r.schema.holds(v) }

func (r *schemaNot) explain(b *bsonx.Builder, v bsonx.Value) {
	considered(b, "child expression matched", v)
}
