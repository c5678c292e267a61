package update_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/update"
)

// doc reads relaxed extended JSON.
func doc(t testing.TB, json string) bsonx.Doc {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(json), false, &d), json)
	b, err := bson.Marshal(d)
	require.NoError(t, err)
	return b
}

// value reads a document or an array.
func value(t testing.TB, json string) bsonx.Value {
	t.Helper()
	return doc(t, `{"v":`+json+`}`).Lookup("v")
}

func extJSON(t testing.TB, d bsonx.Doc) string {
	t.Helper()
	require.NoError(t, bsonx.Validate(d, 1000))
	var v bson.D
	require.NoError(t, bson.Unmarshal(d, &v))
	b, err := bson.MarshalExtJSON(v, false, false)
	require.NoError(t, err)
	return string(b)
}

// requireCode checks an error's code; 0 means no error.
func requireCode(t testing.TB, code mongoerr.Code, err error) {
	t.Helper()
	if code == 0 {
		require.NoError(t, err)
		return
	}
	require.Error(t, err)
	require.Equal(t, int(code), int(mongoerr.From(err).Code), err.Error())
}

type applyCase struct {
	name       string
	doc        string
	update     string
	filters    []string // arrayFilters
	positional int      // matched index + 1; 0 is none
	want       string
	code       mongoerr.Code
	message    string // a part of the error's message
}

func (c *applyCase) run(t *testing.T) {
	env := &expr.Env{Now: 1_000, ClusterTime: 7<<32 | 1}
	scope := expr.NewScope(env)
	opts := &update.Options{Scope: scope}
	for _, f := range c.filters {
		opts.ArrayFilters = append(opts.ArrayFilters, doc(t, f))
	}
	before := doc(t, c.doc)
	u, err := update.Parse(value(t, c.update), opts)
	var out bsonx.Doc
	var changed bool
	if err == nil {
		prefix := []byte("prefix")
		out, changed, err = u.Apply(prefix, before, scope.NewContext(), c.positional-1)
	}
	requireCode(t, c.code, err)
	if c.code != 0 {
		require.Contains(t, err.Error(), c.message)
		return
	}
	require.Equal(t, extJSON(t, doc(t, c.want)), extJSON(t, out))
	require.Equal(t, string(before) != string(out), changed)
}

func runApply(t *testing.T, cases []applyCase) {
	for _, c := range cases {
		name := c.name
		if name == "" {
			name = c.update
		}
		t.Run(name, c.run)
	}
}

func TestSet(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":1}`, update: `{"$set":{"a":2}}`, want: `{"_id":1,"a":2}`},
		{doc: `{"_id":1,"a":1}`, update: `{"$set":{"a":{"$numberLong":"1"}}}`, want: `{"_id":1,"a":{"$numberLong":"1"}}`},
		{doc: `{"_id":1,"a":1}`, update: `{"$set":{"a":1}}`, want: `{"_id":1,"a":1}`},
		{doc: `{"_id":1,"z":1}`, update: `{"$set":{"c":1,"b":1,"z":2}}`, want: `{"_id":1,"z":2,"b":1,"c":1}`},
		{doc: `{"_id":1}`, update: `{"$set":{"10":1,"9":1,"a":1}}`, want: `{"_id":1,"9":1,"10":1,"a":1}`},
		{doc: `{"_id":1}`, update: `{"$set":{"a.0.b":1}}`, want: `{"_id":1,"a":{"0":{"b":1}}}`},
		{doc: `{"_id":1,"a":{"b":1,"c":2}}`, update: `{"$set":{"a.c":3,"a.a":0}}`, want: `{"_id":1,"a":{"b":1,"c":3,"a":0}}`},
		{doc: `{"_id":1,"a":[1,2]}`, update: `{"$set":{"a.1":5,"a.4":9}}`, want: `{"_id":1,"a":[1,5,null,null,9]}`},
		{doc: `{"_id":1,"a":[]}`, update: `{"$set":{"a.1500001":9}}`, code: 34},
		{doc: `{"_id":1,"a":5}`, update: `{"$set":{"a.b":1}}`, code: 28, message: "Cannot create field 'b' in element {a: 5}"},
		{doc: `{"_id":1,"a":[1]}`, update: `{"$set":{"a.b":1}}`, code: 28, message: "Cannot create field 'b' in element {a: [ 1 ]}"},
		{doc: `{"_id":1,"a":1}`, update: `{"$set":{}}`, want: `{"_id":1,"a":1}`},
		{doc: `{"_id":1}`, update: `{"$set":{"_id":2}}`, code: 66, message: "the path '_id' would modify the immutable field '_id'"},
		{doc: `{"_id":1}`, update: `{"$set":{"_id":1,"a":1}}`, want: `{"_id":1,"a":1}`},
		{doc: `{"_id":{"a":1}}`, update: `{"$set":{"_id.a":2}}`, code: 66},
		{doc: `{"_id":1}`, update: `{"$unset":{"_id":1}}`, code: 66},
		{doc: `{"_id":1}`, update: `{"$setOnInsert":{"a":1}}`, want: `{"_id":1}`},
		{doc: `{"_id":1,"a":1}`, update: `{"$setOnInsert":{"a":2}}`, want: `{"_id":1,"a":1}`},
	})
}

