package project

import (
	"strings"

	"github.com/tandemdb/tandem/internal/query/expr"
)

// Preserves reports whether a filter on the path selects the same documents before the
// projection as after it, whatever the documents are.
func (p *Projection) Preserves(path string) bool {
	n := p.root
	for rest, more := path, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, ".")
		f := n.find(name)
		switch {
		case f == nil:
			return p.mode != inclusion
		case f.action == include:
			return true
		case f.action != nested || p.mode == addition:
			// Adding below a path makes documents of what were none.
			return false
		}
		n = f
	}
	return false // parts of the value go
}

// Source returns the path on which a filter selects the same documents before the projection as one
// on path does after it: the same if it is preserved, another one if the projection renames it.
func (p *Projection) Source(path string) (string, bool) {
	if p.Preserves(path) {
		return path, true
	}
	name, rest, below := strings.Cut(path, ".")
	f := p.root.find(name)
	if f == nil || f.action != compute {
		return "", false
	}
	from, ok := f.expr.(*expr.FieldPath)
	if !ok || strings.Contains(from.Path, ".") {
		return "", false // arrays on the way are flattened
	}
	if below {
		return from.Path + "." + rest, true
	}
	return from.Path, true
}
