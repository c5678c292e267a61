package wire

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// windowSize is the buffer that every connection keeps. It holds most requests
// whole, so that one system call reads one; larger ones use a pooled buffer
// that goes back before the connection waits for the next request.
const windowSize = 4 << 10

// Reader reads requests from a stream. It is not safe for concurrent use.
type Reader struct {
	src io.Reader
	max int

	window []byte // what was read ahead is window[r:w]
	r, w   int

	large    []byte // pooled buffer of the current message, if the window was too small
	inflated []byte // pooled buffer of the current decompressed message

	msg  Message
	read int64

	patience patience
}

// patience is how a Reader bounds the time of a message that has begun.
type patience struct {
	src     interface{ SetReadDeadline(t time.Time) error }
	timeout time.Duration // zero for no bound
	running bool          // a deadline is set
}

// SetTimeout bounds how long the peer may take, once a message has begun, for its next
// megabyte. Between messages it may take for ever. src is the stream that the Reader reads.
func (r *Reader) SetTimeout(src interface{ SetReadDeadline(t time.Time) error }, timeout time.Duration) {
	r.patience = patience{src: src, timeout: timeout}
}

// hurry sets a deadline for what is missing of the message.
func (p *patience) hurry() error {
	if p.timeout <= 0 {
		return nil
	}
	p.running = true
	return p.src.SetReadDeadline(time.Now().Add(p.timeout))
}

// rest takes the deadline back, since the message is complete.
func (p *patience) rest() error {
	if !p.running {
		return nil
	}
	p.running = false
	return p.src.SetReadDeadline(time.Time{})
}

// NewReader returns a Reader of messages of up to maxSize bytes, at most
// MaxMessageSize; zero means MaxMessageSize.
func NewReader(src io.Reader, maxSize int) *Reader {
	if maxSize <= 0 || maxSize > MaxMessageSize {
		maxSize = MaxMessageSize
	}
	return &Reader{src: src, max: maxSize}
}

// BytesRead returns how many bytes of whole messages were read so far.
func (r *Reader) BytesRead() int64 { return r.read }

// Buffered returns how many bytes of later messages have been read already.
func (r *Reader) Buffered() int { return r.w - r.r }

// ReadAhead reads once from the stream and keeps what came for the next Read.
// It does not touch the current message, so that another goroutine can use it
// to notice that the peer has gone while the message is being handled; no other
// method may be called at the same time.
func (r *Reader) ReadAhead() error {
	var b [512]byte
	n, err := r.src.Read(b[:])
	if n > 0 {
		// A window of its own: the current message may be a view of the old one.
		ahead := make([]byte, max(windowSize, r.w-r.r+n))
		r.w = copy(ahead, r.window[r.r:r.w])
		r.w += copy(ahead[r.w:], b[:n])
		r.window, r.r = ahead, 0
	}
	return err
}

// Read returns the next request. The message is valid until the next call.
//
// A *RequestError comes with the message that is to be answered with it. With
// every other error the stream is lost and the message is nil: io.EOF is an end
// between two messages, io.ErrUnexpectedEOF one inside a message, *FrameError a
// message that breaks the protocol.
func (r *Reader) Read() (*Message, error) {
	r.Release()
	frame, err := r.frame()
	if err != nil {
		return nil, err
	}
	if err := r.patience.rest(); err != nil {
		return nil, err
	}
	r.read += int64(len(frame))
	m := &r.msg
	m.RequestID = getInt32(frame[4:])
	m.OpCode = OpCode(getInt32(frame[12:]))
	body := frame[HeaderSize:]
	if m.OpCode == OpCompressed {
		if body, err = r.inflate(m, body); err != nil {
			return nil, err
		}
	}
	switch m.OpCode {
	case OpMsg:
		// The checksum covers the frame as it would be without compression,
		// where it cannot be checked: clients do not send both.
		err = m.parseMsg(frame, body)
	case OpQuery:
		err = m.parseQuery(body)
	default:
		return nil, frameErrorf("compressed operation code %d is not supported", m.OpCode)
	}
	if err != nil && !isRequestError(err) {
		return nil, err
	}
	return m, err
}

