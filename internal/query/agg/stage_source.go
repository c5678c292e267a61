package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// documentsStage is $documents: an expression makes the documents.
type documentsStage struct {
	scope *expr.Scope
	docs  expr.Expr
}

func parseDocuments(p *parser, arg bsonx.Value) (stage, error) {
	e, err := expr.Parse(arg, p.scope)
	if err != nil {
		return nil, err
	}
	return &documentsStage{p.scope, e}, nil
}

func (s *documentsStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	c := r.context(s.scope)
	c.Reset(bsonx.Empty)
	v, err := s.docs.Eval(c)
	if err != nil {
		return nil, err
	}
	if v.Type != bsonx.TypeArray {
		return nil, mongoerr.New(5858203, "an array is expected, got %s", v.Type)
	}
	return &documentsIterator{in: in, elems: v.Doc().Iter()}, nil
}

type documentsIterator struct {
	in    Iterator
	elems bsonx.Iter
	sticky
}

func (it *documentsIterator) Close() error { return it.in.Close() }

func (it *documentsIterator) Next(context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	_, v, ok := it.elems.Next()
	if !ok {
		return it.end(nil)
	}
	if v.Type != bsonx.TypeDocument {
		return it.end(mongoerr.New(40228, "'newRoot' expression must evaluate to an object, but resulting value was: %s. Type of resulting value: '%s'.", bsonx.Format(v), v.Type))
	}
	return v.Doc(), true, nil
}

// specialStage reports on the server: the caller opens it.
type specialStage struct {
	name string
	arg  bsonx.Doc
}

// special makes the row of such a stage. An argument that is no object is refused with noObject.
func special(name string, f flags, noObject mongoerr.Code) stageSpec {
	return stageSpec{name: name, flags: f, parse: func(p *parser, name string, arg bsonx.Value) ([]node, error) {
		if arg.Type != bsonx.TypeDocument {
			return nil, mongoerr.New(noObject, "%s must take a nested object but found: %s", name, bsonx.Format(arg))
		}
		if p.opts.Special == nil {
			return nil, mongoerr.New(mongoerr.NotImplemented, "%s is not supported here", name)
		}
		return []node{newNode(name, arg, &specialStage{name, arg.Doc()})}, nil
	}}
}

func (s *specialStage) open(ctx context.Context, r *run, in Iterator) (Iterator, error) {
	out, err := r.opts.Special(ctx, s.name, s.arg)
	if err != nil {
		return nil, err
	}
	return &replaced{Iterator: out, in: in}, nil
}

// replaced is an iterator that takes the place of an input that is not read.
type replaced struct {
	Iterator
	in Iterator
}

func (it *replaced) Close() error {
	err := it.Iterator.Close()
	if ierr := it.in.Close(); err == nil {
		err = ierr
	}
	return err
}

// refused makes the row of a stage that MongoDB has and this server has not.
func refused(name string, f flags) stageSpec {
	return stageSpec{name: name, flags: f, refused: true, parse: func(*parser, string, bsonx.Value) ([]node, error) {
		return nil, mongoerr.New(mongoerr.NotImplemented, "%s is not supported by this server", name)
	}}
}
