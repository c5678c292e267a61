package match

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/regex"
)

// schemaParser compiles one keyword into s. d is the document that it stands in.
type schemaParser func(s *schema, k keyword, d bsonx.Doc) error

// schemaKeywords is the table of keywords, filled at start as topOperators is.
var schemaKeywords map[string]schemaParser

func init() {
	schemaKeywords = map[string]schemaParser{
		"additionalItems":      parseAdditionalItems,
		"additionalProperties": parseAdditionalProperties,
		"allOf":                parseSchemaList,
		"anyOf":                parseSchemaList,
		"bsonType":             parseSchemaType,
		"dependencies":         parseDependencies,
		"description":          parseAnnotation,
		"enum":                 parseEnum,
		"exclusiveMaximum":     parseExclusive,
		"exclusiveMinimum":     parseExclusive,
		"items":                parseItems,
		"maxItems":             sizeParser(bsonx.TypeArray, "array did not match specified length"),
		"maxLength":            sizeParser(bsonx.TypeString, "specified string length was not satisfied"),
		"maxProperties":        sizeParser(bsonx.TypeDocument, "specified number of properties was not satisfied"),
		"maximum":              parseBound,
		"minItems":             sizeParser(bsonx.TypeArray, "array did not match specified length"),
		"minLength":            sizeParser(bsonx.TypeString, "specified string length was not satisfied"),
		"minProperties":        sizeParser(bsonx.TypeDocument, "specified number of properties was not satisfied"),
		"minimum":              parseBound,
		"multipleOf":           parseMultiple,
		"not":                  parseSchemaNot,
		"oneOf":                parseSchemaList,
		"pattern":              parsePattern,
		"patternProperties":    parsePatternProperties,
		"properties":           parseProperties,
		"required":             parseRequired,
		"title":                parseAnnotation,
		"type":                 parseSchemaType,
		"uniqueItems":          parseUnique,
	}
}

// unsupportedKeywords are those of the standard that MongoDB refuses.
var unsupportedKeywords = map[string]bool{
	"$ref": true, "$schema": true, "default": true, "definitions": true, "format": true, "id": true,
}

func parseJSONSchema(p *parser, _ string, v bsonx.Value, _ level) ([]Node, error) {
	if p.use == ArrayFilter || p.use == Partial {
		return nil, mongoerr.New(mongoerr.QueryFeatureNotAllowed, "$jsonSchema is not allowed in this context")
	}
	if v.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.TypeMismatch, "$jsonSchema must be an object")
	}
	s, err := parseSchema(v.Doc())
	if err != nil {
		return nil, err
	}
	if len(s.rules) == 0 {
		return nil, nil
	}
	return []Node{&JSONSchema{s}}, nil
}

func parseSchema(d bsonx.Doc) (*schema, error) {
	s := &schema{}
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return s, nil
		}
		parse := schemaKeywords[name]
		switch {
		case unsupportedKeywords[name]:
			return nil, mongoerr.New(mongoerr.FailedToParse, "$jsonSchema keyword '%s' is not currently supported", name)
		case parse == nil:
			return nil, mongoerr.New(mongoerr.FailedToParse, "Unknown $jsonSchema keyword: %s", name)
		}
		if err := parse(s, keyword{name, v}, d); err != nil {
			return nil, err
		}
	}
}

func (s *schema) add(r rule) { s.rules = append(s.rules, r) }

// mistyped is the error for an argument of the wrong type.
func (k keyword) mistyped(want string) error {
	return mongoerr.New(mongoerr.TypeMismatch, "$jsonSchema keyword '%s' must be %s", k.name, want)
}

func (k keyword) wrong(what string) error {
	return mongoerr.New(mongoerr.FailedToParse, "$jsonSchema keyword '%s' %s", k.name, what)
}

func parseAnnotation(s *schema, k keyword, _ bsonx.Doc) error {
	if k.spec.Type != bsonx.TypeString {
		return k.mistyped("of type string")
	}
	if k.name == "title" {
		s.title = k.spec.Str()
	} else {
		s.description = k.spec.Str()
	}
	return nil
}

// jsonTypes are the names of the type keyword.
var jsonTypes = map[string]bool{"array": true, "boolean": true, "null": true, "number": true, "object": true, "string": true}

func parseSchemaType(s *schema, k keyword, d bsonx.Doc) error {
	if k.name == "type" && !d.Lookup("bsonType").IsMissing() {
		return mongoerr.New(mongoerr.FailedToParse, "Cannot specify both $jsonSchema keywords 'type' and 'bsonType'")
	}
	r := &schemaType{keyword: k}
	names := []string{k.spec.Str()}
	switch k.spec.Type {
	case bsonx.TypeString:
	case bsonx.TypeArray:
		var err error
		if names, err = k.strings(k.spec); err != nil {
			return err
		}
	default:
		return k.mistyped("either a string or an array of strings")
	}
	for _, name := range names {
		if err := r.addName(name); err != nil {
			return err
		}
	}
	s.add(r)
	return nil
}

