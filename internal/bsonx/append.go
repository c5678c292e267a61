package bsonx

import (
	"encoding/binary"
	"strconv"
)

// AppendDocStart appends a length placeholder; AppendDocEnd(dst, start) completes the
// document that began at start = len(dst) before the call.
func AppendDocStart(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// AppendDocEnd terminates the document that began at start and sets its length.
func AppendDocEnd(dst []byte, start int) []byte {
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// AppendHeader appends the type and key of an element, to be followed by its payload.
func AppendHeader(dst []byte, t Type, key string) []byte {
	dst = append(dst, byte(t))
	dst = append(dst, key...)
	return append(dst, 0)
}

// AppendElem appends one element. A missing value appends nothing.
func AppendElem(dst []byte, key string, v Value) []byte {
	if v.Type == Missing {
		return dst
	}
	return AppendPayload(AppendHeader(dst, v.Type, key), v)
}

// AppendIndexElem appends the array element at index i; a missing value becomes null.
func AppendIndexElem(dst []byte, i int, v Value) []byte {
	if v.Type == Missing {
		v = Null
	}
	dst = AppendIndexHeader(dst, v.Type, i)
	return AppendPayload(dst, v)
}

// AppendIndexHeader is AppendHeader for the array index i.
func AppendIndexHeader(dst []byte, t Type, i int) []byte {
	dst = append(dst, byte(t))
	dst = strconv.AppendInt(dst, int64(i), 10)
	return append(dst, 0)
}

// AppendPayload appends a value's bytes as they follow the key in a document.
func AppendPayload(dst []byte, v Value) []byte {
	switch v.Type {
	case TypeDouble, TypeInt64, TypeDateTime, TypeTimestamp:
		return binary.LittleEndian.AppendUint64(dst, v.num)
	case TypeInt32:
		return binary.LittleEndian.AppendUint32(dst, uint32(v.num))
	case TypeBool:
		return append(dst, byte(v.num))
	case TypeString, TypeJavaScript, TypeSymbol:
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v.data)+1))
		dst = append(dst, v.data...)
		return append(dst, 0)
	case TypeBinary:
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v.data)))
		dst = append(dst, byte(v.num))
		return append(dst, v.data...)
	case TypeDocument, TypeArray:
		if len(v.data) == 0 {
			return append(dst, Empty...)
		}
	}
	return append(dst, v.data...)
}

// Builder appends a document to a buffer. The zero Builder is ready after Reset or
// NewBuilder. Keys must not contain NUL.
type Builder struct {
	buf    []byte
	starts []int // open documents, outermost first
}

// NewBuilder starts a document at the end of dst.
func NewBuilder(dst []byte) *Builder {
	b := &Builder{}
	b.Reset(dst)
	return b
}

// Reset starts a new document at the end of dst.
func (b *Builder) Reset(dst []byte) {
	b.starts = append(b.starts[:0], len(dst))
	b.buf = AppendDocStart(dst)
}

// Value appends an element; a missing value appends nothing.
func (b *Builder) Value(key string, v Value) *Builder {
	b.buf = AppendElem(b.buf, key, v)
	return b
}

// Int32 appends a 32-bit integer.
func (b *Builder) Int32(key string, i int32) *Builder { return b.Value(key, Int32(i)) }

// Int64 appends a 64-bit integer.
func (b *Builder) Int64(key string, i int64) *Builder { return b.Value(key, Int64(i)) }

// Double appends a floating-point number.
func (b *Builder) Double(key string, f float64) *Builder { return b.Value(key, Double(f)) }

// Bool appends a boolean.
func (b *Builder) Bool(key string, v bool) *Builder { return b.Value(key, Bool(v)) }

// String appends a string.
func (b *Builder) String(key, s string) *Builder { return b.Value(key, String(s)) }

// Doc appends an embedded document.
func (b *Builder) Doc(key string, d Doc) *Builder { return b.Value(key, Document(d)) }

// Array appends an array.
func (b *Builder) Array(key string, d Doc) *Builder { return b.Value(key, Array(d)) }

// Strings appends an array of strings.
func (b *Builder) Strings(key string, ss []string) *Builder {
	b.StartArray(key)
	for i, s := range ss {
		b.buf = AppendIndexElem(b.buf, i, String(s))
	}
	return b.End()
}

// StartDoc opens an embedded document, which End closes.
func (b *Builder) StartDoc(key string) *Builder {
	b.buf = AppendHeader(b.buf, TypeDocument, key)
	return b.open()
}

// StartArray opens an array, which End closes. Its elements are added with explicit
// index keys or with AppendIndexElem through Buffer.
func (b *Builder) StartArray(key string) *Builder {
	b.buf = AppendHeader(b.buf, TypeArray, key)
	return b.open()
}

func (b *Builder) open() *Builder {
	b.starts = append(b.starts, len(b.buf))
	b.buf = AppendDocStart(b.buf)
	return b
}

// End closes the innermost open document or array.
func (b *Builder) End() *Builder {
	n := len(b.starts) - 1
	b.buf = AppendDocEnd(b.buf, b.starts[n])
	b.starts = b.starts[:n]
	return b
}

// Buffer gives access to the bytes under construction: append elements to *Buffer().
func (b *Builder) Buffer() *[]byte { return &b.buf }

// Append adds all elements of d.
func (b *Builder) Append(d Doc) *Builder {
	if len(d) > 5 {
		b.buf = append(b.buf, d[4:len(d)-1]...)
	}
	return b
}

// Finish closes everything that is open and returns the buffer that the builder was
// started with, extended by the document.
func (b *Builder) Finish() []byte {
	for len(b.starts) > 0 {
		b.End()
	}
	return b.buf
}

// Build is Finish for a builder started on an empty buffer.
func (b *Builder) Build() Doc { return b.Finish() }

// MakeArray builds an array value of vs; missing values become null.
func MakeArray(vs ...Value) Value {
	dst := AppendDocStart(nil)
	for i, v := range vs {
		dst = AppendIndexElem(dst, i, v)
	}
	return Array(AppendDocEnd(dst, 0))
}
