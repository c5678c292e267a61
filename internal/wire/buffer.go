package wire

import (
	"math/bits"
	"slices"
	"sync"
)

// Buffers are pooled by powers of two between these sizes. Larger ones are left
// to the garbage collector, so that one huge message does not pin its memory.
const (
	minPooled = 10 // 1 KB
	maxPooled = 20 // 1 MB
)

var buffers [maxPooled - minPooled + 1]sync.Pool // of *[]byte

// headers keeps the slice headers that the pools hold, so that putting a buffer
// back allocates nothing.
var headers = sync.Pool{New: func() any { return new([]byte) }}

// GetBuffer returns an empty buffer with room for at least n bytes.
func GetBuffer(n int) []byte {
	class := max(bits.Len(uint(max(n, 1)-1)), minPooled)
	if class > maxPooled {
		return make([]byte, 0, n)
	}
	if p, ok := buffers[class-minPooled].Get().(*[]byte); ok {
		b := *p
		*p = nil
		headers.Put(p)
		return b[:0]
	}
	return make([]byte, 0, 1<<class)
}

// PutBuffer gives a buffer back, from GetBuffer or grown from one. The caller
// must not use it any more. Buffers of unusual size are dropped.
func PutBuffer(b []byte) {
	if cap(b) < 1<<minPooled || cap(b) >= 2<<maxPooled {
		return
	}
	class := bits.Len(uint(cap(b))) - 1 // the class whose every request it satisfies
	p := headers.Get().(*[]byte)
	*p = b[:0]
	buffers[class-minPooled].Put(p)
}

// grow makes room for n more bytes.
func grow(b []byte, n int) []byte { return slices.Grow(b, n) }
