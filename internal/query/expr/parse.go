package expr

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Parse compiles one expression. What can be computed without a document is computed now,
// so its errors appear even if no document comes. The result shares no bytes with v.
func Parse(v bsonx.Value, s *Scope) (Expr, error) {
	switch v.Type {
	case bsonx.TypeString:
		if strings.HasPrefix(v.Str(), "$") {
			return parsePath(strings.Clone(v.Str()), s)
		}
	case bsonx.TypeDocument:
		return parseObject(v.Doc(), s)
	case bsonx.TypeArray:
		return parseArray(v.Doc(), s)
	}
	return &Const{v.Clone()}, nil
}

func parsePath(path string, s *Scope) (Expr, error) {
	if !strings.HasPrefix(path, "$$") {
		if path == "$" {
			return nil, mongoerr.New(16872, "'$' by itself is not a valid FieldPath")
		}
		if cur := s.lookup("CURRENT"); cur != nil {
			parts, err := SplitPath(path[1:])
			if err != nil {
				return nil, err
			}
			return cur.variable(parts), nil
		}
		return NewFieldPath(path[1:])
	}
	name, rest, dotted := strings.Cut(path[2:], ".")
	var parts []string
	if dotted {
		var err error
		if parts, err = SplitPath(rest); err != nil {
			return nil, err
		}
	}
	return parseVariable(name, rest, parts, s)
}

func parseVariable(name, rest string, parts []string, s *Scope) (Expr, error) {
	if err := checkVariableName(name); err != nil {
		return nil, err
	}
	if v := s.lookup(name); v != nil {
		return v.variable(parts), nil
	}
	var value bsonx.Value
	switch name {
	case "ROOT", "CURRENT":
		if parts == nil {
			return Root{}, nil
		}
		return &FieldPath{Path: rest, parts: parts}, nil
	case "REMOVE":
	case "NOW":
		value = bsonx.DateTime(s.root.env.Now)
	case "CLUSTER_TIME":
		value = bsonx.Timestamp(s.root.env.ClusterTime)
	case "USER_ROLES":
		value = bsonx.Array(s.root.env.UserRoles)
	case "DESCEND", "PRUNE", "KEEP":
		value = bsonx.String(strings.ToLower(name))
	default:
		return nil, mongoerr.New(17276, "Use of undefined variable: %s", name)
	}
	return withPath(&Const{value}, parts), nil
}

func (s *Scope) variable(parts []string) Expr {
	if s.value != nil {
		return withPath(s.value, parts)
	}
	return &Variable{Name: s.name, slot: s.slot, parts: parts}
}

func withPath(base *Const, parts []string) Expr {
	if parts == nil {
		return base
	}
	return &Const{(&Context{}).follow(base.Value, parts).Clone()}
}

// parseObject parses {$op: ...} or an object whose values are expressions.
func parseObject(d bsonx.Doc, s *Scope) (Expr, error) {
	key, arg, ok := d.First()
	if ok && strings.HasPrefix(key, "$") {
		if d.Count() > 1 {
			return nil, mongoerr.New(15983, "an object representing an expression must have exactly one field: %s", d)
		}
		return parseOperator(key, arg, s)
	}
	o := &object{}
	constant := true
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if strings.Contains(key, ".") {
			return nil, mongoerr.New(16412, "FieldPath field names may not contain '.'. Consider using $getField or $setField.")
		}
		if err := checkFieldName(key); err != nil {
			return nil, err
		}
		e, err := Parse(v, s)
		if err != nil {
			return nil, err
		}
		o.names = append(o.names, strings.Clone(key))
		o.fields = append(o.fields, e)
		constant = constant && IsConst(e)
	}
	if hasDuplicate(o.names) {
		return nil, mongoerr.New(16406, "duplicate field name specified in object literal: %s", d)
	}
	return foldIf(constant, o, s)
}

func parseArray(d bsonx.Doc, s *Scope) (Expr, error) {
	elems, err := parseList(d, s)
	if err != nil {
		return nil, err
	}
	return foldIf(allConst(elems), &array{elems}, s)
}

