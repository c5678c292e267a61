package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// redactStage is $redact: an expression decides for each level of a document.
type redactStage struct {
	scope   *expr.Scope
	current int // the slot of $$CURRENT, which is the level at hand
	expr    expr.Expr
}

func parseRedact(p *parser, arg bsonx.Value) (stage, error) {
	s := &redactStage{}
	s.scope, s.current = p.scope.With("CURRENT")
	var err error
	s.expr, err = expr.Parse(arg, s.scope)
	return s, err
}

func (s *redactStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	return &redactIterator{redactStage: s, in: in, c: r.context(s.scope)}, nil
}

type redactIterator struct {
	*redactStage
	in  Iterator
	c   *expr.Context
	out []byte
	sticky
}

func (it *redactIterator) Close() error {
	it.done = true
	return it.in.Close()
}

func (it *redactIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	for {
		if it.done {
			return it.end(it.err)
		}
		d, ok, err := it.in.Next(ctx)
		if err != nil || !ok {
			return it.end(err)
		}
		it.c.Reset(d)
		if it.out, ok, err = it.level(it.out[:0], d); err != nil {
			return it.end(err)
		}
		if ok {
			return it.out, true, nil
		}
	}
}

// level appends what is left of one document; ok is false if that is nothing.
func (it *redactIterator) level(dst []byte, d bsonx.Doc) (out []byte, ok bool, err error) {
	it.c.SetVar(it.current, bsonx.Document(d))
	v, err := it.expr.Eval(it.c)
	if err != nil {
		return dst, false, err
	}
	switch v.Str() {
	case "keep":
		return append(dst, d...), true, nil
	case "prune":
		return dst, false, nil
	case "descend":
		out, err = it.descend(dst, d)
		return out, true, err
	}
	return dst, false, mongoerr.New(17053, "$redact's expression should not return anything aside from the variables $$KEEP, $$DESCEND, and $$PRUNE, but returned %s", bsonx.Format(v))
}

func (it *redactIterator) descend(dst []byte, d bsonx.Doc) ([]byte, error) {
	start := len(dst)
	dst = bsonx.AppendDocStart(dst)
	for elems := d.Iter(); ; {
		key, v, ok := elems.Next()
		if !ok {
			return bsonx.AppendDocEnd(dst, start), nil
		}
		before := len(dst)
		dst = bsonx.AppendHeader(dst, v.Type, key)
		var err error
		if dst, ok, err = it.value(dst, v); err != nil {
			return dst, err
		}
		if !ok {
			dst = dst[:before]
		}
	}
}

// value appends what is left of a field's value.
func (it *redactIterator) value(dst []byte, v bsonx.Value) ([]byte, bool, error) {
	switch v.Type {
	case bsonx.TypeDocument:
		return it.level(dst, v.Doc())
	case bsonx.TypeArray:
		out, err := it.array(dst, v.Doc())
		return out, true, err
	}
	return bsonx.AppendPayload(dst, v), true, nil
}

func (it *redactIterator) array(dst []byte, arr bsonx.Doc) ([]byte, error) {
	start, n := len(dst), 0
	dst = bsonx.AppendDocStart(dst)
	for elems := arr.Iter(); ; {
		_, v, ok := elems.Next()
		if !ok {
			return bsonx.AppendDocEnd(dst, start), nil
		}
		before := len(dst)
		dst = bsonx.AppendIndexHeader(dst, v.Type, n)
		var err error
		if dst, ok, err = it.value(dst, v); err != nil {
			return dst, err
		}
		if ok {
			n++
		} else {
			dst = dst[:before]
		}
	}
}
