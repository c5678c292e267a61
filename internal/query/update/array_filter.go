package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// arrayFilter is one entry of arrayFilters; nil is "$[]" and matches everything.
type arrayFilter struct {
	name string
	used bool
}

func (f *arrayFilter) matches(_ *expr.Context, _ bsonx.Value) (bool, error) {
	return f == nil, nil
}

// filterSet is the arrayFilters of one update.
type filterSet struct{ filters []*arrayFilter }

func parseArrayFilters(docs []bsonx.Doc, _ *expr.Scope) (*filterSet, error) {
	if len(docs) > 0 {
		return nil, mongoerr.New(mongoerr.NotImplemented, "arrayFilters are not supported")
	}
	return &filterSet{}, nil
}

// use returns the filter for an identifier in a path.
func (s *filterSet) use(id, path string) (*arrayFilter, error) {
	for _, f := range s.filters {
		if f.name == id {
			f.used = true
			return f, nil
		}
	}
	return nil, mongoerr.New(mongoerr.BadValue, "No array filter found for identifier '%s' in path '%s'", id, path)
}

func (s *filterSet) checkUsed(spec bsonx.Doc) error {
	for _, f := range s.filters {
		if !f.used {
			return mongoerr.New(mongoerr.FailedToParse,
				"The array filter for identifier '%s' was not used in the update %s", f.name, spec)
		}
	}
	return nil
}
