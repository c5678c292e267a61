package agg

import "github.com/tandemdb/tandem/internal/bsonx"

// Prefix is the beginning of a pipeline in the form of a query: first the filter, then the
// sort, then skip and limit, each nil or 0 if there is none.
type Prefix struct {
	Filter, Sort bsonx.Doc
	Skip, Limit  int64

	// Deps and Whole say what Rest reads of the documents, as in the type Deps.
	Deps  []string
	Whole bool

	// Rest is the pipeline without what the prefix takes over.
	Rest *Pipeline
}

// Prefix splits off the stages that a planner can take over.
func (p *Pipeline) Prefix() Prefix {
	var pre Prefix
	nodes := p.nodes
	if len(nodes) > 0 {
		if m, ok := nodes[0].stage.(*matchStage); ok {
			pre.Filter, nodes = m.filter.Source(), nodes[1:]
		}
	}
	if len(nodes) > 0 {
		if s, ok := nodes[0].stage.(*sortStage); ok {
			pre.Sort, nodes = s.spec, nodes[1:]
		}
	}
	nodes = pre.takeSkipLimit(nodes)
	d := dependencies(nodes)
	pre.Deps, pre.Whole = d.Paths, d.Whole
	pre.Rest = p.with(nodes)
	return pre
}

// takeSkipLimit takes $skip and $limit over and returns the stages that follow.
func (pre *Prefix) takeSkipLimit(nodes []node) []node {
	if len(nodes) > 0 {
		if s, ok := nodes[0].stage.(*skipStage); ok {
			pre.Skip, nodes = s.n, nodes[1:]
		}
	}
	if len(nodes) > 0 {
		if l, ok := nodes[0].stage.(*limitStage); ok {
			pre.Limit, nodes = l.n, nodes[1:]
		}
	}
	return nodes
}
