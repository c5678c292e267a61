package match

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// level is the depth of a query document: some operators stand only at the top.
type level uint8

const (
	levelTop     level = iota // the filter and what $and, $or and $nor join there
	levelElement              // the query of an $elemMatch or $pull
)

// parser compiles one filter. The nodes alias the bytes they were parsed from.
type parser struct {
	scope *expr.Scope
	use   Use
}

// document compiles a query document.
func (p *parser) document(d bsonx.Doc, l level) (Node, error) {
	nodes, err := p.clauses(d, l)
	if err != nil {
		return nil, err
	}
	return conjunction(nodes), nil
}

func (p *parser) clauses(d bsonx.Doc, l level) ([]Node, error) {
	var nodes []Node
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return nodes, nil
		}
		more, err := p.clause(key, v, l)
		if err != nil {
			return nil, err
		}
		if nodes == nil {
			nodes = more
		} else {
			nodes = append(nodes, more...)
		}
	}
}

func (p *parser) clause(key string, v bsonx.Value, l level) ([]Node, error) {
	if !strings.HasPrefix(key, "$") {
		return p.field(newField(key), v)
	}
	parse := topOperators[key]
	if parse == nil {
		if strings.HasPrefix(key, "$ref") || key == "$id" || key == "$db" {
			return p.field(newField(key), v)
		}
		return nil, mongoerr.New(mongoerr.BadValue, "unknown top level operator: %s. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.", key)
	}
	return parse(p, key, v, l)
}

// field compiles what stands at a field's name: operators, a regular expression, or a value
// to be equal to.
func (p *parser) field(f Field, v bsonx.Value) ([]Node, error) {
	if isOperators(v) {
		return p.operators(f, v.Doc())
	}
	node, err := p.equality(f, v)
	if err != nil {
		return nil, err
	}
	return []Node{node}, nil
}

func (p *parser) equality(f Field, v bsonx.Value) (Node, error) {
	switch v.Type {
	case bsonx.TypeRegex:
		pattern, options := v.Regex()
		return newRegex(f, pattern, options)
	case bsonx.TypeUndefined:
		return nil, errUndefined
	}
	return p.compare(f, Eq, v), nil
}

// compare makes the node of a comparison.
func (p *parser) compare(f Field, op Op, v bsonx.Value) *Compare {
	return &Compare{Field: f, Op: op, Value: v, Collation: p.scope.Collation()}
}

// operators compiles a document of field operators.
func (p *parser) operators(f Field, d bsonx.Doc) ([]Node, error) {
	var nodes []Node
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return nodes, nil
		}
		parse := fieldOperators[key]
		if parse == nil {
			return nil, mongoerr.New(mongoerr.BadValue, "unknown operator: %s", key)
		}
		node, err := parse(p, operand{Field: f, name: key, value: v, all: d})
		if err != nil {
			return nil, err
		}
		if node != nil {
			nodes = append(nodes, node)
		}
	}
}

// operand is what the parser of a field operator gets.
type operand struct {
	Field
	name  string
	value bsonx.Value
	all   bsonx.Doc // the document that the operator stands in
}

// conjunction joins nodes, flattening what is an And already.
func conjunction(nodes []Node) Node {
	if len(nodes) == 1 {
		return nodes[0]
	}
	var flat []Node
	for _, n := range nodes {
		if and, ok := n.(*And); ok {
			flat = append(flat, and.Nodes...)
		} else {
			flat = append(flat, n)
		}
	}
	return &And{flat}
}

var errUndefined = mongoerr.New(mongoerr.BadValue, "cannot compare to undefined")
