package update_test

import "testing"

func TestPush(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":[1]}`, update: `{"$push":{"a":2}}`, want: `{"_id":1,"a":[1,2]}`},
		{doc: `{"_id":1}`, update: `{"$push":{"a":2,"b.c":[1]}}`, want: `{"_id":1,"a":[2],"b":{"c":[[1]]}}`},
		{doc: `{"_id":1,"a":[1]}`, update: `{"$push":{"a":{"x":1}}}`, want: `{"_id":1,"a":[1,{"x":1}]}`},
		{doc: `{"_id":1,"a":[1]}`, update: `{"$push":{"a":{"$each":[2,3]}}}`, want: `{"_id":1,"a":[1,2,3]}`},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":[]}}}`, want: `{"_id":1,"a":[]}`},
		{doc: `{"_id":1,"a":[1]}`, update: `{"$push":{"a":{"$each":[]}}}`, want: `{"_id":1,"a":[1]}`},
		{doc: `{"_id":1,"a":[1,2]}`, update: `{"$push":{"a":{"$each":[8,9],"$position":1}}}`, want: `{"_id":1,"a":[1,8,9,2]}`},
		{doc: `{"_id":1,"a":[1,2]}`, update: `{"$push":{"a":{"$each":[9],"$position":-1}}}`, want: `{"_id":1,"a":[1,9,2]}`},
		{doc: `{"_id":1,"a":[1,2]}`, update: `{"$push":{"a":{"$each":[9],"$position":-7}}}`, want: `{"_id":1,"a":[9,1,2]}`},
		{doc: `{"_id":1,"a":[1,2]}`, update: `{"$push":{"a":{"$each":[9],"$position":7}}}`, want: `{"_id":1,"a":[1,2,9]}`},
		{doc: `{"_id":1,"a":[3,1]}`, update: `{"$push":{"a":{"$each":[2],"$sort":1}}}`, want: `{"_id":1,"a":[1,2,3]}`},
		{doc: `{"_id":1,"a":[3,1]}`, update: `{"$push":{"a":{"$each":[2],"$sort":-1,"$slice":2}}}`, want: `{"_id":1,"a":[3,2]}`},
		{doc: `{"_id":1,"a":[3,1]}`, update: `{"$push":{"a":{"$each":[2],"$slice":-2}}}`, want: `{"_id":1,"a":[1,2]}`},
		{doc: `{"_id":1,"a":[3,1]}`, update: `{"$push":{"a":{"$each":[2],"$slice":-9}}}`, want: `{"_id":1,"a":[3,1,2]}`},
		{doc: `{"_id":1,"a":[3,1]}`, update: `{"$push":{"a":{"$each":[2],"$slice":0}}}`, want: `{"_id":1,"a":[]}`},
		{doc: `{"_id":1,"a":[3,1]}`, update: `{"$push":{"a":{"$each":[],"$slice":{"$numberLong":"-9223372036854775808"}}}}`, want: `{"_id":1,"a":[3,1]}`},
		{
			doc:    `{"_id":1,"a":[{"n":2,"m":{"k":1}},{"n":1},7]}`,
			update: `{"$push":{"a":{"$each":[{"n":1,"m":{"k":5}}],"$sort":{"n":1,"m.k":-1}}}}`,
			want:   `{"_id":1,"a":[7,{"n":1,"m":{"k":5}},{"n":1},{"n":2,"m":{"k":1}}]}`,
		},
		{doc: `{"_id":1,"a":"s"}`, update: `{"$push":{"a":1}}`, code: 2, message: "The field 'a' must be an array but is of type string in document {_id: 1}"},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$slice":1}}}`, want: `{"_id":1,"a":[{"$slice":1}]}`},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":1}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":[1],"$foo":1}}}`, code: 2, message: "Unrecognized clause in $push: $foo"},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":[1],"$slice":1.5}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":[1],"$position":"x"}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":[1],"$sort":2}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":[1],"$sort":"x"}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":[1],"$sort":{}}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":[1],"$sort":{"":1}}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$push":{"a":{"$each":[1],"$sort":{"a..b":1}}}}`, code: 2},
	})
}

func TestAddToSet(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":[1]}`, update: `{"$addToSet":{"a":1.0}}`, want: `{"_id":1,"a":[1]}`},
		{doc: `{"_id":1,"a":[1]}`, update: `{"$addToSet":{"a":2}}`, want: `{"_id":1,"a":[1,2]}`},
		{doc: `{"_id":1,"a":[{"x":1,"y":2}]}`, update: `{"$addToSet":{"a":{"y":2,"x":1}}}`, want: `{"_id":1,"a":[{"x":1,"y":2},{"y":2,"x":1}]}`},
		{doc: `{"_id":1,"a":[1]}`, update: `{"$addToSet":{"a":{"$each":[1,2,2.0,3]}}}`, want: `{"_id":1,"a":[1,2,3]}`},
		{doc: `{"_id":1}`, update: `{"$addToSet":{"a":{"$each":[]}}}`, want: `{"_id":1,"a":[]}`},
		{doc: `{"_id":1}`, update: `{"$addToSet":{"a":[1]}}`, want: `{"_id":1,"a":[[1]]}`},
		{doc: `{"_id":1,"a":5}`, update: `{"$addToSet":{"a":1}}`, code: 2, message: "Cannot apply $addToSet to non-array field. Field named 'a' has non-array type int"},
		{doc: `{"_id":1}`, update: `{"$addToSet":{"a":{"$each":1}}}`, code: 14},
		{doc: `{"_id":1}`, update: `{"$addToSet":{"a":{"$each":[1],"$slice":1}}}`, code: 2},
	})
}

