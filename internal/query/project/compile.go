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
	c := &compiler{scope: s, kind: Aggregate, root: &node{}, adding: true}
	if spec.IsEmpty() {
		return nil, mongoerr.New(40177, "$addFields specification stage must have at least one field")
	}
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
	switch v.Type {
	case bsonx.TypeString:
		return &Projection{mode: exclusion, root: c.root}, add(v)
	case bsonx.TypeArray:
		if v.Doc().IsEmpty() {
			return nil, mongoerr.New(31119, "$unset specification must be a string or an array with at least one field")
		}
		for it := v.Doc().Iter(); ; {
			_, e, ok := it.Next()
			if !ok {
				return &Projection{mode: exclusion, root: c.root}, nil
			}
			if err := add(e); err != nil {
				return nil, err
			}
		}
	}
	return nil, mongoerr.New(31002, "$unset specification must be a string or an array")
}

type compiler struct {
	scope  *expr.Scope
	kind   Kind
	adding bool // $addFields: every value is an expression
	root   *node

	id             *bool // what the specification says of _id
	included       string
	excluded       string
	computed       string // the first field of each sort, "" for none
	sliced         bool
	positionalPath string
}

// document adds the fields of a specification below prefix, "" or "a.b.".
func (c *compiler) document(d bsonx.Doc, prefix string) error {
	for it := d.Iter(); ; {
		k, v, ok := it.Next()
		if !ok {
			return nil
		}
		if prefix != "" && strings.Contains(k, ".") && c.kind == Aggregate && !c.adding {
			if strings.HasPrefix(k, "$") {
				return c.unknown(k)
			}
		}
		if err := c.field(prefix+k, v); err != nil {
			return err
		}
	}
}

func (c *compiler) unknown(op string) error {
	if c.adding {
		return mongoerr.New(mongoerr.InvalidPipelineOperator, "Unrecognized expression '%s'", op)
	}
	return mongoerr.New(31325, "Unknown expression %s", op)
}

func (c *compiler) field(path string, v bsonx.Value) error {
	if c.kind == Find && strings.HasSuffix(path, ".$") {
		return c.positional(path, v)
	}
	if c.kind == Aggregate && strings.HasSuffix(path, ".$") {
		return mongoerr.New(31324, "Cannot use positional projection in aggregation projection")
	}
	switch v.Type {
	case bsonx.TypeBool, bsonx.TypeInt32, bsonx.TypeInt64, bsonx.TypeDouble, bsonx.TypeDecimal128:
		if !c.adding {
			return c.flag(path, v.Truthy())
		}
	case bsonx.TypeDocument:
		return c.object(path, v)
	}
	return c.expression(path, v)
}

func (c *compiler) flag(path string, keep bool) error {
	n := &node{action: exclude}
	if keep {
		n.action = include
	}
	if path == "_id" {
		c.id = &keep
	} else if keep {
		c.note(&c.included, path)
	} else {
		c.note(&c.excluded, path)
	}
	return c.add(path, n)
}

func (c *compiler) note(dst *string, path string) {
	if *dst == "" {
		*dst = path
	}
}

// object handles a value that is a document: an operator, an expression or the fields below.
func (c *compiler) object(path string, v bsonx.Value) error {
	d := v.Doc()
	op, arg, ok := d.First()
	if !ok {
		if c.adding {
			return c.expression(path, v)
		}
		return mongoerr.New(51270, "An empty sub-projection is not a valid value. Found empty object at path")
	}
	if !strings.HasPrefix(op, "$") {
		return c.document(d, path+".")
	}
	if c.kind == Find && d.Count() == 1 {
		switch op {
		case "$slice":
			if isFindSlice(arg) {
				return c.slice(path, arg)
			}
		case "$elemMatch":
			return c.elemMatch(path, arg)
		case "$meta":
			return mongoerr.New(mongoerr.NotImplemented, "$meta: %s is not supported in projections", bsonx.Format(arg))
		}
	}
	if d.Count() == 1 && !expr.Exists(op) {
		return c.unknown(op)
	}
	return c.expression(path, v)
}

// isFindSlice tells $slice of find, whose arguments are numbers, from the expression.
func isFindSlice(arg bsonx.Value) bool {
	if arg.Type != bsonx.TypeArray {
		return true
	}
	_, number := sliceNumber(arg.Doc().Index(0))
	return number && arg.Doc().Count() == 2
}

func (c *compiler) slice(path string, arg bsonx.Value) error {
	if arg.Type != bsonx.TypeArray && !arg.IsNumber() {
		return c.expression(path, bsonx.Document(bsonx.NewBuilder(nil).Value("$slice", arg).Build()))
	}
	a, err := parseSlice(arg)
	if err != nil {
		return err
	}
	c.sliced = true
	return c.add(path, &node{action: slice, slice: a})
}

func (c *compiler) elemMatch(path string, arg bsonx.Value) error {
	if strings.Contains(path, ".") {
		return mongoerr.New(31275, "Cannot use $elemMatch projection on a nested field.")
	}
	if c.positionalPath != "" {
		return mongoerr.New(31255, "Cannot specify positional operator and $elemMatch.")
	}
	f, err := compileElemMatch(arg, c.scope)
	if err != nil {
		return err
	}
	c.note(&c.computed, path)
	return c.add(path, &node{action: elemMatch, elem: f})
}

