// Package bsonx reads and writes BSON in place: documents stay the bytes that
// came from the client, and every other package reads them through the views
// defined here.
//
// Bytes from outside pass [Validate] once; all other functions then rely on
// well-formed input. On malformed input they stay memory-safe (they end early or
// report a missing value) but say no more than that.
package bsonx

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// Doc is one complete BSON document or array, length prefix and terminator
// included. The nil Doc reads as an empty document.
type Doc []byte

// Empty is the document without fields. It must not be changed.
var Empty = Doc{5, 0, 0, 0, 0}

// Iter walks the elements of a document in order. The zero Iter is exhausted. It is a
// value: copying it copies the position.
type Iter struct {
	data []byte // the elements not yet visited, terminator included
}

// Iter returns an iterator before the first element.
func (d Doc) Iter() Iter {
	if len(d) < 5 {
		return Iter{}
	}
	return Iter{data: d[4:]}
}

// Next returns the next element. The key aliases the document's bytes: it is valid
// as long as they are, and whoever keeps it clones it.
func (it *Iter) Next() (key string, v Value, ok bool) {
	d := it.data
	if len(d) < 2 || d[0] == 0 {
		it.data = nil
		return "", Value{}, false
	}
	end := bytes.IndexByte(d[1:], 0)
	if end < 0 {
		it.data = nil
		return "", Value{}, false
	}
	v, size, ok := decode(Type(d[0]), d[end+2:])
	if !ok {
		it.data = nil
		return "", Value{}, false
	}
	if end > 0 {
		key = unsafe.String(&d[1], end)
	}
	it.data = d[end+2+size:]
	return key, v, true
}

// Rest returns the bytes of the elements not yet visited, without the terminator.
func (it *Iter) Rest() []byte {
	if len(it.data) == 0 {
		return nil
	}
	return it.data[:len(it.data)-1]
}

// LookupPath follows a path of field names through embedded documents only; it does
// not traverse arrays.
func (d Doc) LookupPath(path ...string) Value {
	var v Value
	for i, p := range path {
		v = d.Lookup(p)
		if i == len(path)-1 {
			break
		}
		if v.Type != TypeDocument {
			return Value{}
		}
		d = v.Doc()
	}
	return v
}

// First returns the first element, ok false if there is none.
func (d Doc) First() (key string, v Value, ok bool) {
	it := d.Iter()
	return it.Next()
}

// IsEmpty reports whether the document has no element.
func (d Doc) IsEmpty() bool { return len(d) <= 5 }

// Count returns the number of elements.
func (d Doc) Count() int {
	n := 0
	for it := d.Iter(); ; n++ {
		if _, _, ok := it.Next(); !ok {
			return n
		}
	}
}

// Index returns the element at position i, the zero Value beyond the end.
func (d Doc) Index(i int) Value {
	for it := d.Iter(); ; i-- {
		_, v, ok := it.Next()
		if !ok || i < 0 {
			return Value{}
		}
		if i == 0 {
			return v
		}
	}
}

// Clone returns a copy that shares nothing with d.
func (d Doc) Clone() Doc { return bytes.Clone(d) }

// decode reads the payload of one value of type t from the start of b and returns it
// with its size in bytes.
func decode(t Type, b []byte) (Value, int, bool) {
	switch t {
	case TypeDouble, TypeInt64, TypeDateTime, TypeTimestamp:
		if len(b) < 8 {
			return Value{}, 0, false
		}
		return Value{Type: t, num: binary.LittleEndian.Uint64(b)}, 8, true
	case TypeInt32:
		if len(b) < 4 {
			return Value{}, 0, false
		}
		return Value{Type: t, num: uint64(int64(int32(binary.LittleEndian.Uint32(b))))}, 4, true
	case TypeBool:
		if len(b) < 1 {
			return Value{}, 0, false
		}
		return Value{Type: t, num: uint64(b[0])}, 1, true
	case TypeNull, TypeUndefined, TypeMinKey, TypeMaxKey:
		return Value{Type: t}, 0, true
	case TypeObjectID:
		return fixed(t, b, 12)
	case TypeDecimal128:
		return fixed(t, b, 16)
	case TypeString, TypeJavaScript, TypeSymbol:
		n, ok := size32(b)
		if !ok || n < 1 || len(b) < 4+n {
			return Value{}, 0, false
		}
		return Value{Type: t, data: b[4 : 3+n : 3+n]}, 4 + n, true
	case TypeDocument, TypeArray, TypeCodeWithScope:
		n, ok := size32(b)
		if !ok || n < 5 || len(b) < n {
			return Value{}, 0, false
		}
		return Value{Type: t, data: b[:n:n]}, n, true
	case TypeBinary:
		n, ok := size32(b)
		if !ok || len(b) < 5+n {
			return Value{}, 0, false
		}
		return Value{Type: t, num: uint64(b[4]), data: b[5 : 5+n : 5+n]}, 5 + n, true
	case TypeRegex:
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return Value{}, 0, false
		}
		j := bytes.IndexByte(b[i+1:], 0)
		if j < 0 {
			return Value{}, 0, false
		}
		return Value{Type: t, num: uint64(i), data: b[: i+j+2 : i+j+2]}, i + j + 2, true
	case TypeDBPointer:
		n, ok := size32(b)
		if !ok || n < 1 {
			return Value{}, 0, false
		}
		return fixed(t, b, 4+n+12)
	}
	return Value{}, 0, false
}

func fixed(t Type, b []byte, n int) (Value, int, bool) {
	if len(b) < n {
		return Value{}, 0, false
	}
	return Value{Type: t, data: b[:n:n]}, n, true
}

// size32 reads a length prefix.
func size32(b []byte) (int, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n := int32(binary.LittleEndian.Uint32(b))
	return int(n), n >= 0
}

// Payload reads a value of type t from its bytes as they follow the key in a document, at the
// start of b, and returns it with its size. The value aliases b.
func Payload(t Type, b []byte) (v Value, size int, ok bool) { return decode(t, b) }
