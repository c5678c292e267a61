package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// replaceRootStage is $replaceRoot and $replaceWith.
type replaceRootStage struct {
	scope *expr.Scope
	root  expr.Expr
}

func parseReplaceRoot(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(40229, "expected an object as specification for $replaceRoot stage, got %s", arg.Type)
	}
	var root bsonx.Value
	for it := arg.Doc().Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if key != "newRoot" {
			return nil, unknownOption(40415, "$replaceRoot", key)
		}
		root = v
	}
	if root.IsMissing() {
		return nil, mongoerr.New(40414, "BSON field '$replaceRoot.newRoot' is missing but a required field")
	}
	return parseReplaceWith(p, root)
}

func parseReplaceWith(p *parser, arg bsonx.Value) (stage, error) {
	root, err := expr.Parse(arg, p.scope)
	if err != nil {
		return nil, err
	}
	return &replaceRootStage{p.scope, root}, nil
}

func (s *replaceRootStage) explain(spec bsonx.Doc) []bsonx.Doc {
	name, arg, _ := spec.First()
	if name == "$replaceRoot" {
		return []bsonx.Doc{spec}
	}
	return []bsonx.Doc{bsonx.NewBuilder(nil).StartDoc("$replaceRoot").Value("newRoot", arg).Build()}
}

func (s *replaceRootStage) deps(d *Deps) bool {
	d.expr(s.root)
	return true
}

func (s *replaceRootStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	return newMapIterator(in, r.context(s.scope), s.apply), nil
}

func (s *replaceRootStage) apply(dst []byte, d bsonx.Doc, c *expr.Context) ([]byte, error) {
	c.Reset(d)
	v, err := s.root.Eval(c)
	if err != nil {
		return dst, err
	}
	if v.Type != bsonx.TypeDocument {
		return dst, mongoerr.New(40228, "'newRoot' expression must evaluate to an object, but resulting value was: %s. Type of resulting value: '%s'. Input document: %s",
			bsonx.Format(v), v.Type, d)
	}
	return bsonx.AppendPayload(dst, v), nil
}
