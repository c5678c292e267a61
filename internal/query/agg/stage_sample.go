package agg

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

// sampleStage is $sample: the documents with the lowest of random keys.
type sampleStage struct{ size int64 }

func parseSample(_ *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(28745, "the $sample stage specification must be an object")
	}
	s := &sampleStage{size: -1}
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if name != "size" {
			return nil, mongoerr.New(28748, "unrecognized option to $sample: %s", name)
		}
		if !v.IsNumber() {
			return nil, mongoerr.New(28746, "size argument to $sample must be a number")
		}
		if s.size, ok = expr.Integer(v); !ok {
			s.size = int64(expr.Float(v))
		}
		if s.size <= 0 {
			return nil, mongoerr.New(28747, "size argument to $sample must be a positive integer")
		}
	}
	if s.size < 0 {
		return nil, mongoerr.New(28749, "$sample stage must specify a size")
	}
	return s, nil
}

func (s *sampleStage) deps(*Deps) bool { return false }

func (s *sampleStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	return &sampleIterator{in: in, sorter: r.sorter(nil, s.size)}, nil
}

type sampleIterator struct {
	in     Iterator
	sorter *sortkey.Sorter
	read   bool
	sticky
}

func (it *sampleIterator) Close() error {
	it.done = true
	err := it.in.Close()
	if serr := it.sorter.Close(); err == nil {
		err = serr
	}
	return err
}

func (it *sampleIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	if !it.read {
		it.read = true
		if err := it.readAll(ctx); err != nil {
			return it.end(err)
		}
	}
	d, ok, err := it.sorter.Next()
	if err != nil || !ok {
		return it.end(err)
	}
	return d, true, nil
}

func (it *sampleIterator) readAll(ctx context.Context) error {
	var key [8]byte
	for {
		d, ok, err := it.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return it.sorter.Sort()
		}
		binary.BigEndian.PutUint64(key[:], rand.Uint64())
		if err := it.sorter.AddKeyed(key[:], d); err != nil {
			return err
		}
	}
}
