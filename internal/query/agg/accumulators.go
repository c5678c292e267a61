package agg

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

func accumulatorTable() []accumulatorSpec {
	return []accumulatorSpec{
		{name: "$addToSet", make: newAddToSet},
		{name: "$avg", make: newAvg},
		{name: "$count", parse: parseCountAccumulator},
		{name: "$first", make: newFirst},
		{name: "$last", make: newLast},
		{name: "$max", make: newMax},
		{name: "$mergeObjects", make: newMergeObjects},
		{name: "$min", make: newMin},
		{name: "$push", make: newPush},
		{name: "$stdDevPop", make: newStdDevPop},
		{name: "$stdDevSamp", make: newStdDevSamp},
		{name: "$sum", make: newSum},
	}
}

func parseCountAccumulator(_ string, arg bsonx.Value, _ *expr.Scope) (expr.Expr, newAccumulator, error) {
	if arg.Type != bsonx.TypeDocument || !arg.Doc().IsEmpty() {
		return nil, nil, mongoerr.New(mongoerr.TypeMismatch, "$count takes no arguments, i.e. $count:{}")
	}
	return &expr.Const{Value: bsonx.Null}, newCount, nil
}
