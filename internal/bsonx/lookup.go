package bsonx

import (
	"bytes"
	"encoding/binary"
)

// Lookup returns the first element named key; the zero Value, whose type is
// Missing, if there is none. The key must not contain NUL.
//
// It is the inner loop of every filter, so it steps over other elements without decoding
// them.
func (d Doc) Lookup(key string) Value {
	if len(d) < 5 {
		return Value{}
	}
	b := d[4:]
	for len(b) > 1 && b[0] != 0 {
		t, name := Type(b[0]), b[1:]
		if len(name) > len(key) && name[len(key)] == 0 && string(name[:len(key)]) == key {
			v, _, _ := decode(t, name[len(key)+1:])
			return v
		}
		end := keyLength(name)
		if end < 0 {
			return Value{}
		}
		b = name[end+1:]
		size := payloadSize(t, b)
		if size < 0 || size > len(b) {
			return Value{}
		}
		b = b[size:]
	}
	return Value{}
}

// keyLength returns the length of the key at the start of b, -1 if it does not end. Most keys
// are shorter than what a call of IndexByte takes to pay.
func keyLength(b []byte) int {
	const short = 12
	for i, c := range b[:min(short, len(b))] {
		if c == 0 {
			return i
		}
	}
	if len(b) <= short {
		return -1
	}
	if i := bytes.IndexByte(b[short:], 0); i >= 0 {
		return short + i
	}
	return -1
}

// payloadSize returns the size of a payload of type t at the start of b, which may be larger
// than b; -1 if it cannot be told.
func payloadSize(t Type, b []byte) int {
	switch t {
	case TypeDouble, TypeInt64, TypeDateTime, TypeTimestamp:
		return 8
	case TypeInt32:
		return 4
	case TypeObjectID:
		return 12
	case TypeBool:
		return 1
	case TypeNull, TypeUndefined, TypeMinKey, TypeMaxKey:
		return 0
	}
	if len(b) >= 4 {
		n := int(int32(binary.LittleEndian.Uint32(b)))
		switch t {
		case TypeString, TypeJavaScript, TypeSymbol:
			if n < 1 {
				return -1
			}
			return 4 + n
		case TypeDocument, TypeArray, TypeCodeWithScope:
			if n < 5 {
				return -1
			}
			return n
		case TypeBinary:
			if n < 0 {
				return -1
			}
			return 5 + n
		}
	}
	if _, size, ok := decode(t, b); ok {
		return size
	}
	return -1
}
