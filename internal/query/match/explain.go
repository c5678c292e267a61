package match

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Explain says why a document does not match, as errInfo.details of error 121 does: the name
// of the operator, what it was specified as, the reason and what was considered. It is slow.
func (f *Filter) Explain(doc bsonx.Doc) bsonx.Doc {
	x := &explainer{p: parser{scope: f.scope, use: f.use}, doc: doc}
	if f.needsContext {
		x.ctx = f.scope.NewContext()
		x.ctx.Reset(doc)
	}
	return x.query(f.source, wantMatch)
}

// want is the result that a condition should have had.
type want bool

const (
	wantMatch   want = true
	wantNoMatch want = false // below $not and $nor
)

// explainer walks a filter as it was written. It compiles each condition again, by itself.
type explainer struct {
	p   parser
	doc bsonx.Doc
	ctx *expr.Context
}

// clause is one condition of a query document.
type clause struct {
	name    string    // of the operator
	spec    bsonx.Doc // the condition by itself
	arg     bsonx.Value
	field   string // "" for conditions on the whole document
	node    Node
	negated bool // $ne, $nin and {$exists: false}, whose node is below a Not
}

// query explains a query document. Several conditions are those of an $and.
func (x *explainer) query(d bsonx.Doc, w want) bsonx.Doc {
	clauses := x.clauses(d)
	if len(clauses) == 1 {
		return x.clause(clauses[0], w)
	}
	var failed []bsonx.Value
	for i, c := range clauses {
		if x.fails(c.node, w) {
			failed = append(failed, clauseDetails(i, x.clause(c, w)))
		}
	}
	return bsonx.NewBuilder(nil).String("operatorName", "$and").Value("clausesNotSatisfied", bsonx.MakeArray(failed...)).Build()
}

func clauseDetails(i int, details bsonx.Doc) bsonx.Value {
	return bsonx.Document(bsonx.NewBuilder(nil).Int32("index", int32(i)).Doc("details", details).Build())
}

// fails reports whether a condition has not the result that is wanted.
func (x *explainer) fails(n Node, w want) bool {
	ok, _, err := n.match(x.doc, x.ctx)
	return err != nil || ok != bool(w)
}

// clauses splits a query document into its conditions. They were compiled before, so nothing
// can fail.
func (x *explainer) clauses(d bsonx.Doc) []clause {
	var out []clause
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return out
		}
		switch {
		case key == "$comment":
		case !strings.HasPrefix(key, "$") && isOperators(v):
			out = append(out, x.operators(key, v.Doc())...)
		default:
			c := clause{name: key, arg: v, spec: bsonx.NewBuilder(nil).Value(key, v).Build()}
			if !strings.HasPrefix(key, "$") {
				c.name, c.field = "$eq", key
				if v.Type == bsonx.TypeRegex {
					c.name = "$regex"
				}
			}
			nodes, _ := x.p.clause(key, v, levelTop)
			c.node = conjunction(nodes)
			out = append(out, c)
		}
	}
}

// operators splits the operators of one field.
func (x *explainer) operators(field string, ops bsonx.Doc) []clause {
	var out []clause
	for it := ops.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return out
		}
		if name == "$options" || name == "$comment" {
			continue
		}
		b := bsonx.NewBuilder(nil).Value(name, v)
		if name == "$regex" {
			b.Value("$options", ops.Lookup("$options"))
		}
		op := b.Build()
		nodes, _ := x.p.operators(newField(field), op)
		c := clause{name: name, field: field, arg: v, node: conjunction(nodes)}
		c.spec = bsonx.NewBuilder(nil).Doc(field, op).Build()
		c.negated = name == "$ne" || name == "$nin" || name == "$exists" && !v.Truthy()
		out = append(out, c)
	}
}

// clause explains one condition.
func (x *explainer) clause(c clause, w want) bsonx.Doc {
	switch c.name {
	case "$and", "$or":
		return x.list(c, w)
	case "$nor":
		return x.list(c, !w)
	case "$not":
		return x.not(c, w)
	case "$jsonSchema":
		return x.schema(c, w)
	case "$expr":
		return x.expression(c, w)
	}
	if c.field == "" {
		return x.always(c, w)
	}
	return x.leaf(c, w)
}

// list explains $and, $or and $nor by those of their operands that have not the result that is
// wanted of them.
func (x *explainer) list(c clause, operands want) bsonx.Doc {
	var failed []bsonx.Value
	i := 0
	for it := c.arg.Doc().Iter(); ; i++ {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		node, _ := x.p.document(v.Doc(), levelTop)
		if x.fails(node, operands) {
			failed = append(failed, clauseDetails(i, x.query(v.Doc(), operands)))
		}
	}
	return bsonx.NewBuilder(nil).String("operatorName", c.name).Value("clausesNotSatisfied", bsonx.MakeArray(failed...)).Build()
}

func (x *explainer) not(c clause, w want) bsonx.Doc {
	inner := bsonx.NewBuilder(nil).Value(c.field, c.arg).Build()
	return bsonx.NewBuilder(nil).String("operatorName", "$not").Doc("details", x.query(inner, !w)).Build()
}

func (x *explainer) schema(c clause, w want) bsonx.Doc {
	b := bsonx.NewBuilder(nil).String("operatorName", c.name)
	n, ok := c.node.(*JSONSchema)
	if !ok || w == wantNoMatch {
		return b.Doc("specifiedAs", c.spec).String("reason", "schema matched").Build()
	}
	n.schema.annotate(b)
	return b.Value("schemaRulesNotSatisfied", n.schema.explain(bsonx.Document(x.doc))).Build()
}

func (x *explainer) expression(c clause, w want) bsonx.Doc {
	b := bsonx.NewBuilder(nil).String("operatorName", c.name).Doc("specifiedAs", c.spec)
	result := bsonx.Bool(!bool(w))
	if n, ok := c.node.(*Expr); ok {
		v, err := n.Expr.Eval(x.ctx)
		if err != nil {
			return b.String("reason", "failed to evaluate aggregation expression").String("details", err.Error()).Build()
		}
		result = v
	}
	b.String("reason", reason(w, "expression did not match", "expression did match"))
	return b.Value("expressionResult", result).Build()
}

func (x *explainer) always(c clause, w want) bsonx.Doc {
	return bsonx.NewBuilder(nil).String("operatorName", c.name).Doc("specifiedAs", c.spec).
		String("reason", reason(w, "expression always evaluates to false", "expression always evaluates to true")).Build()
}

func reason(w want, failed, held string) string {
	if w == wantMatch {
		return failed
	}
	return held
}
