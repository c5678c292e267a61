package pebblekv

import (
	"bytes"

	"github.com/tidwall/btree"

	"github.com/tandemdb/tandem/internal/storage"
)

// overlay holds the writes of one open transaction: an ordered copy-on-write
// tree, of which a scan takes a copy in O(1).
//
// A savepoint is a position in an undo log, not a copy of the tree. Copies were
// the first design: each one makes the next write copy the path to its leaf,
// about 7 KB, and keeps the old path alive until the transaction ends; a
// statement with a savepoint a document held 700 MB for 100,000 documents. With
// the log a savepoint costs nothing, and rolling back undoes each write once.
type overlay struct {
	tree     *btree.BTreeG[item]
	counters []counterDelta
	change   []byte

	undo   []undoRecord
	marked bool // there is a savepoint, so writes are logged
	hooks  []func(storage.Timestamp)

	arena arena
}

// item is a write: Pebble's key and the value, nil for a delete.
type item struct{ key, value []byte }

type counterDelta struct {
	key   []byte // in the counter space
	delta int64
}

// undoKind says what an undoRecord takes back.
type undoKind uint8

const (
	undoWrite   undoKind = iota // the key had this value
	undoInsert                  // the key was not there
	undoCounter                 // the counter was changed by delta
	undoChange                  // the change payload was value
	undoHook                    // a callback was registered
	undoRefused                 // a write was dropped for want of memory
)

type undoRecord struct {
	kind       undoKind
	key, value []byte
	delta      int64
}

func byKey(a, b item) bool { return bytes.Compare(a.key, b.key) < 0 }

// sentinel is above every key and always in the tree. A tree that gets empty
// drops its root, and most transactions are so small that making the root anew
// is what costs most in them.
var sentinel = item{key: []byte{spaceEnd}, value: []byte{}}

func newTree() *btree.BTreeG[item] {
	t := btree.NewBTreeGOptions(byKey, btree.Options{NoLocks: true})
	t.Set(sentinel)
	return t
}

// writes is the number of keys written.
func (o *overlay) writes() int { return o.tree.Len() - 1 }

// get answers for a key that was written: its value, nil if it was deleted.
func (o *overlay) get(key []byte) (value []byte, hit bool) {
	if o == nil || o.writes() == 0 {
		return nil, false
	}
	it, ok := o.tree.Get(item{key: key})
	return it.value, ok
}

// set notes a write of owned slices.
func (o *overlay) set(key, value []byte) {
	prev, replaced := o.tree.Set(item{key, value})
	if !o.marked {
		return
	}
	r := undoRecord{kind: undoInsert, key: key}
	if replaced {
		r = undoRecord{kind: undoWrite, key: key, value: prev.value}
	}
	o.undo = append(o.undo, r)
}

func (o *overlay) add(key []byte, delta int64) {
	if o.marked {
		o.undo = append(o.undo, undoRecord{kind: undoCounter, key: key, delta: delta})
	}
	o.addDelta(key, delta)
}

func (o *overlay) addDelta(key []byte, delta int64) {
	for i := range o.counters {
		if bytes.Equal(o.counters[i].key, key) {
			o.counters[i].delta += delta
			return
		}
	}
	o.counters = append(o.counters, counterDelta{key, delta})
}

func (o *overlay) setChange(payload []byte) {
	if o.marked {
		o.undo = append(o.undo, undoRecord{kind: undoChange, value: o.change})
	}
	o.change = payload
}

func (o *overlay) addHook(fn func(storage.Timestamp)) {
	if o.marked {
		o.undo = append(o.undo, undoRecord{kind: undoHook})
	}
	o.hooks = append(o.hooks, fn)
}

// savepoint names the current state.
func (o *overlay) savepoint() int {
	o.marked = true
	return len(o.undo)
}

// rollbackTo takes back what was done since and reports whether that included a
// refused write.
func (o *overlay) rollbackTo(sp int) (refused bool) {
	for len(o.undo) > sp {
		n := len(o.undo) - 1
		r := o.undo[n]
		o.undo[n] = undoRecord{}
		o.undo = o.undo[:n]
		switch r.kind {
		case undoWrite:
			o.tree.Set(item{r.key, r.value})
		case undoInsert:
			o.tree.Delete(item{key: r.key})
		case undoCounter:
			o.addDelta(r.key, -r.delta)
		case undoChange:
			o.change = r.value
		case undoHook:
			last := len(o.hooks) - 1
			o.hooks[last] = nil
			o.hooks = o.hooks[:last]
		case undoRefused:
			refused = true
		}
	}
	return refused
}

// empty reports whether there is nothing to write.
func (o *overlay) empty() bool {
	if o.writes() > 0 || o.change != nil || len(o.hooks) > 0 {
		return false
	}
	for i := range o.counters {
		if o.counters[i].delta != 0 {
			return false
		}
	}
	return true
}

// keptWrites is up to how many writes a tree is emptied one by one.
const keptWrites = 16

// reset drops everything and keeps the buffers.
func (o *overlay) reset() {
	if o.writes() <= keptWrites {
		for o.writes() > 0 {
			o.tree.PopMin()
		}
	} else {
		o.tree.Clear()
		o.tree.Set(sentinel)
	}
	clear(o.counters)
	o.counters = o.counters[:0]
	o.change = nil
	clear(o.hooks)
	o.hooks = o.hooks[:0]
	clear(o.undo)
	o.undo = o.undo[:0]
	o.marked = false
	o.arena.reset()
}

// overlayIter walks a copy of the tree.
type overlayIter struct{ it btree.IterG[item] }

// iter returns an iterator over the writes as of now, nil if there are none.
func (o *overlay) iter() *overlayIter {
	if o == nil || o.writes() == 0 {
		return nil
	}
	return &overlayIter{o.tree.Copy().Iter()}
}

func (i *overlayIter) item() item { return i.it.Item() }
func (i *overlayIter) next() bool { return i.it.Next() }
func (i *overlayIter) prev() bool { return i.it.Prev() }

func (i *overlayIter) seekGE(key []byte) bool { return i.it.Seek(item{key: key}) }

// seekLT moves below key; the sentinel is never below.
func (i *overlayIter) seekLT(key []byte) bool {
	return i.it.Seek(item{key: key}) && i.it.Prev()
}

// arena allocates the bytes of keys and small values in chunks that live as long
// as the transaction.
type arena struct {
	chunk []byte
	first []byte // kept for the next transaction
}

const (
	arenaFirst = 2 << 10
	arenaChunk = 64 << 10
	arenaLarge = 8 << 10 // larger slices are allocated on their own
)

// copy returns a copy of b that is never nil.
func (a *arena) copy(space int, b []byte) []byte {
	n := len(b)
	if space >= 0 {
		n++
	}
	dst := a.alloc(n)
	if space >= 0 {
		dst = append(dst, byte(space))
	}
	return append(dst, b...)
}

func (a *arena) alloc(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	if n > arenaLarge {
		return make([]byte, 0, n)
	}
	if cap(a.chunk)-len(a.chunk) < n {
		size := arenaChunk
		if a.first == nil {
			size = arenaFirst
			if n > size {
				size = arenaLarge
			}
		}
		a.chunk = make([]byte, 0, size)
		if a.first == nil {
			a.first = a.chunk
		}
	}
	off := len(a.chunk)
	a.chunk = a.chunk[:off+n]
	return a.chunk[off : off : off+n]
}

func (a *arena) reset() { a.chunk = a.first[:0] }
