package match

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/regex"
)

// schemaRequired is required.
type schemaRequired struct {
	keyword
	names []string
}

func (r *schemaRequired) holds(v bsonx.Value) bool {
	return v.Type != bsonx.TypeDocument || len(missingNames(v.Doc(), r.names)) == 0
}

func (r *schemaRequired) explain(b *bsonx.Builder, v bsonx.Value) {
	b.Strings("missingProperties", missingNames(v.Doc(), r.names))
}

func missingNames(d bsonx.Doc, names []string) []string {
	var missing []string
	for _, name := range names {
		if d.Lookup(name).IsMissing() {
			missing = append(missing, name)
		}
	}
	return missing
}

// property is a schema for the property of a name.
type property struct {
	name   string
	schema *schema
}

// schemaProperties is properties.
type schemaProperties struct {
	keyword
	list []property
}

func (r *schemaProperties) holds(v bsonx.Value) bool {
	if v.Type != bsonx.TypeDocument {
		return true
	}
	for _, p := range r.list {
		if e := v.Doc().Lookup(p.name); !e.IsMissing() && !p.schema.holds(e) {
			return false
		}
	}
	return true
}

func (r *schemaProperties) explain(b *bsonx.Builder, v bsonx.Value) {
	var failed []bsonx.Value
	for _, p := range r.list {
		if e := v.Doc().Lookup(p.name); !e.IsMissing() && !p.schema.holds(e) {
			failed = append(failed, p.schema.failure("propertyName", p.name, e))
		}
	}
	b.Value("propertiesNotSatisfied", bsonx.MakeArray(failed...))
}

// failure describes what v fails, under the name that led to the schema.
func (s *schema) failure(key, name string, v bsonx.Value) bsonx.Value {
	b := bsonx.NewBuilder(nil).String(key, name)
	s.annotate(b)
	return bsonx.Document(b.Value("details", s.explain(v)).Build())
}

// patternProperty is a schema for properties whose names match.
type patternProperty struct {
	pattern string
	re      *regex.Regexp
	schema  *schema
}

// schemaPatterns is patternProperties.
type schemaPatterns struct {
	keyword
	list []patternProperty
}

func (r *schemaPatterns) holds(v bsonx.Value) bool { return len(r.failing(v, 1)) == 0 }

// failing describes up to limit properties that do not satisfy the schema of a pattern.
func (r *schemaPatterns) failing(v bsonx.Value, limit int) []bsonx.Value {
	if v.Type != bsonx.TypeDocument {
		return nil
	}
	var failed []bsonx.Value
	for it := v.Doc().Iter(); ; {
		name, e, ok := it.Next()
		if !ok {
			return failed
		}
		for _, p := range r.list {
			if !p.re.Match(name) || p.schema.holds(e) {
				continue
			}
			b := bsonx.NewBuilder(nil).String("propertyName", name).String("regexMatched", p.pattern)
			p.schema.annotate(b)
			failed = append(failed, bsonx.Document(b.Value("details", p.schema.explain(e)).Build()))
			if len(failed) == limit {
				return failed
			}
		}
	}
}

func (r *schemaPatterns) explain(b *bsonx.Builder, v bsonx.Value) {
	b.Value("details", bsonx.MakeArray(r.failing(v, -1)...))
}

// schemaAdditional is additionalProperties.
type schemaAdditional struct {
	keyword
	names    map[string]bool
	patterns []*regex.Regexp
	schema   *schema // nil: there must be none
}

func (r *schemaAdditional) holds(v bsonx.Value) bool {
	return v.Type != bsonx.TypeDocument || len(r.failing(v.Doc(), 1)) == 0
}

// failing returns up to limit names of additional properties that are not allowed.
func (r *schemaAdditional) failing(d bsonx.Doc, limit int) []string {
	var failed []string
	for it := d.Iter(); ; {
		name, e, ok := it.Next()
		if !ok || len(failed) == limit {
			return failed
		}
		if r.isAdditional(name) && (r.schema == nil || !r.schema.holds(e)) {
			failed = append(failed, name)
		}
	}
}

func (r *schemaAdditional) isAdditional(name string) bool {
	if r.names[name] {
		return false
	}
	for _, re := range r.patterns {
		if re.Match(name) {
			return false
		}
	}
	return true
}

func (r *schemaAdditional) explain(b *bsonx.Builder, v bsonx.Value) {
	if r.schema == nil {
		b.Strings("additionalProperties", r.failing(v.Doc(), -1))
		return
	}
	name := r.failing(v.Doc(), 1)[0]
	b.String("reason", "at least one additional property did not match the subschema")
	b.String("failingProperty", name).Value("details", r.schema.explain(v.Doc().Lookup(name)))
}

// dependency is what must hold for documents that have a property: others are there, or a
// schema holds.
type dependency struct {
	name   string
	names  []string
	schema *schema
}

// schemaDependencies is dependencies.
type schemaDependencies struct {
	keyword
	list []dependency
}

func (d *dependency) holds(v bsonx.Value) bool {
	switch {
	case v.Doc().Lookup(d.name).IsMissing():
		return true
	case d.schema != nil:
		return d.schema.holds(v)
	}
	return len(missingNames(v.Doc(), d.names)) == 0
}

func (r *schemaDependencies) holds(v bsonx.Value) bool {
	if v.Type != bsonx.TypeDocument {
		return true
	}
	for i := range r.list {
		if !r.list[i].holds(v) {
			return false
		}
	}
	return true
}

func (r *schemaDependencies) explain(b *bsonx.Builder, v bsonx.Value) {
	var failed []bsonx.Value
	for i := range r.list {
		d := &r.list[i]
		if d.holds(v) {
			continue
		}
		if d.schema != nil {
			failed = append(failed, d.schema.failure("conditionalProperty", d.name, v))
			continue
		}
		b := bsonx.NewBuilder(nil).String("conditionalProperty", d.name).Strings("missingProperties", missingNames(v.Doc(), d.names))
		failed = append(failed, bsonx.Document(b.Build()))
	}
	b.Value("failingDependencies", bsonx.MakeArray(failed...))
}
