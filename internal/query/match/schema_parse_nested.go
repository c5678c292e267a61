package match

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// schemaOf compiles the schema that is an argument of k or a part of it.
func (k keyword) schemaOf(v bsonx.Value) (*schema, error) {
	if v.Type != bsonx.TypeDocument {
		return nil, k.mistyped("an object")
	}
	return parseSchema(v.Doc())
}

// schemasOf compiles an array of schemas.
func (k keyword) schemasOf(arr bsonx.Doc) ([]*schema, error) {
	var schemas []*schema
	for it := arr.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return schemas, nil
		}
		if v.Type != bsonx.TypeDocument {
			return nil, mongoerr.New(mongoerr.TypeMismatch, "$jsonSchema keyword '%s' must be an array of objects, but found an element of type %s", k.name, v.Type)
		}
		s, err := parseSchema(v.Doc())
		if err != nil {
			return nil, err
		}
		schemas = append(schemas, s)
	}
}

func parseSchemaList(s *schema, k keyword, _ bsonx.Doc) error {
	if k.spec.Type != bsonx.TypeArray {
		return k.mistyped("an array")
	}
	if k.spec.Doc().IsEmpty() {
		return mongoerr.New(mongoerr.BadValue, "$jsonSchema keyword '%s' must be a non-empty array", k.name)
	}
	schemas, err := k.schemasOf(k.spec.Doc())
	if err != nil {
		return err
	}
	k.spec = bsonx.Value{} // what failed is listed instead
	s.add(&schemaList{k, schemas})
	return nil
}

func parseSchemaNot(s *schema, k keyword, _ bsonx.Doc) error {
	inner, err := k.schemaOf(k.spec)
	if err != nil {
		return err
	}
	s.add(&schemaNot{k, inner})
	return nil
}

func parseItems(s *schema, k keyword, _ bsonx.Doc) error {
	if k.spec.Type == bsonx.TypeArray {
		schemas, err := k.schemasOf(k.spec.Doc())
		if err != nil {
			return err
		}
		k.spec = bsonx.Value{}
		s.add(&schemaTuple{k, schemas})
		return nil
	}
	if k.spec.Type != bsonx.TypeDocument {
		return k.mistyped("an array or an object")
	}
	inner, err := parseSchema(k.spec.Doc())
	if err != nil {
		return err
	}
	k.spec = bsonx.Value{}
	s.add(&schemaItems{keyword: k, schema: inner, reason: "At least one item did not match the sub-schema"})
	return nil
}

// parseAdditionalItems has a meaning only beside items with a list of schemas.
func parseAdditionalItems(s *schema, k keyword, d bsonx.Doc) error {
	var inner *schema
	switch k.spec.Type {
	case bsonx.TypeBool:
	case bsonx.TypeDocument:
		var err error
		if inner, err = parseSchema(k.spec.Doc()); err != nil {
			return err
		}
	default:
		return k.mistyped("either an object or a boolean")
	}
	items := d.Lookup("items")
	if items.Type != bsonx.TypeArray || k.spec.Bool() {
		return nil
	}
	from := items.Doc().Count()
	if inner == nil {
		s.add(&schemaNoItems{k, from})
		return nil
	}
	k.spec = bsonx.Value{}
	s.add(&schemaItems{k, from, inner, "At least one additional item did not match the sub-schema"})
	return nil
}

func parseRequired(s *schema, k keyword, _ bsonx.Doc) error {
	names, err := k.strings(k.spec)
	if err != nil {
		return err
	}
	s.add(&schemaRequired{k, names})
	return nil
}

func parseProperties(s *schema, k keyword, _ bsonx.Doc) error {
	if k.spec.Type != bsonx.TypeDocument {
		return k.mistyped("an object")
	}
	r := &schemaProperties{keyword: keyword{name: k.name}}
	for it := k.spec.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if v.Type != bsonx.TypeDocument {
			return mongoerr.New(mongoerr.TypeMismatch, "Nested schema for $jsonSchema property '%s' must be an object", name)
		}
		inner, err := parseSchema(v.Doc())
		if err != nil {
			return err
		}
		r.list = append(r.list, property{name, inner})
	}
	s.add(r)
	return nil
}

func parsePatternProperties(s *schema, k keyword, _ bsonx.Doc) error {
	if k.spec.Type != bsonx.TypeDocument {
		return k.mistyped("an object")
	}
	r := &schemaPatterns{keyword: keyword{name: k.name}}
	for it := k.spec.Doc().Iter(); ; {
		pattern, v, ok := it.Next()
		if !ok {
			break
		}
		if v.Type != bsonx.TypeDocument {
			return mongoerr.New(mongoerr.TypeMismatch, "$jsonSchema keyword 'patternProperties' has property '%s' which is not an object", pattern)
		}
		re, err := compileSchemaRegex(pattern)
		if err != nil {
			return err
		}
		inner, err := parseSchema(v.Doc())
		if err != nil {
			return err
		}
		r.list = append(r.list, patternProperty{pattern, re, inner})
	}
	s.add(r)
	return nil
}

func parseAdditionalProperties(s *schema, k keyword, d bsonx.Doc) error {
	r := &schemaAdditional{keyword: k, names: make(map[string]bool)}
	switch k.spec.Type {
	case bsonx.TypeBool:
		if k.spec.Bool() {
			return nil
		}
	case bsonx.TypeDocument:
		var err error
		if r.schema, err = parseSchema(k.spec.Doc()); err != nil {
			return err
		}
		r.spec = bsonx.Value{}
	default:
		return k.mistyped("an object or a boolean")
	}
	// Only the patterns are compiled here: with their schemas, nesting would cost twice
	// as much a level.
	for it := d.Lookup("patternProperties").Doc().Iter(); ; {
		pattern, _, ok := it.Next()
		if !ok {
			break
		}
		re, err := compileSchemaRegex(pattern)
		if err != nil {
			return err
		}
		r.patterns = append(r.patterns, re)
	}
	for it := d.Lookup("properties").Doc().Iter(); ; {
		name, _, ok := it.Next()
		if !ok {
			break
		}
		r.names[name] = true
	}
	s.add(r)
	return nil
}

func parseDependencies(s *schema, k keyword, _ bsonx.Doc) error {
	if k.spec.Type != bsonx.TypeDocument {
		return k.mistyped("an object")
	}
	r := &schemaDependencies{keyword: keyword{name: k.name}}
	for it := k.spec.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		d := dependency{name: name}
		var err error
		switch v.Type {
		case bsonx.TypeDocument:
			d.schema, err = parseSchema(v.Doc())
		case bsonx.TypeArray:
			d.names, err = k.strings(v)
		default:
			err = mongoerr.New(mongoerr.TypeMismatch, "$jsonSchema keyword 'dependencies' must have properties that are objects or arrays")
		}
		if err != nil {
			return err
		}
		r.list = append(r.list, d)
	}
	s.add(r)
	return nil
}
