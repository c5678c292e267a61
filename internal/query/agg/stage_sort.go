package agg

import (
	"context"
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

// sortStage is $sort. With a limit it keeps only as many documents.
type sortStage struct {
	spec    bsonx.Doc
	pattern *sortkey.Pattern
	limit   int64 // 0 for none
}

func parseSort(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(15973, "the $sort key specification must be an object")
	}
	if arg.Doc().IsEmpty() {
		return nil, mongoerr.New(15976, "$sort stage must have at least one sort key")
	}
	pattern, err := sortkey.Compile(arg.Doc(), p.scope.Collation())
	if err != nil {
		return nil, err
	}
	return &sortStage{spec: arg.Doc(), pattern: pattern}, nil
}

// withLimit returns the stage for when only the first n documents are wanted.
func (s *sortStage) withLimit(n int64) *sortStage {
	c := *s
	if c.limit == 0 || n < c.limit {
		c.limit = n
	}
	return &c
}

func (s *sortStage) explain(bsonx.Doc) []bsonx.Doc {
	b := bsonx.NewBuilder(nil).StartDoc("$sort").Doc("sortKey", s.spec)
	if s.limit > 0 {
		b.Int64("limit", s.limit)
	}
	return []bsonx.Doc{b.Build()}
}

func (s *sortStage) deps(d *Deps) bool {
	for _, f := range s.pattern.Fields() {
		d.add(f.Path)
	}
	return false
}

func (s *sortStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	return &sortIterator{in: in, sorter: r.sorter(s.pattern, s.limit)}, nil
}

// sorter makes a sorter within the limits of the run. Without a pattern it takes keys.
func (r *run) sorter(p *sortkey.Pattern, limit int64) *sortkey.Sorter {
	return sortkey.NewSorter(p, sortkey.SorterOptions{
		MemoryMax: r.opts.MemoryMax, Limit: limit, AllowDiskUse: r.opts.AllowDiskUse, TempDir: r.opts.TempDir,
	})
}

type sortIterator struct {
	in     Iterator
	sorter *sortkey.Sorter
	sorted bool
	sticky
}

func (it *sortIterator) Close() error {
	it.done = true
	err := it.in.Close()
	if serr := it.sorter.Close(); err == nil {
		err = serr
	}
	return err
}

func (it *sortIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	if !it.sorted {
		it.sorted = true
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

func (it *sortIterator) readAll(ctx context.Context) error {
	for {
		d, ok, err := it.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return it.sorter.Sort()
		}
		if err := it.sorter.Add(d); err != nil {
			return err
		}
	}
}

// addLimits returns a + b, or the largest number if that is too big.
func addLimits(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
