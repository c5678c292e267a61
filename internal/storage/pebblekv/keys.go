package pebblekv

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// The key spaces: the first byte of every Pebble key.
const (
	spaceMeta    = 0x00
	spaceChange  = 0x01 // big-endian timestamp -> payload
	spaceCounter = 0x02 // counter key -> little-endian int64, merged
	spaceData    = 0x10
	spaceEnd     = 0xff // above all
)

var (
	// keyTimestamp holds the timestamp of the newest commit in any state.
	keyTimestamp = []byte{spaceMeta, 't'}
	// keyMark holds the timestamp that the clock may not pass.
	keyMark = []byte{spaceMeta, 'm'}
	// keyFormat holds the version of our own format.
	keyFormat = []byte{spaceMeta, 'v'}
	// keyTrimmed holds the timestamp up to which changes were dropped.
	keyTrimmed = []byte{spaceMeta, 'x'}

	dataHi = []byte{spaceData + 1}
)

// formatVersion is the version of the key spaces and values described here.
const formatVersion = 1

// formatMajor pins Pebble's own file format, so that an upgrade of the library
// does not rewrite stores by itself.
const formatMajor = pebble.FormatValueSeparation

const timestampLen = 8

func appendData(dst, key []byte) []byte { return append(append(dst, spaceData), key...) }

func appendCounter(dst, key []byte) []byte { return append(append(dst, spaceCounter), key...) }

func appendChange(dst []byte, ts storage.Timestamp) []byte {
	return binary.BigEndian.AppendUint64(append(dst, spaceChange), uint64(ts))
}

func encodeTimestamp(ts storage.Timestamp) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(ts))
}

func decodeTimestamp(b []byte) (storage.Timestamp, error) {
	if len(b) != timestampLen {
		return 0, storage.ErrCorruption
	}
	return storage.Timestamp(binary.BigEndian.Uint64(b)), nil
}

// comparer orders keys by their bytes. A prefix is the whole key: the bloom
// filters answer point reads of records and unique index entries, the only
// lookups whose complete key is known. The name is part of every store.
var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "tandem.bytes.v1"
	return &c
}()
