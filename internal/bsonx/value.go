package bsonx

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"
	"unsafe"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Value is one BSON value. Numbers, booleans and dates are held in the Value itself;
// other types are views of the bytes they were read from and valid as long as those
// are. The zero Value is the missing value. Values are passed by value and are not
// comparable with ==; see Compare and Identical.
//
// An accessor for a type that the value does not have returns that type's zero value.
type Value struct {
	Type Type
	num  uint64 // scalars; the subtype of a binary; the pattern length of a regex
	data []byte // everything else: see decode
}

// Constructors. String, Document, Array and Binary keep the bytes they are given.

// Null is the null value.
var Null = Value{Type: TypeNull}

// Undefined is the (deprecated) undefined value.
var Undefined = Value{Type: TypeUndefined}

// MinKey is the value below all others.
var MinKey = Value{Type: TypeMinKey}

// MaxKey is the value above all others.
var MaxKey = Value{Type: TypeMaxKey}

// Int32 makes a 32-bit integer.
func Int32(i int32) Value { return Value{Type: TypeInt32, num: uint64(int64(i))} }

// Int64 makes a 64-bit integer.
func Int64(i int64) Value { return Value{Type: TypeInt64, num: uint64(i)} }

// Double makes a floating-point number.
func Double(f float64) Value { return Value{Type: TypeDouble, num: math.Float64bits(f)} }

// Bool makes a boolean.
func Bool(b bool) Value {
	if b {
		return Value{Type: TypeBool, num: 1}
	}
	return Value{Type: TypeBool}
}

// DateTime makes a date from milliseconds since the Unix epoch.
func DateTime(ms int64) Value { return Value{Type: TypeDateTime, num: uint64(ms)} }

// Time makes a date from t, cut to milliseconds.
func Time(t time.Time) Value { return DateTime(t.UnixMilli()) }

// Timestamp makes a timestamp: seconds in the upper, the increment in the lower half.
func Timestamp(ts uint64) Value { return Value{Type: TypeTimestamp, num: ts} }

// String makes a string that shares s's bytes.
func String(s string) Value {
	return Value{Type: TypeString, data: unsafe.Slice(unsafe.StringData(s), len(s))}
}

// StringBytes makes a string of b.
func StringBytes(b []byte) Value { return Value{Type: TypeString, data: b} }

// Symbol makes a value of the deprecated symbol type.
func Symbol(s string) Value { v := String(s); v.Type = TypeSymbol; return v }

// JavaScript makes a code value without scope.
func JavaScript(s string) Value { v := String(s); v.Type = TypeJavaScript; return v }

// Document makes an embedded document.
func Document(d Doc) Value { return Value{Type: TypeDocument, data: d} }

// Array makes an array from a document whose keys are "0", "1", ….
func Array(d Doc) Value { return Value{Type: TypeArray, data: d} }

// ObjectID makes an object id.
func ObjectID(id [12]byte) Value { return Value{Type: TypeObjectID, data: bytes.Clone(id[:])} }

// Binary makes a binary value.
func Binary(subtype byte, b []byte) Value {
	return Value{Type: TypeBinary, num: uint64(subtype), data: b}
}

// Decimal128 makes a decimal number.
func Decimal128(d bson.Decimal128) Value {
	h, l := d.GetBytes()
	b := make([]byte, 16)
	binary.LittleEndian.PutUint64(b, l)
	binary.LittleEndian.PutUint64(b[8:], h)
	return Value{Type: TypeDecimal128, data: b}
}

// Regex makes a regular expression.
func Regex(pattern, options string) Value {
	b := make([]byte, 0, len(pattern)+len(options)+2)
	b = append(append(b, pattern...), 0)
	b = append(append(b, options...), 0)
	return Value{Type: TypeRegex, num: uint64(len(pattern)), data: b}
}

// IsMissing reports whether there is no value.
func (v Value) IsMissing() bool { return v.Type == Missing }

// IsNullish reports whether the value is missing, undefined or null.
func (v Value) IsNullish() bool {
	return v.Type == Missing || v.Type == TypeNull || v.Type == TypeUndefined
}

// IsNumber reports whether the value is of one of the four numeric types.
func (v Value) IsNumber() bool { return v.Type.IsNumber() }

// Int32 returns the 32-bit integer.
func (v Value) Int32() int32 { return int32(v.num) }

// Int64 returns the integer of an Int32 or Int64 value.
func (v Value) Int64() int64 { return int64(v.num) }

