package pebblekv

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// changeIter walks the change key space.
type changeIter struct {
	db      *DB
	it      *pebble.Iterator
	started bool
	valid   bool
	err     error
}

// Changes iterates over the payloads after from, up to the timestamp that is
// durable now. It fails with storage.ErrSnapshotTooOld where some after from were
// dropped.
func (db *DB) Changes(_ context.Context, from storage.Timestamp) (storage.ChangeIter, error) {
	if err := db.check(); err != nil {
		return nil, err
	}
	hi := appendChange(nil, storage.Timestamp(db.durable.upTo.Load())+1)
	it, err := db.pdb.NewIter(&pebble.IterOptions{LowerBound: appendChange(nil, from+1), UpperBound: hi})
	if err != nil {
		return nil, err
	}
	// After the iterator was made: what it does not see was dropped before.
	trimmed, err := db.meta(keyTrimmed)
	if err == nil && from < trimmed {
		err = storage.ErrSnapshotTooOld
	}
	if err != nil {
		return nil, errors.Join(err, it.Close())
	}
	db.open.Add(1)
	return &changeIter{db: db, it: it}, nil
}

// TrimChanges drops the payloads at or below upTo.
func (db *DB) TrimChanges(_ context.Context, upTo storage.Timestamp) error {
	if err := db.check(); err != nil {
		return err
	}
	before, err := db.meta(keyTrimmed)
	if err != nil || upTo <= before {
		return err
	}
	b := db.pdb.NewBatch()
	defer b.Close()
	if err := b.Set(keyTrimmed, encodeTimestamp(upTo), nil); err != nil {
		return err
	}
	if err := b.DeleteRange(appendChange(nil, before+1), appendChange(nil, upTo+1), nil); err != nil {
		return err
	}
	return db.pdb.Apply(b, pebble.NoSync)
}

func (c *changeIter) Next() bool {
	switch {
	case c.it == nil || c.err != nil:
		return false
	case c.db.closed.Load():
		c.err, c.valid = storage.ErrClosed, false
	case c.started:
		c.valid = c.it.Next()
	default:
		c.started = true
		c.valid = c.it.First()
	}
	return c.valid
}

func (c *changeIter) Timestamp() storage.Timestamp {
	if !c.valid {
		return 0
	}
	return storage.Timestamp(binary.BigEndian.Uint64(c.it.Key()[1:]))
}

func (c *changeIter) Payload() []byte {
	if !c.valid {
		return nil
	}
	v, err := c.it.ValueAndErr()
	if err != nil {
		c.err = err
	}
	return v
}

func (c *changeIter) Err() error {
	if c.err == nil && c.it != nil {
		return c.it.Error()
	}
	return c.err
}

func (c *changeIter) Close() error {
	if c.it != nil {
		if err := c.it.Close(); err != nil && c.err == nil {
			c.err = err
		}
		c.it, c.valid = nil, false
		c.db.open.Add(-1)
	}
	return c.err
}
