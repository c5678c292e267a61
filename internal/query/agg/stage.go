package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// stage is one compiled stage. It is immutable: what changes while it runs is in the
// iterator that open returns.
type stage interface {
	// open starts the stage on its input. It does not read yet: blocking work is done
	// by the first Next.
	open(ctx context.Context, r *run, in Iterator) (Iterator, error)
}

// run is what the stages of one execution share.
type run struct {
	opts *Options
	src  Sources

	interrupt *interrupt // of the stages' expressions, nil if there are none
}

// node is a stage in its place in a pipeline.
type node struct {
	name string
	spec bsonx.Doc // {$name: argument}
	stage
}

// flags say where a stage may stand.
type flags uint16

const (
	first          flags = 1 << iota // only as the first stage, which brings its own documents
	last                             // only as the last stage
	noFacet                          // not inside $facet
	noSub                            // not inside the pipelines of $lookup and $unionWith
	noTxn                            // not in a multi-document transaction
	inUpdate                         // may be part of an update
	collectionless                   // needs {aggregate: 1}
)

// stageSpec is one row of the table of stages. A stage that is made of others, as $count
// is, returns several nodes.
type stageSpec struct {
	name  string
	flags flags
	parse func(p *parser, name string, arg bsonx.Value) ([]node, error)

	refused bool // MongoDB has it and this server has not
}

// simple adapts a parse function for stages that are one node with their argument as it was
// written.
func simple(parse func(p *parser, arg bsonx.Value) (stage, error)) func(*parser, string, bsonx.Value) ([]node, error) {
	return func(p *parser, name string, arg bsonx.Value) ([]node, error) {
		st, err := parse(p, arg)
		if err != nil {
			return nil, err
		}
		return []node{newNode(name, arg, st)}, nil
	}
}

func newNode(name string, arg bsonx.Value, st stage) node {
	return node{name: name, spec: bsonx.NewBuilder(nil).Value(name, arg).Build(), stage: st}
}
