package agg

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// transparent is a stage that a $match may move before.
type transparent interface {
	// passes reports whether a filter that reads d selects the same documents before
	// the stage as after it.
	passes(d *Deps) bool
}

// renamer is a transparent stage that gives fields other names.
type renamer interface {
	// source returns the path on which a filter selects the same documents before the stage
	// as one on path does after it.
	source(path string) (before string, ok bool)
}

// pushDown moves the $match at position i as far forward as it may go. Clauses that may not go as
// far stay behind in a $match of their own.
func pushDown(nodes []node, i int) ([]node, error) {
	for ; i > 0; i-- {
		t, ok := nodes[i-1].stage.(transparent)
		if !ok {
			break
		}
		m := nodes[i].stage.(*matchStage)
		if m.passesThrough(t) {
			nodes[i-1], nodes[i] = nodes[i], nodes[i-1]
			continue
		}
		before, after, err := m.split(t)
		if err != nil || before == nil {
			return nodes, err
		}
		var rest []node
		if after != nil {
			rest = append(rest, after.node())
		}
		rest = append(rest, nodes[i+1:]...)
		nodes = append(append(nodes[:i-1:i-1], before.node(), nodes[i-1]), rest...)
	}
	return nodes, nil
}

func (s *matchStage) passesThrough(t transparent) bool {
	var d Deps
	s.deps(&d)
	return t.passes(&d)
}

// split divides a filter into the clauses that may go before a stage, with the names that fields
// have there, and the others. Either is nil if there are none.
func (s *matchStage) split(t transparent) (before, after *matchStage, err error) {
	var there, here []bsonx.Doc
	for _, clause := range clauses(nil, s.filter.Source()) {
		c, err := compileMatch(clause, s.scope)
		if err != nil {
			return nil, nil, err
		}
		if c.passesThrough(t) {
			there = append(there, clause)
			continue
		}
		if r, ok := t.(renamer); ok {
			if renamed, ok := renamePaths(clause, r); ok {
				there = append(there, renamed)
				continue
			}
		}
		here = append(here, clause)
	}
	if before, err = s.conjunction(there); err != nil {
		return nil, nil, err
	}
	after, err = s.conjunction(here)
	return before, after, err
}

// clauses appends the filters of which all must match for a filter to match.
func clauses(dst []bsonx.Doc, filter bsonx.Doc) []bsonx.Doc {
	for it := filter.Iter(); ; {
		key, v, ok := it.Next()
		switch {
		case !ok:
			return dst
		case key == "$and":
			for sub := v.Doc().Iter(); ; {
				_, d, more := sub.Next()
				if !more {
					break
				}
				dst = clauses(dst, d.Doc())
			}
		default:
			dst = append(dst, bsonx.NewBuilder(nil).Value(key, v).Build())
		}
	}
}

// conjunction returns the $match of all clauses, nil for none.
func (s *matchStage) conjunction(clauses []bsonx.Doc) (*matchStage, error) {
	switch len(clauses) {
	case 0:
		return nil, nil
	case 1:
		return compileMatch(clauses[0], s.scope)
	}
	all := make([]bsonx.Value, len(clauses))
	for i, c := range clauses {
		all[i] = bsonx.Document(c)
	}
	return compileMatch(bsonx.NewBuilder(nil).Value("$and", bsonx.MakeArray(all...)).Build(), s.scope)
}

// renamePaths gives the paths of a filter the names that they have before a stage. It fails where
// there is none, and for filters that name paths in other ways.
func renamePaths(filter bsonx.Doc, r renamer) (bsonx.Doc, bool) {
	b := bsonx.NewBuilder(nil)
	for it := filter.Iter(); ; {
		key, v, ok := it.Next()
		switch {
		case !ok:
			return b.Build(), true
		case key == "$and" || key == "$or" || key == "$nor":
			var subs []bsonx.Value
			for sub := v.Doc().Iter(); ; {
				_, d, more := sub.Next()
				if !more {
					break
				}
				renamed, ok := renamePaths(d.Doc(), r)
				if !ok {
					return nil, false
				}
				subs = append(subs, bsonx.Document(renamed))
			}
			b.Value(key, bsonx.MakeArray(subs...))
		case strings.HasPrefix(key, "$"):
			return nil, false
		default:
			path, ok := r.source(key)
			if !ok {
				return nil, false
			}
			b.Value(path, v)
		}
	}
}