func TestUnset(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":1,"b":2}`, update: `{"$unset":{"a":""}}`, want: `{"_id":1,"b":2}`},
		{doc: `{"_id":1,"a":{"b":1}}`, update: `{"$unset":{"a.b":""}}`, want: `{"_id":1,"a":{}}`},
		{doc: `{"_id":1,"a":[1,2,3]}`, update: `{"$unset":{"a.1":""}}`, want: `{"_id":1,"a":[1,null,3]}`},
		{doc: `{"_id":1,"a":[1]}`, update: `{"$unset":{"a.7":"","a.x":"","c.d":""}}`, want: `{"_id":1,"a":[1]}`},
		{doc: `{"_id":1,"a":5}`, update: `{"$unset":{"a.b":""}}`, want: `{"_id":1,"a":5}`},
	})
}

func TestArithmetic(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":1}`, update: `{"$inc":{"a":2}}`, want: `{"_id":1,"a":3}`},
		{doc: `{"_id":1}`, update: `{"$inc":{"a.b":2}}`, want: `{"_id":1,"a":{"b":2}}`},
		{doc: `{"_id":1,"a":2147483647}`, update: `{"$inc":{"a":1}}`, want: `{"_id":1,"a":{"$numberLong":"2147483648"}}`},
		{doc: `{"_id":1,"a":1}`, update: `{"$inc":{"a":0.5}}`, want: `{"_id":1,"a":1.5}`},
		{
			doc: `{"_id":1,"a":{"$numberLong":"9223372036854775807"}}`, update: `{"$inc":{"a":1}}`, code: 2,
			message: "Failed to apply $inc operations to current value ((NumberLong)9223372036854775807) for document {_id: 1}",
		},
		{
			doc: `{"_id":1,"a":"x"}`, update: `{"$inc":{"a":1}}`, code: 14,
			message: "Cannot apply $inc to a value of non-numeric type. {_id: 1} has the field 'a' of non-numeric type string",
		},
		{doc: `{"_id":1,"a":null}`, update: `{"$inc":{"a":1}}`, code: 14},
		{doc: `{"_id":1}`, update: `{"$inc":{"x":"1"}}`, code: 14, message: `Cannot increment with non-numeric argument: {x: "1"}`},
		{doc: `{"_id":1,"a":1}`, update: `{"$inc":{"a":{"$numberDecimal":"0.10"}}}`, want: `{"_id":1,"a":{"$numberDecimal":"1.10"}}`},
		{doc: `{"_id":1,"a":3}`, update: `{"$mul":{"a":2}}`, want: `{"_id":1,"a":6}`},
		{doc: `{"_id":1}`, update: `{"$mul":{"a":2,"b":2.5,"c":{"$numberLong":"3"}}}`, want: `{"_id":1,"a":0,"b":0.0,"c":{"$numberLong":"0"}}`},
		{doc: `{"_id":1,"a":{"$numberLong":"-4611686018427387904"}}`, update: `{"$mul":{"a":2}}`, want: `{"_id":1,"a":{"$numberLong":"-9223372036854775808"}}`},
		{doc: `{"_id":1,"a":{"$numberLong":"4611686018427387904"}}`, update: `{"$mul":{"a":2}}`, code: 2},
	})
}

