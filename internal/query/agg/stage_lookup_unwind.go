package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// lookupUnwindIterator is $lookup with the $unwind of its array: it returns a document for each
// match and never builds the array, which might grow too big.
type lookupUnwindIterator struct {
	*lookupIterator
	doc     bsonx.Doc // the document at hand
	results Iterator  // its matches, nil between documents
	next    int64     // the position of the next match

	// The matches of all documents, if they are always the same; keeping says that they
	// are being collected.
	all     []bsonx.Doc
	allSize int64
	keeping bool
	kept    bool

	made, buf []byte
}

var emptyArray = bsonx.MakeArray()

func (it *lookupUnwindIterator) Close() error {
	err := it.lookupIterator.Close()
	if it.results != nil {
		if rerr := it.results.Close(); err == nil {
			err = rerr
		}
		it.results = nil
	}
	it.all = nil
	return err
}

func (it *lookupUnwindIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	for {
		if it.done {
			return it.end(it.err)
		}
		if it.results == nil {
			d, ok, err := it.in.Next(ctx)
			if !ok || err != nil {
				return it.end(err)
			}
			if err := it.start(ctx, d); err != nil {
				return it.end(err)
			}
		}
		match, ok, err := it.results.Next(ctx)
		if err != nil {
			return it.end(err)
		}
		if ok {
			it.keep(match)
			it.next++
			return it.emit(bsonx.Document(match), bsonx.Int64(it.next-1)), true, nil
		}
		if err := it.finish(); err != nil {
			return it.end(err)
		}
		if it.next == 0 && it.unwind.preserve {
			return it.emitNone(), true, nil
		}
	}
}

// start opens the matches of a document.
func (it *lookupUnwindIterator) start(ctx context.Context, d bsonx.Doc) (err error) {
	it.doc, it.next = d, 0
	if it.kept {
		it.results = Docs(it.all)
		return nil
	}
	it.all, it.allSize = nil, 0
	it.keeping = it.constant()
	it.results, err = it.matches(ctx, d)
	return err
}

// keep copies a match for the documents to come, while they fit in memory.
func (it *lookupUnwindIterator) keep(match bsonx.Doc) {
	if !it.keeping {
		return
	}
	if it.allSize += int64(len(match)) + docOverhead; it.allSize > it.r.opts.MemoryMax {
		it.keeping, it.all = false, nil
		return
	}
	it.all = append(it.all, match.Clone())
}

// finish closes the matches of a document.
func (it *lookupUnwindIterator) finish() error {
	err := it.results.Close()
	it.results = nil
	it.kept = it.kept || it.keeping
	it.keeping = false
	return err
}

// emitNone returns the document without any match. The objects that lead to the array are
// made all the same.
func (it *lookupUnwindIterator) emitNone() bsonx.Doc {
	it.made = it.as.appendSet(it.made[:0], it.doc, emptyArray)
	it.doc = it.made
	return it.emit(bsonx.Value{}, bsonx.Null)
}

// emit returns the document with one match, or without any.
func (it *lookupUnwindIterator) emit(match, index bsonx.Value) bsonx.Doc {
	it.out = it.as.appendSet(it.out[:0], it.doc, match)
	if it.unwind.index == nil {
		return it.out
	}
	it.buf = it.unwind.index.appendSet(it.buf[:0], it.out, index)
	return it.buf
}

// absorb returns the stage together with a following $unwind of its array, nil if that is of
// something else.
func (s *lookupStage) absorb(u *unwindStage) *lookupStage {
	if s.unwind != nil || s.as.String() != u.path.String() {
		return nil
	}
	c := *s
	c.unwind = u
	return &c
}
