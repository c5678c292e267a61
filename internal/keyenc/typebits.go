package keyenc

import (
	"encoding/binary"
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Type bits are one tag byte for every number, string, missing value and array, in the order
// of the encoding, some followed by raw bytes. Decode reads zeros past their end, so trailing
// zeros need not be stored: see TrimTypeBits.
const (
	tagNatural    = 0 // int32, else int64, else double, whichever holds the number first
	tagInt64      = 1
	tagDouble     = 2
	tagNegZero    = 3 // the double -0
	tagRawDouble  = 4 // eight raw bytes: NaN with a payload
	tagRawDecimal = 5 // sixteen raw bytes

	tagString = 0
	tagSymbol = 1

	tagUndefined = 0
	tagMissing   = 1

	tagArray    = 0
	tagRawArray = 1 // length and the bytes of an array whose keys are not 0, 1, 2, …
)

var canonicalNaN = math.Float64bits(math.NaN())

// AppendTypeBits appends what Append(v) forgets and Decode needs.
func AppendTypeBits(dst []byte, v bsonx.Value) []byte {
	switch v.Type {
	case bsonx.TypeInt32:
		return append(dst, tagNatural)
	case bsonx.TypeInt64:
		if i := v.Int64(); i < math.MinInt32 || i > math.MaxInt32 {
			return append(dst, tagNatural)
		}
		return append(dst, tagInt64)
	case bsonx.TypeDouble:
		return appendDoubleBits(dst, v.Double())
	case bsonx.TypeDecimal128:
		return append(append(dst, tagRawDecimal), v.Bytes()...)
	case bsonx.TypeString:
		return append(dst, tagString)
	case bsonx.TypeSymbol:
		return append(dst, tagSymbol)
	case bsonx.TypeUndefined:
		return append(dst, tagUndefined)
	case bsonx.Missing:
		return append(dst, tagMissing)
	case bsonx.TypeArray:
		return appendArrayBits(dst, v.Doc())
	case bsonx.TypeDocument:
		return appendDocBits(dst, v.Doc())
	case bsonx.TypeCodeWithScope:
		_, scope := v.CodeWithScope()
		return appendDocBits(dst, scope)
	}
	return dst
}

func appendDoubleBits(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		if math.Float64bits(f) == canonicalNaN {
			return append(dst, tagNatural)
		}
		return binary.LittleEndian.AppendUint64(append(dst, tagRawDouble), math.Float64bits(f))
	case f == 0 && math.Signbit(f):
		return append(dst, tagNegZero)
	case f == math.Trunc(f) && f >= math.MinInt64 && f < 1<<63:
		return append(dst, tagDouble)
	}
	return append(dst, tagNatural)
}

func appendDocBits(dst []byte, d bsonx.Doc) []byte {
	for it := d.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return dst
		}
		dst = AppendTypeBits(dst, v)
	}
}

func appendArrayBits(dst []byte, d bsonx.Doc) []byte {
	if !plainKeys(d) {
		dst = append(dst, tagRawArray)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(d)))
		return append(dst, d...)
	}
	return appendDocBits(append(dst, tagArray), d)
}

// plainKeys reports whether the keys of an array are "0", "1", "2", ….
func plainKeys(d bsonx.Doc) bool {
	it := d.Iter()
	for i := 0; ; i++ {
		k, _, ok := it.Next()
		if !ok {
			return true
		}
		if !isIndex(k, i) {
			return false
		}
	}
}

// isIndex reports whether k is i in decimal.
func isIndex(k string, i int) bool {
	for n := len(k) - 1; n >= 0; n-- {
		if k[n] != byte('0'+i%10) {
			return false
		}
		if i /= 10; i == 0 {
			return n == 0
		}
	}
	return false
}

// TrimTypeBits drops the trailing zeros of dst[start:], which Decode does not need.
func TrimTypeBits(dst []byte, start int) []byte {
	n := len(dst)
	for n > start && dst[n-1] == 0 {
		n--
	}
	return dst[:n]
}

// bitReader reads type bits; past their end it reads zeros.
type bitReader struct{ b []byte }

func (r *bitReader) tag() byte {
	if len(r.b) == 0 {
		return 0
	}
	t := r.b[0]
	r.b = r.b[1:]
	return t
}

// raw returns the next n bytes.
func (r *bitReader) raw(n int) []byte {
	if n <= len(r.b) {
		b := r.b[:n:n]
		r.b = r.b[n:]
		return b
	}
	b := make([]byte, n)
	copy(b, r.b)
	r.b = nil
	return b
}
