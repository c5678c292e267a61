package expr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

func TestMiscOperators(t *testing.T) {
	runTable(t, []row{
		{`{"$literal": "$a"}`, `{"a": 1}`, `"$a"`},
		{`{"$literal": {"$add": [1, 2]}}`, ``, `{"$add": [1, 2]}`},
		{`{"$const": [1, "$a"]}`, ``, `[1, "$a"]`},
		{`{"$type": "$a"}`, `{"a": 1}`, `"int"`},
		{`{"$type": "$a"}`, `{}`, `"missing"`},
		{`{"$type": "$a"}`, `{"a": null}`, `"null"`},
		{`{"$type": "$a"}`, `{"a": {"$numberLong": "1"}}`, `"long"`},
		{`{"$type": [[1]]}`, ``, `"array"`},
		{`{"$type": "$a"}`, `{"a": {"$binary": {"base64": "", "subType": "00"}}}`, `"binData"`},
		{`{"$binarySize": "$a"}`, `{"a": "é"}`, `2`},
		{`{"$binarySize": "$a"}`, `{"a": {"$binary": {"base64": "AAEC", "subType": "00"}}}`, `3`},
		{`{"$binarySize": "$a"}`, `{}`, `null`},
		{`{"$binarySize": "$a"}`, `{"a": 1}`, `! 51276`},
		{`{"$bsonSize": "$$ROOT"}`, `{"a": 1}`, `12`},
		{`{"$bsonSize": {}}`, ``, `5`},
		{`{"$bsonSize": "$a"}`, `{}`, `null`},
		{`{"$bsonSize": "$a"}`, `{"a": [1]}`, `! 31393`},
		{`{"$function": {"body": "x", "args": [], "lang": "js"}}`, ``, `! 31264 $function`},
		{`{"$meta": 1}`, ``, `! 17307`},
		{`{"$meta": "foo"}`, ``, `! 17308`},
		{`{"$meta": "textScore"}`, ``, `! 40218 textScore`},
		{`{"$rand": 1}`, ``, `! 10065`},
		{`{"$rand": {"a": 1}}`, ``, `! 3040501`},
		{`{"$lt": [{"$rand": {}}, 1]}`, ``, `true`},
		{`{"$gte": [{"$rand": []}, 0]}`, ``, `true`},
		{`{"$tsSecond": "$a"}`, `{"a": {"$timestamp": {"t": 5, "i": 9}}}`, `{"$numberLong": "5"}`},
		{`{"$tsIncrement": "$a"}`, `{"a": {"$timestamp": {"t": 5, "i": 9}}}`, `{"$numberLong": "9"}`},
		{`{"$tsSecond": "$a"}`, `{}`, `null`},
		{`{"$tsSecond": "$a"}`, `{"a": 1}`, `! 5687301 Argument to $tsSecond must be a timestamp, but is int`},
		{`{"$tsIncrement": "$a"}`, `{"a": 1}`, `! 5687302`},
		{`{"$toHashedIndexKey": 42}`, ``, `{"$numberLong": "-944302157085130861"}`},
		{`{"$toHashedIndexKey": "$a"}`, `{"a": 42.123}`, `{"$numberLong": "-944302157085130861"}`},
		{`{"$toHashedIndexKey": "$a"}`, `{"a": {"$numberDecimal": "42"}}`, `{"$numberLong": "-944302157085130861"}`},
		{`{"$eq": [{"$toHashedIndexKey": "$a"}, {"$toHashedIndexKey": null}]}`, `{}`, `true`},
		{`{"$eq": [{"$toHashedIndexKey": {"x": [1]}}, {"$toHashedIndexKey": {"x": [1.0]}}]}`, `{}`, `true`},
		{`{"$eq": [{"$toHashedIndexKey": {"x": 1}}, {"$toHashedIndexKey": {"y": 1}}]}`, `{}`, `false`},
	})
}

func TestRandUsesTheEnvironment(t *testing.T) {
	scope := expr.NewScope(&expr.Env{Rand: func() float64 { return 0.25 }})
	e, err := expr.Parse(value(t, `{"$rand": {}}`), scope)
	require.NoError(t, err)
	got, err := e.Eval(scope.NewContext())
	require.NoError(t, err)
	requireIdentical(t, bsonx.Double(0.25), got, "$rand")
}

func TestBitOperators(t *testing.T) {
	runTable(t, []row{
		{`{"$bitAnd": [12, 10]}`, ``, `8`},
		{`{"$bitAnd": ["$a", {"$numberLong": "6"}]}`, `{"a": 3}`, `{"$numberLong": "2"}`},
		{`{"$bitAnd": []}`, ``, `-1`},
		{`{"$bitAnd": [1, null]}`, ``, `null`},
		{`{"$bitAnd": [1, 1.5]}`, ``, `! 14 $bitAnd only supports int and long operands.`},
		{`{"$bitOr": [12, 10]}`, ``, `14`},
		{`{"$bitOr": [-1, {"$numberLong": "0"}]}`, ``, `{"$numberLong": "-1"}`},
		{`{"$bitOr": []}`, ``, `0`},
		{`{"$bitOr": ["x"]}`, ``, `! 14`},
		{`{"$bitXor": [12, 10, 1]}`, ``, `7`},
		{`{"$bitXor": "$a"}`, `{"a": 5}`, `5`},
		{`{"$bitNot": 5}`, ``, `-6`},
		{`{"$bitNot": {"$numberLong": "0"}}`, ``, `{"$numberLong": "-1"}`},
		{`{"$bitNot": null}`, ``, `null`},
		{`{"$bitNot": 1.5}`, ``, `! 14 $bitNot only supports int and long, not: double.`},
		{`{"$bitNot": "x"}`, ``, `! 28765`},
	})
}

