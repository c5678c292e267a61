package project

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// Compile compiles a projection. filter is the query's, which the positional operator needs; nil
// in aggregation. The result shares no bytes with spec. It fails with MongoDB's codes.
func Compile(spec bsonx.Doc, s *expr.Scope, kind Kind, filter *match.Filter) (*Projection, error) {
	if kind == Aggregate && spec.IsEmpty() {
		return nil, mongoerr.New(51272, "projection specification must have at least one field")
	}
	c := &compiler{scope: s, kind: kind, root: &node{}}
	if err := c.document(spec.Clone(), ""); err != nil {
		return nil, err
	}
	return c.finish(filter)
}

// CompileAddFields compiles the argument of $addFields or $set.
func CompileAddFields(spec bsonx.Doc, s *expr.Scope) (*Projection, error) {
	if spec.IsEmpty() {
		return nil, mongoerr.New(40177, "$addFields specification stage must have at least one field")
	}
	c := &compiler{scope: s, kind: Aggregate, root: &node{}, mode: addition, decided: true}
	if err := c.document(spec.Clone(), ""); err != nil {
		return nil, err
	}
	c.root.mark()
	return &Projection{mode: addition, root: c.root}, nil
}

// CompileUnset compiles the argument of $unset: a path or an array of paths.
func CompileUnset(v bsonx.Value) (*Projection, error) {
	c := &compiler{kind: Aggregate, root: &node{}}
	add := func(v bsonx.Value) error {
		if v.Type != bsonx.TypeString {
			return mongoerr.New(31120, "$unset specification must be a string or an array containing only string values")
		}
		return c.add(strings.Clone(v.Str()), &node{action: exclude})
	}
	p := &Projection{mode: exclusion, root: c.root}
	switch v.Type {
	case bsonx.TypeString:
		return p, add(v)
	case bsonx.TypeArray:
		if v.Doc().IsEmpty() {
			return nil, mongoerr.New(31119, "$unset specification must be a string or an array with at least one field")
		}
		for it := v.Doc().Iter(); ; {
			_, e, ok := it.Next()
			if !ok {
				return p, nil
			}
			if err := add(e); err != nil {
				return nil, err
			}
		}
	}
	return nil, mongoerr.New(31002, "$unset specification must be a string or an array")
}

// compiler reads a specification field by field. The first field other than _id that keeps,
// drops or computes something decides the mode; later ones must agree.
type compiler struct {
	scope *expr.Scope
	kind  Kind
	root  *node

	mode    mode
	decided bool

	namesID          bool // _id or a path below it is named
	keepsID, dropsID bool
	slices           bool
	metas            [metaKinds]bool
	elemMatches      bool
	positionalPath   string // "" for none
}

// document adds the fields of a specification below prefix, "" or "a.b.".
func (c *compiler) document(d bsonx.Doc, prefix string) error {
	for it := d.Iter(); ; {
		k, v, ok := it.Next()
		if !ok {
			return nil
		}
		if prefix == "" && (k == "_id" || strings.HasPrefix(k, "_id.")) {
			c.namesID = true
		}
		if err := c.field(prefix+k, v); err != nil {
			return err
		}
	}
}

func (c *compiler) field(path string, v bsonx.Value) error {
	positional := strings.HasSuffix(path, ".$")
	switch {
	case positional && c.kind != Find:
		return mongoerr.New(31324, "Cannot use positional projection in aggregation projection")
	case strings.Contains(path, ".$."):
		return mongoerr.New(31394, "As of 4.4, it's illegal to specify positional operator in the middle of a path. Positional projection may only be used at the end, for example: a.b.$. If the query previously used a form like a.b.$.d, remove the parts following the '$' and the results will be equivalent.")
	case positional:
		return c.positional(path, v)
	}
	switch v.Type {
	case bsonx.TypeBool, bsonx.TypeInt32, bsonx.TypeInt64, bsonx.TypeDouble, bsonx.TypeDecimal128:
		if c.mode == addition {
			break
		}
		if v.Truthy() {
			return c.keep(path, &node{action: include})
		}
		return c.drop(path)
	case bsonx.TypeDocument:
		if c.mode != addition || !v.Doc().IsEmpty() {
			return c.object(path, v)
		}
	}
	return c.literal(path, v)
}

func (c *compiler) keep(path string, n *node) error {
	if path == "_id" && n.action == include {
		c.keepsID = true
		return c.add(path, n)
	}
	if !c.decide(inclusion) {
		return mongoerr.New(31253, "Cannot do inclusion on field %s in exclusion projection", path)
	}
	return c.add(path, n)
}

func (c *compiler) drop(path string) error {
	if path == "_id" {
		c.dropsID = true
	} else if !c.decide(exclusion) {
		return mongoerr.New(31254, "Cannot do exclusion on field %s in inclusion projection", path)
	}
	return c.add(path, &node{action: exclude})
}

// decide sets the mode, or reports whether it is that already.
func (c *compiler) decide(m mode) bool {
	if !c.decided {
		c.mode, c.decided = m, true
	}
	return c.mode == m
}

func (c *compiler) positional(path string, v bsonx.Value) error {
	base := strings.TrimSuffix(path, ".$")
	switch {
	case v.Type == bsonx.TypeDocument:
		return mongoerr.New(31271, "positional projection cannot be used with an expression or sub object")
	case !v.IsNumber() && v.Type != bsonx.TypeBool:
		return mongoerr.New(31308, "positional projection cannot be used with a literal")
	case !v.Truthy():
		return mongoerr.New(31395, "positional projection cannot be used with exclusion")
	case c.positionalPath != "":
		return mongoerr.New(31276, "Cannot specify more than one positional projection per query.")
	case c.elemMatches:
		return mongoerr.New(31256, "Cannot specify positional operator and $elemMatch.")
	case base == "":
		return mongoerr.New(5392900, "Projection on field %s is invalid", path)
	}
	c.positionalPath = base
	return c.keep(base, &node{action: include, positional: true})
}

