package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// readCore reads one state through as few Pebble iterators as possible: a plain
// reader's first iterator is its snapshot; a transaction makes its iterators
// from a Pebble snapshot when it needs them. It is not safe for concurrent use.
type readCore struct {
	db   *DB
	mu   *sync.Mutex      // of the reader or transaction
	snap *pebble.Snapshot // nil: base is the snapshot

	base     *pebble.Iterator
	borrowed bool // base belongs to an open Iter or a BatchGet
	bounded  bool // base has bounds left by an Iter

	point *pebble.Iterator // for Get while base is borrowed
	iters *iter            // open iterators
	used  bool             // since the background looked last

	key []byte // scratch
}

// newIter makes an iterator of the state; base must not be the only witness of
// it yet.
func (c *readCore) newIter(o *pebble.IterOptions) (*pebble.Iterator, error) {
	switch {
	case c.snap != nil:
		return c.snap.NewIter(o)
	case c.base != nil:
		if o == nil {
			o = &pebble.IterOptions{}
		}
		return c.base.Clone(pebble.CloneOptions{IterOptions: o})
	}
	return c.db.pdb.NewIter(o)
}

// pointIter returns an iterator without bounds for point reads.
func (c *readCore) pointIter() (*pebble.Iterator, error) {
	c.used = true
	if c.base == nil {
		it, err := c.newIter(nil)
		if err != nil {
			return nil, err
		}
		c.base = it
	}
	if !c.borrowed {
		if c.bounded {
			c.base.SetBounds(nil, nil)
			c.bounded = false
		}
		return c.base, nil
	}
	if c.point == nil {
		it, err := c.newIter(nil)
		if err != nil {
			return nil, err
		}
		c.point = it
	}
	return c.point, nil
}

// get returns the value of a Pebble key, valid until the next read.
func (c *readCore) get(key []byte) ([]byte, bool, error) {
	it, err := c.pointIter()
	if err != nil {
		return nil, false, err
	}
	return getFrom(it, key)
}

func getFrom(it *pebble.Iterator, key []byte) ([]byte, bool, error) {
	if !it.SeekPrefixGE(key) {
		return nil, false, readError(it.Error())
	}
	v, err := it.ValueAndErr()
	return v, err == nil, readError(err)
}

// readError names corruption by the contract's sentinel.
func readError(err error) error {
	if err != nil && pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %w", storage.ErrCorruption, err)
	}
	return err
}

// timestamp reads the name of the state from the state itself.
func (c *readCore) timestamp() (storage.Timestamp, error) {
	v, ok, err := c.get(keyTimestamp)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, storage.ErrCorruption
	}
	return decodeTimestamp(v)
}

// borrow takes base for an Iter or a BatchGet, or makes another iterator where
// it is taken.
func (c *readCore) borrow(lo, hi []byte) (*pebble.Iterator, error) {
	c.used = true
	opts := pebble.IterOptions{LowerBound: lo, UpperBound: hi}
	if c.borrowed {
		return c.newIter(&opts)
	}
	if c.base == nil {
		it, err := c.newIter(&opts)
		if err != nil {
			return nil, err
		}
		c.base = it
	} else {
		c.base.SetBounds(lo, hi)
	}
	c.bounded = lo != nil || hi != nil
	c.borrowed = true
	return c.base, nil
}

// giveBack ends the use of an iterator that borrow returned.
func (c *readCore) giveBack(it *pebble.Iterator) error {
	if it == c.base {
		c.borrowed = false
		return nil
	}
	return it.Close()
}

// batchGet calls fn for the keys that exist. own answers for keys that the
// overlay decides, and may be nil.
func (c *readCore) batchGet(
	ctx context.Context, keys [][]byte, ov *overlay, fn func(int, []byte) error,
) error {
	c.mu.Lock()
	it, err := c.borrow(nil, nil)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	err = c.batchGetFrom(ctx, it, keys, ov, fn)
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(err, c.giveBack(it))
}

// closeIdle closes the iterators of an idle transaction, which pin memtables and
// files. They are made anew from its snapshot. Called with mu held.
func (c *readCore) closeIdle() error {
	idle := !c.used && !c.borrowed && c.iters == nil && c.snap != nil
	c.used = false
	if !idle {
		return nil
	}
	return c.reset()
}

// checkEvery is how many keys or rows are read between two looks at the context.
const checkEvery = 128

func (c *readCore) batchGetFrom(
	ctx context.Context, it *pebble.Iterator, keys [][]byte, ov *overlay, fn func(int, []byte) error,
) error {
	var buf []byte
	for i, key := range keys {
		if c.db.closed.Load() {
			return storage.ErrClosed
		}
		if i%checkEvery == checkEvery-1 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		buf = appendData(buf[:0], key)
		value, ok := []byte(nil), false
		if own, hit := ov.get(buf); hit {
			value, ok = own, own != nil
		} else {
			var err error
			if value, ok, err = getFrom(it, buf); err != nil {
				return err
			}
		}
		if !ok {
			continue
		}
		if err := fn(i, value); err != nil {
			return err
		}
	}
	return nil
}

// scan opens an Iter of [lo, hi) over the state and a stable view of ov.
func (c *readCore) scan(ov *overlay, lo, hi []byte, o storage.ScanOptions) (*iter, error) {
	i := &iter{core: c, reverse: o.Reverse, keysOnly: o.KeysOnly, limit: o.Limit}
	i.lo = appendData(i.loBuf[:0], lo)
	i.hi = dataHi
	if hi != nil {
		i.hi = appendData(i.hiBuf[:0], hi)
	}
	if bytes.Compare(i.lo, i.hi) >= 0 {
		i.hi = i.lo // an empty range, whose bounds Pebble would reject
	}
	it, err := c.borrow(i.lo, i.hi)
	if err != nil {
		return nil, err
	}
	i.it = it
	i.own = ov.iter()
	i.next = c.iters
	if c.iters != nil {
		c.iters.prev = i
	}
	c.iters = i
	c.db.open.Add(1)
	return i, nil
}

// reset closes all iterators, those of the caller too.
func (c *readCore) reset() error {
	var err error
	for c.iters != nil {
		c.iters.fail(storage.ErrClosed)
		err = errors.Join(err, c.iters.release())
	}
	if c.point != nil {
		err = errors.Join(err, c.point.Close())
		c.point = nil
	}
	if c.base != nil {
		err = errors.Join(err, c.base.Close())
		c.base = nil
	}
	c.borrowed, c.bounded = false, false
	return err
}