func TestPop(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":[1,2,3]}`, update: `{"$pop":{"a":1}}`, want: `{"_id":1,"a":[1,2]}`},
		{doc: `{"_id":1,"a":[1,2,3]}`, update: `{"$pop":{"a":-1}}`, want: `{"_id":1,"a":[2,3]}`},
		{doc: `{"_id":1,"a":[]}`, update: `{"$pop":{"a":1}}`, want: `{"_id":1,"a":[]}`},
		{doc: `{"_id":1}`, update: `{"$pop":{"a.b":1}}`, want: `{"_id":1}`},
		{doc: `{"_id":1,"a":5}`, update: `{"$pop":{"a.b":1}}`, code: 28},
		{doc: `{"_id":1}`, update: `{"$pop":{"a":0}}`, code: 9},
		{doc: `{"_id":1}`, update: `{"$pop":{"a":"x"}}`, code: 9},
		{doc: `{"_id":1,"a":"s"}`, update: `{"$pop":{"a":1}}`, code: 14, message: "Path 'a' contains an element of non-array type 'string'"},
	})
}

func TestPullAll(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":[1,2,1.0,3]}`, update: `{"$pullAll":{"a":[1,3]}}`, want: `{"_id":1,"a":[2]}`},
		{doc: `{"_id":1,"a":[{"x":1,"y":1},{"x":1}]}`, update: `{"$pullAll":{"a":[{"x":1}]}}`, want: `{"_id":1,"a":[{"x":1,"y":1}]}`},
		{doc: `{"_id":1}`, update: `{"$pullAll":{"a":[1]}}`, want: `{"_id":1}`},
		{doc: `{"_id":1}`, update: `{"$pullAll":{"a":1}}`, code: 2},
		{doc: `{"_id":1,"a":1}`, update: `{"$pullAll":{"a":[1]}}`, code: 2},
	})
}

func TestMinMax(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":5}`, update: `{"$min":{"a":3,"b":1}}`, want: `{"_id":1,"a":3,"b":1}`},
		{doc: `{"_id":1,"a":5}`, update: `{"$min":{"a":7}}`, want: `{"_id":1,"a":5}`},
		{doc: `{"_id":1,"a":5}`, update: `{"$max":{"a":7}}`, want: `{"_id":1,"a":7}`},
		{doc: `{"_id":1,"a":5}`, update: `{"$max":{"a":"x"}}`, want: `{"_id":1,"a":"x"}`},
		{doc: `{"_id":1,"a":5}`, update: `{"$min":{"a":null}}`, want: `{"_id":1,"a":null}`},
		{doc: `{"_id":1,"a":5}`, update: `{"$min":{"a":5.0}}`, want: `{"_id":1,"a":5}`},
	})
}

