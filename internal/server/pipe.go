package server

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeBuffer is how much one side of a pipe can write before the other must read.
const pipeBuffer = 256 << 10

// pipeAddr is the address of both ends of an in-process connection. It looks like
// a host and port since drivers parse it.
const pipeAddr = "tandem.embedded:27017"

// PipeAddress is the host:port that in-process connections advertise. Nothing
// listens there.
const PipeAddress = pipeAddr

type embeddedAddr struct{}

func (embeddedAddr) Network() string { return "pipe" }
func (embeddedAddr) String() string  { return pipeAddr }

// newPipe returns the two ends of an in-process connection. Unlike net.Pipe it
// has a buffer in each direction, so a request is one hand-over and not two.
func newPipe() (client, server net.Conn) {
	a, b := newQueue(), newQueue()
	return &pipeConn{in: a, out: b}, &pipeConn{in: b, out: a}
}

// pipeConn is one end of a pipe.
type pipeConn struct{ in, out *queue }

func (p *pipeConn) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipeConn) Write(b []byte) (int, error) { return p.out.write(b) }

func (p *pipeConn) Close() error {
	p.in.close()
	p.out.close()
	return nil
}

func (p *pipeConn) LocalAddr() net.Addr  { return embeddedAddr{} }
func (p *pipeConn) RemoteAddr() net.Addr { return embeddedAddr{} }

func (p *pipeConn) SetDeadline(t time.Time) error {
	p.in.setDeadline(&p.in.mu.readBy, t)
	p.out.setDeadline(&p.out.mu.writeBy, t)
	return nil
}

func (p *pipeConn) SetReadDeadline(t time.Time) error {
	p.in.setDeadline(&p.in.mu.readBy, t)
	return nil
}

func (p *pipeConn) SetWriteDeadline(t time.Time) error {
	p.out.setDeadline(&p.out.mu.writeBy, t)
	return nil
}

// queue is one direction of a pipe.
type queue struct {
	changed sync.Cond // on mu: any of the fields below
	mu      struct {
		sync.Mutex
		buf     []byte
		start   int // buf[start:] has not been read
		closed  bool
		readBy  time.Time
		writeBy time.Time
	}
}

func newQueue() *queue {
	q := &queue{}
	q.changed.L = &q.mu
	return q
}

func (q *queue) read(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.mu.buf) == q.mu.start {
		if q.mu.closed {
			return 0, io.EOF
		}
		if len(b) == 0 {
			return 0, nil
		}
		if !q.wait(&q.mu.readBy) {
			return 0, os.ErrDeadlineExceeded
		}
	}
	n := copy(b, q.mu.buf[q.mu.start:])
	q.mu.start += n
	if q.mu.start == len(q.mu.buf) {
		q.mu.start = 0
		if cap(q.mu.buf) > pipeBuffer/8 {
			q.mu.buf = nil // an idle connection does not keep what a large reply needed
		}
		q.mu.buf = q.mu.buf[:0]
	}
	q.changed.Broadcast()
	return n, nil
}

func (q *queue) write(b []byte) (n int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.mu.closed {
			return n, io.ErrClosedPipe
		}
		if q.mu.start > 0 && len(q.mu.buf)+len(b) > cap(q.mu.buf) {
			q.mu.buf = q.mu.buf[:copy(q.mu.buf, q.mu.buf[q.mu.start:])]
			q.mu.start = 0
		}
		room := pipeBuffer - (len(q.mu.buf) - q.mu.start)
		if step := min(room, len(b)); step > 0 {
			q.mu.buf = append(q.mu.buf, b[:step]...)
			b, n = b[step:], n+step
			q.changed.Broadcast()
		}
		if len(b) == 0 {
			return n, nil
		}
		if !q.wait(&q.mu.writeBy) {
			return n, os.ErrDeadlineExceeded
		}
	}
}

// wait waits for a change, at most until the deadline; false if that has passed. A
// timer is made only here: most deadlines are set and never waited for.
func (q *queue) wait(deadline *time.Time) bool {
	if deadline.IsZero() {
		q.changed.Wait()
		return true
	}
	left := time.Until(*deadline)
	if left <= 0 {
		return false
	}
	timer := time.AfterFunc(left, func() {
		q.mu.Lock() // or the broadcast could come before the wait
		defer q.mu.Unlock()
		q.changed.Broadcast()
	})
	q.changed.Wait()
	timer.Stop()
	return true
}

func (q *queue) setDeadline(field *time.Time, t time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	*field = t
	q.changed.Broadcast()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.closed = true
	q.changed.Broadcast()
}
