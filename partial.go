package tandem

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// partialFilter decides which documents a partial index holds. The layer of indexes cannot
// import the one of queries, so they meet here.
type partialFilter struct{ filter *match.Filter }

func compilePartial(filter bsonx.Doc, coll *collation.Collation) (interface{ Matches(doc bsonx.Doc) bool }, error) {
	f, err := match.CompileFor(match.Partial, filter, expr.NewScope(&expr.Env{Collation: coll}))
	if err != nil {
		return nil, err
	}
	return partialFilter{f}, nil
}

// Matches reports whether the index holds the document. The filters that are allowed in an
// index cannot fail.
func (p partialFilter) Matches(doc bsonx.Doc) bool {
	ok, err := p.filter.Match(doc, nil)
	return ok && err == nil
}
