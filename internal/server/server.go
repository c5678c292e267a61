package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/command"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Options say how a Server treats its connections. The zero value of each field
// but Handler is replaced by a default.
type Options struct {
	// Handler runs the statements.
	Handler command.Handler

	// Logger gets what is worth knowing about connections.
	Logger *slog.Logger

	// TLS, if set, makes listeners accept encrypted connections only.
	TLS *tls.Config

	// Advertise is the host:port that clients are told to connect to; empty
	// means the address that each of them has connected to.
	Advertise string

	// MaxConnections is the number of connections at one time; more are closed
	// as they come. The default is 65,536.
	MaxConnections int

	// WriteTimeout is how long the server waits for a client to take the next
	// megabyte of a reply. The default is 30 s.
	WriteTimeout time.Duration

	// ReadTimeout is how long the server waits, once a request has begun, for the client to send
	// the next megabyte of it. Between requests it waits for ever. The default is 60 s.
	ReadTimeout time.Duration

	// WatchAfter is how long a statement runs before the server starts to look
	// whether its client is still there. The default is 10 ms.
	WatchAfter time.Duration

	// Now is the clock of connection start times.
	Now func() time.Time
}

func (o *Options) ensureDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 1 << 16
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 30 * time.Second
	}
	if o.ReadTimeout <= 0 {
		o.ReadTimeout = time.Minute
	}
	if o.WatchAfter <= 0 {
		o.WatchAfter = 10 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Causes of the end of a statement's context, see [context.Cause].
var (
	errClientGone = mongoerr.New(mongoerr.ClientDisconnect, "operation was interrupted because a client disconnected")
	errShutdown   = mongoerr.New(mongoerr.InterruptedAtShutdown, "interrupted at shutdown")
)

// ErrClosed is returned by Serve after Shutdown was called before it.
var ErrClosed = errors.New("server: closed")

// Server accepts connections and runs them. Its methods are safe for concurrent
// use.
type Server struct {
	opts     Options
	ctx      context.Context // ends when statements must
	cancel   context.CancelCauseFunc
	draining chan struct{}
	nextID   atomic.Int64
	stats    stats
	conns    sync.WaitGroup

	mu struct {
		sync.Mutex
		closed    bool
		listeners map[net.Listener]struct{}
		conns     map[*conn]struct{}
	}
}

// New returns a server without listeners.
func New(opts Options) *Server {
	opts.ensureDefaults()
	s := &Server{opts: opts, draining: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.mu.listeners = make(map[net.Listener]struct{})
	s.mu.conns = make(map[*conn]struct{})
	return s
}

// Serve accepts connections from l until ctx ends or the server is shut down, and
// closes l. Connections that it has accepted outlive it.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if !s.addListener(l) {
		_ = l.Close()
		return ErrClosed
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer func() {
		stop()
		s.removeListener(l)
		_ = l.Close()
	}()
	const maxPause = time.Second
	for pause := time.Duration(0); ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.start(nc, false)
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case s.isDraining():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		}
		// Most often the process has no file descriptors left; connections that
		// end will free some.
		pause = min(max(2*pause, 5*time.Millisecond), maxPause)
		s.opts.Logger.Warn("cannot accept connections", "error", err, "retryIn", pause)
		select {
		case <-time.After(pause):
		case <-s.draining:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Pipe returns the client's end of a new in-process connection, which needs no
// authentication.
func (s *Server) Pipe() (net.Conn, error) {
	client, server := newPipe()
	if !s.start(server, true) {
		_ = client.Close()
		return nil, ErrClosed
	}
	return client, nil
}

// Shutdown closes listeners and idle connections, lets running statements finish
// and sends their replies. When ctx ends, it interrupts the statements that still
// run. It returns when all connections are closed, or a second after ctx. Calling it
// again waits, too.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	if !s.mu.closed {
		s.mu.closed = true
		close(s.draining)
		for l := range s.mu.listeners {
			_ = l.Close()
		}
		for c := range s.mu.conns {
			c.drain()
		}
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.conns.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.cancel(errShutdown)
		s.abandon(done)
	}
	s.cancel(errShutdown)
}

// abandon waits for interrupted statements to return. Soon it closes the sockets of
// those that write to clients which do not read, and then gives up on the rest, so that
// a statement that cannot be interrupted does not keep the process from ending.
func (s *Server) abandon(done <-chan struct{}) {
	const patience = 500 * time.Millisecond
	select {
	case <-done:
		return
	case <-time.After(patience):
	}
	s.mu.Lock()
	for c := range s.mu.conns {
		_ = c.nc.Close()
	}
	s.mu.Unlock()
	select {
	case <-done:
	case <-time.After(patience):
		s.opts.Logger.Error("statements do not end", "connections", s.stats.current.Load())
	}
}

// start runs a connection in a goroutine of its own. It closes nc and reports
// false if there is no place for it.
func (s *Server) start(nc net.Conn, internal bool) bool {
	c := newConn(s, nc, internal)
	s.mu.Lock()
	full := !internal && len(s.mu.conns) >= s.opts.MaxConnections
	if s.mu.closed || full {
		s.mu.Unlock()
		_ = nc.Close()
		if full {
			s.opts.Logger.Warn("connection refused: too many connections",
				"remote", nc.RemoteAddr().String(), "max", s.opts.MaxConnections)
		}
		return false
	}
	s.mu.conns[c] = struct{}{}
	s.conns.Add(1)
	s.mu.Unlock()
	s.stats.current.Add(1)
	s.stats.total.Add(1)
	go c.serve()
	return true
}

// remove forgets a connection that has ended.
func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.mu.conns, c)
	s.mu.Unlock()
	s.stats.current.Add(-1)
	s.conns.Done()
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	s.mu.listeners[l] = struct{}{}
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.listeners, l)
}

func (s *Server) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}
