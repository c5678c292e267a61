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

// CopyToCapped inserts the documents of one collection, in their order, into a capped one that the
// transaction has just made: the newest ones, as many as fit.
func (t *Txn) CopyToCapped(ctx context.Context, from, to *catalog.Collection) error {
	records, size, err := t.store.totals(ctx, from)
	if err != nil {
		return err
	}
	it, err := t.Records(ctx, from, RecordRange{})
	if err != nil {
		return err
	}
	defer it.Close()
	var buf []byte
	for it.Next() {
		doc := it.Doc()
		if fits := size <= to.CappedSize && (to.CappedMax <= 0 || records <= to.CappedMax); fits {
			buf = append(buf[:0], doc...)
			if _, err := t.Insert(ctx, to, buf); err != nil {
				return err
			}
		}
		records--
		size -= int64(len(doc))
	}
	return it.Err()
}
