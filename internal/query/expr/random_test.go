package expr_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// randomValues are what random expressions are made of, as extended JSON.
var randomValues = []string{
	`null`, `0`, `1`, `-1`, `2`, `2147483647`, `-2147483648`, `1.5`, `-0.0`, `1e300`, `{"$numberDouble": "NaN"}`,
	`{"$numberDouble": "-Infinity"}`, `{"$numberLong": "9223372036854775807"}`, `{"$numberLong": "-9223372036854775808"}`,
	`{"$numberDecimal": "1.50"}`, `{"$numberDecimal": "NaN"}`, `{"$numberDecimal": "1E+6111"}`, `{"$numberDecimal": "-1E-6176"}`,
	`{"$numberDecimal": "Infinity"}`, `""`, `"a"`, `"é€𝄞"`, `"2021-01-03"`, `"day"`, `"UTC"`, `"%Y %d"`, `"approximate"`, `"(a)|b*"`, `"int"`,
	`true`, `false`, `[]`, `[1, 2, 3]`, `["a", null, [1]]`, `[["k", 1]]`, `[{"k": "x", "v": 1}]`, `{}`, `{"a": 1}`,
	`{"$date": {"$numberLong": "1609646706007"}}`, `{"$date": {"$numberLong": "9223372036854775807"}}`,
	`{"$date": {"$numberLong": "-9223372036854775808"}}`, `{"$timestamp": {"t": 5, "i": 1}}`,
	`{"$oid": "507f1f77bcf86cd799439011"}`, `{"$binary": {"base64": "AAEC", "subType": "00"}}`,
	`{"$regularExpression": {"pattern": "a", "options": "i"}}`, `{"$minKey": 1}`, `{"$undefined": true}`,
	`"$a"`, `"$b.c"`, `"$missing"`, `"$$ROOT"`, `"$$REMOVE"`, `"$$NOW"`,
}

type generator struct {
	r    *rand.Rand
	ops  []expr.Operator
	vals []bsonx.Value
}

func (g *generator) value(depth int) bsonx.Value {
	if depth > 0 && g.r.IntN(3) == 0 {
		return g.operator(g.ops[g.r.IntN(len(g.ops))].Name, depth-1)
	}
	return g.vals[g.r.IntN(len(g.vals))]
}

// operator makes {name: operand} with operands that may or may not suit.
func (g *generator) operator(name string, depth int) bsonx.Value {
	b := bsonx.NewBuilder(nil)
	switch g.r.IntN(4) {
	case 0:
		b.Value(name, g.value(depth))
	case 1, 2:
		vals := make([]bsonx.Value, g.r.IntN(4))
		for i := range vals {
			vals[i] = g.value(depth)
		}
		b.Value(name, bsonx.MakeArray(vals...))
	default:
		b.Value(name, g.named(name, depth))
	}
	return bsonx.Document(b.Build())
}

// named makes an object of the operator's named operands, mostly all of them.
func (g *generator) named(op string, depth int) bsonx.Value {
	b := bsonx.NewBuilder(nil)
	for _, n := range operandNames[op] {
		if g.r.IntN(5) > 0 {
			b.Value(n, g.value(depth))
		}
	}
	return bsonx.Document(b.Build())
}

// operandNames says which names operators accept.
var operandNames = map[string][]string{
	"$filter": {"input", "cond", "as", "limit"}, "$map": {"input", "in"}, "$reduce": {"input", "initialValue", "in"},
	"$let": {"vars", "in"}, "$cond": {"if", "then", "else"}, "$switch": {"branches", "default"},
	"$zip": {"inputs", "defaults", "useLongestLength"}, "$sortArray": {"input", "sortBy"}, "$getField": {"field", "input"},
	"$setField": {"field", "input", "value"}, "$unsetField": {"field", "input"}, "$trim": {"input", "chars"},
	"$ltrim": {"input", "chars"}, "$rtrim": {"input", "chars"}, "$replaceOne": {"input", "find", "replacement"},
	"$replaceAll": {"input", "find", "replacement"}, "$regexMatch": {"input", "regex", "options"},
	"$regexFind": {"input", "regex"}, "$regexFindAll": {"input", "regex"}, "$dateToString": {"date", "format", "timezone", "onNull"},
	"$dateFromString": {"dateString", "format", "timezone", "onError"}, "$dateAdd": {"startDate", "unit", "amount", "timezone"},
	"$dateSubtract": {"startDate", "unit", "amount"}, "$dateDiff": {"startDate", "endDate", "unit", "startOfWeek"},
	"$dateTrunc": {"date", "unit", "binSize", "startOfWeek"}, "$dateToParts": {"date", "timezone", "iso8601"},
	"$dateFromParts": {"year", "month", "day", "hour", "minute", "second", "millisecond", "timezone"},
	"$convert":       {"input", "to", "format", "byteOrder", "onError", "onNull"},
	"$firstN":        {"n", "input"}, "$lastN": {"n", "input"}, "$maxN": {"n", "input"}, "$minN": {"n", "input"},
	"$median": {"input", "method"}, "$percentile": {"input", "p", "method"}, "$year": {"date", "timezone"}, "$hour": {"date", "timezone"},
}

