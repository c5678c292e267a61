package command

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// CheckTimeSeries implements exec.Checker: a deletion may be any, an update only one of the
// metaField of all measurements that a filter on it selects.
func (m *modification) CheckTimeSeries(ts *catalog.TimeSeries) error {
	if m.update.IsMissing() {
		return nil
	}
	fail := func(why string) error {
		return mongoerr.New(mongoerr.InvalidOptions, "Cannot perform %s", why)
	}
	meta := ts.MetaField
	switch {
	case !m.multi:
		return fail("a non-multi update on a time-series collection")
	case m.upsert:
		return fail("an upsert on a time-series collection")
	case meta == "":
		return fail("an update on a time-series collection that does not have a metaField")
	case m.update.Type == bsonx.TypeArray || !isOperators(m.update.Doc()):
		return fail("a replacement document or pipeline-style update on a time-series collection")
	case !filtersOnly(m.filter, meta):
		return fail("an update on a time-series collection when querying on a field that is not the metaField '" + meta + "'")
	case !updatesOnly(m.update.Doc(), meta):
		return fail("an update on a time-series collection when updating a field that is not the metaField '" + meta + "'")
	}
	return nil
}

// within reports whether path is field or lies in it.
func within(path, field string) bool {
	rest, ok := strings.CutPrefix(path, field)
	return ok && (rest == "" || rest[0] == '.')
}

// filtersOnly reports whether a filter looks at nothing but field. One with an operator at the top
// that is not logical counts as looking elsewhere.
func filtersOnly(filter bsonx.Doc, field string) bool {
	for it := filter.Iter(); ; {
		key, v, ok := it.Next()
		switch {
		case !ok:
			return true
		case key == "$comment":
		case key == "$and" || key == "$or" || key == "$nor":
			for branches := v.Doc().Iter(); ; {
				_, branch, ok := branches.Next()
				if !ok {
					break
				}
				if !filtersOnly(branch.Doc(), field) {
					return false
				}
			}
		case !within(key, field):
			return false
		}
	}
}

func isOperators(update bsonx.Doc) bool {
	name, _, ok := update.First()
	return ok && strings.HasPrefix(name, "$")
}

// updatesOnly reports whether an update with operators changes nothing but field.
func updatesOnly(update bsonx.Doc, field string) bool {
	for ops := update.Iter(); ; {
		name, fields, ok := ops.Next()
		if !ok {
			return true
		}
		for it := fields.Doc().Iter(); ; {
			path, v, ok := it.Next()
			if !ok {
				break
			}
			if !within(path, field) || name == "$rename" && !within(v.Str(), field) {
				return false
			}
		}
	}
}
