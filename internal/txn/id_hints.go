package txn

import (
	"hash/maphash"
	"sync/atomic"
)

// idHints remembers which record an _id was found in, so that the next look-up reads the record
// and not the _id index first. A hint may be wrong in every way: the record that it leads to says
// whether it was right, in whatever state is read. For a record never changes its _id, record ids
// are not used twice, and of the records of one state only one has a given _id. So nothing has to
// be invalidated, and nothing is locked.
type idHints struct {
	seed  maphash.Seed
	slots []atomic.Uint64 // a hash's upper bits and a record id, zero for none
}

const (
	idHintSlots = 1 << 18 // 2 MB
	idHintBits  = 40      // of a record id
)

func newIDHints() idHints {
	return idHints{seed: maphash.MakeSeed(), slots: make([]atomic.Uint64, idHintSlots)}
}

// hash returns the hash of an _id's key in the index of its collection.
func (h *idHints) hash(key []byte) uint64 { return maphash.Bytes(h.seed, key) }

// find returns the record id that was remembered last for hash.
func (h *idHints) find(hash uint64) (int64, bool) {
	slot := h.slots[hash%idHintSlots].Load()
	return int64(slot & (1<<idHintBits - 1)), slot != 0 && slot>>idHintBits == hash>>idHintBits
}

// put remembers a record id. One that needs more bits than there are is not worth a larger slot.
func (h *idHints) put(hash uint64, rid int64) {
	if rid < 1<<idHintBits {
		h.slots[hash%idHintSlots].Store(hash>>idHintBits<<idHintBits | uint64(rid))
	}
}