func parseList(d bsonx.Doc, s *Scope) ([]Expr, error) {
	var elems []Expr
	for it := d.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return elems, nil
		}
		e, err := Parse(v, s)
		if err != nil {
			return nil, err
		}
		elems = append(elems, e)
	}
}

func parseOperator(name string, arg bsonx.Value, s *Scope) (Expr, error) {
	op, ok := operators[name]
	if !ok {
		return nil, mongoerr.New(mongoerr.InvalidPipelineOperator, "Unrecognized expression '%s'", name)
	}
	if op.Parse != nil {
		return op.Parse(op.Name, arg, s)
	}
	args, err := parseArgs(arg, s)
	if err != nil {
		return nil, err
	}
	if len(args) < op.Min || op.Max >= 0 && len(args) > op.Max {
		return nil, arityError(op, len(args))
	}
	e, err := op.Build(op.Name, args)
	if err != nil {
		return nil, err
	}
	return foldIf(!op.Impure && allConst(args), e, s)
}

// parseArgs parses an operand list; a single operand needs no array.
func parseArgs(arg bsonx.Value, s *Scope) ([]Expr, error) {
	if arg.Type == bsonx.TypeArray {
		return parseList(arg.Doc(), s)
	}
	e, err := Parse(arg, s)
	if err != nil {
		return nil, err
	}
	return []Expr{e}, nil
}

func arityError(op Operator, n int) error {
	if op.Min == op.Max {
		return mongoerr.New(16020, "Expression %s takes exactly %d arguments. %d were passed in.", op.Name, op.Min, n)
	}
	if op.Max < 0 {
		return mongoerr.New(16020, "Expression %s takes at least %d arguments. %d were passed in.", op.Name, op.Min, n)
	}
	return mongoerr.New(28667, "Expression %s takes at least %d arguments, and at most %d, but %d were passed in.", op.Name, op.Min, op.Max, n)
}

// allConst reports whether the values of all operands that were given are known.
func allConst(es []Expr) bool {
	for _, e := range es {
		if e != nil && !IsConst(e) {
			return false
		}
	}
	return true
}

// foldIf replaces e by its value where constant says that it needs no document.
func foldIf(constant bool, e Expr, s *Scope) (Expr, error) {
	if !constant {
		return e, nil
	}
	v, err := e.Eval(&Context{coll: s.Collation()})
	if err != nil {
		return nil, mongoerr.From(err).Prefixed("Failed to optimize pipeline")
	}
	return &Const{v.Clone()}, nil
}

// hasDuplicate reports whether a name occurs twice.
func hasDuplicate(names []string) bool {
	sorted := slices.Sorted(slices.Values(names))
	return len(slices.Compact(sorted)) < len(names)
}

// object is {a: expr, ...}. Missing values leave their field out.
type object struct {
	names  []string
	fields []Expr
}

func (e *object) Eval(c *Context) (bsonx.Value, error) {
	b := bsonx.AppendDocStart(c.Scratch())
	for i, f := range e.fields {
		v, err := f.Eval(c)
		if err == nil {
			b = bsonx.AppendElem(b, e.names[i], v)
			err = checkSize(b)
		}
		if err != nil {
			c.Drop(b)
			return bsonx.Value{}, err
		}
	}
	return c.KeepDoc(b), nil
}

func (e *object) Args() []Expr { return e.fields }

// array is [expr, ...]. Missing values become null.
type array struct{ elems []Expr }

func (e *array) Eval(c *Context) (bsonx.Value, error) {
	b := bsonx.AppendDocStart(c.Scratch())
	for i, f := range e.elems {
		v, err := f.Eval(c)
		if err == nil {
			b = bsonx.AppendIndexElem(b, i, v)
			err = checkSize(b)
		}
		if err != nil {
			c.Drop(b)
			return bsonx.Value{}, err
		}
	}
	return c.KeepArray(b), nil
}

func (e *array) Args() []Expr { return e.elems }
