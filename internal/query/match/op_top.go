package match

import (
	"math/rand/v2"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// topParser compiles an operator that stands where a field name can.
type topParser func(p *parser, name string, v bsonx.Value, l level) ([]Node, error)

// topOperators is the table of these operators. It is filled at start, for its functions refer
// to it.
var topOperators map[string]topParser

func init() {
	topOperators = map[string]topParser{
		"$alwaysFalse": parseAlways,
		"$alwaysTrue":  parseAlways,
		"$and":         parseList,
		"$comment":     func(*parser, string, bsonx.Value, level) ([]Node, error) { return nil, nil },
		"$expr":        parseExpr,
		"$jsonSchema":  parseJSONSchema,
		"$nor":         parseList,
		"$or":          parseList,
		"$sampleRate":  parseSampleRate,
		"$text":        parseText,
		"$where":       parseWhere,
	}
}

func parseList(p *parser, name string, v bsonx.Value, l level) ([]Node, error) {
	if v.Type != bsonx.TypeArray {
		return nil, mongoerr.New(mongoerr.BadValue, "%s must be an array", name)
	}
	if v.Doc().IsEmpty() {
		return nil, mongoerr.New(mongoerr.BadValue, "$and/$or/$nor must be a nonempty array")
	}
	var nodes []Node
	for it := v.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			break
		}
		if elem.Type != bsonx.TypeDocument {
			return nil, mongoerr.New(mongoerr.BadValue, "$or/$and/$nor entries need to be full objects")
		}
		node, err := p.document(elem.Doc(), l)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	return []Node{joinList(name, nodes)}, nil
}

func joinList(name string, nodes []Node) Node {
	switch name {
	case "$and":
		return conjunction(nodes)
	case "$nor":
		return &Nor{nodes}
	}
	if len(nodes) == 1 {
		return nodes[0]
	}
	return &Or{Nodes: nodes, in: onePath(nodes)}
}

func parseExpr(p *parser, _ string, v bsonx.Value, l level) ([]Node, error) {
	if l != levelTop {
		return nil, mongoerr.New(mongoerr.BadValue, "$expr can only be applied to the top-level document")
	}
	if p.use == ArrayFilter || p.use == Partial || p.use == Upsert {
		return nil, mongoerr.New(mongoerr.QueryFeatureNotAllowed, "$expr is not allowed in this context")
	}
	e, err := expr.Parse(v, p.scope)
	if err != nil {
		return nil, err
	}
	if c, ok := e.(*expr.Const); ok {
		return []Node{Const(c.Value.Truthy())}, nil
	}
	return append(p.implied(nil, e), &Expr{e}), nil
}

func parseAlways(_ *parser, name string, v bsonx.Value, _ level) ([]Node, error) {
	if i, ok := integral(v); !ok || i != 1 {
		return nil, mongoerr.New(mongoerr.FailedToParse, "%s must be an integer value of 1", name)
	}
	return []Node{Const(name == "$alwaysTrue")}, nil
}

// Sample is the node of $sampleRate: it holds for a random part of the documents.
type Sample struct{ Rate float64 }

func (n *Sample) match(bsonx.Doc, *expr.Context) (bool, int, error) {
	return rand.Float64() < n.Rate, -1, nil
}

func (n *Sample) matchElem(bsonx.Value) (bool, error) { return rand.Float64() < n.Rate, nil }

func parseSampleRate(_ *parser, _ string, v bsonx.Value, _ level) ([]Node, error) {
	if !v.IsNumber() {
		return nil, mongoerr.New(mongoerr.BadValue, "argument to $sampleRate must be a numeric type")
	}
	if bsonx.Compare(v, bsonx.Int32(0)) < 0 || bsonx.Compare(v, bsonx.Int32(1)) > 0 {
		return nil, mongoerr.New(mongoerr.BadValue, "numeric argument to $sampleRate must be in [0, 1]")
	}
	return []Node{&Sample{toDouble(v)}}, nil
}

func parseText(p *parser, _ string, v bsonx.Value, l level) ([]Node, error) {
	switch {
	case v.Type != bsonx.TypeDocument:
		return nil, mongoerr.New(mongoerr.BadValue, "$text expects an object")
	case l != levelTop:
		return nil, mongoerr.New(mongoerr.BadValue, "$text can only be applied to the top-level document")
	case !p.use.query() && p.use != Pipeline:
		return nil, mongoerr.New(mongoerr.BadValue, "$text is not allowed in this context")
	}
	return nil, mongoerr.New(mongoerr.IndexNotFound, "text index required for $text query")
}

func parseWhere(p *parser, _ string, _ bsonx.Value, l level) ([]Node, error) {
	switch {
	case l != levelTop:
		return nil, mongoerr.New(mongoerr.BadValue, "$where can only be applied to the top-level document")
	case !p.use.query():
		return nil, mongoerr.New(mongoerr.BadValue, "$where is not allowed in this context")
	}
	return nil, mongoerr.New(mongoerr.NotImplemented, "$where is not supported: this server has no JavaScript engine")
}
