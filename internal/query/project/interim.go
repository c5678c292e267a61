// Interim: delete this file when the real one lands (helper match).

package project

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

type Kind int

const (
	Find Kind = iota
	Aggregate
)

type Projection struct{}

func Compile(spec bsonx.Doc, s *expr.Scope, k Kind, f *match.Filter) (*Projection, error) {
	return &Projection{}, nil
}
func (p *Projection) Append(dst []byte, doc bsonx.Doc, c *expr.Context) ([]byte, error) {
	return append(dst, doc...), nil
}
func (p *Projection) Deps() ([]string, bool) { return nil, true }

func (p *Projection) IsSimple() bool { return true }
