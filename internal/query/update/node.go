package update

import (
	"slices"
	"strconv"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// node is one component of the updated paths. A leaf holds the modifier of its path; an
// inner node the paths that go on.
//
// The children of an inner node are either names, sorted by compareParts and at most one
// "$" beside them, or array filters ("$[]", "$[id]").
type node struct {
	name  string
	path  string // from the root, as the update has it
	index int    // name as an array index, or -1

	mod modifier // set for a leaf

	children   []*node
	positional *node   // the child "$"
	filters    []*node // the children "$[]" and "$[id]"
	filter     *arrayFilter

	// Trees merged for one "$" index or one set of array filters, kept because
	// neighbouring elements and documents mostly need the same.
	resolvedIndex int
	resolved      *node
	merged        []mergedFilters
}

// mergedFilters is the tree for the elements that match exactly the filters in mask.
type mergedFilters struct {
	mask uint64
	node *node
}

// maxFilters bounds the array filters below one path, so that a set of them is a word.
const maxFilters = 64

func newNode(name, path string) *node {
	return &node{name: name, path: path, index: arrayIndex(name), resolvedIndex: -1}
}

func (n *node) isLeaf() bool { return n.mod != nil }

func (n *node) isEmpty() bool {
	return len(n.children) == 0 && n.positional == nil && len(n.filters) == 0
}

// add hangs a modifier into the tree under n.
func (n *node) add(path string, parts []string, mod modifier, filters *filterSet) error {
	for i, p := range parts {
		child, err := n.child(p, path, joinedPrefix(path, parts, i), filters)
		if err != nil {
			return err
		}
		if i == len(parts)-1 {
			if child.isLeaf() || !child.isEmpty() {
				return conflict(path, path)
			}
			child.mod = mod
			return nil
		}
		if child.isLeaf() {
			return conflict(path, child.path)
		}
		n = child
	}
	return nil
}

// child returns n's child named part, a new one if need be.
func (n *node) child(part, path, prefix string, filters *filterSet) (*node, error) {
	isFilter := isArrayFilter(part)
	if isFilter && (len(n.children) > 0 || n.positional != nil) || !isFilter && len(n.filters) > 0 {
		return nil, conflict(path, n.path)
	}
	switch {
	case isFilter:
		return n.filterChild(part, path, prefix, filters)
	case isPositional(part):
		if n.positional == nil {
			n.positional = newNode(part, prefix)
		}
		return n.positional, nil
	}
	i, found := n.search(part)
	if !found {
		n.children = slices.Insert(n.children, i, newNode(part, prefix))
	}
	return n.children[i], nil
}

func (n *node) filterChild(part, path, prefix string, filters *filterSet) (*node, error) {
	for _, c := range n.filters {
		if c.name == part {
			return c, nil
		}
	}
	c := newNode(part, prefix)
	if id := filterName(part); id != "" {
		f, err := filters.use(id, path)
		if err != nil {
			return nil, err
		}
		c.filter = f
	}
	if len(n.filters) == maxFilters {
		return nil, mongoerr.New(mongoerr.BadValue, "Too many array filters below the path '%s'", n.path)
	}
	n.filters = append(n.filters, c)
	return c, nil
}

// search finds a named child, or where it would be.
func (n *node) search(name string) (int, bool) {
	return slices.BinarySearchFunc(n.children, name, func(c *node, name string) int {
		return compareParts(c.name, name)
	})
}

// find returns the position of the child named name, -1 if there is none. It is called for
// every field of a document, so few children are simply tried.
func (n *node) find(name string) int {
	if len(n.children) > 8 {
		if i, ok := n.search(name); ok {
			return i
		}
		return -1
	}
	for i, c := range n.children {
		if c.name == name {
			return i
		}
	}
	return -1
}

// first returns any one child of an inner node, for messages.
func (n *node) first() *node {
	switch {
	case len(n.children) > 0:
		return n.children[0]
	case n.positional != nil:
		return n.positional
	}
	return n.filters[0]
}

// at returns n with the child "$" put in the place of the matched index.
func (n *node) at(r *run) (*node, error) {
	index := r.positional
	if n.positional == nil {
		return n, nil
	}
	if index < 0 {
		return nil, errNoPositional
	}
	if n.resolvedIndex == index {
		return n.resolved, nil
	}
	name := strconv.Itoa(index)
	named := *n.positional
	named.name, named.index = name, index
	out := &node{name: n.name, path: n.path, index: n.index, resolvedIndex: -1, children: slices.Clone(n.children)}
	i, found := out.search(name)
	if !found {
		out.children = slices.Insert(out.children, i, &named)
	} else {
		m, err := merge(out.children[i], &named, r.place(name))
		if err != nil {
			return nil, err
		}
		out.children[i] = m
	}
	n.resolvedIndex, n.resolved = index, out
	return out, nil
}

// matching returns the tree for the array element at key that matches the filters in mask, nil
// for the empty set.
func (n *node) matching(mask uint64, r *run, key string) (*node, error) {
	for _, m := range n.merged {
		if m.mask == mask {
			return m.node, nil
		}
	}
	var out *node
	for i, c := range n.filters {
		if mask&(1<<i) == 0 {
			continue
		}
		if out == nil {
			out = c
			continue
		}
		var err error
		if out, err = merge(out, c, r.place(key)); err != nil {
			return nil, err
		}
	}
	n.merged = append(n.merged, mergedFilters{mask, out})
	return out, nil
}

// merge returns the tree that does what both trees do. They belong to different spellings of
// one place in a document, given for messages.
func merge(a, b *node, place string) (*node, error) {
	if a.isLeaf() || b.isLeaf() || (len(a.filters) > 0) != (len(b.filters) > 0) {
		return nil, mongoerr.New(mongoerr.ConflictingUpdateOperators, "Update created a conflict at '%s'", place)
	}
	out := &node{name: a.name, path: a.path, index: a.index, resolvedIndex: -1}
	var err error
	if out.children, err = mergeLists(a.children, b.children, place); err != nil {
		return nil, err
	}
	slices.SortFunc(out.children, func(x, y *node) int { return compareParts(x.name, y.name) })
	if out.filters, err = mergeLists(a.filters, b.filters, place); err != nil {
		return nil, err
	}
	switch {
	case a.positional == nil:
		out.positional = b.positional
	case b.positional == nil:
		out.positional = a.positional
	default:
		out.positional, err = merge(a.positional, b.positional, place+".$")
	}
	return out, err
}

func mergeLists(a, b []*node, place string) ([]*node, error) {
	out := slices.Clone(a)
	for _, c := range b {
		i := slices.IndexFunc(out, func(o *node) bool { return o.name == c.name })
		if i < 0 {
			out = append(out, c)
			continue
		}
		m, err := merge(out[i], c, place+"."+c.name)
		if err != nil {
			return nil, err
		}
		out[i] = m
	}
	return out, nil
}

// joinedPrefix returns the first i+1 components of path.
func joinedPrefix(path string, parts []string, i int) string {
	n := i
	for _, p := range parts[:i+1] {
		n += len(p)
	}
	return path[:n]
}

func conflict(path, at string) error {
	return mongoerr.New(mongoerr.ConflictingUpdateOperators,
		"Updating the path '%s' would create a conflict at '%s'", path, at)
}

var errNoPositional = mongoerr.New(mongoerr.BadValue,
	"The positional operator did not find the match needed from the query.")
