package agg

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// optimize rewrites a pipeline into a cheaper one with the same results:
//
//   - a $match, or a part of it, goes before a $sort, and before stages that leave the paths it
//     reads alone or only give them other names;
//   - neighbouring $match stages become one;
//   - a $lookup takes over the $unwind of its array;
//   - $skip and $limit go before stages that make one document of one;
//   - a $sort that is followed by a $limit keeps only as many documents.
func optimize(p *Pipeline) (*Pipeline, error) {
	nodes := slices.Clone(p.nodes)
	var err error
	for i := 0; i < len(nodes); i++ {
		if _, ok := nodes[i].stage.(*matchStage); !ok {
			continue
		}
		if nodes, err = pushDown(nodes, i); err != nil {
			return nil, err
		}
	}
	nodes, err = mergeMatches(nodes)
	if err != nil {
		return nil, err
	}
	nodes = absorbUnwinds(nodes)
	for i := range nodes {
		limitEarly(nodes, i)
	}
	limitSorts(nodes)
	return p.with(nodes), nil
}

// absorbUnwinds hands each $unwind of a $lookup's array over to it.
func absorbUnwinds(nodes []node) []node {
	var out []node
	for _, n := range nodes {
		if u, ok := n.stage.(*unwindStage); ok && len(out) > 0 {
			last := &out[len(out)-1]
			if l, ok := last.stage.(*lookupStage); ok {
				if both := l.absorb(u); both != nil {
					last.stage = both
					last.spec = explainUnwinding(last.spec, n.spec)
					continue
				}
			}
		}
		out = append(out, n)
	}
	return out
}

// explainUnwinding shows an $unwind in the $lookup that took it over, as MongoDB does.
func explainUnwinding(lookup, unwind bsonx.Doc) bsonx.Doc {
	arg := unwind.Lookup("$unwind").Doc()
	b := bsonx.NewBuilder(nil).StartDoc("$lookup").Append(lookup.Lookup("$lookup").Doc())
	b.StartDoc("unwinding").Bool("preserveNullAndEmptyArrays", arg.Lookup("preserveNullAndEmptyArrays").Bool())
	return b.Value("includeArrayIndex", arg.Lookup("includeArrayIndex")).Build()
}

// limitEarly moves a $skip or $limit at position i before the one-to-one stages in front of it,
// where a $sort or a planner may use it.
func limitEarly(nodes []node, i int) {
	switch nodes[i].stage.(type) {
	case *skipStage, *limitStage:
	default:
		return
	}
	for ; i > 0 && oneToOne(nodes[i-1].stage); i-- {
		nodes[i-1], nodes[i] = nodes[i], nodes[i-1]
	}
}

// oneToOne reports whether a stage makes one document of each, whatever the others are.
func oneToOne(s stage) bool {
	switch s := s.(type) {
	case *projectStage, *replaceRootStage, *graphLookupStage:
		return true
	case *lookupStage:
		return s.unwind == nil
	}
	return false
}

// mergeMatches joins neighbouring filters. An empty one at the beginning goes away.
func mergeMatches(nodes []node) ([]node, error) {
	var out []node
	for _, n := range nodes {
		m, ok := n.stage.(*matchStage)
		if ok && len(out) > 0 {
			if prev, isMatch := out[len(out)-1].stage.(*matchStage); isMatch {
				both, err := prev.and(m)
				if err != nil {
					return nil, err
				}
				out[len(out)-1] = both.node()
				continue
			}
		}
		out = append(out, n)
	}
	return out, nil
}

// limitSorts tells each $sort how many documents are wanted of it, counting those that a
// $skip in between drops.
func limitSorts(nodes []node) {
	for i, n := range nodes {
		s, ok := n.stage.(*sortStage)
		if !ok {
			continue
		}
		skipped := int64(0)
	following:
		for _, next := range nodes[i+1:] {
			switch st := next.stage.(type) {
			case *skipStage:
				skipped = addLimits(skipped, st.n)
			case *limitStage:
				nodes[i].stage = s.withLimit(addLimits(st.n, skipped))
				break following
			default:
				break following
			}
		}
	}
}

// A filter before a sort spares sorting.
func (s *sortStage) passes(*Deps) bool { return s.limit == 0 }

func (s *unwindStage) passes(d *Deps) bool {
	return !d.overlaps(s.path.String()) && (s.index == nil || !d.overlaps(s.index.String()))
}

func (s *lookupStage) passes(d *Deps) bool { return s.unwind == nil && !d.overlaps(s.as.String()) }

func (s *graphLookupStage) passes(d *Deps) bool { return !d.overlaps(s.as.String()) }
