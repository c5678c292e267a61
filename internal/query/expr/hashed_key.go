package expr

import (
	"crypto/md5"
	"encoding/binary"
	"hash"
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// HashedKey returns the value that a hashed index holds for v, the same as MongoDB's: half
// of an MD5 over sort class and bytes, in which equal numbers of all types are one.
func HashedKey(v bsonx.Value) int64 {
	if v.IsMissing() {
		v = bsonx.Null
	}
	h := md5.New()
	h.Write([]byte{0, 0, 0, 0}) // the seed
	hashValue(h, "", false, v)
	return int64(binary.LittleEndian.Uint64(h.Sum(nil)))
}

func hashValue(h hash.Hash, name string, named bool, v bsonx.Value) {
	hashClass(h, v.Type)
	if named {
		h.Write(append([]byte(name), 0))
	}
	switch v.Type {
	case bsonx.TypeDocument, bsonx.TypeArray:
		hashFields(h, v.Doc())
	case bsonx.TypeCodeWithScope:
		code, scope := v.CodeWithScope()
		h.Write(append([]byte(code), 0))
		hashFields(h, scope)
	case bsonx.TypeInt32, bsonx.TypeInt64, bsonx.TypeDouble, bsonx.TypeDecimal128:
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(hashedNumber(v))))
	default:
		h.Write(bsonx.AppendPayload(nil, v))
	}
}

// hashFields hashes all elements and an end mark, which has sort class 0 and no name.
func hashFields(h hash.Hash, d bsonx.Doc) {
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		hashValue(h, name, true, v)
	}
	h.Write([]byte{0, 0, 0, 0, 0})
}

// hashClass hashes MongoDB's number of a sort class, which for MinKey and undefined is one
// less than ours.
func hashClass(h hash.Hash, t bsonx.Type) {
	class := int32(t.Class())
	if class <= int32(bsonx.ClassMissing) {
		class--
	}
	h.Write(binary.LittleEndian.AppendUint32(nil, uint32(class)))
}

// hashedNumber cuts a number to an integer. A double of 2^63 gives the lowest integer, an
// old overflow that is part of the format.
func hashedNumber(v bsonx.Value) int64 {
	switch v.Type {
	case bsonx.TypeDouble:
		f := v.Double()
		switch {
		case math.IsNaN(f):
			return 0
		case f == 1<<63 || f < -1<<63:
			return math.MinInt64
		case f > 1<<63:
			return math.MaxInt64
		}
		return int64(f)
	case bsonx.TypeDecimal128:
		if isNaN(v) {
			return 0
		}
		if i, ok := decimalInt64(v, apd.RoundDown); ok {
			return i
		}
		if positive(v) {
			return math.MaxInt64
		}
		return math.MinInt64
	}
	return v.Int64()
}