func TestRename(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":5,"b":2}`, update: `{"$rename":{"a":"c"}}`, want: `{"_id":1,"b":2,"c":5}`},
		{doc: `{"_id":1,"a":5,"b":2,"z":1}`, update: `{"$rename":{"a":"b"}}`, want: `{"_id":1,"b":5,"z":1}`},
		{doc: `{"_id":1,"a":{"b":1}}`, update: `{"$rename":{"a.b":"x.y"}}`, want: `{"_id":1,"a":{},"x":{"y":1}}`},
		{doc: `{"_id":1}`, update: `{"$rename":{"a":"x.y"}}`, want: `{"_id":1}`},
		{doc: `{"_id":1,"a":[1]}`, update: `{"$rename":{"a.0":"x"}}`, code: 2, message: "source field cannot be an array element"},
		{doc: `{"_id":1,"a":[1],"b":1}`, update: `{"$rename":{"b":"a.0"}}`, code: 2, message: "destination field cannot be an array element"},
		{doc: `{"_id":1,"v":[1]}`, update: `{"$rename":{"v.foo":"x"}}`, code: 28},
		{doc: `{"_id":1}`, update: `{"$rename":{"a":"a"}}`, code: 2, message: "must differ"},
		{doc: `{"_id":1}`, update: `{"$rename":{"a":5}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$rename":{"a":"a.b"}}`, code: 2, message: "must not be on the same path"},
		{doc: `{"_id":1}`, update: `{"$rename":{"a.b":"a"}}`, code: 2, message: "must not be on the same path"},
		{doc: `{"a":[1],"b":1}`, update: `{"$rename":{"b":"a.0"}}`, code: 2, message: "'a.0' in doc with no id has an array field called 'a'"},
		{doc: `{"_id":1}`, update: `{"$rename":{"a.$":"b"}}`, code: 2, message: "may not be dynamic"},
	})
}

func TestReplacement(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":5}`, update: `{"b":1}`, want: `{"_id":1,"b":1}`},
		{doc: `{"_id":1,"a":5}`, update: `{}`, want: `{"_id":1}`},
		{doc: `{"_id":1,"a":5}`, update: `{"b":1,"_id":1}`, want: `{"_id":1,"b":1}`},
		{doc: `{"_id":1,"a":5}`, update: `{"b":1,"_id":2}`, code: 66},
		{doc: `{"_id":1}`, update: `{"a":1,"$set":{"b":1}}`, code: 52},
		{doc: `{"_id":1}`, update: `{"t":{"$timestamp":{"t":0,"i":0}}}`, want: `{"_id":1,"t":{"$timestamp":{"t":7,"i":1}}}`},
		{doc: `{"_id":1}`, update: `{"$set":{"a":1},"b":1}`, code: 9, message: "Unknown modifier: b."},
		{doc: `{"_id":1}`, update: `{"$set":5}`, code: 9, message: "Modifiers operate on fields"},
	})
}