func TestBit(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":13}`, update: `{"$bit":{"a":{"and":10}}}`, want: `{"_id":1,"a":8}`},
		{doc: `{"_id":1,"a":13}`, update: `{"$bit":{"a":{"or":2,"xor":1}}}`, want: `{"_id":1,"a":14}`},
		{doc: `{"_id":1}`, update: `{"$bit":{"a":{"or":{"$numberLong":"5"}}}}`, want: `{"_id":1,"a":{"$numberLong":"5"}}`},
		{doc: `{"_id":1,"a":1.0}`, update: `{"$bit":{"a":{"or":5}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$bit":{"a":{"or":1.5}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$bit":{"a":{"nor":1}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$bit":{"a":{}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$bit":{"a":1}}`, code: 2},
	})
}

func TestCurrentDate(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1}`, update: `{"$currentDate":{"a":true}}`, want: `{"_id":1,"a":{"$date":"1970-01-01T00:00:01Z"}}`},
		{doc: `{"_id":1}`, update: `{"$currentDate":{"a":{"$type":"date"}}}`, want: `{"_id":1,"a":{"$date":"1970-01-01T00:00:01Z"}}`},
		{doc: `{"_id":1}`, update: `{"$currentDate":{"a":{"$type":"timestamp"}}}`, want: `{"_id":1,"a":{"$timestamp":{"t":7,"i":1}}}`},
		{doc: `{"_id":1}`, update: `{"$currentDate":{"a":{"$type":"x"}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$currentDate":{"a":{"x":1}}}`, code: 2},
		{doc: `{"_id":1}`, update: `{"$currentDate":{"a":1}}`, code: 2},
	})
}

func TestPull(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":[1,2,1.0]}`, update: `{"$pull":{"a":1}}`, want: `{"_id":1,"a":[2]}`},
		{doc: `{"_id":1,"a":[1,5,9]}`, update: `{"$pull":{"a":{"$gte":5}}}`, want: `{"_id":1,"a":[1]}`},
		{doc: `{"_id":1,"a":[1,5,9]}`, update: `{"$pull":{"a":{"$in":[1,9]}}}`, want: `{"_id":1,"a":[5]}`},
		{doc: `{"_id":1,"a":[{"b":1,"c":1},{"b":2},1]}`, update: `{"$pull":{"a":{"b":1}}}`, want: `{"_id":1,"a":[{"b":2},1]}`},
		{doc: `{"_id":1,"a":[{"b":1},{"b":5}]}`, update: `{"$pull":{"a":{"b":{"$gt":3}}}}`, want: `{"_id":1,"a":[{"b":1}]}`},
		{doc: `{"_id":1,"a":["xa","b"]}`, update: `{"$pull":{"a":{"$regularExpression":{"pattern":"^x","options":""}}}}`, want: `{"_id":1,"a":["b"]}`},
		{doc: `{"_id":1,"a":[[1],[1,2]]}`, update: `{"$pull":{"a":[1]}}`, want: `{"_id":1,"a":[[1,2]]}`},
		{doc: `{"_id":1,"a":[{"b":[{"c":1},{"c":2}]}]}`, update: `{"$pull":{"a.0.b":{"c":2}}}`, want: `{"_id":1,"a":[{"b":[{"c":1}]}]}`},
		{doc: `{"_id":1}`, update: `{"$pull":{"a.b":1}}`, want: `{"_id":1}`},
		{doc: `{"_id":1,"a":1}`, update: `{"$pull":{"a":1}}`, code: 2, message: "Cannot apply $pull to a non-array value"},
		{doc: `{"_id":1,"a":5}`, update: `{"$pull":{"a.b":1}}`, code: 28, message: "Cannot use the part (b) of (a.b) to traverse the element ({a: 5})"},
	})
}

