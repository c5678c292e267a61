package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// unionStage is $unionWith.
type unionStage struct {
	coll string // empty if the pipeline brings its own documents
	sub  *Pipeline
}

func parseUnionWith(p *parser, arg bsonx.Value) (stage, error) {
	s := &unionStage{}
	var pipeline bsonx.Doc
	switch arg.Type {
	case bsonx.TypeString:
		s.coll = arg.Str()
	case bsonx.TypeDocument:
		var err error
		if pipeline, err = s.parseOptions(arg.Doc()); err != nil {
			return nil, err
		}
	default:
		return nil, mongoerr.New(mongoerr.FailedToParse, "the $unionWith stage specification must be an object or string, but found %s", arg.Type)
	}
	if s.coll != "" {
		p.use(s.coll)
	} else if !startsWithDocuments(pipeline) {
		return nil, mongoerr.New(mongoerr.FailedToParse, "$unionWith stage without explicit collection must have a pipeline with $documents as first stage")
	}
	var err error
	s.sub, err = p.sub(pipeline, placeUnion, p.scope, s.coll)
	return s, err
}

func (s *unionStage) parseOptions(d bsonx.Doc) (pipeline bsonx.Doc, err error) {
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return pipeline, nil
		}
		want := bsonx.TypeString
		switch name {
		case "coll":
			s.coll = v.Str()
		case "pipeline":
			want = bsonx.TypeArray
			pipeline = v.Doc()
		default:
			return nil, unknownOption(40415, "$unionWith", name)
		}
		if v.Type != want {
			return nil, mongoerr.New(mongoerr.TypeMismatch, "BSON field '$unionWith.%s' is the wrong type '%s', expected type '%s'", name, v.Type, want)
		}
	}
}

func (s *unionStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	return &unionIterator{unionStage: s, r: r, in: in}, nil
}

// unionIterator returns its input, then the other documents.
type unionIterator struct {
	*unionStage
	r     *run
	in    Iterator
	other Iterator
	sticky
}

func (it *unionIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	if it.other == nil {
		d, ok, err := it.in.Next(ctx)
		if err != nil {
			return it.end(err)
		}
		if ok {
			return d, true, nil
		}
		if it.other, err = openSub(ctx, it.r, it.coll, it.sub); err != nil {
			return it.end(err)
		}
	}
	d, ok, err := it.other.Next(ctx)
	if err != nil || !ok {
		return it.end(err)
	}
	return d, true, nil
}

func (it *unionIterator) Close() error {
	it.done = true
	err := it.in.Close()
	if it.other != nil {
		if oerr := it.other.Close(); err == nil {
			err = oerr
		}
	}
	return err
}