func TestPositional(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":[1,2,3]}`, update: `{"$set":{"a.$":9}}`, positional: 2, want: `{"_id":1,"a":[1,9,3]}`},
		{doc: `{"_id":1,"a":[1,2,3]}`, update: `{"$set":{"a.$":9}}`, code: 2, message: "did not find the match"},
		{doc: `{"_id":1,"a":[{"b":1},{"b":2}]}`, update: `{"$inc":{"a.$.b":1},"$set":{"a.1.c":1}}`, positional: 2, want: `{"_id":1,"a":[{"b":1},{"b":3,"c":1}]}`},
		{doc: `{"_id":1,"a":[1,2]}`, update: `{"$inc":{"a.$":1},"$set":{"a.1":1}}`, positional: 2, code: 40},
		{doc: `{"_id":1,"a":[1,2]}`, update: `{"$inc":{"a.$[]":1}}`, want: `{"_id":1,"a":[2,3]}`},
		{doc: `{"_id":1,"a":[[1],[2,3]]}`, update: `{"$inc":{"a.$[].$[]":1}}`, want: `{"_id":1,"a":[[2],[3,4]]}`},
		{doc: `{"_id":1}`, update: `{"$inc":{"a.$[]":1}}`, code: 2, message: "The path 'a' must exist"},
		{doc: `{"_id":1,"a":1}`, update: `{"$inc":{"a.$[]":1}}`, code: 2, message: "Cannot apply array updates to non-array element a: 1"},
		{doc: `{"_id":1}`, update: `{"$set":{"a.$[].b":1,"a.0.b":1}}`, code: 40},
		{doc: `{"_id":1}`, update: `{"$set":{"$.a":1}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$set":{"a.$.b.$":1}}`, code: 2, message: "Too many positional"},
		{doc: `{"_id":1}`, update: `{"$set":{"a..b":1}}`, code: 56},
		{doc: `{"_id":1}`, update: `{"$set":{"":1}}`, code: 56},
		{doc: `{"_id":1}`, update: `{"$set":{"$a":1}}`, code: 52},
		{doc: `{"_id":1}`, update: `{"$set":{"a.$[x]":1}}`, code: 2, message: "No array filter found for identifier 'x' in path 'a.$[x]'"},
	})
}

