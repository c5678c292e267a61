package agg

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Limits of pipelines.
const (
	maxStages = 1000 // stages in one pipeline
	maxNested = 20   // pipelines inside pipelines
)

// place says in what kind of pipeline a stage stands.
type place uint8

const (
	placeTop place = iota
	placeFacet
	placeLookup
	placeUnion
)

// notInSub are the errors of stages that may not stand in the pipeline of a join.
var notInSub = map[place]struct {
	code  mongoerr.Code
	stage string
}{
	placeLookup: {51047, "$lookup"},
	placeUnion:  {31441, "$unionWith"},
}

// parser is the state of parsing one pipeline.
type parser struct {
	opts   *Options
	scope  *expr.Scope
	place  place
	facet  bool // inside of $facet, at any depth
	nested int
	writer *WriteSpec
	spaces *[]Namespace
}

// Parse compiles a pipeline, given as a BSON array. The result shares no bytes with it.
func Parse(pipeline bsonx.Doc, opts *Options) (*Pipeline, error) {
	opts = opts.ensureDefaults()
	p := &parser{opts: opts, scope: opts.Scope, spaces: new([]Namespace)}
	return p.pipeline(pipeline.Clone())
}

// CheckNames checks only that every element of a pipeline is one stage that exists.
func CheckNames(pipeline bsonx.Doc) error {
	for it := pipeline.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return nil
		}
		name, _, _ := v.Doc().First()
		if v.Doc().Count() != 1 {
			return mongoerr.New(40323, "A pipeline stage specification object must contain exactly one field.")
		}
		if _, known := stages[name]; !known {
			return mongoerr.New(40324, "Unrecognized pipeline stage name: '%s'", name)
		}
	}
}

// sub parses a pipeline inside of this one.
func (p *parser) sub(arg bsonx.Doc, where place, scope *expr.Scope, coll string) (*Pipeline, error) {
	if p.nested >= maxNested {
		return nil, mongoerr.New(mongoerr.MaxSubPipelineDepthExceeded, "Maximum number of nested sub-pipelines exceeded. Limit is %d", maxNested)
	}
	opts := *p.opts
	opts.Scope, opts.Coll = scope, coll
	child := &parser{opts: &opts, scope: scope, place: where, nested: p.nested + 1, spaces: p.spaces}
	child.facet = p.facet || where == placeFacet
	return child.pipeline(arg)
}

func (p *parser) pipeline(arr bsonx.Doc) (*Pipeline, error) {
	var nodes []node
	n := 0
	count := arr.Count()
	if count > maxStages {
		return nil, mongoerr.New(7749501, "Pipeline length must be no longer than %d stages.", maxStages)
	}
	for it := arr.Iter(); ; n++ {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		more, err := p.stage(v, n, count)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, more...)
	}
	if n == 0 && p.opts.Coll == "" && p.place == placeTop && !p.opts.Update {
		return nil, mongoerr.New(mongoerr.InvalidNamespace, "{aggregate: 1} is not valid for an empty pipeline.")
	}
	pl := &Pipeline{opts: p.opts, nodes: nodes, writer: p.writer, spaces: *p.spaces}
	return optimize(pl)
}

// stage parses the stage at position i of count.
func (p *parser) stage(v bsonx.Value, i, count int) ([]node, error) {
	if v.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.TypeMismatch, "Each element of the 'pipeline' array must be an object")
	}
	if v.Doc().Count() != 1 {
		return nil, mongoerr.New(40323, "A pipeline stage specification object must contain exactly one field.")
	}
	name, arg, _ := v.Doc().First()
	spec, ok := stages[name]
	if !ok {
		return nil, mongoerr.New(40324, "Unrecognized pipeline stage name: '%s'", name)
	}
	if err := p.checkPlace(spec, i, count); err != nil {
		return nil, err
	}
	return spec.parse(p, spec.name, arg)
}

// checkPlace holds a stage's flags against where it stands.
func (p *parser) checkPlace(s stageSpec, i, count int) error {
	if p.opts.Update {
		if s.flags&inUpdate == 0 {
			return mongoerr.New(mongoerr.InvalidOptions, "%s is not allowed to be used within an update", s.name)
		}
		return nil
	}
	if p.opts.InTransaction && s.flags&noTxn != 0 {
		return mongoerr.New(mongoerr.OperationNotSupportedInTransaction,
			"Operation not permitted in transaction :: caused by :: Aggregation stage %s cannot run within a multi-document transaction.", s.name)
	}
	if err := p.checkNested(s); err != nil {
		return err
	}
	if s.flags&first != 0 && i > 0 {
		return mongoerr.New(40602, "%s is only valid as the first stage in a pipeline", s.name)
	}
	if s.flags&last != 0 && i < count-1 {
		return mongoerr.New(40601, "%s can only be the final stage in the pipeline", s.name)
	}
	if i > 0 || p.place == placeFacet {
		return nil
	}
	return p.checkNamespace(s)
}

func (p *parser) checkNested(s stageSpec) error {
	sub, inSub := notInSub[p.place]
	switch {
	case p.facet && s.flags&noFacet != 0 && inSub:
		return mongoerr.New(40600, "%s inside of %s is not allowed to be used within a $facet stage", s.name, sub.stage)
	case p.facet && s.flags&noFacet != 0:
		return mongoerr.New(40600, "%s is not allowed to be used within a $facet stage", s.name)
	case inSub && s.flags&noSub != 0:
		return mongoerr.New(sub.code, "%s is not allowed within a %s's sub-pipeline", s.name, sub.stage)
	}
	return nil
}

func (p *parser) checkNamespace(s stageSpec) error {
	collectionless := s.flags&collectionless != 0
	switch {
	case p.opts.Coll == "" && !collectionless:
		return mongoerr.New(mongoerr.InvalidNamespace, "{aggregate: 1} is not valid for '%s'; a collection is required.", s.name)
	case p.opts.Coll != "" && collectionless:
		return mongoerr.New(mongoerr.InvalidNamespace, "'%s' can only be run with {aggregate: 1}", s.name)
	}
	return nil
}

// use records that the pipeline reads another collection.
func (p *parser) use(coll string) {
	ns := Namespace{DB: p.opts.DB, Coll: coll}
	if !slices.Contains(*p.spaces, ns) {
		*p.spaces = append(*p.spaces, ns)
	}
}
