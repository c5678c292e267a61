package match_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/match"
)

func TestJSONSchema(t *testing.T) {
	for _, tc := range []struct {
		schema  string
		yes, no []string
	}{
		{`{}`, []string{`{}`, `{"a":1}`}, nil},
		{`{"required":["a","b"]}`, []string{`{"a":1,"b":null}`}, []string{`{"a":1}`, `{}`}},
		{`{"properties":{"a":{"bsonType":"int"}}}`, []string{`{}`, `{"a":1}`}, []string{`{"a":1.5}`, `{"a":[1]}`}},
		{`{"properties":{"a":{"bsonType":["int","string"]}}}`, []string{`{"a":"x"}`}, []string{`{"a":true}`}},
		{`{"properties":{"a":{"type":"number"}}}`, []string{`{"a":1}`, `{"a":1.5}`}, []string{`{"a":"x"}`}},
		{`{"properties":{"a":{"type":"boolean"}}}`, []string{`{"a":true}`}, []string{`{"a":1}`}},
		{`{"properties":{"a":{"minimum":2,"maximum":4}}}`, []string{`{"a":2}`, `{"a":4.0}`, `{"a":"x"}`}, []string{`{"a":1}`, `{"a":5}`}},
		{`{"properties":{"a":{"minimum":2,"exclusiveMinimum":true}}}`, []string{`{"a":3}`}, []string{`{"a":2}`}},
		{`{"properties":{"a":{"maximum":2,"exclusiveMaximum":true}}}`, []string{`{"a":1}`}, []string{`{"a":2}`}},
		{`{"properties":{"a":{"multipleOf":0.1}}}`, []string{`{"a":0.3}`, `{"a":2}`, `{"a":{"$numberDecimal":"1.7"}}`}, []string{`{"a":0.35}`, `{"a":{"$numberDouble":"NaN"}}`}},
		{`{"properties":{"a":{"minLength":2,"maxLength":3}}}`, []string{`{"a":"äö"}`, `{"a":5}`}, []string{`{"a":"ä"}`, `{"a":"abcd"}`}},
		{`{"properties":{"a":{"pattern":"^x"}}}`, []string{`{"a":"xy"}`, `{"a":1}`}, []string{`{"a":"yx"}`}},
		{`{"properties":{"a":{"enum":[1,{"x":1,"y":2}]}}}`, []string{`{"a":1.0}`, `{"a":{"y":2,"x":1}}`}, []string{`{"a":2}`}},
		{`{"properties":{"a":{"minItems":1,"maxItems":2}}}`, []string{`{"a":[1]}`, `{"a":1}`}, []string{`{"a":[]}`, `{"a":[1,2,3]}`}},
		{`{"properties":{"a":{"uniqueItems":true}}}`, []string{`{"a":[1,2]}`}, []string{`{"a":[1,1.0]}`, `{"a":[{"x":1,"y":2},{"y":2,"x":1}]}`}},
		{`{"properties":{"a":{"items":{"type":"number"}}}}`, []string{`{"a":[1,2]}`, `{"a":[]}`}, []string{`{"a":[1,"x"]}`}},
		{`{"properties":{"a":{"items":[{"type":"number"},{"type":"string"}],"additionalItems":false}}}`, []string{`{"a":[1,"x"]}`, `{"a":[1]}`}, []string{`{"a":[1,"x",2]}`, `{"a":["x"]}`}},
		{`{"properties":{"a":{"items":[{"type":"number"}],"additionalItems":{"type":"string"}}}}`, []string{`{"a":[1,"x","y"]}`}, []string{`{"a":[1,2]}`}},
		{`{"minProperties":1,"maxProperties":2}`, []string{`{"a":1}`}, []string{`{}`, `{"a":1,"b":1,"c":1}`}},
		{`{"properties":{"a":{}},"patternProperties":{"^n_":{"type":"number"}},"additionalProperties":false}`, []string{`{"a":"x","n_1":5}`}, []string{`{"b":1}`, `{"n_1":"x"}`}},
		{`{"properties":{"a":{}},"additionalProperties":{"type":"string"}}`, []string{`{"a":1,"b":"x"}`}, []string{`{"b":1}`}},
		{`{"dependencies":{"a":["b"],"c":{"required":["d"]}}}`, []string{`{}`, `{"a":1,"b":1}`, `{"c":1,"d":1}`}, []string{`{"a":1}`, `{"c":1}`}},
		{`{"allOf":[{"required":["a"]},{"required":["b"]}]}`, []string{`{"a":1,"b":1}`}, []string{`{"a":1}`}},
		{`{"anyOf":[{"required":["a"]},{"required":["b"]}]}`, []string{`{"a":1}`}, []string{`{"c":1}`}},
		{`{"oneOf":[{"required":["a"]},{"required":["b"]}]}`, []string{`{"a":1}`}, []string{`{"a":1,"b":1}`, `{}`}},
		{`{"not":{"required":["a"]}}`, []string{`{"b":1}`}, []string{`{"a":1}`}},
		{`{"title":"t","description":"d","bsonType":"object"}`, []string{`{}`}, nil},
	} {
		f := compile(t, `{"$jsonSchema":`+tc.schema+`}`)
		for _, d := range tc.yes {
			require.True(t, matches(t, f, d), "%s should accept %s", tc.schema, d)
		}
		for _, d := range tc.no {
			require.False(t, matches(t, f, d), "%s should refuse %s", tc.schema, d)
			details := f.Explain(doc(t, d))
			require.False(t, details.Lookup("schemaRulesNotSatisfied").Doc().IsEmpty(), "%s on %s: %s", tc.schema, d, details)
		}
	}
}

