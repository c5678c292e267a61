package pebblekv

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"
)

// iter merges a Pebble iterator with a stable view of the own writes, which win
// over equal keys. In each source the current entry is the next one in scan
// direction that has not been returned yet, except for the one at cur, which is
// left only by the next call of Next.
type iter struct {
	core       *readCore // nil once closed
	prev, next *iter     // in core.iters

	it  *pebble.Iterator
	own *overlayIter // nil if there are no own writes

	lo, hi   []byte
	reverse  bool
	keysOnly bool
	limit    int // zero is no limit
	returned int

	started   bool
	itValid   bool
	ownValid  bool
	atIt      bool // the current entry is (also) it's
	atOwn     bool // the current entry is own's
	exhausted bool
	err       error

	loBuf, hiBuf [48]byte
	seekBuf      []byte
}

func (i *iter) usable() bool {
	if i.core == nil || i.err != nil {
		return false
	}
	if i.core.db.closed.Load() {
		i.err = i.core.db.check()
		return false
	}
	return true
}

// Next moves to the next entry.
func (i *iter) Next() bool {
	if !i.usable() || i.exhausted || i.limit > 0 && i.returned >= i.limit {
		i.atIt, i.atOwn = false, false
		return false
	}
	if !i.started {
		i.first()
	} else {
		i.step()
	}
	return i.settle()
}

// Seek moves to the first entry at or after key in scan direction.
func (i *iter) Seek(key []byte) bool {
	if !i.usable() || i.limit > 0 && i.returned >= i.limit {
		i.atIt, i.atOwn = false, false
		return false
	}
	i.started, i.exhausted = true, false
	i.seekBuf = appendData(i.seekBuf[:0], key)
	if i.reverse {
		i.seekReverse(i.seekBuf)
	} else {
		i.seekForward(i.seekBuf)
	}
	return i.settle()
}

func (i *iter) first() {
	i.started = true
	if i.reverse {
		i.itValid = i.it.Last()
		i.ownValid = i.own != nil && i.own.seekLT(i.hi)
		return
	}
	i.itValid = i.it.First()
	i.ownValid = i.own != nil && i.own.seekGE(i.lo)
}

func (i *iter) seekForward(key []byte) {
	if bytes.Compare(key, i.lo) < 0 {
		key = i.lo
	}
	i.itValid = i.it.SeekGE(key)
	i.ownValid = i.own != nil && i.own.seekGE(key)
}

// seekReverse positions at or before key: Pebble seeks below, so it is given the
// key's immediate successor.
func (i *iter) seekReverse(key []byte) {
	if bytes.Compare(key, i.hi) >= 0 {
		i.itValid = i.it.Last()
		i.ownValid = i.own != nil && i.own.seekLT(i.hi)
		return
	}
	i.seekBuf = append(key, 0)
	i.itValid = i.it.SeekLT(i.seekBuf)
	i.ownValid = i.own != nil && i.own.seekLT(i.seekBuf)
}

// step leaves the current entry in the sources that are at it.
func (i *iter) step() {
	if i.atIt {
		if i.reverse {
			i.itValid = i.it.Prev()
		} else {
			i.itValid = i.it.Next()
		}
	}
	if i.atOwn {
		i.stepOwn()
	}
}

func (i *iter) stepOwn() {
	if i.reverse {
		i.ownValid = i.own.prev()
	} else {
		i.ownValid = i.own.next()
	}
}

// settle chooses the current entry, passing over own deletes.
func (i *iter) settle() bool {
	for {
		i.atIt, i.atOwn = false, false
		if i.ownValid && !i.ownInBounds() {
			i.ownValid = false
		}
		if !i.itValid {
			if err := i.it.Error(); err != nil {
				i.err = readError(err)
				return false
			}
		}
		switch {
		case !i.itValid && !i.ownValid:
			i.exhausted = true
			return false
		case !i.ownValid:
			i.atIt = true
		case !i.itValid:
			i.atOwn = true
		default:
			c := bytes.Compare(i.it.Key(), i.own.item().key)
			if i.reverse {
				c = -c
			}
			i.atIt, i.atOwn = c <= 0, c >= 0
		}
		if !i.atOwn || i.own.item().value != nil {
			i.returned++
			return true
		}
		i.step()
	}
}

func (i *iter) ownInBounds() bool {
	key := i.own.item().key
	if i.reverse {
		return bytes.Compare(key, i.lo) >= 0
	}
	return bytes.Compare(key, i.hi) < 0
}

// Key returns the current key.
func (i *iter) Key() []byte {
	switch {
	case i.atOwn:
		return i.own.item().key[1:]
	case i.atIt:
		return i.it.Key()[1:]
	}
	return nil
}

// Value returns the current value.
func (i *iter) Value() []byte {
	switch {
	case i.keysOnly:
		return nil
	case i.atOwn:
		return i.own.item().value
	case i.atIt:
		v, err := i.it.ValueAndErr()
		if err != nil {
			i.fail(readError(err))
		}
		return v
	}
	return nil
}

func (i *iter) fail(err error) {
	i.atIt, i.atOwn = false, false
	if i.err == nil {
		i.err = err
	}
}

// Err returns the error that ended the iteration.
func (i *iter) Err() error { return i.err }

// Close releases the iterator.
func (i *iter) Close() error {
	if i.core == nil {
		return i.err
	}
	c := i.core
	c.mu.Lock()
	defer c.mu.Unlock()
	if i.core == nil { // the transaction has just ended
		return i.err
	}
	if err := i.release(); err != nil && i.err == nil {
		i.err = err
	}
	return i.err
}

// release gives the Pebble iterator back and leaves the reader's list. Called with
// the reader's mutex held.
func (i *iter) release() error {
	c := i.core
	i.core = nil
	i.atIt, i.atOwn, i.own = false, false, nil
	if i.prev == nil {
		c.iters = i.next
	} else {
		i.prev.next = i.next
	}
	if i.next != nil {
		i.next.prev = i.prev
	}
	i.prev, i.next = nil, nil
	c.db.open.Add(-1)
	return c.giveBack(i.it)
}
