// Interim: delete this file when Prefix lands (helper agg).

package agg

import "github.com/tandemdb/tandem/internal/bsonx"

type Prefix struct {
	Filter, Sort bsonx.Doc
	Skip, Limit  int64
	Deps         []string
	Whole        bool
	Rest         *Pipeline
}

func (p *Pipeline) Prefix() Prefix { return Prefix{Whole: true, Rest: p} }