func (r *schemaType) addName(name string) error {
	if r.name == "type" {
		switch {
		case name == "integer":
			return mongoerr.New(mongoerr.FailedToParse, "$jsonSchema type 'integer' is not currently supported.")
		case !jsonTypes[name]:
			return mongoerr.New(mongoerr.BadValue, "Unknown type name alias: %s", name)
		case name == "boolean":
			name = "bool"
		}
	}
	return addType(&r.types, bsonx.String(name))
}

// strings reads an array of distinct strings, at least one.
func (k keyword) strings(v bsonx.Value) ([]string, error) {
	if v.Type != bsonx.TypeArray {
		return nil, k.mistyped("an array")
	}
	if v.Doc().IsEmpty() {
		return nil, k.wrong("cannot be an empty array")
	}
	var names []string
	seen := make(map[string]bool)
	for it := v.Doc().Iter(); ; {
		_, e, ok := it.Next()
		switch {
		case !ok:
			return names, nil
		case e.Type != bsonx.TypeString:
			return nil, mongoerr.New(mongoerr.TypeMismatch, "$jsonSchema keyword '%s' must be an array of strings, but found an element of type: %s", k.name, e.Type)
		case seen[e.Str()]:
			return nil, k.wrong("array cannot contain duplicate values")
		}
		seen[e.Str()] = true
		names = append(names, e.Str())
	}
}

func parseBound(s *schema, k keyword, d bsonx.Doc) error {
	if !k.spec.IsNumber() {
		return k.mistyped("a number")
	}
	op, exclusive := Lte, d.Lookup("exclusiveMaximum")
	if k.name == "minimum" {
		op, exclusive = Gte, d.Lookup("exclusiveMinimum")
	}
	if exclusive.Bool() {
		op-- // Lt and Gt come before Lte and Gte
	}
	s.add(&schemaBound{k, Compare{Op: op, Value: k.spec}})
	return nil
}

// parseExclusive only checks: the bound reads it.
func parseExclusive(_ *schema, k keyword, d bsonx.Doc) error {
	if k.spec.Type != bsonx.TypeBool {
		return k.mistyped("a boolean")
	}
	bound := "m" + strings.TrimPrefix(k.name, "exclusiveM")
	if d.Lookup(bound).IsMissing() {
		return mongoerr.New(mongoerr.FailedToParse, "$jsonSchema keyword '%s' must be a present if %s is present", bound, k.name)
	}
	return nil
}

func parseMultiple(s *schema, k keyword, _ bsonx.Doc) error {
	if !k.spec.IsNumber() {
		return k.mistyped("a number")
	}
	divisor, ok := rational(k.spec)
	if !ok || divisor.Sign() <= 0 {
		return k.wrong("must have a positive value")
	}
	s.add(&schemaMultiple{k, divisor})
	return nil
}

func sizeParser(t bsonx.Type, reason string) schemaParser {
	return func(s *schema, k keyword, _ bsonx.Doc) error {
		if !k.spec.IsNumber() {
			return k.mistyped("a number")
		}
		n, ok := integral(k.spec)
		switch {
		case !ok:
			return k.wrong("must be representable as a 64-bit integer")
		case n < 0:
			return k.wrong("must be a non-negative number")
		}
		s.add(&schemaSize{keyword: k, typ: t, limit: n, upper: strings.HasPrefix(k.name, "max"), reason: reason})
		return nil
	}
}

func parsePattern(s *schema, k keyword, _ bsonx.Doc) error {
	if k.spec.Type != bsonx.TypeString {
		return k.mistyped("of type string")
	}
	re, err := compileSchemaRegex(k.spec.Str())
	if err != nil {
		return err
	}
	s.add(&schemaPattern{k, re})
	return nil
}

func compileSchemaRegex(pattern string) (*regex.Regexp, error) {
	re, err := regex.Compile(pattern, "")
	if err != nil {
		return nil, mongoerr.New(51091, "Regular expression is invalid: %w", err)
	}
	return re, nil
}

func parseEnum(s *schema, k keyword, _ bsonx.Doc) error {
	if k.spec.Type != bsonx.TypeArray {
		return k.mistyped("an array")
	}
	r := &schemaEnum{keyword: k}
	for it := k.spec.Doc().Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		if r.holds(v) {
			return k.wrong("array cannot contain duplicate values")
		}
		r.values = append(r.values, v)
	}
	if len(r.values) == 0 {
		return k.wrong("cannot be an empty array")
	}
	s.add(r)
	return nil
}

func parseUnique(s *schema, k keyword, _ bsonx.Doc) error {
	if k.spec.Type != bsonx.TypeBool {
		return k.mistyped("a boolean")
	}
	if k.spec.Bool() {
		s.add(&schemaUnique{k})
	}
	return nil
}
