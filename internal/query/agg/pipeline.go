package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/query/expr"
)

// Pipeline is a compiled pipeline. It is immutable and safe for concurrent use.
type Pipeline struct {
	opts   *Options
	nodes  []node
	writer *WriteSpec
	spaces []Namespace
}

// Scope returns the scope in which the pipeline was parsed. A planner that takes the
// prefix over compiles its filter with it.
func (p *Pipeline) Scope() *expr.Scope { return p.opts.Scope }

// Namespaces lists the collections beside its own that the pipeline reads.
func (p *Pipeline) Namespaces() []Namespace { return p.spaces }

// Writer returns what a final $out or $merge asks for, nil if the pipeline has neither.
// Run leaves the writing to the caller.
func (p *Pipeline) Writer() *WriteSpec { return p.writer }

// HasSource reports whether the first stage brings its own documents, so that the
// pipeline needs no input.
func (p *Pipeline) HasSource() bool {
	return len(p.nodes) > 0 && stages[p.nodes[0].name].flags&first != 0
}

// IsEmpty reports whether the pipeline passes its input through.
func (p *Pipeline) IsEmpty() bool { return len(p.nodes) == 0 }

// Run starts the pipeline on its input, which it closes when it is closed itself. With
// HasSource, in may be nil.
func (p *Pipeline) Run(ctx context.Context, in Iterator, src Sources) (Iterator, error) {
	return p.start(ctx, in, src, nil)
}

// start is Run with something put around the iterator of each stage.
func (p *Pipeline) start(ctx context.Context, in Iterator, src Sources, around func(i int, it Iterator) Iterator) (Iterator, error) {
	r := &run{opts: p.opts, src: src}
	if in == nil {
		in = Docs(nil)
	}
	for i, n := range p.nodes {
		out, err := n.open(ctx, r, in)
		if err != nil {
			_ = in.Close()
			return nil, err
		}
		if in = out; around != nil {
			in = around(i, in)
		}
	}
	if r.interrupt != nil {
		return &interruptible{in, r.interrupt}, nil
	}
	return in, nil
}

// random reports whether the pipeline may give different results each time it runs.
func (p *Pipeline) random() bool {
	for _, n := range p.nodes {
		if n.name == "$sample" {
			return true
		}
	}
	return false
}

// with returns a pipeline of other stages in the same surroundings.
func (p *Pipeline) with(nodes []node) *Pipeline {
	c := *p
	c.nodes = nodes
	return &c
}