func TestJSONSchemaErrors(t *testing.T) {
	for _, tc := range []struct {
		schema string
		code   mongoerr.Code
		text   string
	}{
		{`5`, mongoerr.TypeMismatch, "$jsonSchema must be an object"},
		{`{"foo":1}`, mongoerr.FailedToParse, "Unknown $jsonSchema keyword: foo"},
		{`{"format":"x"}`, mongoerr.FailedToParse, "keyword 'format' is not currently supported"},
		{`{"type":"integer"}`, mongoerr.FailedToParse, "type 'integer' is not currently supported"},
		{`{"type":"nonsense"}`, mongoerr.BadValue, "Unknown type name alias: nonsense"},
		{`{"bsonType":"nonsense"}`, mongoerr.BadValue, ""},
		{`{"type":"object","bsonType":"object"}`, mongoerr.FailedToParse, "Cannot specify both"},
		{`{"bsonType":5}`, mongoerr.TypeMismatch, ""},
		{`{"required":[]}`, mongoerr.FailedToParse, "cannot be an empty array"},
		{`{"required":"a"}`, mongoerr.TypeMismatch, "must be an array"},
		{`{"required":["a","a"]}`, mongoerr.FailedToParse, "duplicate values"},
		{`{"required":[1]}`, mongoerr.TypeMismatch, ""},
		{`{"properties":{"a":1}}`, mongoerr.TypeMismatch, "Nested schema for $jsonSchema property 'a' must be an object"},
		{`{"minLength":-1}`, mongoerr.FailedToParse, ""},
		{`{"minLength":"x"}`, mongoerr.TypeMismatch, ""},
		{`{"minLength":1.5}`, mongoerr.FailedToParse, ""},
		{`{"multipleOf":0}`, mongoerr.FailedToParse, "positive"},
		{`{"exclusiveMaximum":true}`, mongoerr.FailedToParse, "'maximum' must be a present"},
		{`{"enum":[]}`, mongoerr.FailedToParse, ""},
		{`{"enum":[1,1.0]}`, mongoerr.FailedToParse, "duplicate"},
		{`{"pattern":"["}`, 51091, ""},
		{`{"allOf":[]}`, mongoerr.BadValue, "non-empty"},
		{`{"additionalProperties":1}`, mongoerr.TypeMismatch, ""},
		{`{"title":1}`, mongoerr.TypeMismatch, ""},
	} {
		_, err := match.Compile(doc(t, `{"$jsonSchema":`+tc.schema+`}`), nil)
		requireCode(t, err, tc.code, tc.text)
	}
}

