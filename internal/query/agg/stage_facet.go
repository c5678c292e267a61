package agg

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// facetStage is $facet: several pipelines over the same documents, each giving one array.
type facetStage struct {
	names     []string
	pipelines []*Pipeline
}

func parseFacet(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument || arg.Doc().IsEmpty() {
		return nil, mongoerr.New(40169, "the $facet specification must be a non-empty object")
	}
	s := &facetStage{}
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return s, nil
		}
		if err := checkFacetName(name); err != nil {
			return nil, err
		}
		if v.Type != bsonx.TypeArray {
			return nil, mongoerr.New(40170, "arguments to $facet must be arrays, %s is type %s", name, v.Type)
		}
		if err := checkFacetStages(name, v.Doc()); err != nil {
			return nil, err
		}
		sub, err := p.sub(v.Doc(), placeFacet, p.scope, p.opts.Coll)
		if err != nil {
			return nil, err
		}
		s.names = append(s.names, name)
		s.pipelines = append(s.pipelines, sub)
	}
}

func checkFacetName(name string) error {
	switch {
	case strings.HasPrefix(name, "$"):
		return mongoerr.New(16410, "FieldPath field names may not start with '$'. Consider using $getField or $setField.")
	case strings.Contains(name, "."):
		return mongoerr.New(16412, "FieldPath field names may not contain '.'. Consider using $getField or $setField.")
	case name == "":
		return mongoerr.New(15998, "FieldPath field names may not be empty strings.")
	}
	return nil
}

func checkFacetStages(name string, stages bsonx.Doc) error {
	for it := stages.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return nil
		}
		if v.Type != bsonx.TypeDocument {
			return mongoerr.New(40171, "elements of arrays in $facet spec must be non-empty objects, %s argument contained an element of type %s: %s",
				name, v.Type, bsonx.Format(v))
		}
	}
}

func (s *facetStage) deps(d *Deps) bool {
	for _, p := range s.pipelines {
		sub := dependencies(p.nodes)
		if sub.Whole {
			d.whole()
		}
		for _, path := range sub.Paths {
			d.add(path)
		}
	}
	return true
}

func (s *facetStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	return &facetIterator{facetStage: s, r: r, in: in, input: newDocBuffer("$facet", r.opts)}, nil
}

type facetIterator struct {
	*facetStage
	r     *run
	in    Iterator
	input *docBuffer
	sticky
}

func (it *facetIterator) Close() error {
	err := it.in.Close()
	if berr := it.input.close(); err == nil {
		err = berr
	}
	return err
}

func (it *facetIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	if err := it.read(ctx); err != nil {
		return it.end(err)
	}
	b := bsonx.NewBuilder(nil)
	for i, p := range it.pipelines {
		b.StartArray(it.names[i])
		if err := it.facet(ctx, p, b.Buffer()); err != nil {
			return it.end(err)
		}
		b.End()
	}
	it.done = true
	if err := it.input.close(); err != nil {
		return it.end(err)
	}
	return b.Build(), true, nil
}

// read takes the whole input into the buffer.
func (it *facetIterator) read(ctx context.Context) error {
	for {
		d, ok, err := it.in.Next(ctx)
		if err != nil || !ok {
			return err
		}
		if err := it.input.add(d); err != nil {
			return err
		}
	}
}

// facet appends the results of one pipeline as array elements.
func (it *facetIterator) facet(ctx context.Context, p *Pipeline, dst *[]byte) error {
	r, err := it.input.reader()
	if err != nil {
		return err
	}
	out, err := p.Run(ctx, &readerIterator{r: r}, it.r.src)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	start := len(*dst)
	for n := 0; ; n++ {
		d, ok, err := out.Next(ctx)
		if err != nil || !ok {
			return err
		}
		*dst = bsonx.AppendIndexElem(*dst, n, bsonx.Document(d))
		if size := int64(len(*dst) - start); size > it.r.opts.MemoryMax {
			return mongoerr.New(4031700, "document constructed by $facet is %d bytes, which exceeds the limit of %d bytes", size, it.r.opts.MemoryMax)
		}
	}
}

// readerIterator makes an Iterator of a bufferReader.
type readerIterator struct {
	r *bufferReader
	pace
}

func (it *readerIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if err := it.check(ctx); err != nil {
		return nil, false, err
	}
	return it.r.next()
}

func (it *readerIterator) Close() error { return nil }