func TestArrayFilters(t *testing.T) {
	runApply(t, []applyCase{
		{doc: `{"_id":1,"a":[1,5,9]}`, update: `{"$set":{"a.$[x]":0}}`, filters: []string{`{"x":{"$gt":3}}`}, want: `{"_id":1,"a":[1,0,0]}`},
		{
			doc: `{"_id":1,"a":[{"k":1,"v":1},{"k":2,"v":1}]}`, update: `{"$inc":{"a.$[e].v":10}}`,
			filters: []string{`{"e.k":2}`}, want: `{"_id":1,"a":[{"k":1,"v":1},{"k":2,"v":11}]}`,
		},
		{
			doc: `{"_id":1,"a":[{"k":1},{"k":2}]}`, update: `{"$set":{"a.$[e].x":1,"a.$[f].y":2,"a.$[].z":3}}`,
			filters: []string{`{"e.k":2}`, `{"f.k":{"$gte":1}}`},
			want:    `{"_id":1,"a":[{"k":1,"y":2,"z":3},{"k":2,"x":1,"y":2,"z":3}]}`,
		},
		{
			doc: `{"_id":1,"a":[1,2]}`, update: `{"$set":{"a.$[e]":1,"a.$[f]":2}}`,
			filters: []string{`{"e":2}`, `{"f":2}`}, code: 40, message: "Update created a conflict at 'a.1'",
		},
		{
			doc: `{"_id":1,"a":[{"x":0,"b":[{"y":0}]}]}`, update: `{"$set":{"a.$[i].b.$[k].c":1,"a.$[j].b.$[k].c":2}}`,
			filters: []string{`{"i.x":0}`, `{"j.x":0}`, `{"k.y":0}`}, code: 40, message: "Update created a conflict at 'a.0.b.$[k].c'",
		},
		{
			doc: `{"_id":1,"a":[{"x":0,"b":[{"y":0}]}]}`, update: `{"$set":{"a.$[i].b.$[k].c":1,"a.$[j].b.$[m].c":2}}`,
			filters: []string{`{"i.x":0}`, `{"j.x":0}`, `{"k.y":0}`, `{"m.y":0}`}, code: 40, message: "Update created a conflict at 'a.0.b.0.c'",
		},
		{
			doc: `{"_id":1,"a":[0],"b":[{"j":0}]}`, update: `{"$set":{"a.$[i.j]":1,"b.$[i]":1}}`,
			filters: []string{`{"i.j":0}`}, code: 28, message: "Cannot create field '$[i' in element {a: [ 0 ]}",
		},
		{
			doc: `{"_id":1,"a":[{"b":[1,2]},{"b":[3]}]}`, update: `{"$mul":{"a.$[].b.$[n]":10}}`,
			filters: []string{`{"$or":[{"n":1},{"n":3}]}`}, want: `{"_id":1,"a":[{"b":[10,2]},{"b":[30]}]}`,
		},
		{doc: `{"_id":1,"a":[{"b":1}]}`, update: `{"$unset":{"a.$[x]":1}}`, filters: []string{`{"x.b":1}`}, want: `{"_id":1,"a":[null]}`},
		{doc: `{"_id":1}`, update: `{"$set":{"a":0}}`, filters: []string{`{"x":1}`}, code: 9, message: "The array filter for identifier 'x' was not used in the update { $set: { a: 0 } }"},
		{doc: `{"_id":1}`, update: `{"$set":{"a.$[x]":0}}`, filters: []string{`{"x":1}`, `{"x":2}`}, code: 9},
		{doc: `{"_id":1}`, update: `{"$set":{"a.$[x]":0}}`, filters: []string{`{"x":1,"y":2}`}, code: 9},
		{doc: `{"_id":1}`, update: `{"$set":{"a.$[x]":0}}`, filters: []string{`{}`}, code: 9},
		{doc: `{"_id":1}`, update: `{"$set":{"a.$[X]":0}}`, filters: []string{`{"X":1}`}, code: 2},
		{doc: `{"_id":1}`, update: `{"a":0}`, filters: []string{`{"x":1}`}, code: 9},
	})
}