// Whatever an expression is, it gives a well-formed value or one of MongoDB's errors.
func TestRandomExpressions(t *testing.T) {
	g := &generator{r: rand.New(rand.NewPCG(1, 2)), ops: expr.Operators()}
	for _, v := range randomValues {
		g.vals = append(g.vals, value(t, v))
	}
	doc := document(t, `{"a": [1, 2.5, "x"], "b": {"c": {"$date": {"$numberLong": "1609646706007"}}}}`)
	rounds := 150
	if testing.Short() {
		rounds = 20
	}
	for _, op := range g.ops {
		for range rounds {
			requireSound(t, g.operator(op.Name, 2), doc)
		}
	}
}

// requireSound parses and evaluates e.
func requireSound(t *testing.T, e bsonx.Value, doc bsonx.Doc) {
	t.Helper()
	got, err := eval(t, e, doc)
	if err != nil {
		var me *mongoerr.Error
		require.ErrorAs(t, err, &me, "%s: %v", bsonx.Format(e), err)
		require.NotEqual(t, mongoerr.InternalError, me.Code, "%s: %v", bsonx.Format(e), err)
		require.NotContains(t, me.Message, "%!", bsonx.Format(e))
		return
	}
	out := bsonx.AppendDocEnd(bsonx.AppendElem(bsonx.AppendDocStart(nil), "v", got), 0)
	require.NoError(t, bsonx.Validate(out, 300), bsonx.Format(e))
}

func FuzzParseEval(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"$add": ["$a", 1, {"$multiply": [2, "$b.c"]}]}`, `{"a": 1, "b": {"c": 2}}`},
		{`{"$map": {"input": "$a", "as": "x", "in": {"$concat": ["$$x", "!"]}}}`, `{"a": ["x", "y"]}`},
		{`{"$reduce": {"input": "$a", "initialValue": [], "in": {"$concatArrays": ["$$value", ["$$this"]]}}}`, `{"a": [1, 2]}`},
		{`{"$dateToString": {"date": "$d", "format": "%Y-%m-%d", "timezone": "+05:30"}}`, `{"d": {"$date": "2021-01-03T04:05:06Z"}}`},
		{`{"$dateFromString": {"dateString": "$s", "onError": null}}`, `{"s": "July 4th, 2017 11:56am"}`},
		{`{"$regexFindAll": {"input": "$s", "regex": "(a)|(b)", "options": "i"}}`, `{"s": "xaby"}`},
		{`{"$convert": {"input": "$s", "to": "decimal", "onError": 0}}`, `{"s": "1.5e10"}`},
		{`{"$switch": {"branches": [{"case": {"$gt": ["$a", 1]}, "then": {"$substrCP": ["$s", 0, 1]}}], "default": {"$size": "$x"}}}`, `{"a": 2, "s": "é"}`},
		{`{"$let": {"vars": {"x": {"$setUnion": ["$a", [1]]}}, "in": {"$sortArray": {"input": "$$x", "sortBy": -1}}}}`, `{"a": [3]}`},
		{`{"$pow": [{"$numberDecimal": "1.1"}, "$a"]}`, `{"a": 10}`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, e, d string) {
		var expression, doc bson.Raw
		if bson.UnmarshalExtJSON([]byte(`{"v":`+e+`}`), false, &expression) != nil || bson.UnmarshalExtJSON([]byte(d), false, &doc) != nil {
			return
		}
		if bsonx.Validate(expression, bsonx.MaxDepth) != nil || bsonx.Validate(doc, bsonx.MaxDepth) != nil {
			return
		}
		requireSound(t, bsonx.Doc(expression).Lookup("v"), bsonx.Doc(doc))
	})
}
