package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Iterator is a stream of documents.
type Iterator interface {
	// Next returns the next document, ok false at the end. The document is valid until
	// the next call. After an error or the end, further calls return the same.
	Next(ctx context.Context) (doc bsonx.Doc, ok bool, err error)

	// Close ends the stream early and frees what it holds. It is idempotent.
	Close() error
}

// Docs returns an iterator over documents in memory, which it does not copy.
func Docs(docs []bsonx.Doc) Iterator { return &docsIterator{docs: docs} }

type docsIterator struct {
	docs []bsonx.Doc
	pace
}

func (it *docsIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if len(it.docs) == 0 {
		return nil, false, nil
	}
	if err := it.check(ctx); err != nil {
		return nil, false, err
	}
	d := it.docs[0]
	it.docs = it.docs[1:]
	return d, true, nil
}

func (it *docsIterator) Close() error {
	it.docs = nil
	return nil
}

// Collect drains an iterator, closes it and returns copies of its documents.
func Collect(ctx context.Context, it Iterator) (docs []bsonx.Doc, err error) {
	defer func() {
		if cerr := it.Close(); err == nil {
			err = cerr
		}
	}()
	for {
		d, ok, err := it.Next(ctx)
		if err != nil || !ok {
			return docs, err
		}
		docs = append(docs, d.Clone())
	}
}

// pace looks for the end of a context once in checkEvery calls. Sources of documents that are
// in memory embed it: the stages behind them rely on their input to be interrupted.
type pace struct{ calls uint }

const checkEvery = 128

func (p *pace) check(ctx context.Context) error {
	if p.calls++; p.calls%checkEvery != 0 || ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// sticky remembers how a stream ended. Stages that may fail embed it.
type sticky struct {
	done bool
	err  error
}

// end records the end of the stream, err nil for the regular one, and returns what Next
// is to return.
func (s *sticky) end(err error) (bsonx.Doc, bool, error) {
	s.done, s.err = true, err
	return nil, false, err
}
