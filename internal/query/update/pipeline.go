package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
)

// parsePipeline compiles an update by aggregation stages.
func (u *Update) parsePipeline(stages bsonx.Doc, opts *Options) error {
	u.kind = KindPipeline
	if len(opts.ArrayFilters) > 0 {
		return mongoerr.New(mongoerr.FailedToParse, "Cannot specify arrayFilters and a pipeline update")
	}
	u.mayDeepen = true
	var err error
	u.pipeline, err = agg.ParseUpdate(stages, u.scope)
	return err
}

// Interrupt makes the stages of an update by a pipeline call check now and then. Its error ends
// Apply.
func (u *Update) Interrupt(check func() error) { u.pipeline.Interrupt(check) }

// runPipeline appends what the stages make of doc.
func (u *Update) runPipeline(dst []byte, doc bsonx.Doc) ([]byte, error) {
	return u.pipeline.Apply(dst, doc)
}

// transform appends what the stages make of a stored document. The _id comes back if they have
// removed it, and may not become another.
func (u *Update) transform(dst []byte, doc bsonx.Doc) ([]byte, error) {
	start := len(dst)
	dst, err := u.runPipeline(dst, doc)
	if err != nil {
		return nil, err
	}
	before, after := doc.Lookup("_id"), bsonx.Doc(dst[start:]).Lookup("_id")
	if !after.IsMissing() && !bsonx.Equal(before, after) {
		return nil, alteredID(after)
	}
	if after.IsMissing() {
		after = before
	}
	return moveID(dst, start, after), nil
}
