package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// parseReplacement checks a replacement document.
func (u *Update) parseReplacement(doc bsonx.Doc, opts *Options) error {
	u.kind = KindReplacement
	if opts.Multi {
		return mongoerr.New(mongoerr.FailedToParse, "multi update is not supported for replacement-style update")
	}
	if len(opts.ArrayFilters) > 0 {
		return mongoerr.New(mongoerr.FailedToParse, "Cannot specify arrayFilters and a replacement-style update")
	}
	for it := doc.Iter(); ; {
		key, _, ok := it.Next()
		if !ok {
			break
		}
		if key != "" && key[0] == '$' {
			return dollarPrefixed(key, key)
		}
	}
	u.replacement = doc
	u.mayDeepen = nestsDeeper(doc, bsonx.MaxDepth)
	return nil
}

// replace appends the replacement with the _id of doc.
func (u *Update) replace(dst []byte, doc bsonx.Doc) ([]byte, error) {
	before, after := doc.Lookup("_id"), u.replacement.Lookup("_id")
	if !after.IsMissing() && !before.IsMissing() && !bsonx.Equal(before, after) {
		return nil, alteredID(after)
	}
	if after.IsMissing() {
		after = before
	}
	return u.appendReplacement(dst, after), nil
}

// appendReplacement appends the replacement with the given _id first, as it is stored.
func (u *Update) appendReplacement(dst []byte, id bsonx.Value) []byte {
	start := len(dst)
	dst = bsonx.AppendElem(bsonx.AppendDocStart(dst), "_id", id)
	dst = appendStamped(dst, u.replacement, u.scope.Env().ClusterTime)
	return bsonx.AppendDocEnd(dst, start)
}

func alteredID(id bsonx.Value) error {
	return mongoerr.New(mongoerr.ImmutableField,
		"After applying the update, the (immutable) field '_id' was found to have been altered to _id: %s", bsonx.Format(id))
}
