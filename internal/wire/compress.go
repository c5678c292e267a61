package wire

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// CompressorID names a compressor in an OP_COMPRESSED message.
type CompressorID uint8

// The compressors. The zero one leaves the message as it is.
const (
	CompressorNoop   CompressorID = 0
	CompressorSnappy CompressorID = 1
	CompressorZlib   CompressorID = 2
	CompressorZstd   CompressorID = 3
)

// Compressors are the compressors that the server offers, the preferred one
// first.
var Compressors = []CompressorID{CompressorSnappy, CompressorZstd, CompressorZlib}

// String returns the name used in the handshake's compression field.
func (c CompressorID) String() string {
	switch c {
	case CompressorNoop:
		return "noop"
	case CompressorSnappy:
		return "snappy"
	case CompressorZlib:
		return "zlib"
	case CompressorZstd:
		return "zstd"
	}
	return "compressor(" + strconv.Itoa(int(c)) + ")"
}

// CompressorByName returns the compressor with the given handshake name, ok
// false for one that the server does not offer.
func CompressorByName(name string) (id CompressorID, ok bool) {
	for _, c := range Compressors {
		if c.String() == name {
			return c, true
		}
	}
	return CompressorNoop, false
}

// The zstd coders are safe for concurrent use of their All methods and cost
// megabytes, so the process has one of each, made when first needed.
var (
	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			panic(fmt.Sprintf("wire: zstd encoder with constant options: %v", err))
		}
		return e
	})
	zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxMessageSize))
		if err != nil {
			panic(fmt.Sprintf("wire: zstd decoder with constant options: %v", err))
		}
		return d
	})
	zlibWriters = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}
)

// appendCompressed appends src, compressed with c, to dst.
func appendCompressed(dst []byte, c CompressorID, src []byte) ([]byte, error) {
	switch c {
	case CompressorNoop:
		return append(dst, src...), nil
	case CompressorSnappy:
		n := snappy.MaxEncodedLen(len(src))
		if n < 0 {
			return nil, fmt.Errorf("wire: %d bytes are too many for snappy", len(src))
		}
		dst = grow(dst, n)
		out := snappy.Encode(dst[len(dst):len(dst)+n], src)
		return dst[:len(dst)+len(out)], nil
	case CompressorZlib:
		buf := bytes.NewBuffer(dst)
		w := zlibWriters.Get().(*zlib.Writer)
		defer zlibWriters.Put(w)
		w.Reset(buf)
		if _, err := w.Write(src); err != nil {
			return nil, fmt.Errorf("wire: compress with zlib: %w", err)
		}
		if err := w.Close(); err != nil {
			return nil, fmt.Errorf("wire: compress with zlib: %w", err)
		}
		return buf.Bytes(), nil
	case CompressorZstd:
		return zstdEncoder().EncodeAll(src, dst), nil
	}
	return nil, fmt.Errorf("wire: unknown compressor %d", c)
}

// decompress fills dst, whose length is the size that the peer stated, from src.
// It never writes more than that: a bomb ends in an error.
func decompress(dst []byte, c CompressorID, src []byte) error {
	switch c {
	case CompressorNoop:
		if len(src) != len(dst) {
			return frameErrorf("uncompressed size is %d, stated %d", len(src), len(dst))
		}
		copy(dst, src)
		return nil
	case CompressorSnappy:
		n, err := snappy.DecodedLen(src)
		if err != nil || n != len(dst) {
			return frameErrorf("snappy: decoded size is not %d", len(dst))
		}
		if _, err = snappy.Decode(dst, src); err != nil {
			return frameErrorf("snappy: %v", err)
		}
		return nil
	case CompressorZlib:
		return decompressZlib(dst, src)
	case CompressorZstd:
		// The capacity is cut, so that EncodeAll cannot grow into what follows.
		out, err := zstdDecoder().DecodeAll(src, dst[:0:len(dst)])
		if err != nil {
			return frameErrorf("zstd: %v", err)
		}
		if len(out) != len(dst) {
			return frameErrorf("zstd: uncompressed size is %d, stated %d", len(out), len(dst))
		}
		return nil
	}
	return frameErrorf("unknown compressor %d", c)
}

func decompressZlib(dst, src []byte) error {
	r, err := zlib.NewReader(bytes.NewReader(src))
	if err != nil {
		return frameErrorf("zlib: %v", err)
	}
	if _, err = io.ReadFull(r, dst); err != nil {
		return frameErrorf("zlib: %v", err)
	}
	var one [1]byte
	if n, err := r.Read(one[:]); n != 0 || err != io.EOF {
		return frameErrorf("zlib: more than the stated %d bytes", len(dst))
	}
	return nil
}
