package agg

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

func accumulatorTable() []accumulatorSpec {
	return []accumulatorSpec{
		{name: "$addToSet", compares: newAddToSet},
		{name: "$avg", make: newAvg},
		topRow("$bottom", bottomNOrder, false),
		topRow("$bottomN", bottomNOrder, true),
		{name: "$count", parse: parseCountAccumulator},
		{name: "$first", make: newFirst},
		nRow("$firstN", firstNOrder),
		{name: "$last", make: newLast},
		nRow("$lastN", lastNOrder),
		{name: "$max", compares: newMax},
		nRow("$maxN", maxNOrder),
		percentileRow("$median", 7436100),
		{name: "$mergeObjects", make: newMergeObjects},
		{name: "$min", compares: newMin},
		nRow("$minN", minNOrder),
		percentileRow("$percentile", 7429703),
		{name: "$push", make: newPush},
		{name: "$stdDevPop", make: newStdDevPop},
		{name: "$stdDevSamp", make: newStdDevSamp},
		{name: "$sum", make: newSum},
		topRow("$top", topNOrder, false),
		topRow("$topN", topNOrder, true),
	}
}

func parseCountAccumulator(_ string, arg bsonx.Value, _ *expr.Scope) (expr.Expr, newAccumulator, error) {
	if arg.Type != bsonx.TypeDocument || !arg.Doc().IsEmpty() {
		return nil, nil, mongoerr.New(mongoerr.TypeMismatch, "$count takes no arguments, i.e. $count:{}")
	}
	return &expr.Const{Value: bsonx.Null}, newCount, nil
}
