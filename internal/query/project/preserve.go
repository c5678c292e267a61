package project

import "strings"

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