func TestInsert(t *testing.T) {
	cases := []struct {
		filter, update, want string
		code                 mongoerr.Code
	}{
		{filter: `{"a":1}`, update: `{"$set":{"b":2}}`, want: `{"_id":"new","a":1,"b":2}`},
		{filter: `{"a":1,"_id":7}`, update: `{"$set":{"b":2}}`, want: `{"_id":7,"a":1,"b":2}`},
		{filter: `{"z":1,"b":2}`, update: `{"$set":{"c":1,"a":1}}`, want: `{"_id":"new","z":1,"b":2,"a":1,"c":1}`},
		{filter: `{"a":{"$gt":1}}`, update: `{"$inc":{"a":2}}`, want: `{"_id":"new","a":2}`},
		{filter: `{"a":{"$eq":1}}`, update: `{"$inc":{"a":2}}`, want: `{"_id":"new","a":3}`},
		{filter: `{"$and":[{"a":1},{"b":2}]}`, update: `{"$setOnInsert":{"c":2}}`, want: `{"_id":"new","a":1,"b":2,"c":2}`},
		{filter: `{"$or":[{"a":1},{"b":2}]}`, update: `{"$set":{"c":2}}`, want: `{"_id":"new","c":2}`},
		{filter: `{"$or":[{"a":1},{"a":1}]}`, update: `{"$set":{"c":2}}`, want: `{"_id":"new","a":1,"c":2}`},
		{filter: `{"$and":[{"a":1},{"a":2}],"_id":1}`, update: `{"c":2}`, want: `{"_id":1,"c":2}`},
		{filter: `{"_id":1,"_id.x":1}`, update: `{"c":2}`, code: 54},
		{filter: `{"_id":{"$all":[1,2]}}`, update: `{"c":2}`, code: 54},
		{filter: `{"_id":[1]}`, update: `{"c":2}`, code: 53},
		{filter: `{"x.$id":1}`, update: `{"$set":{"x":{"$ref":"a","$id":1}}}`, want: `{"_id":"new","x":{"$ref":"a","$id":1}}`},
		{filter: `{"$or":[{"a":1}]}`, update: `{"$set":{"c":2}}`, want: `{"_id":"new","a":1,"c":2}`},
		{filter: `{"x.b":1,"y":1,"x.a":2}`, update: `{"$set":{"x.c":3}}`, want: `{"_id":"new","x":{"b":1,"a":2,"c":3},"y":1}`},
		{filter: `{"$and":[{"a":1},{"a":2}]}`, update: `{"$set":{"c":2}}`, code: 54},
		{filter: `{"a.b":1,"a":1}`, update: `{"$set":{"c":2}}`, code: 54},
		{filter: `{"a":1,"a.b":1}`, update: `{"$set":{"c":2}}`, code: 54},
		{filter: `{"_id":1}`, update: `{"$set":{"_id":2}}`, code: 66},
		{filter: `{"_id":{"$gt":1}}`, update: `{"$set":{"_id":2}}`, want: `{"_id":2}`},
		{filter: `{"_id":{"$gt":1}}`, update: `{"$set":{"a":2}}`, want: `{"_id":"new","a":2}`},
		{filter: `{"a":1}`, update: `{"$set":{"_id":[1]}}`, code: 53},
		{filter: `{"a":1}`, update: `{"$set":{"_id":{"$x":1}}}`, code: 52},
		{filter: `{"a":1}`, update: `{"$set":{"_id":3,"Z":1}}`, want: `{"_id":3,"a":1,"Z":1}`},
		{filter: `{"a":1,"_id":3}`, update: `{"b":1}`, want: `{"_id":3,"b":1}`},
		{filter: `{"a":1}`, update: `{"b":1}`, want: `{"_id":"new","b":1}`},
		{filter: `{"_id":3}`, update: `{"b":1,"_id":4}`, code: 66},
		{filter: `{"a":1}`, update: `{"b":1,"_id":4}`, want: `{"_id":4,"b":1}`},
		{filter: `{"_id.x":1}`, update: `{"b":1}`, code: 111},
		{filter: `{"a":1}`, update: `{"$set":{"a.$":4}}`, code: 2},
		{filter: `{"a":[1,2]}`, update: `{"$inc":{"a.$[]":4}}`, want: `{"_id":"new","a":[5,6]}`},
		{filter: `{"a":{"$in":[1]},"b":{"$in":[1,2]},"c":{"$all":[3]}}`, update: `{"$set":{"d":4}}`, want: `{"_id":"new","a":1,"c":3,"d":4}`},
		{filter: `{"a":{"$all":[3,4]}}`, update: `{"$set":{"d":4}}`, code: 54},
		{filter: `{"a":{"$regularExpression":{"pattern":"x","options":""}}}`, update: `{"$set":{"d":4}}`, want: `{"_id":"new","d":4}`},
	}
	for _, c := range cases {
		t.Run(c.filter+c.update, func(t *testing.T) {
			scope := expr.NewScope(nil)
			u, err := update.Parse(value(t, c.update), &update.Options{Scope: scope, Upsert: true, Filter: doc(t, c.filter)})
			require.NoError(t, err)
			out, err := u.Insert(nil, scope.NewContext(), func() bsonx.Value { return bsonx.String("new") })
			requireCode(t, c.code, err)
			if c.code == 0 {
				require.Equal(t, extJSON(t, doc(t, c.want)), extJSON(t, out))
			}
		})
	}
}

func TestIncrementAllocatesNothing(t *testing.T) {
	u, err := update.Parse(value(t, `{"$inc":{"n":1}}`), &update.Options{})
	require.NoError(t, err)
	c := expr.NewScope(nil).NewContext()
	before := doc(t, `{"_id":1,"a":"some text","n":5,"b":{"c":[1,2,3]}}`)
	dst := make([]byte, 0, 512)
	allocs := testing.AllocsPerRun(100, func() {
		if _, changed, err := u.Apply(dst[:0], before, c, -1); err != nil || !changed {
			t.Fatal(changed, err)
		}
	})
	require.Zero(t, allocs)
}
