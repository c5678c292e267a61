package project

import (
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// sliceArgs are the arguments of the $slice projection.
type sliceArgs struct {
	skip, limit int
	last        bool // {$slice: -n}: the last limit elements
}

func parseSlice(v bsonx.Value) (sliceArgs, error) {
	if n, ok := sliceNumber(v); ok {
		if n < 0 {
			return sliceArgs{limit: -n, last: true}, nil
		}
		return sliceArgs{limit: n}, nil
	}
	if v.Type != bsonx.TypeArray {
		return sliceArgs{}, mongoerr.New(28667, "Invalid $slice syntax. The given syntax { $slice: %s } did not match the find() syntax because :: Location31273: $slice only supports numbers and [skip, limit] arrays", bsonx.Format(v))
	}
	arr := v.Doc()
	skip, ok1 := sliceNumber(arr.Index(0))
	limit, ok2 := sliceNumber(arr.Index(1))
	switch {
	case arr.Count() != 2 || !ok1 || !ok2:
		return sliceArgs{}, mongoerr.New(28724, "First argument to $slice must be an array, but is of type: %s", arr.Index(0).Type)
	case limit <= 0:
		return sliceArgs{}, mongoerr.New(28724, "$slice limit must be positive")
	}
	return sliceArgs{skip: skip, limit: limit}, nil
}

// sliceNumber reads a number, cut to 32 bits.
func sliceNumber(v bsonx.Value) (int, bool) {
	var f float64
	switch v.Type {
	case bsonx.TypeInt32, bsonx.TypeInt64:
		f = float64(v.Int64())
	case bsonx.TypeDouble:
		f = math.Trunc(v.Double())
	case bsonx.TypeDecimal128:
		f = 0
		if n, e, err := v.Decimal128().BigInt(); err == nil && e == 0 && n.IsInt64() {
			f = float64(n.Int64())
		}
	default:
		return 0, false
	}
	return int(max(min(f, math.MaxInt32), math.MinInt32+1)), true
}

func (s sliceArgs) bounds(n int) (from, to int) {
	from = s.skip
	switch {
	case s.last:
		from = max(n-s.limit, 0)
	case from < 0:
		from = max(n+from, 0)
	}
	return from, min(from+s.limit, n)
}

func (s sliceArgs) appendTo(dst []byte, name string, arr bsonx.Doc) []byte {
	from, to := s.bounds(arr.Count())
	dst = bsonx.AppendHeader(dst, bsonx.TypeArray, name)
	start := len(dst)
	dst = bsonx.AppendDocStart(dst)
	it := arr.Iter()
	for i := 0; i < to; i++ {
		_, v, _ := it.Next()
		if i >= from {
			dst = bsonx.AppendIndexElem(dst, i-from, v)
		}
	}
	return bsonx.AppendDocEnd(dst, start)
}

// appendOne appends an array of one element.
func appendOne(dst []byte, name string, v bsonx.Value) []byte {
	dst = bsonx.AppendHeader(dst, bsonx.TypeArray, name)
	start := len(dst)
	dst = bsonx.AppendIndexElem(bsonx.AppendDocStart(dst), 0, v)
	return bsonx.AppendDocEnd(dst, start)
}

// elemMatchField is what an element is called while it is matched.
const elemMatchField = "e"

// compileElemMatch compiles the condition of the $elemMatch projection.
func compileElemMatch(cond bsonx.Value, s *expr.Scope) (*match.Filter, error) {
	if cond.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(31274, "elemMatch: Invalid argument, object required, but got %s", cond.Type)
	}
	f := bsonx.NewBuilder(nil).StartDoc(elemMatchField).Doc("$elemMatch", cond.Doc()).End().Build()
	return match.Compile(f, s)
}

func (r *run) elemMatch(dst []byte, v bsonx.Value, n *node) ([]byte, error) {
	if v.Type != bsonx.TypeArray {
		return dst, nil
	}
	b := bsonx.NewBuilder(nil).Value(elemMatchField, v).Build()
	var c *expr.Context
	if n.elem.NeedsContext() {
		c = r.c
		defer c.Reset(r.doc)
	}
	ok, pos, err := n.elem.MatchPositional(b, c)
	if err != nil || !ok || pos < 0 {
		return dst, err
	}
	return appendOne(dst, n.name, v.Doc().Index(pos)), nil
}

// positional appends the element that the query has matched.
func (r *run) positional(dst []byte, k string, v bsonx.Value) ([]byte, error) {
	if v.Type != bsonx.TypeArray {
		return bsonx.AppendElem(dst, k, v), nil
	}
	if r.pos == -2 {
		var err error
		if _, r.pos, err = r.p.filter.MatchPositional(r.doc, r.c); err != nil {
			return nil, err
		}
	}
	e := v.Doc().Index(r.pos)
	if r.pos < 0 || e.IsMissing() {
		return nil, mongoerr.New(51246, "Executor error during find command :: caused by :: positional operator '.$' couldn't find a matching element in the array")
	}
	return appendOne(dst, k, e), nil
}
