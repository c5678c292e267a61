package expr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
)

func TestVariableOperators(t *testing.T) {
	runTable(t, []row{
		{`{"$let": {"vars": {"x": "$a", "y": 2}, "in": {"$add": ["$$x", "$$y"]}}}`, `{"a": 3}`, `5`},
		{`{"$let": {"vars": {"x": 1}, "in": {"$let": {"vars": {"x": 2, "y": "$$x"}, "in": ["$$x", "$$y"]}}}}`, ``, `[2, 1]`},
		{`{"$let": {"vars": {"x": "$a"}, "in": "$$x.b"}}`, `{"a": {"b": 7}}`, `7`},
		{`{"$let": {"vars": {"x": "$a"}, "in": "$$x.b"}}`, `{"a": [{"b": 7}, {"c": 1}, {"b": 8}, [{"b": 9}]]}`, `[7, 8]`},
		{`{"$let": {"vars": {"CURRENT": "$a"}, "in": "$b"}}`, `{"a": {"b": 7}, "b": 1}`, `7`},
		{`{"$let": {"vars": {}, "in": "$b"}}`, `{"b": 1}`, `1`},
		{`{"$let": {"vars": {"x": "$missing"}, "in": {"$type": "$$x"}}}`, `{}`, `"missing"`},
		{`{"$let": 1}`, ``, `! 16874`},
		{`{"$let": {"vars": {}, "in": 1, "x": 1}}`, ``, `! 16875`},
		{`{"$let": {"in": 1}}`, ``, `! 16876`},
		{`{"$let": {"vars": {}}}`, ``, `! 16877`},
		{`{"$let": {"vars": {"X": 1}, "in": 1}}`, ``, `! 9`},
		{`{"$let": {"vars": {"x.y": 1}, "in": 1}}`, ``, `! 9`},
		{`"$$x"`, ``, `! 17276 Use of undefined variable: x`},
		{`{"$map": {"input": "$a", "as": "x", "in": {"$multiply": ["$$x", 2]}}}`, `{"a": [1, 2, 3]}`, `[2, 4, 6]`},
		{`{"$map": {"input": "$a", "in": {"$multiply": ["$$this", "$b"]}}}`, `{"a": [1, 2], "b": 10}`, `[10, 20]`},
		{`{"$map": {"input": "$a", "in": "$$this.x"}}`, `{"a": [{"x": 1}, {}]}`, `[1, null]`},
		{`{"$map": {"input": "$a", "in": {"$map": {"input": "$$this", "as": "y", "in": {"$add": ["$$y", {"$size": "$$this"}]}}}}}`, `{"a": [[1, 2], [3]]}`, `[[3, 4], [4]]`},
		{`{"$map": {"input": "$a", "in": 1}}`, `{"a": null}`, `null`},
		{`{"$map": {"input": "$a", "in": 1}}`, `{}`, `null`},
		{`{"$map": {"input": "$a", "in": 1}}`, `{"a": []}`, `[]`},
		{`{"$map": {"input": [1, 2], "in": {"$add": ["$$this", 1]}}}`, ``, `[2, 3]`},
		{`{"$map": {"input": "$a", "in": 1}}`, `{"a": "x"}`, `! 16883`},
		{`{"$map": 1}`, ``, `! 16878`},
		{`{"$map": {"input": 1, "in": 1, "x": 1}}`, ``, `! 16879`},
		{`{"$map": {"in": 1}}`, ``, `! 16880`},
		{`{"$map": {"input": 1}}`, ``, `! 16882`},
		{`{"$map": {"input": "$a", "as": "$x", "in": 1}}`, ``, `! 9`},
		{`{"$filter": {"input": "$a", "as": "x", "cond": {"$gt": ["$$x", 1]}}}`, `{"a": [1, 2, 3]}`, `[2, 3]`},
		{`{"$filter": {"input": "$a", "cond": {"$gt": ["$$this", 1]}, "limit": 1}}`, `{"a": [1, 2, 3]}`, `[2]`},
		{`{"$filter": {"input": "$a", "cond": true, "limit": null}}`, `{"a": [1, 2, 3]}`, `[1, 2, 3]`},
		{`{"$filter": {"input": "$a", "cond": true}}`, `{}`, `null`},
		{`{"$filter": {"input": "$a", "cond": true}}`, `{"a": 1}`, `! 28651 input to $filter must be an array not int`},
		{`{"$filter": 1}`, ``, `! 28646`},
		{`{"$filter": {"input": [], "cond": 1, "x": 1}}`, ``, `! 28647`},
		{`{"$filter": {"cond": 1}}`, ``, `! 28648`},
		{`{"$filter": {"input": []}}`, ``, `! 28650`},
		{`{"$filter": {"input": "$a", "cond": 1, "limit": 1.5}}`, `{"a": [1]}`, `! 327391`},
		{`{"$filter": {"input": "$a", "cond": 1, "limit": 0}}`, `{"a": [1]}`, `! 327392`},
		{`{"$reduce": {"input": "$a", "initialValue": 0, "in": {"$add": ["$$value", "$$this"]}}}`, `{"a": [1, 2, 3]}`, `6`},
		{`{"$reduce": {"input": "$a", "initialValue": "", "in": {"$concat": ["$$value", "$$this"]}}}`, `{"a": ["a", "b"]}`, `"ab"`},
		{`{"$reduce": {"input": "$a", "initialValue": [], "in": {"$concatArrays": [["$$this"], "$$value"]}}}`, `{"a": [1, 2, 3]}`, `[3, 2, 1]`},
		{`{"$reduce": {"input": "$a", "initialValue": {"n": 0}, "in": {"n": {"$add": ["$$value.n", "$$this.x"]}}}}`, `{"a": [{"x": 1}, {"x": 2}]}`, `{"n": 3}`},
		{`{"$reduce": {"input": "$a", "initialValue": 5, "in": 1}}`, `{"a": []}`, `5`},
		{`{"$reduce": {"input": "$a", "initialValue": 5, "in": 1}}`, `{}`, `null`},
		{`{"$reduce": {"input": "$a", "initialValue": 5, "in": 1}}`, `{"a": 1}`, `! 40080`},
		{`{"$reduce": 1}`, ``, `! 40075`},
		{`{"$reduce": {"input": [], "initialValue": 1, "in": 1, "x": 1}}`, ``, `! 40076`},
		{`{"$reduce": {"initialValue": 1, "in": 1}}`, ``, `! 40077`},
		{`{"$reduce": {"input": [], "in": 1}}`, ``, `! 40078`},
		{`{"$reduce": {"input": [], "initialValue": 1}}`, ``, `! 40079`},
		{`{"$reduce": {"input": [], "initialValue": "$$value", "in": 1}}`, ``, `! 17276`},
		{`"$$ROOT"`, `{"a": 1}`, `{"a": 1}`},
		{`"$$ROOT.a"`, `{"a": 1}`, `1`},
		{`"$$CURRENT.a.b"`, `{"a": {"b": 2}}`, `2`},
		{`"$$NOW"`, `{}`, `{"$date": {"$numberLong": "1700000000123"}}`},
		{`"$$CLUSTER_TIME"`, `{}`, `{"$timestamp": {"t": 1700000000, "i": 7}}`},
		{`{"a": "$$REMOVE", "b": 1}`, `{}`, `{"b": 1}`},
		{`["$$REMOVE", 1]`, `{}`, `[null, 1]`},
		{`"$a.0"`, `{"a": [{"0": 5}, 6]}`, `[5]`},
		{`"$"`, ``, `! 16872`},
		{`"$a."`, ``, `! 40353`},
		{`"$a..b"`, ``, `! 15998`},
		{`"$a.$b"`, ``, `! 16410`},
		{`"$$"`, ``, `! 9`},
		{`{"$foo": 1}`, ``, `! 168 Unrecognized expression '$foo'`},
		{`{"$add": [1], "$b": 1}`, ``, `! 15983`},
		{`{"a": 1, "$b": 1}`, ``, `! 16410`},
		{`{"a.b": 1}`, ``, `! 16412`},
		{`{"a": "$x", "a": 1}`, ``, `! 16406`},
	})
}

// Intermediate values of a long $reduce must not pile up.
func TestReduceGivesMemoryBack(t *testing.T) {
	b := bsonx.AppendDocStart(nil)
	for i := range 3000 {
		b = bsonx.AppendIndexElem(b, i, bsonx.Int32(int32(i)))
	}
	doc := bsonx.NewBuilder(nil).Array("a", bsonx.AppendDocEnd(b, 0)).Build()
	got, err := eval(t, value(t, `{"$size": {"$reduce": {"input": "$a", "initialValue": [], "in": {"$concatArrays": ["$$value", ["$$this"]]}}}}`), doc)
	require.NoError(t, err)
	requireIdentical(t, bsonx.Int32(3000), got, "size")
}