// Double returns the floating-point number.
func (v Value) Double() float64 { return math.Float64frombits(v.num) }

// Bool returns the boolean.
func (v Value) Bool() bool { return v.Type == TypeBool && v.num != 0 }

// DateTime returns the date in milliseconds since the Unix epoch.
func (v Value) DateTime() int64 { return int64(v.num) }

// Timestamp returns the timestamp, seconds in the upper half.
func (v Value) Timestamp() uint64 { return v.num }

// Str returns a string, symbol or code. It aliases the value's bytes.
func (v Value) Str() string {
	switch v.Type {
	case TypeString, TypeSymbol, TypeJavaScript:
		return unsafe.String(unsafe.SliceData(v.data), len(v.data))
	case TypeCodeWithScope:
		code, _ := v.CodeWithScope()
		return code
	}
	return ""
}

// Bytes returns the bytes of a string, symbol, code, object id, binary, decimal,
// document or array without its header.
func (v Value) Bytes() []byte { return v.data }

// Doc returns the document of a document or array value, nil otherwise.
func (v Value) Doc() Doc {
	if v.Type == TypeDocument || v.Type == TypeArray {
		return v.data
	}
	return nil
}

// ObjectID returns the object id.
func (v Value) ObjectID() (id [12]byte) {
	if v.Type == TypeObjectID {
		copy(id[:], v.data)
	}
	return id
}

// Binary returns subtype and bytes of a binary value.
func (v Value) Binary() (subtype byte, b []byte) {
	if v.Type != TypeBinary {
		return 0, nil
	}
	return byte(v.num), v.data
}

// Regex returns pattern and options of a regular expression.
func (v Value) Regex() (pattern, options string) {
	if v.Type != TypeRegex {
		return "", ""
	}
	n := int(v.num)
	return string(v.data[:n]), string(v.data[n+1 : len(v.data)-1])
}

// Decimal128 returns the decimal number.
func (v Value) Decimal128() bson.Decimal128 {
	if v.Type != TypeDecimal128 {
		return bson.Decimal128{}
	}
	return bson.NewDecimal128(binary.LittleEndian.Uint64(v.data[8:]), binary.LittleEndian.Uint64(v.data))
}

// CodeWithScope returns code and scope.
func (v Value) CodeWithScope() (code string, scope Doc) {
	if v.Type != TypeCodeWithScope || len(v.data) < 9 {
		return "", nil
	}
	n, ok := size32(v.data[4:])
	if !ok || n < 1 || len(v.data) < 8+n {
		return "", nil
	}
	return unsafe.String(&v.data[8], n-1), Doc(v.data[8+n:])
}

// DBPointer returns namespace and id of the deprecated DBPointer type.
func (v Value) DBPointer() (ns string, id [12]byte) {
	if v.Type != TypeDBPointer {
		return "", id
	}
	copy(id[:], v.data[len(v.data)-12:])
	return string(v.data[4 : len(v.data)-13]), id
}

// Truthy is MongoDB's conversion to boolean: false, zero of any numeric type, null,
// undefined and missing are false, everything else, NaN included, is true.
func (v Value) Truthy() bool {
	switch v.Type {
	case Missing, TypeNull, TypeUndefined:
		return false
	case TypeBool, TypeInt32, TypeInt64:
		return v.num != 0
	case TypeDouble:
		return v.Double() != 0
	case TypeDecimal128:
		return !isZeroDecimal(v.data)
	}
	return true
}

// isZeroDecimal reports whether a decimal is zero, whatever its sign and exponent.
func isZeroDecimal(b []byte) bool {
	lo, hi := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	switch comb := hi >> 58 & 0x1f; {
	case comb >= 0x1e: // infinite or NaN
		return false
	case comb >= 0x18: // not canonical, which counts as zero
		return true
	}
	return lo == 0 && hi<<15 == 0
}

// Clone returns a value that shares no bytes with v.
func (v Value) Clone() Value {
	v.data = bytes.Clone(v.data)
	return v
}

// CloneInto is Clone with the copied bytes in buf, which is overwritten and returned grown.
func (v Value) CloneInto(buf []byte) (Value, []byte) {
	if v.data == nil {
		return v, buf
	}
	buf = append(buf[:0], v.data...)
	v.data = buf
	return v, buf
}

// Identical reports whether both values have the same type and bytes, which is
// narrower than being equal: 1 and 1.0 are equal but not identical.
func Identical(a, b Value) bool {
	return a.Type == b.Type && a.num == b.num && bytes.Equal(a.data, b.data)
}