// object handles a value that is a document: an operator, an expression or the fields below.
func (c *compiler) object(path string, v bsonx.Value) error {
	d := v.Doc()
	op, arg, ok := d.First()
	if !ok {
		return mongoerr.New(51270, "An empty sub-projection is not a valid value. Found empty object at path %s", path)
	}
	if !strings.HasPrefix(op, "$") || d.Count() > 1 {
		return c.document(d, path+".")
	}
	switch {
	case op == "$slice" && c.kind == Find:
		return c.slice(path, v, arg)
	case op == "$elemMatch" && c.kind == Find:
		return c.elemMatch(path, arg)
	case op == "$elemMatch":
		return mongoerr.New(mongoerr.InvalidPipelineOperator, "Cannot use $elemMatch in this context")
	case op == "$meta":
		return c.metadata(path, v, arg)
	case !expr.Exists(op) && c.mode == addition:
		return mongoerr.New(mongoerr.InvalidPipelineOperator, "Unrecognized expression '%s'", op)
	case !expr.Exists(op):
		return mongoerr.New(31325, "Unknown expression %s", op)
	case c.mode == exclusion && c.decided:
		return mongoerr.New(31252, "Cannot use expression other than $meta in exclusion projection")
	}
	return c.expression(path, v)
}

// slice takes $slice for what find knows by that name if it has that form, for the expression
// otherwise.
func (c *compiler) slice(path string, v, arg bsonx.Value) error {
	args, err := parseSlice(arg)
	if err != nil {
		if e := c.expression(path, v); e != nil {
			return mongoerr.From(e).Prefixed("Invalid $slice syntax. The given syntax " + bsonx.Format(v) + " did not match the find() syntax because :: " + err.Error())
		}
		return nil
	}
	c.slices = true
	return c.add(path, &node{action: slice, slice: args})
}

func (c *compiler) elemMatch(path string, arg bsonx.Value) error {
	switch {
	case arg.Type != bsonx.TypeDocument:
		return mongoerr.New(31274, "elemMatch: Invalid argument, object required, but got %s", arg.Type)
	case c.positionalPath != "":
		return mongoerr.New(31255, "Cannot specify positional operator and $elemMatch.")
	case strings.Contains(path, "."):
		return mongoerr.New(31275, "Cannot use $elemMatch projection on a nested field.")
	}
	m, err := match.CompileElemMatch(arg, c.scope)
	if err != nil {
		return err
	}
	c.elemMatches = true
	return c.add(path, &node{action: elemMatch, elem: m})
}

// literal adds a value that is neither a flag nor a document.
func (c *compiler) literal(path string, v bsonx.Value) error {
	if c.mode == exclusion && c.decided {
		return mongoerr.New(31310, "Cannot use an expression %s: %s in an exclusion projection", path, bsonx.Format(v))
	}
	return c.expression(path, v)
}

func (c *compiler) expression(path string, v bsonx.Value) error {
	if c.mode != addition {
		c.decide(inclusion)
	}
	e, err := expr.Parse(v, c.scope)
	if err != nil {
		return err
	}
	return c.add(path, &node{action: compute, expr: e})
}

// add puts a leaf into the tree.
func (c *compiler) add(path string, leaf *node) error {
	parts, err := expr.SplitPath(path)
	if err != nil {
		return err
	}
	at := c.root
	for _, p := range parts[:len(parts)-1] {
		next := at.find(p)
		switch {
		case next == nil:
			next = &node{name: p}
			at.fields = append(at.fields, next)
		case next.action != nested:
			_, tail, _ := strings.Cut(path, ".")
			return mongoerr.New(31249, "Path collision at %s remaining portion %s", path, tail)
		}
		next.positional = next.positional || leaf.positional
		at = next
	}
	leaf.name = parts[len(parts)-1]
	if at.find(leaf.name) != nil {
		return mongoerr.New(31250, "Path collision at %s", path)
	}
	at.fields = append(at.fields, leaf)
	return nil
}

// finish decides the mode where no field did, and what becomes of _id.
func (c *compiler) finish(filter *match.Filter) (*Projection, error) {
	if !c.decided {
		c.mode = c.defaultMode()
	}
	switch {
	case c.mode == inclusion && !c.namesID:
		c.root.fields = append(c.root.fields, &node{name: "_id", action: include})
	case c.mode == exclusion && c.keepsID:
		c.root.remove("_id")
	}
	p := &Projection{mode: c.mode, root: c.root, metas: c.metas}
	if c.positionalPath != "" {
		p.filter = filter
	}
	c.root.mark()
	p.simple = c.positionalPath == ""
	for _, f := range c.root.fields {
		p.simple = p.simple && (f.action == include || f.action == exclude)
	}
	return p, nil
}

// defaultMode is that of a specification in which at most _id, $slice and $elemMatch occur.
func (c *compiler) defaultMode() mode {
	switch {
	case c.slices && c.keepsID, !c.slices && c.elemMatches:
		return inclusion
	case !c.slices && c.keepsID:
		return inclusion
	}
	return exclusion
}

// mark computes adds for n and everything below.
func (n *node) mark() bool {
	n.adds = n.action == compute || n.action == elemMatch || n.action == metadata
	for _, f := range n.fields {
		if f.mark() {
			n.adds = true
		}
	}
	return n.adds
}
