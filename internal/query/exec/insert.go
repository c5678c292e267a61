package exec

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/txn"
)

// Insert adds a document that update.PrepareInsert has made ready, creating the collection if
// need be. record may be nil.
func (w *Writer) Insert(ctx context.Context, doc bsonx.Doc, record Recorder) error {
	return w.one(ctx, true, func(t *txn.Txn, c *catalog.Collection) error {
		if c.TimeSeries != nil {
			if err := c.TimeSeries.Check(doc); err != nil {
				return err
			}
		}
		if err := w.validate(c, nil, doc); err != nil {
			return err
		}
		if _, err := t.Insert(ctx, c, doc); err != nil {
			return err
		}
		return recorded(record, t)
	})
}

func recorded(record Recorder, t *txn.Txn) error {
	if record == nil {
		return nil
	}
	return record(t)
}