func isRequestError(err error) bool {
	_, ok := errors.AsType[*RequestError](err)
	return ok
}

// Release gives the buffers of the current message back. Its documents must not
// be used any more.
func (r *Reader) Release() {
	r.msg.reset()
	PutBuffer(r.large)
	PutBuffer(r.inflated)
	r.large, r.inflated = nil, nil
}

// frame returns the bytes of the next message, header included.
func (r *Reader) frame() ([]byte, error) {
	if err := r.fill(HeaderSize); err != nil {
		return nil, err
	}
	n := int(getInt32(r.window[r.r:]))
	if n < HeaderSize || n > r.max {
		return nil, frameErrorf("message length %d is not between %d and %d", n, HeaderSize, r.max)
	}
	// Now rather than when it is all there: other protocols, such as TLS, would have
	// both sides wait for each other.
	switch op := OpCode(getInt32(r.window[r.r+12:])); op {
	case OpMsg, OpQuery, OpCompressed:
	default:
		return nil, frameErrorf("operation code %d is not supported", op)
	}
	if n <= len(r.window) {
		if err := r.fill(n); err != nil {
			return nil, err
		}
		frame := r.window[r.r : r.r+n : r.r+n]
		r.r += n
		return frame, nil
	}
	return r.readLarge(n)
}

// readLarge reads a message of n bytes, more than the window holds.
func (r *Reader) readLarge(n int) ([]byte, error) {
	// The length is only claimed so far: a megabyte at a time, memory follows
	// what the peer has really sent.
	const step = 1 << 20
	buf := GetBuffer(min(n, step))[:0]
	r.large = buf
	buf = append(buf, r.window[r.r:min(r.w, r.r+n)]...)
	r.r += len(buf)
	for len(buf) < n {
		chunk := min(n-len(buf), step)
		if cap(buf)-len(buf) < chunk {
			bigger := GetBuffer(min(n, max(2*cap(buf), len(buf)+chunk)))[:0]
			bigger = append(bigger, buf...)
			PutBuffer(r.large)
			buf, r.large = bigger, bigger
		}
		if err := r.patience.hurry(); err != nil {
			return nil, err
		}
		got, err := io.ReadFull(r.src, buf[len(buf):len(buf)+chunk])
		buf = buf[:len(buf)+got]
		if err != nil {
			return nil, unexpected(err)
		}
	}
	return buf, nil
}

// fill reads until the window holds n bytes of the next message.
func (r *Reader) fill(n int) error {
	if r.w-r.r >= n {
		return nil
	}
	if r.window == nil {
		r.window = make([]byte, windowSize)
	}
	if r.r > 0 {
		r.w = copy(r.window, r.window[r.r:r.w])
		r.r = 0
	}
	for begun := false; r.w < n; {
		if r.w > 0 && !begun {
			begun = true
			if err := r.patience.hurry(); err != nil {
				return err
			}
		}
		got, err := r.src.Read(r.window[r.w:])
		r.w += got
		if err != nil && r.w < n {
			if r.w > 0 {
				return unexpected(err)
			}
			return err
		}
	}
	return nil
}

// unexpected turns an end of the stream inside a message into its own error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("wire: inside a message: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// inflate decompresses the content of an OP_COMPRESSED and puts the original
// operation code into m.
func (r *Reader) inflate(m *Message, b []byte) ([]byte, error) {
	const prefix = 9
	if len(b) < prefix {
		return nil, frameErrorf("OP_COMPRESSED of %d bytes", len(b))
	}
	m.OpCode = OpCode(getInt32(b))
	size := int(getInt32(b[4:]))
	m.Compressor = CompressorID(b[8])
	if m.OpCode == OpCompressed {
		return nil, frameErrorf("OP_COMPRESSED inside OP_COMPRESSED")
	}
	if size < 0 || size > r.max-HeaderSize {
		return nil, frameErrorf("uncompressed size %d is not between 0 and %d", size, r.max-HeaderSize)
	}
	r.inflated = GetBuffer(size)[:size]
	if err := decompress(r.inflated, m.Compressor, b[prefix:]); err != nil {
		return nil, err
	}
	return r.inflated, nil
}