func (c *compiler) positional(path string, v bsonx.Value) error {
	base := strings.TrimSuffix(path, ".$")
	switch {
	case base == "" || strings.Contains(base, ".$") || strings.HasPrefix(base, "$"):
		return mongoerr.New(31394, "As of 4.4, it's illegal to specify positional operator in the middle of a path. Positional projection may only be used at the end, for example: a.b.$. If the query previously used a form like a.b.$.d, remove the parts following the '$' and the results will be equivalent.")
	case c.positionalPath != "":
		return mongoerr.New(31276, "Cannot specify more than one positional projection per query.")
	case !v.IsNumber() && v.Type != bsonx.TypeBool:
		return mongoerr.New(31271, "positional projection cannot be used with a literal or a computed value")
	case !v.Truthy():
		return mongoerr.New(31395, "positional projection cannot be used with exclusion")
	}
	c.positionalPath = base
	c.note(&c.included, base)
	return c.add(base, &node{action: positional})
}

func (c *compiler) expression(path string, v bsonx.Value) error {
	e, err := expr.Parse(v, c.scope)
	if err != nil {
		return err
	}
	if path == "_id" && !c.adding {
		c.id = new(bool)
		*c.id = true
	}
	c.note(&c.computed, path)
	return c.add(path, &node{action: compute, expr: e})
}

// add puts a leaf into the tree.
func (c *compiler) add(path string, leaf *node) error {
	if c.kind == Find && strings.Contains(path, ".$") && !strings.Contains(path, ".$id") && !strings.Contains(path, ".$ref") && !strings.Contains(path, ".$db") {
		return mongoerr.New(31394, "As of 4.4, it's illegal to specify positional operator in the middle of a path.")
	}
	parts, err := expr.SplitPath(path)
	if err != nil {
		return err
	}
	at := c.root
	for i, p := range parts[:len(parts)-1] {
		next := at.find(p)
		if next == nil {
			next = &node{name: p}
			at.fields = append(at.fields, next)
		} else if next.action != nested {
			return mongoerr.New(31249, "Path collision at %s remaining portion %s", path, strings.Join(parts[i+1:], "."))
		}
		at = next
	}
	leaf.name = parts[len(parts)-1]
	if at.find(leaf.name) != nil {
		return mongoerr.New(31250, "Path collision at %s", path)
	}
	at.fields = append(at.fields, leaf)
	return nil
}

// finish decides between inclusion and exclusion.
func (c *compiler) finish(filter *match.Filter) (*Projection, error) {
	p := &Projection{root: c.root, mode: c.mode()}
	switch {
	case p.mode == inclusion && c.excluded != "":
		return nil, mongoerr.New(31254, "Cannot do exclusion on field %s in inclusion projection", c.excluded)
	case p.mode == exclusion && c.computed != "":
		return nil, mongoerr.New(31252, "Cannot use expression other than $meta in exclusion projection")
	}
	if c.positionalPath != "" {
		if filter == nil || filter.Empty() {
			return nil, mongoerr.New(51246, "Executor error during find command :: caused by :: positional operator '.$' couldn't find a matching element in the array")
		}
		p.filter = filter
	}
	if p.mode == inclusion && c.id == nil {
		c.root.fields = append(c.root.fields, &node{name: "_id", action: include})
	}
	c.root.mark()
	p.simple = c.computed == "" && !c.sliced && c.positionalPath == ""
	for _, f := range c.root.fields {
		p.simple = p.simple && f.action != nested
	}
	if p.mode == exclusion {
		return p, c.mixed()
	}
	return p, nil
}

// mode is that of the first field that decides.
func (c *compiler) mode() mode {
	switch {
	case c.excluded != "" && c.included == "" && c.computed == "":
		return exclusion
	case c.excluded != "" && c.first(exclude):
		return exclusion
	case c.included != "" || c.computed != "":
		return inclusion
	case c.sliced:
		return exclusion
	case c.id != nil && *c.id:
		return inclusion
	}
	if len(c.root.fields) == 0 {
		return exclusion
	}
	return exclusion
}

// first reports whether the first leaf besides _id has the action.
func (c *compiler) first(a action) bool {
	var leaf func(n *node) *node
	leaf = func(n *node) *node {
		for _, f := range n.fields {
			if n == c.root && f.name == "_id" || f.action == slice {
				continue
			}
			if f.action != nested {
				return f
			}
			if l := leaf(f); l != nil {
				return l
			}
		}
		return nil
	}
	l := leaf(c.root)
	return l != nil && l.action == a
}

// mixed refuses inclusions in an exclusion.
func (c *compiler) mixed() error {
	if c.included != "" {
		return mongoerr.New(31253, "Cannot do inclusion on field %s in exclusion projection", c.included)
	}
	if c.id != nil && *c.id && c.excluded != "" && c.idIncluded() {
		return nil // {_id: 1, a: 0}: _id stays anyway
	}
	return nil
}

func (c *compiler) idIncluded() bool { n := c.root.find("_id"); return n != nil && n.action == include }

// mark computes adds for n and everything below.
func (n *node) mark() bool {
	n.adds = n.action == compute || n.action == elemMatch
	for _, f := range n.fields {
		if f.mark() {
			n.adds = true
		}
	}
	return n.adds
}
