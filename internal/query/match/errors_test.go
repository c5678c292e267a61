package match_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

func TestCompileErrors(t *testing.T) {
	for _, tc := range []struct {
		filter string
		code   mongoerr.Code
		text   string
	}{
		{`{"$foo":1}`, mongoerr.BadValue, "unknown top level operator: $foo. If you have a field name that starts with a '$' symbol, consider using $getField or $setField."},
		{`{"$not":{"a":1}}`, mongoerr.BadValue, "unknown top level operator: $not"},
		{`{"a":{"$foo":1}}`, mongoerr.BadValue, "unknown operator: $foo"},
		{`{"a":{"$gt":1,"b":2}}`, mongoerr.BadValue, "unknown operator: b"},
		{`{"$and":[]}`, mongoerr.BadValue, "$and/$or/$nor must be a nonempty array"},
		{`{"$or":{}}`, mongoerr.BadValue, "$or must be an array"},
		{`{"$nor":[1]}`, mongoerr.BadValue, "entries need to be full objects"},
		{`{"a":{"$in":1}}`, mongoerr.BadValue, "$in needs an array"},
		{`{"a":{"$nin":1}}`, mongoerr.BadValue, "$nin needs an array"},
		{`{"a":{"$in":[{"$gt":1}]}}`, mongoerr.BadValue, "cannot nest $ under $in"},
		{`{"a":{"$gt":{"$regularExpression":{"pattern":"x","options":""}}}}`, mongoerr.BadValue, "Can't have RegEx as arg to predicate over field 'a'."},
		{`{"a":{"$ne":{"$regularExpression":{"pattern":"x","options":""}}}}`, mongoerr.BadValue, "Can't have regex as arg to $ne."},
		{`{"a":{"$undefined":true}}`, mongoerr.BadValue, "cannot compare to undefined"},
		{`{"a":{"$not":1}}`, mongoerr.BadValue, "$not needs a regex or a document"},
		{`{"a":{"$not":{}}}`, mongoerr.BadValue, "$not cannot be empty"},
		{`{"a":{"$not":{"b":1}}}`, mongoerr.BadValue, "unknown operator: b"},
		{`{"a":{"$type":"nonsense"}}`, mongoerr.BadValue, "Unknown type name alias: nonsense"},
		{`{"a":{"$type":99}}`, mongoerr.BadValue, "Invalid numerical type code: 99"},
		{`{"a":{"$type":true}}`, mongoerr.TypeMismatch, "type must be represented as a number or a string"},
		{`{"a":{"$type":[]}}`, mongoerr.FailedToParse, "a must match at least one type"},
		{`{"a":{"$size":1.5}}`, mongoerr.BadValue, "Expected an integer"},
		{`{"a":{"$size":"1"}}`, mongoerr.BadValue, "Expected a number"},
		{`{"a":{"$size":-1}}`, mongoerr.BadValue, "Expected a non-negative number"},
		{`{"a":{"$all":1}}`, mongoerr.BadValue, "$all needs an array"},
		{`{"a":{"$all":[{"$gt":1}]}}`, mongoerr.BadValue, "no $ expressions in $all"},
		{`{"a":{"$all":[{"$elemMatch":{"b":1}},2]}}`, mongoerr.BadValue, "$all/$elemMatch has to be consistent"},
		{`{"a":{"$elemMatch":1}}`, mongoerr.BadValue, "$elemMatch needs an Object"},
		{`{"a":{"$mod":1}}`, mongoerr.BadValue, "malformed mod, needs to be an array"},
		{`{"a":{"$mod":[1]}}`, mongoerr.BadValue, "malformed mod, not enough elements"},
		{`{"a":{"$mod":[1,2,3]}}`, mongoerr.BadValue, "malformed mod, too many elements"},
		{`{"a":{"$mod":["x",2]}}`, mongoerr.BadValue, "malformed mod, divisor not a number"},
		{`{"a":{"$mod":[2,"x"]}}`, mongoerr.BadValue, "malformed mod, remainder not a number"},
		{`{"a":{"$mod":[0.5,1]}}`, mongoerr.BadValue, "divisor cannot be 0"},
		{`{"a":{"$mod":[{"$numberDouble":"NaN"},1]}}`, mongoerr.BadValue, "Unable to coerce NaN/Inf to integral type"},
		{`{"a":{"$regex":1}}`, mongoerr.BadValue, "$regex has to be a string"},
		{`{"a":{"$regex":"("}}`, 51091, "Regular expression is invalid"},
		{`{"a":{"$regex":"x","$options":"q"}}`, 51108, "invalid flag in regex options: q"},
		{`{"a":{"$options":"i"}}`, mongoerr.BadValue, "$options needs a $regex"},
		{`{"a":{"$regex":"x","$options":1}}`, mongoerr.BadValue, "$options has to be a string"},
		{`{"a":{"$regex":{"$regularExpression":{"pattern":"x","options":"i"}},"$options":"m"}}`, 51074, "options set in both $regex and $options"},
		{`{"a":{"$bitsAllSet":-1}}`, mongoerr.FailedToParse, "non-negative"},
		{`{"a":{"$bitsAllSet":1.5}}`, mongoerr.FailedToParse, "Expected an integer"},
		{`{"a":{"$bitsAllSet":"1"}}`, mongoerr.BadValue, "takes an Array, a number, or a BinData"},
		{`{"a":{"$bitsAllSet":[-1]}}`, mongoerr.BadValue, "non-negative"},
		{`{"a":{"$bitsAllSet":["x"]}}`, mongoerr.BadValue, "bit position"},
		{`{"$sampleRate":2}`, mongoerr.BadValue, "$sampleRate"},
		{`{"$alwaysTrue":2}`, mongoerr.FailedToParse, "$alwaysTrue must be an integer value of 1"},
		{`{"$where":"1"}`, mongoerr.NotImplemented, "JavaScript"},
		{`{"$text":{"$search":"x"}}`, mongoerr.IndexNotFound, "text index required"},
		{`{"a":{"$near":[0,0]}}`, mongoerr.NoQueryExecutionPlans, "unable to find index"},
		{`{"a":{"$geoWithin":{}}}`, mongoerr.NotImplemented, "$geoWithin"},
		{`{"a":{"$elemMatch":{"$expr":true}}}`, mongoerr.BadValue, "$expr can only be applied to the top-level document"},
		{`{"$expr":{"$nonsense":1}}`, mongoerr.InvalidPipelineOperator, "$nonsense"},
	} {
		_, err := match.Compile(doc(t, tc.filter), nil)
		requireCode(t, err, tc.code, tc.text)
	}
}

