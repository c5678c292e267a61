package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/command"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/wire"
)

const (
	// handshakeTimeout is how long a client may take to set up TLS.
	handshakeTimeout = 10 * time.Second
	// writeStep is how much of a reply is written under one deadline, so that a
	// slow client that goes on reading is not cut off.
	writeStep = 1 << 20
	// replyHint bounds the buffer that a connection asks for before it knows the
	// size of the reply.
	replyHint = 64 << 10
	// readAheadMax is what a watcher takes from a client that sends requests
	// without waiting for answers.
	readAheadMax = 64 << 10
)

// conn is a connection and the goroutine that serves it.
type conn struct {
	srv    *Server
	nc     net.Conn
	info   command.Conn
	reader *wire.Reader
	ctx    context.Context // ends with the client or at shutdown
	cancel context.CancelCauseFunc

	// Used by the serving goroutine only.
	requestID     int32
	lastReply     int
	writeDeadline time.Time

	timer *time.Timer // starts the watcher of a statement that takes long

	mu struct {
		sync.Mutex
		busy     bool          // a statement runs
		draining bool          // close when it has ended
		watcher  chan struct{} // closed when the watcher has ended; nil without one
		stopping bool          // the watcher was told to end
	}
}

func newConn(s *Server, nc net.Conn, internal bool) *conn {
	c := &conn{srv: s, nc: nc}
	c.info = command.Conn{
		ID:        s.nextID.Add(1),
		Remote:    nc.RemoteAddr(),
		Local:     nc.LocalAddr(),
		Started:   s.opts.Now(),
		Advertise: s.opts.Advertise,
		Internal:  internal,
		Draining:  s.draining,
	}
	if internal || c.info.Advertise == "" {
		c.info.Advertise = nc.LocalAddr().String()
	}
	if s.opts.TLS != nil && !internal {
		c.nc = tls.Server(nc, s.opts.TLS)
		c.info.TLS = true
	}
	return c
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.srv.remove(c)
	defer c.nc.Close()
	if err := c.handshakeTLS(); err != nil {
		c.srv.opts.Logger.Debug("TLS handshake failed", c.logAttrs(err)...)
		return
	}
	c.ctx, c.cancel = context.WithCancelCause(c.srv.ctx)
	defer c.cancel(errClientGone)
	c.reader = wire.NewReader(c.nc, wire.MaxMessageSize)
	c.reader.SetTimeout(c.nc, c.srv.opts.ReadTimeout)
	c.timer = time.AfterFunc(time.Hour, c.watch)
	c.timer.Stop()
	defer c.srv.opts.Handler.Closed(&c.info)
	defer c.reader.Release()
	for c.serveOne() {
	}
}

// serveOne reads one request and answers it. It reports whether the connection
// goes on.
func (c *conn) serveOne() bool {
	before := c.reader.BytesRead()
	m, err := c.reader.Read()
	if m == nil {
		c.logLost(err)
		return false
	}
	c.srv.stats.bytesIn.Add(c.reader.BytesRead() - before)
	c.srv.stats.requests.Add(1)
	if !c.begin(m) {
		return false
	}
	ok := c.answer(m, err)
	return c.end() && ok
}

// answer runs the request, or answers the error that reading it has met.
func (c *conn) answer(m *wire.Message, err error) bool {
	if reqErr, bad := errors.AsType[*wire.RequestError](err); bad {
		ok := !reqErr.Fatal
		if m.Flags&wire.MoreToCome != 0 {
			return ok
		}
		dst := appendError(wire.AppendReplyStart(wire.GetBuffer(replyHint), m), reqErr.Err)
		return c.write(dst, m, m.RequestID, 0) && ok
	}
	responseTo := m.RequestID
	for first := true; ; first = false {
		dst := wire.AppendReplyStart(wire.GetBuffer(min(c.lastReply, replyHint)), m)
		reply, action := c.handle(m, dst, first)
		var flags wire.Flags
		switch action {
		case command.ActionNone:
			wire.PutBuffer(reply)
			return true
		case command.ActionClose:
			wire.PutBuffer(reply)
			return false
		case command.ActionMore:
			if c.canStream(m) {
				flags = wire.MoreToCome
			}
		case command.ActionReply:
		}
		if m.Flags&wire.MoreToCome != 0 {
			wire.PutBuffer(reply) // whatever came of it, the client does not listen
			return true
		}
		if !c.write(reply, m, responseTo, flags) {
			return false
		}
		if flags == 0 {
			return true
		}
		responseTo = c.requestID
	}
}

