package expr

import "github.com/tandemdb/tandem/internal/bsonx"

func miscOperators() []Operator {
	return []Operator{
		{Name: "$const", Parse: parseLiteral},
		{Name: "$literal", Parse: parseLiteral},
	}
}

func parseLiteral(_ string, arg bsonx.Value, _ *Scope) (Expr, error) { return &Const{arg.Clone()}, nil }
