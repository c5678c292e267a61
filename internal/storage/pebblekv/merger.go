package pebblekv

import (
	"encoding/binary"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// merger adds little-endian int64 operands: counters change without being read.
// The name is part of every store.
var merger = &pebble.Merger{
	Name: "tandem.add64.v1",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		s := &sum{}
		if err := s.add(value); err != nil {
			return nil, err
		}
		return s, nil
	},
}

// sum is no pebble.DeletableValueMerger, which would drop counters that are back
// at zero: Pebble 2.1.7 panics in the compaction that finds one.
type sum struct {
	n   int64
	buf [8]byte
}

func (s *sum) add(value []byte) error {
	if len(value) != 8 {
		return storage.ErrCorruption
	}
	s.n += int64(binary.LittleEndian.Uint64(value))
	return nil
}

// A sum does not implement pebble.DeletableValueMerger, although a counter at zero could go: where
// the merge has reached a SET, a compaction of Pebble 2.1.7 that drops the result fails an
// assertion (compact.Iter.Next finds skip set), and older versions of the key would come back.

func (s *sum) MergeNewer(value []byte) error { return s.add(value) }
func (s *sum) MergeOlder(value []byte) error { return s.add(value) }

func (s *sum) Finish(bool) ([]byte, io.Closer, error) {
	binary.LittleEndian.PutUint64(s.buf[:], uint64(s.n))
	return s.buf[:], nil, nil
}