// canStream reports whether the request can have more than one reply.
func (c *conn) canStream(m *wire.Message) bool {
	_, ok := c.srv.opts.Handler.(command.Streamer)
	return ok && m.Flags&wire.ExhaustAllowed != 0
}

// handle calls the handler. A panic costs this statement an error, and nobody
// else anything.
func (c *conn) handle(m *wire.Message, dst []byte, first bool) (reply []byte, action command.Action) {
	start := len(dst)
	defer func() {
		if p := recover(); p != nil {
			c.srv.opts.Logger.Error("panic in a statement", "connection", c.info.ID, "panic", p, "stack", string(debug.Stack()))
			err := mongoerr.New(mongoerr.InternalError, "internal error: the server has logged it")
			reply, action = appendError(dst[:start], err), command.ActionReply
		}
	}()
	if first {
		return c.srv.opts.Handler.Handle(c.ctx, &c.info, m, dst)
	}
	return c.srv.opts.Handler.(command.Streamer).Next(c.ctx, &c.info, m, dst)
}

// write completes a reply, sends it and gives the buffer back.
func (c *conn) write(reply []byte, m *wire.Message, responseTo int32, flags wire.Flags) bool {
	c.requestID++
	reply = wire.FinishReply(reply, m, c.requestID, responseTo, flags)
	c.lastReply = len(reply)
	if m.Compressor != wire.CompressorNoop {
		out, err := wire.AppendCompressed(wire.GetBuffer(len(reply)/2), reply, m.Compressor)
		if err != nil {
			c.srv.opts.Logger.Warn("cannot compress a reply", c.logAttrs(err)...)
			wire.PutBuffer(reply)
			return false
		}
		wire.PutBuffer(reply)
		reply = out
	}
	defer wire.PutBuffer(reply)
	for rest := reply; len(rest) > 0; {
		step := rest[:min(len(rest), writeStep)]
		if err := c.extendWriteDeadline(); err != nil {
			return false
		}
		if _, err := c.nc.Write(step); err != nil {
			c.srv.opts.Logger.Debug("cannot send a reply", c.logAttrs(err)...)
			return false
		}
		rest = rest[len(step):]
	}
	c.srv.stats.bytesOut.Add(int64(len(reply)))
	return true
}

// extendWriteDeadline makes sure that the next write has at least the configured
// time. It sets twice that, since setting is not free and most writes are short.
func (c *conn) extendWriteDeadline() error {
	now := time.Now()
	if c.writeDeadline.Sub(now) >= c.srv.opts.WriteTimeout {
		return nil
	}
	c.writeDeadline = now.Add(2 * c.srv.opts.WriteTimeout)
	return c.nc.SetWriteDeadline(c.writeDeadline)
}

// handshakeTLS sets up encryption where the server is configured for it.
func (c *conn) handshakeTLS() error {
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.srv.ctx, handshakeTimeout)
	defer cancel()
	return t.HandshakeContext(ctx)
}

// logLost records why a connection has ended, unless the client has closed it or
// the server has.
func (c *conn) logLost(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	level := slog.LevelDebug
	if _, ok := errors.AsType[*wire.FrameError](err); ok {
		level = slog.LevelWarn
	}
	c.srv.opts.Logger.Log(c.ctx, level, "connection lost", c.logAttrs(err)...)
}

func (c *conn) logAttrs(err error) []any {
	return []any{"connection", c.info.ID, "remote", c.info.Remote.String(), "error", err}
}

// appendError appends the reply document of an error.
func appendError(dst []byte, e *mongoerr.Error) []byte {
	b := bsonx.NewBuilder(dst)
	b.Double("ok", 0).
		String("errmsg", e.Message).
		Int32("code", int32(e.Code)).
		String("codeName", e.Code.Name())
	if len(e.Labels) > 0 {
		b.Strings("errorLabels", e.Labels)
	}
	return b.Finish()
}