func TestUses(t *testing.T) {
	for _, tc := range []struct {
		use    match.Use
		filter string
		code   mongoerr.Code
	}{
		{match.Pipeline, `{"a":{"$near":[0,0]}}`, 5626500},
		{match.Pipeline, `{"$where":"1"}`, mongoerr.BadValue},
		{match.Validator, `{"$text":{"$search":"x"}}`, mongoerr.BadValue},
		{match.Validator, `{"$where":"1"}`, mongoerr.BadValue},
		{match.ArrayFilter, `{"$expr":true}`, mongoerr.QueryFeatureNotAllowed},
		{match.Upsert, `{"a":1,"$expr":true}`, mongoerr.QueryFeatureNotAllowed},
		{match.Upsert, `{"$or":[{"a":1},{"$expr":true}]}`, mongoerr.QueryFeatureNotAllowed},
		{match.ArrayFilter, `{"$jsonSchema":{}}`, mongoerr.QueryFeatureNotAllowed},
	} {
		_, err := match.CompileFor(tc.use, doc(t, tc.filter), nil)
		requireCode(t, err, tc.code, "")
	}
}

func TestElementFilter(t *testing.T) {
	for _, tc := range []struct {
		cond    string
		yes, no []string
	}{
		{`5`, []string{`5`, `5.0`}, []string{`[5]`, `6`}},
		{`null`, []string{`null`}, []string{`0`}},
		{`{"b":1}`, []string{`{"b":1}`, `{"b":1,"c":2}`, `{"b":[1]}`}, []string{`{"b":2}`, `1`}},
		{`{}`, []string{`{"b":1}`}, []string{`1`}},
		{`{"$gt":5}`, []string{`6`, `[6]`}, []string{`5`, `"x"`}},
		{`{"$in":[1,2]}`, []string{`1`}, []string{`3`}},
		{`{"$not":{"$gt":5}}`, []string{`1`}, []string{`9`}},
		{`{"$regularExpression":{"pattern":"^a","options":""}}`, []string{`"ab"`}, []string{`"b"`, `1`}},
		{`{"$or":[{"b":1},{"c":1}]}`, []string{`{"c":1}`}, []string{`{"d":1}`}},
		{`[1,2]`, []string{`[1,2]`}, []string{`[2,1]`, `1`}},
	} {
		f, err := match.CompileElement(value(t, tc.cond), nil)
		require.NoError(t, err, tc.cond)
		for _, v := range tc.yes {
			ok, err := f.Match(value(t, v))
			require.NoError(t, err)
			require.True(t, ok, "%s should match %s", tc.cond, v)
		}
		for _, v := range tc.no {
			ok, err := f.Match(value(t, v))
			require.NoError(t, err)
			require.False(t, ok, "%s should not match %s", tc.cond, v)
		}
	}
	_, err := match.CompileElement(value(t, `{"$gt":1,"b":1}`), nil)
	requireCode(t, err, mongoerr.BadValue, "unknown operator: b")
}

