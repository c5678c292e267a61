package txn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/storage"
)

// expireBatch is how many documents one transaction of ExpireDocuments deletes at most.
const expireBatch = 500

// ExpireDocuments deletes what TTL indexes and clustered collections with an expiry say has
// expired at now, and returns how many documents that were. Documents that another
// transaction holds are left for the next pass.
func (s *Store) ExpireDocuments(ctx context.Context, now time.Time) (deleted int64, err error) {
	for _, c := range s.Catalog.Current().All() {
		for _, e := range expiries(c) {
			n, err := s.expire(ctx, e, now)
			deleted += n
			if err != nil {
				return deleted, err
			}
		}
	}
	return deleted, nil
}

// expiry is one rule by which documents expire. It names collection and index, since both can
// change between batches.
type expiry struct {
	ns    string
	index string // empty for the cluster key
}

func expiries(c *catalog.Collection) []expiry {
	var es []expiry
	if c.Clustered && c.ExpireAfter >= 0 {
		es = append(es, expiry{ns: c.NS})
	}
	for _, x := range c.Indexes {
		if x.ExpireAfter >= 0 {
			es = append(es, expiry{c.NS, x.Name})
		}
	}
	return es
}

// expire runs batches until one reaches the end of what has expired.
func (s *Store) expire(ctx context.Context, e expiry, now time.Time) (deleted int64, err error) {
	var from []byte
	for {
		n, next, err := s.expireBatch(ctx, e, now, from)
		deleted += n
		if err != nil || next == nil {
			return deleted, err
		}
		from = next
	}
}

// expireBatch deletes up to expireBatch documents from the position from on, and returns the
// position after them, nil at the end.
func (s *Store) expireBatch(ctx context.Context, e expiry, now time.Time, from []byte) (n int64, next []byte, err error) {
	t, err := s.BeginLocked(ctx, e.ns, Options{})
	if err != nil {
		return 0, nil, err
	}
	defer t.Rollback()
	c, err := t.ForWrite(ctx, e.ns)
	if err != nil || c == nil {
		return 0, nil, err
	}
	rids, next, err := t.expired(ctx, c, e, now, from)
	if err != nil {
		return 0, nil, err
	}
	for _, rid := range rids {
		ok, err := t.expireOne(ctx, c, rid)
		if err != nil {
			return 0, nil, err
		}
		if ok {
			n++
		}
	}
	if n == 0 {
		return 0, next, nil
	}
	if _, err := t.Commit(ctx, storage.Buffered); err != nil {
		return 0, nil, err
	}
	return n, next, nil
}

// expireOne deletes a record unless another transaction has it.
func (t *Txn) expireOne(ctx context.Context, c *catalog.Collection, rid []byte) (bool, error) {
	doc, ok, err := t.Get(ctx, c, rid, nil)
	if err != nil || !ok {
		return false, err
	}
	err = t.Delete(ctx, c, rid, doc)
	if _, ok := errors.AsType[*storage.ConflictError](err); ok {
		return false, nil
	}
	return err == nil, err
}

// expired returns the records of the next batch.
func (t *Txn) expired(ctx context.Context, c *catalog.Collection, e expiry, now time.Time, from []byte) (rids [][]byte, next []byte, err error) {
	if e.index == "" {
		if !c.Clustered || c.ExpireAfter < 0 {
			return nil, nil, nil
		}
		lo, hi := dateBounds(now, c.ExpireAfter, false)
		if from != nil {
			lo = from
		}
		it, err := t.Records(ctx, c, RecordRange{Lo: lo, Hi: hi})
		if err != nil {
			return nil, nil, err
		}
		defer it.Close()
		for it.Next() {
			if rids = append(rids, bytes.Clone(it.RID())); len(rids) == expireBatch {
				return rids, append(bytes.Clone(it.RID()), keyenc.Below), nil
			}
		}
		return rids, nil, it.Close()
	}
	x := c.Index(e.index)
	if x == nil || x.ExpireAfter < 0 {
		return nil, nil, nil
	}
	lo, hi := dateBounds(now, x.ExpireAfter, x.Keys[0].Desc)
	if from != nil {
		lo = from
	}
	it, err := t.Entries(ctx, c, x, lo, hi, false)
	if err != nil {
		return nil, nil, err
	}
	defer it.Close()
	for it.Next() {
		if rids = append(rids, bytes.Clone(it.RID())); len(rids) == expireBatch {
			next = bytes.Clone(it.Key())
			if !x.Unique {
				next = append(next, it.RID()...)
			}
			return rids, append(next, keyenc.Below), nil
		}
	}
	return rids, nil, it.Close()
}

// dateBounds returns the bounds of dates that expired before now: a date expires seconds after
// itself.
func dateBounds(now time.Time, seconds int64, desc bool) (lo, hi []byte) {
	first := keyenc.AppendField(nil, bsonx.DateTime(math.MinInt64), desc)
	last := keyenc.AppendField(nil, bsonx.DateTime(now.UnixMilli()-seconds*1000), desc)
	if desc {
		return last, append(first, keyenc.Above)
	}
	return first, append(last, keyenc.Above)
}
