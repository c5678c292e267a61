package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/project"
)

// projectStage is $project, $addFields, $set or $unset.
type projectStage struct {
	scope      *expr.Scope
	projection *project.Projection
}

func parseProject(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(15969, "$project specification must be an object")
	}
	pr, err := project.Compile(arg.Doc(), p.scope, project.Aggregate, nil)
	if err != nil {
		return nil, mongoerr.From(err).Prefixed("Invalid $project")
	}
	return &projectStage{p.scope, pr}, nil
}

// parseAddFields parses $addFields and its other name $set.
func parseAddFields(p *parser, name string, arg bsonx.Value) ([]node, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(40272, "%s specification stage must be an object, got %s", name, arg.Type)
	}
	pr, err := project.CompileAddFields(arg.Doc(), p.scope)
	if err != nil {
		return nil, mongoerr.From(err).Prefixed("Invalid " + name)
	}
	return []node{newNode(name, arg, &projectStage{p.scope, pr})}, nil
}

func parseUnset(p *parser, arg bsonx.Value) (stage, error) {
	pr, err := project.CompileUnset(arg)
	if err != nil {
		return nil, err
	}
	return &projectStage{p.scope, pr}, nil
}

func (s *projectStage) explain(spec bsonx.Doc) []bsonx.Doc {
	name, arg, _ := spec.First()
	b := bsonx.NewBuilder(nil)
	switch name {
	case "$set":
		b.Value("$addFields", arg)
	case "$unset":
		b.StartDoc("$project")
		if arg.Type == bsonx.TypeString {
			b.Bool(arg.Str(), false)
		}
		for it := arg.Doc().Iter(); ; {
			_, field, ok := it.Next()
			if !ok {
				break
			}
			b.Bool(field.Str(), false)
		}
		b.Bool("_id", true)
	default:
		return []bsonx.Doc{spec}
	}
	return []bsonx.Doc{b.Build()}
}

func (s *projectStage) deps(d *Deps) bool {
	paths, whole := s.projection.Deps()
	if whole {
		d.whole()
	}
	for _, p := range paths {
		d.add(p)
	}
	return true
}

func (s *projectStage) passes(d *Deps) bool {
	if d.Whole {
		return false
	}
	for _, p := range d.Paths {
		if !s.projection.Preserves(p) {
			return false
		}
	}
	return true
}

func (s *projectStage) source(path string) (string, bool) { return s.projection.Source(path) }

func (s *projectStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	return newMapIterator(in, r.context(s.scope), s.apply), nil
}

func (s *projectStage) apply(dst []byte, d bsonx.Doc, c *expr.Context) ([]byte, error) {
	c.Reset(d)
	return s.projection.Append(dst, d, c)
}
