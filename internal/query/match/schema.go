package match

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// JSONSchema is the node of $jsonSchema.
type JSONSchema struct{ schema *schema }

func (n *JSONSchema) match(doc bsonx.Doc, _ *expr.Context) (bool, int, error) {
	return n.schema.holds(bsonx.Document(doc)), -1, nil
}

func (n *JSONSchema) matchElem(v bsonx.Value) (bool, error) { return n.schema.holds(v), nil }

// schema is a compiled schema: the conjunction of its keywords.
type schema struct {
	rules              []rule
	title, description string
}

// rule is one keyword of a schema. It holds for values of types that it does not speak of.
type rule interface {
	holds(v bsonx.Value) bool

	// explain completes what Explain says of a value for which the rule does not hold;
	// name and specification are there.
	explain(b *bsonx.Builder, v bsonx.Value)

	// header returns the name of the keyword and its specification.
	header() keyword
}

// keyword is the name and the argument of a rule.
type keyword struct {
	name string
	spec bsonx.Value
}

func (k keyword) header() keyword { return k }

func (s *schema) holds(v bsonx.Value) bool {
	for _, r := range s.rules {
		if !r.holds(v) {
			return false
		}
	}
	return true
}

// explain returns the array of the rules that do not hold for v.
func (s *schema) explain(v bsonx.Value) bsonx.Value {
	var failed []bsonx.Value
	for _, r := range s.rules {
		if r.holds(v) {
			continue
		}
		k := r.header()
		b := bsonx.NewBuilder(nil).String("operatorName", k.name)
		if !k.spec.IsMissing() {
			b.StartDoc("specifiedAs").Value(k.name, k.spec).End()
		}
		r.explain(b, v)
		failed = append(failed, bsonx.Document(b.Build()))
	}
	return bsonx.MakeArray(failed...)
}

// annotate appends title and description.
func (s *schema) annotate(b *bsonx.Builder) {
	if s.title != "" {
		b.String("title", s.title)
	}
	if s.description != "" {
		b.String("description", s.description)
	}
}
