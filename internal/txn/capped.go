package txn

import (
	"bytes"
	"context"

	"github.com/tandemdb/tandem/internal/catalog"
)

// trim deletes the oldest documents of a capped collection until it is within its bounds. The
// document at keep, which was just inserted, stays. The caller holds the exclusive
// lock, so the counters are exact.
func (t *Txn) trim(ctx context.Context, c *catalog.Collection, keep []byte) error {
	records, size, err := t.counters(ctx, c)
	if err != nil {
		return err
	}
	over := func() bool { return size > c.CappedSize || c.CappedMax > 0 && records > c.CappedMax }
	if !over() {
		return nil
	}
	keep = bytes.Clone(keep)
	it, err := t.Records(ctx, c, RecordRange{Hi: keep})
	if err != nil {
		return err
	}
	defer it.Close()
	for over() && it.Next() {
		doc := it.Doc()
		if err := t.Delete(ctx, c, it.RID(), doc); err != nil {
			return err
		}
		records--
		size -= int64(len(doc))
	}
	t.scratch().rid = append(t.scratch().rid[:0], keep...)
	return it.Close()
}
