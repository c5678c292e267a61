package expr

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func miscOperators() []Operator {
	return []Operator{
		{Name: "$binarySize", Min: 1, Max: 1, Build: one(binarySize)},
		{Name: "$bsonSize", Min: 1, Max: 1, Build: one(bsonSize)},
		{Name: "$const", Parse: parseLiteral},
		{Name: "$function", Parse: parseFunction},
		{Name: "$literal", Parse: parseLiteral},
		{Name: "$meta", Parse: parseMeta},
		{Name: "$rand", Parse: parseRand},
		{Name: "$toHashedIndexKey", Parse: parseHashedKey},
		{Name: "$tsIncrement", Min: 1, Max: 1, Build: timestampPart(5687302, func(ts uint64) uint64 { return ts & (1<<32 - 1) })},
		{Name: "$tsSecond", Min: 1, Max: 1, Build: timestampPart(5687301, func(ts uint64) uint64 { return ts >> 32 })},
		{Name: "$type", Min: 1, Max: 1, Build: one(func(_ *Context, v bsonx.Value) (bsonx.Value, error) {
			return bsonx.String(v.Type.String()), nil
		})},
	}
}

func parseLiteral(_ string, arg bsonx.Value, _ *Scope) (Expr, error) { return &Const{arg.Clone()}, nil }

func binarySize(_ *Context, v bsonx.Value) (bsonx.Value, error) {
	switch {
	case v.IsNullish():
		return bsonx.Null, nil
	case v.Type == bsonx.TypeString || v.Type == bsonx.TypeBinary:
		return bsonx.Int32(int32(len(v.Bytes()))), nil
	}
	return v, mongoerr.New(51276, "$binarySize requires a string or BinData argument, found: %s", v.Type)
}

func bsonSize(_ *Context, v bsonx.Value) (bsonx.Value, error) {
	switch {
	case v.IsNullish():
		return bsonx.Null, nil
	case v.Type == bsonx.TypeDocument:
		return bsonx.Int32(int32(max(len(v.Bytes()), len(bsonx.Empty)))), nil
	}
	return v, mongoerr.New(31393, "$bsonSize requires a document input, found: %s", v.Type)
}

// parseFunction refuses: there is no JavaScript engine.
func parseFunction(string, bsonx.Value, *Scope) (Expr, error) {
	return nil, mongoerr.New(31264, "Cannot run server-side javascript without the javascript engine enabled: $function is not supported")
}

// metaNames are the kinds of metadata that $meta knows.
var metaNames = []string{
	"geoNearDistance", "geoNearPoint", "indexKey", "randVal", "recordId", "scoreDetails", "searchHighlights",
	"searchScore", "searchScoreDetails", "searchSequenceToken", "sortKey", "textScore",
	"timeseriesBucketMaxTime", "timeseriesBucketMinTime", "vectorSearchScore",
}

// parseMeta refuses: no stage or query produces metadata.
func parseMeta(_ string, arg bsonx.Value, _ *Scope) (Expr, error) {
	if arg.Type != bsonx.TypeString {
		return nil, mongoerr.New(17307, "$meta only supports string arguments")
	}
	if !slices.Contains(metaNames, arg.Str()) {
		return nil, mongoerr.New(17308, "Unsupported argument to $meta: %s", arg.Str())
	}
	return nil, mongoerr.New(40218, "query requires %s metadata, but it is not available", arg.Str())
}

// random is $rand.
type random struct{ next func() float64 }

func parseRand(_ string, arg bsonx.Value, s *Scope) (Expr, error) {
	if arg.Type != bsonx.TypeDocument && arg.Type != bsonx.TypeArray {
		return nil, mongoerr.New(10065, "invalid parameter: expected an object ($rand)")
	}
	if !arg.Doc().IsEmpty() {
		return nil, mongoerr.New(3040501, "$rand does not currently accept arguments")
	}
	return random{s.root.env.rand()}, nil
}

func (e random) Args() []Expr { return nil }

func (e random) Eval(*Context) (bsonx.Value, error) { return bsonx.Double(e.next()), nil }

// parseHashedKey takes any expression, so that an array is the value and not the operands.
func parseHashedKey(_ string, arg bsonx.Value, s *Scope) (Expr, error) {
	e, err := Parse(arg, s)
	if err != nil {
		return nil, err
	}
	return foldIf(IsConst(e), &unaryCall{e, func(_ *Context, v bsonx.Value) (bsonx.Value, error) {
		return bsonx.Int64(HashedKey(v)), nil
	}}, s)
}

func timestampPart(code mongoerr.Code, part func(uint64) uint64) func(string, []Expr) (Expr, error) {
	return func(name string, args []Expr) (Expr, error) {
		return &unaryCall{args[0], func(_ *Context, v bsonx.Value) (bsonx.Value, error) {
			switch {
			case v.IsNullish():
				return bsonx.Null, nil
			case v.Type != bsonx.TypeTimestamp:
				return v, mongoerr.New(code, " Argument to %s must be a timestamp, but is %s", name, v.Type)
			}
			return bsonx.Int64(int64(part(v.Timestamp()))), nil
		}}, nil
	}
}