func TestExplain(t *testing.T) {
	for _, tc := range []struct{ filter, doc, details string }{
		{
			`{"a":{"$gt":5}}`, `{"a":3}`,
			`{"operatorName":"$gt","specifiedAs":{"a":{"$gt":5}},"reason":"comparison failed","consideredValue":3}`,
		},
		{`{"a":5}`, `{}`, `{"operatorName":"$eq","specifiedAs":{"a":5},"reason":"field was missing"}`},
		{
			`{"a":{"$ne":5}}`, `{"a":5}`,
			`{"operatorName":"$ne","specifiedAs":{"a":{"$ne":5}},"reason":"comparison succeeded","consideredValue":5}`,
		},
		{
			`{"a":{"$lt":5}}`, `{"a":[7,8]}`,
			`{"operatorName":"$lt","specifiedAs":{"a":{"$lt":5}},"reason":"comparison failed","consideredValues":[7,8,[7,8]]}`,
		},
		{`{"a":{"$exists":true}}`, `{}`, `{"operatorName":"$exists","specifiedAs":{"a":{"$exists":true}},"reason":"path does not exist"}`},
		{
			`{"a":{"$exists":false}}`, `{"a":1}`,
			`{"operatorName":"$exists","specifiedAs":{"a":{"$exists":false}},"reason":"path does exist","consideredValue":1}`,
		},
		{
			`{"a":{"$type":"string"}}`, `{"a":1}`,
			`{"operatorName":"$type","specifiedAs":{"a":{"$type":"string"}},"reason":"type did not match","consideredValue":1,"consideredType":"int"}`,
		},
		{
			`{"a":{"$in":[1,2]}}`, `{"a":3}`,
			`{"operatorName":"$in","specifiedAs":{"a":{"$in":[1,2]}},"reason":"no matching value found in array","consideredValue":3}`,
		},
		{
			`{"a":{"$regex":"^x","$options":"i"}}`, `{"a":5}`,
			`{"operatorName":"$regex","specifiedAs":{"a":{"$regex":"^x","$options":"i"}},"reason":"type did not match","consideredValue":5,"consideredType":"int","expectedTypes":["regex","string","symbol"]}`,
		},
		{
			`{"a":{"$size":2}}`, `{"a":[1]}`,
			`{"operatorName":"$size","specifiedAs":{"a":{"$size":2}},"reason":"array length was not equal to given size","consideredValue":[1]}`,
		},
		{
			`{"a":1,"b":{"$gt":1,"$lt":9}}`, `{"a":1,"b":10}`,
			`{"operatorName":"$and","clausesNotSatisfied":[{"index":2,"details":{"operatorName":"$lt","specifiedAs":{"b":{"$lt":9}},"reason":"comparison failed","consideredValue":10}}]}`,
		},
		{
			`{"$or":[{"a":1},{"b":1}]}`, `{"a":2}`,
			`{"operatorName":"$or","clausesNotSatisfied":[{"index":0,"details":{"operatorName":"$eq","specifiedAs":{"a":1},"reason":"comparison failed","consideredValue":2}},{"index":1,"details":{"operatorName":"$eq","specifiedAs":{"b":1},"reason":"field was missing"}}]}`,
		},
		{
			`{"$nor":[{"a":1},{"b":1}]}`, `{"a":1}`,
			`{"operatorName":"$nor","clausesNotSatisfied":[{"index":0,"details":{"operatorName":"$eq","specifiedAs":{"a":1},"reason":"comparison succeeded","consideredValue":1}}]}`,
		},
		{
			`{"a":{"$not":{"$gt":1}}}`, `{"a":2}`,
			`{"operatorName":"$not","details":{"operatorName":"$gt","specifiedAs":{"a":{"$gt":1}},"reason":"comparison succeeded","consideredValue":2}}`,
		},
		{
			`{"$expr":{"$gt":["$a","$b"]}}`, `{"a":1,"b":2}`,
			`{"operatorName":"$expr","specifiedAs":{"$expr":{"$gt":["$a","$b"]}},"reason":"expression did not match","expressionResult":false}`,
		},
		{
			`{"$jsonSchema":{"title":"Student","required":["name"],"properties":{"gpa":{"bsonType":"double","description":"must be a double"}}}}`, `{"gpa":3}`,
			`{"operatorName":"$jsonSchema","title":"Student","schemaRulesNotSatisfied":[{"operatorName":"required","specifiedAs":{"required":["name"]},"missingProperties":["name"]},{"operatorName":"properties","propertiesNotSatisfied":[{"propertyName":"gpa","description":"must be a double","details":[{"operatorName":"bsonType","specifiedAs":{"bsonType":"double"},"reason":"type did not match","consideredValue":3,"consideredType":"int"}]}]}]}`,
		},
	} {
		f, err := match.CompileFor(match.Validator, doc(t, tc.filter), nil)
		require.NoError(t, err)
		require.False(t, matches(t, f, tc.doc))
		require.Equal(t, doc(t, tc.details).String(), f.Explain(doc(t, tc.doc)).String(), "%s on %s", tc.filter, tc.doc)
	}
}
