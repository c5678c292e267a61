package agg

import (
	"context"
	"math"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// countStage is $count. MongoDB makes a $group and a $project of it; counting needs neither.
type countStage struct{ field string }

func parseCountStage(_ *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeString {
		return nil, mongoerr.New(40156, "the count field must be a non-empty string")
	}
	field := arg.Str()
	switch {
	case field == "":
		return nil, mongoerr.New(40157, "the count field must be a non-empty string")
	case field[0] == '$':
		return nil, mongoerr.New(40158, "the count field cannot be a $-prefixed path")
	case strings.IndexByte(field, 0) >= 0:
		return nil, mongoerr.New(40159, "the count field cannot contain a null byte")
	case strings.IndexByte(field, '.') >= 0:
		return nil, mongoerr.New(40160, "the count field cannot contain '.'")
	}
	return &countStage{field}, nil
}

func (s *countStage) explain(bsonx.Doc) []bsonx.Doc {
	group := bsonx.NewBuilder(nil).StartDoc("$group").StartDoc("_id").Value("$const", bsonx.Null).End()
	group.StartDoc(s.field).StartDoc("$sum").Int32("$const", 1)
	return []bsonx.Doc{
		group.Build(),
		bsonx.NewBuilder(nil).StartDoc("$project").Bool(s.field, true).Bool("_id", false).Build(),
	}
}

func (s *countStage) deps(*Deps) bool { return true }

func (s *countStage) open(_ context.Context, _ *run, in Iterator) (Iterator, error) {
	return &countIterator{Iterator: in, field: s.field}, nil
}

type countIterator struct {
	Iterator
	field string
	sticky
}

func (it *countIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	n := int64(0)
	for ; ; n++ {
		_, ok, err := it.Iterator.Next(ctx)
		if err != nil {
			return it.end(err)
		}
		if !ok {
			break
		}
	}
	it.done = true
	if n == 0 {
		return nil, false, nil
	}
	return bsonx.NewBuilder(nil).Value(it.field, count(n)).Build(), true, nil
}

// count is a number of documents, as small as $sum would make it.
func count(n int64) bsonx.Value {
	if n <= math.MaxInt32 {
		return bsonx.Int32(int32(n))
	}
	return bsonx.Int64(n)
}