func TestAccumulatorsAsExpressions(t *testing.T) {
	runTable(t, []row{
		{`{"$sum": "$a"}`, `{"a": [1, 2, "x", 3]}`, `6`},
		{`{"$sum": ["$a", "$b"]}`, `{"a": 1, "b": 2.5}`, `3.5`},
		{`{"$sum": ["$a", "$b"]}`, `{"a": [1, 2], "b": 3}`, `3`},
		{`{"$sum": "$a"}`, `{}`, `0`},
		{`{"$sum": []}`, ``, `0`},
		{`{"$sum": ["$a"]}`, `{"a": [0.1, 0.2, {"$numberDecimal": "1"}]}`, `{"$numberDecimal": "1.300000000000000016653345369377348"}`},
		{`{"$avg": "$a"}`, `{"a": [1, 2, 3, 4]}`, `2.5`},
		{`{"$avg": [1, 2]}`, ``, `1.5`},
		{`{"$avg": "$a"}`, `{"a": []}`, `null`},
		{`{"$avg": "$a"}`, `{"a": [{"$numberDecimal": "1"}, 2]}`, `{"$numberDecimal": "1.5"}`},
		{`{"$max": "$a"}`, `{"a": [1, "x", null, 3]}`, `"x"`},
		{`{"$max": [1, 5, 3]}`, ``, `5`},
		{`{"$max": "$a"}`, `{}`, `null`},
		{`{"$min": "$a"}`, `{"a": [2, null, 1, "x"]}`, `1`},
		{`{"$min": ["$a", 5]}`, `{"a": null}`, `5`},
		{`{"$min": []}`, ``, `null`},
		{`{"$stdDevPop": "$a"}`, `{"a": [1, 3]}`, `1.0`},
		{`{"$stdDevPop": "$a"}`, `{"a": []}`, `null`},
		{`{"$stdDevSamp": "$a"}`, `{"a": [1]}`, `null`},
		{`{"$stdDevSamp": [2, 4, 6]}`, ``, `2.0`},
		{`{"$firstN": {"n": 2, "input": "$a"}}`, `{"a": [1, null, 3]}`, `[1, null]`},
		{`{"$firstN": {"n": 5, "input": "$a"}}`, `{"a": [1]}`, `[1]`},
		{`{"$lastN": {"n": 2, "input": "$a"}}`, `{"a": [1, 2, 3]}`, `[2, 3]`},
		{`{"$maxN": {"n": 2, "input": "$a"}}`, `{"a": [1, null, 3, 2]}`, `[3, 2]`},
		{`{"$minN": {"n": {"$add": [1, 1]}, "input": "$a"}}`, `{"a": [3, null, 1, 2]}`, `[1, 2]`},
		{`{"$minN": {"n": 9, "input": "$a"}}`, `{"a": [3, null]}`, `[3]`},
		{`{"$firstN": 1}`, ``, `! 5787900`},
		{`{"$firstN": {"n": 1, "input": [], "x": 1}}`, ``, `! 5787901`},
		{`{"$firstN": {"n": "x", "input": []}}`, ``, `! 5787902`},
		{`{"$firstN": {"n": 1.5, "input": []}}`, ``, `! 5787903`},
		{`{"$firstN": {"input": []}}`, ``, `! 5787906`},
		{`{"$firstN": {"n": 1}}`, ``, `! 5787907`},
		{`{"$firstN": {"n": 0, "input": []}}`, ``, `! 5787908`},
		{`{"$lastN": {"n": 1, "input": "$a"}}`, `{"a": 1}`, `! 5788200`},
		{`{"$median": {"input": "$a", "method": "approximate"}}`, `{"a": [5, 1, 3, "x"]}`, `3.0`},
		{`{"$median": {"input": "$a", "method": "approximate"}}`, `{"a": [4, 1, 3, 2]}`, `2.0`},
		{`{"$median": {"input": 7, "method": "approximate"}}`, ``, `7.0`},
		{`{"$median": {"input": "$a", "method": "approximate"}}`, `{"a": "x"}`, `null`},
		{`{"$percentile": {"input": "$a", "p": [0, 0.5, 0.95, 1], "method": "approximate"}}`, `{"a": [4, 1, 3, 2]}`, `[1.0, 2.0, 4.0, 4.0]`},
		{`{"$percentile": {"input": "$a", "p": [0.5, 0.9], "method": "approximate"}}`, `{}`, `[null, null]`},
		{`{"$percentile": {"input": "$a", "p": ["$x"], "method": "approximate"}}`, `{}`, `! 7750300`},
		{`{"$percentile": {"input": "$a", "p": 0.5, "method": "approximate"}}`, `{}`, `! 7750301`},
		{`{"$percentile": {"input": "$a", "p": ["x"], "method": "approximate"}}`, `{}`, `! 7750302`},
		{`{"$percentile": {"input": "$a", "p": [1.5], "method": "approximate"}}`, `{}`, `! 7750303`},
		{`{"$percentile": {"input": "$a", "p": [0.5], "method": "exact"}}`, `{}`, `! 2`},
		{`{"$percentile": {"input": "$a", "p": [0.5], "method": 1}}`, `{}`, `! 14`},
		{`{"$percentile": {"input": "$a", "p": [0.5]}}`, `{}`, `! 40414`},
		{`{"$median": {"input": "$a", "p": [0.5], "method": "approximate"}}`, `{}`, `! 40415`},
		{`{"$percentile": 1}`, `{}`, `! 7436200`},
	})
}
