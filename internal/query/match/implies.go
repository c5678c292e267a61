package match

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Implies reports whether every document that f matches is sure to match other, too. It knows
// what a partial index's filter can consist of, and says false where it cannot tell.
func (f *Filter) Implies(other *Filter) bool { return implies(f.root, other.root) }

// implies takes the conclusion apart before the premise: a conjunction must follow as a whole,
// and each alternative of the premise must lead to it.
func implies(a, b Node) bool {
	switch b := b.(type) {
	case *And:
		return all(b.Nodes, func(n Node) bool { return implies(a, n) })
	case Const:
		if b {
			return true
		}
	}
	switch a := a.(type) {
	case Const:
		return !bool(a)
	case *Or:
		return all(a.Nodes, func(n Node) bool { return implies(n, b) })
	case *And:
		if some(a.Nodes, func(n Node) bool { return implies(n, b) }) {
			return true
		}
	case *Not:
		if b, ok := b.(*Not); ok && implies(b.Node, a.Node) {
			return true
		}
	}
	if b, ok := b.(*Or); ok {
		return some(b.Nodes, func(n Node) bool { return implies(a, n) })
	}
	return impliesLeaf(a, b)
}

func all(nodes []Node, ok func(Node) bool) bool {
	for _, n := range nodes {
		if !ok(n) {
			return false
		}
	}
	return true
}

func some(nodes []Node, ok func(Node) bool) bool {
	return slices.ContainsFunc(nodes, ok)
}

// impliesLeaf compares conditions on one path. Both are looked for in the same values, so it
// is enough that each value that satisfies a satisfies b.
func impliesLeaf(a, b Node) bool {
	pa, ok := fieldOf(a)
	if not, isNot := a.(*Not); isNot && !ok {
		return impliesExists(not, b)
	}
	pb, okB := fieldOf(b)
	if !ok || !okB || pa != pb {
		return false
	}
	switch b := b.(type) {
	case *Exists:
		return !canBeMissing(a)
	case *Type:
		return impliesType(a, &b.Types)
	case *Compare:
		return impliesCompare(a, b)
	case *In, *Regex:
		return eachEquality(a, b)
	}
	return false
}

func fieldOf(n Node) (string, bool) {
	f, ok := n.(interface{ fieldPath() string })
	if !ok {
		return "", false
	}
	return f.fieldPath(), true
}

// impliesExists knows that a top-level field that is not equal to null exists. Below, an empty
// array lacks both.
func impliesExists(not *Not, b Node) bool {
	exists, ok := b.(*Exists)
	if !ok || strings.Contains(exists.Path, ".") {
		return false
	}
	switch n := not.Node.(type) {
	case *Compare:
		return n.Path == exists.Path && n.Op == Eq && n.Value.Type == bsonx.TypeNull
	case *In:
		return n.Path == exists.Path && n.hasNull
	}
	return false
}

// canBeMissing reports whether a condition on a path may hold where nothing is.
func canBeMissing(n Node) bool {
	missing, err := n.matchElem(bsonx.Value{})
	return missing || err != nil
}

func impliesType(a Node, types *TypeSet) bool {
	switch a := a.(type) {
	case *Type:
		return types.Contains(&a.Types)
	case *Compare:
		return isClosed(a) && hasClass(types, a.Value.Type.Class())
	case *In:
		for _, v := range a.Values {
			if v.Type == bsonx.TypeNull || !hasClass(types, v.Type.Class()) {
				return false
			}
		}
		return len(a.Regexes) == 0
	}
	return false
}

// isClosed reports whether a comparison holds for values of the operand's class only.
func isClosed(n *Compare) bool {
	switch n.Value.Type {
	case bsonx.TypeNull:
		return false
	case bsonx.TypeMinKey, bsonx.TypeMaxKey:
		return n.Op == Eq
	}
	return true
}

// hasClass reports whether a set holds every type of a class.
func hasClass(types *TypeSet, c bsonx.Class) bool {
	for t := range 256 {
		if t := bsonx.Type(t); t != bsonx.Missing && t.Class() == c && !types.Has(t) {
			return false
		}
	}
	return true
}

func impliesCompare(a Node, b *Compare) bool {
	cmp, ok := a.(*Compare)
	if !ok || cmp.Op == Eq || b.Op == Eq {
		return eachEquality(a, b)
	}
	if cmp.Value.Type.Class() != b.Value.Type.Class() || isNaN(cmp.Value) || isNaN(b.Value) {
		return false
	}
	if !sameRules(cmp.Collation, b.Collation, b.Value) {
		return false
	}
	c := b.Collation.Compare(cmp.Value, b.Value)
	switch {
	case cmp.Op == b.Op && c == 0:
		return true
	case !isClosed(cmp):
		return false
	}
	upward := cmp.Op == Gt || cmp.Op == Gte
	if upward != (b.Op == Gt || b.Op == Gte) {
		return false
	}
	if upward {
		c = -c
	}
	if (b.Op == Lt || b.Op == Gt) && (cmp.Op == Lte || cmp.Op == Gte) {
		return c < 0
	}
	return c <= 0
}

// eachEquality reports whether a means to be equal to one of some values, all of which
// satisfy b.
func eachEquality(a, b Node) bool {
	switch a := a.(type) {
	case *Compare:
		return a.Op == Eq && satisfies(a.Value, a.Collation, b)
	case *In:
		for _, v := range a.Values {
			if !satisfies(v, a.Collation, b) {
				return false
			}
		}
		return len(a.Regexes) == 0
	}
	return false
}

// sameRules reports whether two collations compare a value with others alike.
func sameRules(a, b *collation.Collation, v bsonx.Value) bool {
	return collation.Same(a, b) || !collation.Affects(v)
}

// satisfies reports whether all values that equal v by coll, and a missing one if it is null,
// satisfy n.
func satisfies(v bsonx.Value, coll *collation.Collation, n Node) bool {
	if !sameRules(coll, collationOf(n), v) {
		return false
	}
	ok, err := n.matchElem(v)
	if v.Type == bsonx.TypeNull {
		ok = ok && canBeMissing(n)
	}
	return ok && err == nil
}

// collationOf returns the collation that a leaf compares by. A regular expression has the rules
// of none: strings that a collation takes for equal may differ for it.
func collationOf(n Node) *collation.Collation {
	switch n := n.(type) {
	case *Compare:
		return n.Collation
	case *In:
		return n.Collation
	}
	return nil
}

// checkPartial refuses filters of partial indexes that Implies knows nothing of.
func checkPartial(root Node, source bsonx.Doc) error {
	supported := true
	Walk(root, func(n Node) {
		switch n.(type) {
		case *And, *Or, *Compare, *In, *Exists, *Type, Const:
		default:
			supported = false
		}
	})
	if !supported {
		return mongoerr.New(mongoerr.CannotCreateIndex, "Expression not supported in partial index: %s", source)
	}
	return nil
}