func TestMatchValue(t *testing.T) {
	f, err := match.CompileFor(match.ArrayFilter, doc(t, `{"e.a":{"$gt":1},"e.b":2}`), nil)
	require.NoError(t, err)
	ok, err := f.MatchValue("e", value(t, `{"a":2,"b":2}`))
	require.NoError(t, err)
	require.True(t, ok)
	ok, err = f.MatchValue("e", value(t, `{"a":1,"b":2}`))
	require.NoError(t, err)
	require.False(t, ok)
}

// value reads one extended JSON value.
func value(t testing.TB, json string) bsonx.Value {
	t.Helper()
	return doc(t, `{"v":`+json+`}`).Lookup("v")
}

// FuzzCompile checks that compiling and matching end without a panic on whatever filter, and
// that the errors carry a code of MongoDB.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`{"a":{"$gt":1,"$in":[1,null]},"$or":[{"b":{"$elemMatch":{"c":{"$not":{"$mod":[2,1]}}}}},{"a.0.b":{"$regex":"^x.*y","$options":"i"}}]}`,
		`{"$jsonSchema":{"properties":{"a":{"bsonType":"int","minimum":1}},"patternProperties":{"x":{}},"additionalProperties":false}}`,
		`{"a":{"$all":[{"$elemMatch":{"$size":2}}]},"b":{"$bitsAnySet":[1,70]},"$expr":{"$eq":["$a",1]},"$nor":[{"a":{"$type":["string",16]}}]}`,
	} {
		f.Add([]byte(doc(f, s)), []byte(doc(f, `{"a":[{"b":[1,{"c":3}]},"x",null],"b":5}`)))
	}
	f.Fuzz(func(t *testing.T, filter, document []byte) {
		if bsonx.Validate(filter, 50) != nil || bsonx.Validate(document, 50) != nil {
			return
		}
		scope := expr.NewScope(nil)
		compiled, err := match.CompileFor(match.Validator, filter, scope)
		if err != nil {
			require.NotEqual(t, mongoerr.InternalError, mongoerr.From(err).Code, err)
			return
		}
		require.NoError(t, bson.Raw(compiled.Source()).Validate())
		ok, err := compiled.Match(document, scope.NewContext())
		if err == nil && !ok {
			require.NoError(t, bsonx.Validate(compiled.Explain(document), 200))
		}
		compiled.Implies(compiled)
	})
}

func TestOperators(t *testing.T) {
	require.Subset(t, match.Operators(), []string{"$and", "$eq", "$elemMatch", "$expr", "$jsonSchema", "$regex", "$comment"})
	require.NotContains(t, match.Operators(), "$where")
	require.Contains(t, match.SchemaKeywords(), "bsonType")
}
