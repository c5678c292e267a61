// Package layout says what the store's keys look like. It is the only place that
// knows; everything else builds keys through it.
//
//	0x10 namespace                    -> collection description (BSON)
//	0x11 ident | mark                 -> "" : what is known of an index's keys, or a collection's record ids
//	0x12                              -> next unused ident
//	0x13 collection ident             -> record ids below this have been reserved
//	0x14 timestamp | range            -> garbage: a dropped range to destroy
//	0x18 session …                    -> retryable-write and transaction records
//	0x19 name                         -> settings of the whole store
//	0x20 collection ident | record id -> document
//	0x30 index ident | fields | record id -> type bits          (non-unique)
//	0x30 index ident | fields         -> record id, type bits   (unique)
//
// An ident names a collection or an index, is four bytes, big endian, and never used
// again. A record id is eight bytes, big endian, in a heap collection; the encoded _id in a
// clustered one; the encoded time and such eight bytes in a time-series collection.
package layout

import "encoding/binary"

// Ident names the key range of one collection or index, for ever.
type Ident uint32

// The first bytes of all keys.
const (
	prefixCatalog  = 0x10
	prefixMark     = 0x11
	prefixIdent    = 0x12
	prefixRecordID = 0x13
	prefixGarbage  = 0x14
	prefixSession  = 0x18
	prefixSetting  = 0x19
	prefixRecord   = 0x20
	prefixIndex    = 0x30
)

// HeapIDLen is the length of a record id in a heap collection, in bytes.
const HeapIDLen = 8

// HeaderLen is the length of what precedes record id or index fields, in bytes.
const HeaderLen = 5

func header(dst []byte, prefix byte, id Ident) []byte {
	return binary.BigEndian.AppendUint32(append(dst, prefix), uint32(id))
}

// AppendRecordPrefix appends what all record keys of a collection begin with.
func AppendRecordPrefix(dst []byte, id Ident) []byte { return header(dst, prefixRecord, id) }

// AppendRecord appends a record's key.
func AppendRecord(dst []byte, id Ident, rid []byte) []byte {
	return append(header(dst, prefixRecord, id), rid...)
}

// AppendHeapID appends the record id n of a heap collection.
func AppendHeapID(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

// HeapID is the inverse of AppendHeapID.
func HeapID(rid []byte) int64 {
	if len(rid) != HeapIDLen {
		return 0
	}
	return int64(binary.BigEndian.Uint64(rid))
}

// AppendIndexPrefix appends what all entries of an index begin with.
func AppendIndexPrefix(dst []byte, id Ident) []byte { return header(dst, prefixIndex, id) }

// RangeEnd returns the smallest key above all keys of the range of id that starts like key:
// key must come from AppendRecordPrefix or AppendIndexPrefix.
func RangeEnd(key []byte) []byte { return AppendRangeEnd(nil, key) }

// AppendRangeEnd appends RangeEnd(key).
func AppendRangeEnd(dst, key []byte) []byte {
	start := len(dst)
	dst = append(dst, key[:HeaderLen]...)
	for i := len(dst) - 1; i >= start; i-- {
		dst[i]++
		if dst[i] != 0 {
			break
		}
	}
	return dst
}

// Kind is what a key stands for.
type Kind uint8

// The kinds of keys that can conflict.
const (
	KindOther Kind = iota
	KindCatalog
	KindRecord
	KindIndex
	KindSession
)

// Split takes a key apart: its kind, the ident of a record or index key, and the rest.
func Split(key []byte) (Kind, Ident, []byte) {
	if len(key) == 0 {
		return KindOther, 0, nil
	}
	switch key[0] {
	case prefixCatalog:
		return KindCatalog, 0, key[1:]
	case prefixSession:
		return KindSession, 0, key[1:]
	case prefixRecord, prefixIndex:
		if len(key) < HeaderLen {
			return KindOther, 0, nil
		}
		kind := KindRecord
		if key[0] == prefixIndex {
			kind = KindIndex
		}
		return kind, Ident(binary.BigEndian.Uint32(key[1:])), key[HeaderLen:]
	}
	return KindOther, 0, key[1:]
}

// Catalog returns the key of a namespace's description.
func Catalog(ns string) []byte { return append([]byte{prefixCatalog}, ns...) }

// CatalogRange returns the bounds of all descriptions.
func CatalogRange() (lo, hi []byte) { return []byte{prefixCatalog}, []byte{prefixCatalog + 1} }

// Mark returns the key that says that an index, or a clustered collection, has a mark.
func Mark(id Ident, mark int) []byte {
	return append(header(nil, prefixMark, id), byte(mark))
}

// MarkRange returns the bounds of an ident's Mark keys.
func MarkRange(id Ident) (lo, hi []byte) {
	lo = header(nil, prefixMark, id)
	return lo, RangeEnd(lo)
}

// NextIdent is the key of the smallest ident never used.
func NextIdent() []byte { return []byte{prefixIdent} }

// RecordIDs is the key of a collection's reserved record ids.
func RecordIDs(id Ident) []byte { return header(nil, prefixRecordID, id) }

// Garbage returns the key of a dropped range: when it was dropped and its first key.
func Garbage(at uint64, first []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{prefixGarbage}, at), first...)
}

// GarbageRange returns the bounds of all Garbage keys.
func GarbageRange() (lo, hi []byte) { return []byte{prefixGarbage}, []byte{prefixGarbage + 1} }

// SplitGarbage is the inverse of Garbage.
func SplitGarbage(key []byte) (at uint64, first []byte) {
	return binary.BigEndian.Uint64(key[1:]), key[9:]
}

// AppendSession appends the prefix of a session's records.
func AppendSession(dst []byte) []byte { return append(dst, prefixSession) }

// SessionRange returns the bounds of all session records.
func SessionRange() (lo, hi []byte) { return []byte{prefixSession}, []byte{prefixSession + 1} }

// Setting returns the key of a store-wide setting.
func Setting(name string) []byte { return append([]byte{prefixSetting}, name...) }

// The counters of a collection. Counter keys are a key space of their own.
const (
	counterRecords = 'n'
	counterBytes   = 'b'
)

// CounterRecords is the counter of a collection's documents.
func CounterRecords(id Ident) []byte { return header(nil, counterRecords, id) }

// CounterBytes is the counter of the BSON bytes of a collection's documents.
func CounterBytes(id Ident) []byte { return header(nil, counterBytes, id) }

// MustLock reports whether a key has to be locked before it is written: records and the
// catalog. Unique index keys have to be, too, but do not look different from others.
func MustLock(key []byte) bool {
	return len(key) > 0 && (key[0] == prefixRecord || key[0] == prefixCatalog)
}
