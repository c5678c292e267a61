// Package path holds dotted field paths as filters, sort patterns and index keys read them: a
// numeric component is a field name and a position in an array at once.
package path

import "strings"

// Part is one component of a path.
type Part struct {
	Name  string
	Index int // the array position that Name means, -1 for none
}

// Split splits a path. It accepts every string; expr.SplitPath is the strict form.
func Split(path string) []Part {
	parts := make([]Part, 0, strings.Count(path, ".")+1)
	for rest, more := path, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, ".")
		parts = append(parts, Part{name, Index(name)})
	}
	return parts
}

// Index returns the array position that a component means, -1 if it is only a name.
func Index(name string) int {
	if name == "" || len(name) > 9 || name[0] == '0' && len(name) > 1 {
		return -1
	}
	n := 0
	for i := 0; i < len(name); i++ {
		if name[i] < '0' || name[i] > '9' {
			return -1
		}
		n = n*10 + int(name[i]-'0')
	}
	return n
}
