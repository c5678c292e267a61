package agg

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/query/expr"
)

// Deps are the fields that a pipeline reads of its input.
type Deps struct {
	// Whole says that the documents are needed as they are; Paths is empty then.
	Whole bool

	// Paths are the field paths that are read, distinct and ascending. Documents that
	// have nothing else give the same results.
	Paths []string
}

// dependent is a stage that knows what it reads. It returns true if its output has nothing
// of the input but what it computes, so that later stages read nothing more of the input.
type dependent interface {
	deps(d *Deps) (exhaustive bool)
}

func (d *Deps) whole() {
	d.Whole = true
	d.Paths = nil
}

func (d *Deps) add(path string) {
	if !d.Whole {
		d.Paths = append(d.Paths, path)
	}
}

// expr adds what an expression reads.
func (d *Deps) expr(e expr.Expr) {
	expr.Walk(e, func(e expr.Expr) {
		switch e := e.(type) {
		case *expr.FieldPath:
			d.add(e.Path)
		case expr.Root:
			d.whole()
		}
	})
}

// overlaps reports whether something that is read is, contains or belongs to path.
func (d *Deps) overlaps(path string) bool {
	return d.Whole || slices.ContainsFunc(d.Paths, func(p string) bool { return overlaps(p, path) })
}

// normalize sorts the paths and drops those below others.
func (d *Deps) normalize() {
	slices.Sort(d.Paths)
	kept := d.Paths[:0]
	for _, p := range d.Paths {
		covered := slices.ContainsFunc(kept, func(k string) bool {
			return p == k || strings.HasPrefix(p, k+".")
		})
		if !covered {
			kept = append(kept, p)
		}
	}
	d.Paths = kept
}

// dependencies returns what stages read of their input.
func dependencies(nodes []node) Deps {
	var d Deps
	exhaustive := false
	for _, n := range nodes {
		st, ok := n.stage.(dependent)
		if !ok {
			break
		}
		if exhaustive = st.deps(&d); exhaustive || d.Whole {
			break
		}
	}
	if !exhaustive {
		d.whole()
	}
	d.normalize()
	return d
}
