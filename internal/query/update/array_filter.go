package update

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// arrayFilter is one entry of arrayFilters: a condition on the elements that "$[name]"
// stands for. The nil filter is "$[]" and matches everything.
type arrayFilter struct {
	name   string
	filter *match.Filter
	used   bool
}

func (f *arrayFilter) matches(elem bsonx.Value) (bool, error) {
	if f == nil {
		return true, nil
	}
	return f.filter.MatchValue(f.name, elem)
}

// filterSet is the arrayFilters of one update.
type filterSet struct{ filters []*arrayFilter }

func parseArrayFilters(docs []bsonx.Doc, s *expr.Scope) (*filterSet, error) {
	set := &filterSet{}
	for _, d := range docs {
		filter, err := match.CompileFor(match.ArrayFilter, d, s)
		if err != nil {
			return nil, parsingFilter(err)
		}
		name, err := identifier(d)
		if err != nil {
			return nil, parsingFilter(err)
		}
		if set.find(name) != nil {
			return nil, mongoerr.New(mongoerr.FailedToParse,
				"Found multiple array filters with the same top-level field name %s", name)
		}
		set.filters = append(set.filters, &arrayFilter{name: name, filter: filter})
	}
	return set, nil
}

func parsingFilter(err error) error { return mongoerr.From(err).Prefixed("Error parsing array filter") }

// identifier returns the first path component that all conditions of an array filter have.
func identifier(filter bsonx.Doc) (string, error) {
	name, err := commonField(filter, "")
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", mongoerr.New(mongoerr.FailedToParse, "Cannot use an expression without a top-level field name in arrayFilters")
	}
	for i := range len(name) {
		c := name[i]
		lower := c >= 'a' && c <= 'z'
		if !lower && (i == 0 || !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9')) {
			return "", mongoerr.New(mongoerr.BadValue, "The top-level field name must be an alphanumeric string "+
				"beginning with a lowercase letter, found '%s'", name)
		}
	}
	return name, nil
}

// commonField returns the first component of the paths in a filter, all of which must have
// the same as have the ones before: name, empty if there were none.
func commonField(filter bsonx.Doc, name string) (string, error) {
	for it := filter.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return name, nil
		}
		if strings.HasPrefix(key, "$") {
			var err error
			for _, branch := range elements(v.Doc()) {
				if name, err = commonField(branch.Doc(), name); err != nil {
					return "", err
				}
			}
			continue
		}
		first, _, _ := strings.Cut(key, ".")
		if name != "" && first != name {
			return "", mongoerr.New(mongoerr.FailedToParse,
				"Expected a single top-level field name, found '%s' and '%s'", name, first)
		}
		name = first
	}
}

func (s *filterSet) find(name string) *arrayFilter {
	for _, f := range s.filters {
		if f.name == name {
			return f
		}
	}
	return nil
}

// use returns the filter for an identifier in a path.
func (s *filterSet) use(id, path string) (*arrayFilter, error) {
	f := s.find(id)
	if f == nil {
		return nil, mongoerr.New(mongoerr.BadValue, "No array filter found for identifier '%s' in path '%s'", id, path)
	}
	f.used = true
	return f, nil
}

// checkUsed refuses filters that no path names.
func (s *filterSet) checkUsed(spec bsonx.Doc) error {
	for _, f := range s.filters {
		if !f.used {
			return mongoerr.New(mongoerr.FailedToParse,
				"The array filter for identifier '%s' was not used in the update %s", f.name, spec)
		}
	}
	return nil
}
