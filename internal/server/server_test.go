package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/command"
	"github.com/tandemdb/tandem/internal/server"
	"github.com/tandemdb/tandem/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handler answers by the first field of the request.
type handler struct {
	started chan struct{} // gets a value when a "wait" begins
	release chan struct{} // lets a "wait" end
	cause   chan error    // why a "wait" ended early
	closed  atomic.Int64
	left    atomic.Int64 // replies of a "stream" still to come
}

func newHandler() *handler {
	return &handler{
		started: make(chan struct{}, 100),
		release: make(chan struct{}),
		cause:   make(chan error, 100),
	}
}

func (h *handler) Handle(ctx context.Context, c *command.Conn, m *wire.Message, dst []byte) ([]byte, command.Action) {
	name, v, _ := m.Body.First()
	b := bsonx.NewBuilder(dst)
	switch name {
	case "wait":
		h.started <- struct{}{}
		select {
		case <-h.release:
		case <-ctx.Done():
			h.cause <- context.Cause(ctx)
		}
	case "stuck":
		h.started <- struct{}{}
		<-h.release
	case "panic":
		panic("a bug")
	case "close":
		return dst, command.ActionClose
	case "none":
		return dst, command.ActionNone
	case "blob":
		b.Value("blob", bsonx.Binary(0, make([]byte, v.Int32())))
	case "stream":
		h.left.Store(v.Int64())
		return b.Double("ok", 1).Finish(), command.ActionMore
	case "whoami":
		b.Int64("id", c.ID).String("advertise", c.Advertise).Bool("tls", c.TLS).Bool("internal", c.Internal)
	}
	return b.Double("ok", 1).Finish(), command.ActionReply
}

func (h *handler) Next(_ context.Context, _ *command.Conn, _ *wire.Message, dst []byte) ([]byte, command.Action) {
	left := h.left.Add(-1)
	action := command.ActionMore
	if left == 0 {
		action = command.ActionReply
	}
	return bsonx.NewBuilder(dst).Int64("left", left).Double("ok", 1).Finish(), action
}

func (h *handler) Closed(*command.Conn) { h.closed.Add(1) }

// start runs a server on a free port until the test ends.
func start(t *testing.T, h *handler, change func(*server.Options)) (*server.Server, string) {
	t.Helper()
	opts := server.Options{Handler: h}
	if change != nil {
		change(&opts)
	}
	s := server.New(opts)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		s.Shutdown(ctx)
		require.NoError(t, <-served)
	})
	return s, l.Addr().String()
}

// client speaks the wire protocol by hand.
type client struct {
	t  *testing.T
	nc net.Conn
	r  *wire.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	return newClient(t, nc)
}

func newClient(t *testing.T, nc net.Conn) *client {
	t.Cleanup(func() { _ = nc.Close() })
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(10*time.Second)))
	return &client{t: t, nc: nc, r: wire.NewReader(nc, 0)}
}

func (c *client) send(b []byte) {
	c.t.Helper()
	_, err := c.nc.Write(b)
	require.NoError(c.t, err)
}

func (c *client) recv() *wire.Message {
	c.t.Helper()
	m, err := c.r.Read()
	require.NoError(c.t, err)
	return m
}

func (c *client) run(name string, arg int32) *wire.Message {
	c.t.Helper()
	c.send(request(1, 0, name, arg))
	return c.recv()
}

// gone checks that the server has closed the connection.
func (c *client) gone() {
	c.t.Helper()
	_, err := c.r.Read()
	require.Error(c.t, err)
	var timeout net.Error
	if ok := asNetError(err, &timeout); ok {
		require.False(c.t, timeout.Timeout(), "the connection is still open")
	}
}

func asNetError(err error, target *net.Error) bool {
	e, ok := err.(net.Error) //nolint:errorlint // what Read returns is not wrapped here
	*target = e
	return ok
}

func request(id int32, flags wire.Flags, name string, arg int32) []byte {
	return wire.AppendMsg(nil, id, 0, flags, bsonx.NewBuilder(nil).Int32(name, arg).String("$db", "admin").Build())
}

func TestReplies(t *testing.T) {
	_, addr := start(t, newHandler(), nil)
	c := dial(t, addr)

	c.send(request(77, wire.ChecksumPresent, "ping", 1))
	m := c.recv()
	require.Equal(t, wire.ChecksumPresent, m.Flags)
	require.Equal(t, 1.0, m.Body.Lookup("ok").Double())

	blob := c.run("blob", 16<<20).Body.Lookup("blob")
	require.Len(t, blob.Bytes(), 16<<20)

	for _, comp := range wire.Compressors {
		msg, err := wire.AppendCompressed(nil, request(2, 0, "blob", 100_000), comp)
		require.NoError(t, err)
		c.send(msg)
		m = c.recv()
		require.Equal(t, comp, m.Compressor)
		require.Len(t, m.Body.Lookup("blob").Bytes(), 100_000)
	}
}

func TestRepliesNameTheirRequest(t *testing.T) {
	_, addr := start(t, newHandler(), nil)
	c := dial(t, addr)
	c.send(append(request(77, 0, "ping", 1), request(78, 0, "ping", 1)...))
	for _, want := range []int32{77, 78} {
		var header [wire.HeaderSize]byte
		_, err := io.ReadFull(c.nc, header[:])
		require.NoError(t, err)
		require.Equal(t, uint32(want), binary.LittleEndian.Uint32(header[8:]))
		_, err = io.CopyN(io.Discard, c.nc, int64(binary.LittleEndian.Uint32(header[:]))-wire.HeaderSize)
		require.NoError(t, err)
	}
}

func TestNoReplyWhereNoneIsWanted(t *testing.T) {
	_, addr := start(t, newHandler(), nil)
	c := dial(t, addr)
	c.send(request(1, wire.MoreToCome, "ping", 1))
	c.send(request(2, wire.MoreToCome, "panic", 1))
	c.send(request(3, 0, "none", 1))
	require.Len(t, c.run("blob", 5).Body.Lookup("blob").Bytes(), 5)
}

func TestExhaust(t *testing.T) {
	_, addr := start(t, newHandler(), nil)
	c := dial(t, addr)
	c.send(request(1, wire.ExhaustAllowed, "stream", 3))
	for range 3 {
		require.Equal(t, wire.MoreToCome, c.recv().Flags)
	}
	require.Zero(t, c.recv().Flags)

	// Without the flag there is one reply only.
	c.send(request(1, 0, "stream", 3))
	require.Zero(t, c.recv().Flags)
	require.True(t, c.run("ping", 1).Body.Lookup("left").IsMissing())
}

func TestPanicCostsOneStatement(t *testing.T) {
	var log syncBuffer
	_, addr := start(t, newHandler(), func(o *server.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	other := dial(t, addr)
	c := dial(t, addr)
	m := c.run("panic", 1)
	require.Equal(t, int32(1), m.Body.Lookup("code").Int32())
	require.Equal(t, "InternalError", m.Body.Lookup("codeName").Str())
	require.Zero(t, m.Body.Lookup("ok").Double())
	require.Contains(t, log.String(), "a bug")
	require.Contains(t, log.String(), "server_test.go")
	require.Equal(t, 1.0, c.run("ping", 1).Body.Lookup("ok").Double())
	require.Equal(t, 1.0, other.run("ping", 1).Body.Lookup("ok").Double())
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestBadRequests(t *testing.T) {
	_, addr := start(t, newHandler(), nil)
	other := dial(t, addr)
	body := bsonx.NewBuilder(nil).Int32("ping", 1).String("$db", "admin").Build()
	badBody := bytes.Clone(body)
	badBody[4] = 0x66
	badSum := wire.AppendMsg(nil, 1, 0, wire.ChecksumPresent, body)
	badSum[len(badSum)-1]++

	for _, tc := range []struct {
		name   string
		msg    []byte
		code   int32 // 0: no answer
		closes bool
	}{
		{"invalid BSON", wire.AppendMsg(nil, 1, 0, 0, badBody), 22, false},
		{"invalid BSON, no answer wanted", wire.AppendMsg(nil, 1, 0, wire.MoreToCome, badBody), 0, false},
		{"unknown flag", wire.AppendMsg(nil, 1, 0, 1<<7, body), 223, true},
		{"optional flag", wire.AppendMsg(nil, 1, 0, 1<<20, badBody), 22, false},
		{"bad checksum", badSum, 288, true},
		{"length too small", []byte("\x0f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00"), 0, true},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 0, true},
		{"handler closes", request(1, 0, "close", 1), 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, addr)
			c.send(tc.msg)
			if tc.code != 0 {
				require.Equal(t, tc.code, c.recv().Body.Lookup("code").Int32())
			}
			if tc.closes {
				c.gone()
			} else {
				require.Equal(t, 1.0, c.run("ping", 1).Body.Lookup("ok").Double())
			}
			require.Equal(t, 1.0, other.run("ping", 1).Body.Lookup("ok").Double())
		})
	}
}

func TestStatementEndsWhenItsClientGoes(t *testing.T) {
	h := newHandler()
	s, addr := start(t, h, nil)
	c := dial(t, addr)
	c.send(request(1, 0, "wait", 1))
	<-h.started
	require.NoError(t, c.nc.Close())
	require.ErrorContains(t, <-h.cause, "ClientDisconnect")
	require.Eventually(t, func() bool { return h.closed.Load() == 1 && s.Stats().Active == 0 }, 5*time.Second, time.Millisecond)
}

func TestWatcherKeepsRequestsThatComeEarly(t *testing.T) {
	h := newHandler()
	_, addr := start(t, h, nil)
	c := dial(t, addr)
	for range 20 {
		c.send(request(1, 0, "wait", 1))
		<-h.started
		time.Sleep(15 * time.Millisecond)
		c.send(request(2, 0, "blob", 1))
		time.Sleep(time.Millisecond)
		c.send(request(3, 0, "blob", 2))
		h.release <- struct{}{}
		require.True(t, c.recv().Body.Lookup("blob").IsMissing())
		require.Len(t, c.recv().Body.Lookup("blob").Bytes(), 1)
		require.Len(t, c.recv().Body.Lookup("blob").Bytes(), 2)
	}
}

func TestWatcherAtTheEdge(t *testing.T) {
	h := newHandler()
	_, addr := start(t, h, func(o *server.Options) { o.WatchAfter = 50 * time.Microsecond })
	var clients sync.WaitGroup
	for range 4 {
		c := dial(t, addr)
		clients.Go(func() {
			for i := range int32(2_000) {
				if n := len(c.run("blob", i%3_000*100).Body.Lookup("blob").Bytes()); n != int(i%3_000*100) {
					t.Errorf("blob %d has %d bytes", i, n)
				}
			}
		})
	}
	clients.Wait()
}

func TestClientThatDoesNotRead(t *testing.T) {
	h := newHandler()
	s, addr := start(t, h, func(o *server.Options) { o.WriteTimeout = 50 * time.Millisecond })
	c := dial(t, addr)
	for range 8 {
		c.send(request(1, 0, "blob", 15<<20))
	}
	require.Eventually(t, func() bool { return h.closed.Load() == 1 && s.Stats().Current == 0 }, 10*time.Second, 5*time.Millisecond)
}

// A client that stalls inside a message loses its connection; one that waits between messages, or goes on
// sending, however slowly, keeps it.
func TestClientThatStallsInsideAMessage(t *testing.T) {
	const timeout = 150 * time.Millisecond
	h := newHandler()
	s, addr := start(t, h, func(o *server.Options) { o.ReadTimeout = timeout })
	large := wire.AppendMsg(nil, 1, 0, 0, bsonx.NewBuilder(nil).Value("ping", bsonx.Binary(0, make([]byte, 3<<20))).String("$db", "admin").Build())
	idle := dial(t, addr)
	idle.run("ping", 1)
	stalled := []int{1, wire.HeaderSize - 1, wire.HeaderSize, 40, 5000, 1 << 20, len(large) - 1}
	for _, sent := range stalled {
		c := dial(t, addr)
		c.run("ping", 1)
		c.send(large[:sent])
	}
	require.Eventually(t, func() bool { return s.Stats().Current == 1 }, 10*time.Second, 5*time.Millisecond)

	slow := dial(t, addr)
	for i, step := 0, 0; i < len(large); i += step {
		step = min(700<<10, len(large)-i)
		slow.send(large[i : i+step])
		time.Sleep(timeout / 3)
	}
	slow.recv()
	time.Sleep(2 * timeout)
	slow.run("ping", 1)
	idle.run("ping", 1)
}

// Requests that were sent without waiting are answered in their order.
func TestPipelinedRequests(t *testing.T) {
	_, addr := start(t, newHandler(), nil)
	c := dial(t, addr)
	var b []byte
	for id := range int32(500) {
		b = append(b, request(id, 0, "blob", id*20)...)
	}
	go c.send(b)
	for id := range int32(500) {
		require.Len(t, c.recv().Body.Lookup("blob").Bytes(), int(id*20))
	}
}

func TestShutdownFinishesStatements(t *testing.T) {
	h := newHandler()
	s, addr := start(t, h, nil)
	idle, busy := dial(t, addr), dial(t, addr)
	idle.run("ping", 1)
	busy.send(request(1, 0, "wait", 1))
	<-h.started

	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Shutdown(context.Background())
	}()
	idle.gone()
	_, err := net.Dial("tcp", addr)
	require.Error(t, err)
	select {
	case <-done:
		t.Fatal("the server did not wait for the statement")
	default:
	}
	close(h.release)
	require.Equal(t, 1.0, busy.recv().Body.Lookup("ok").Double())
	busy.gone()
	<-done
	require.Equal(t, int64(2), h.closed.Load())
	_, err = s.Pipe()
	require.ErrorIs(t, err, server.ErrClosed)
}

func TestShutdownInterruptsStatements(t *testing.T) {
	h := newHandler()
	s, addr := start(t, h, nil)
	c := dial(t, addr)
	c.send(request(1, 0, "wait", 1))
	<-h.started
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	s.Shutdown(ctx)
	require.ErrorContains(t, <-h.cause, "InterruptedAtShutdown")
	require.Equal(t, 1.0, c.recv().Body.Lookup("ok").Double())
}

// A statement that cannot be interrupted is left behind.
func TestShutdownEnds(t *testing.T) {
	h := newHandler()
	s, addr := start(t, h, nil)
	c := dial(t, addr)
	c.send(request(1, 0, "stuck", 1))
	<-h.started
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	began := time.Now()
	s.Shutdown(ctx)
	require.Less(t, time.Since(began), 5*time.Second)
	close(h.release)
}

func TestConnectionLimit(t *testing.T) {
	h := newHandler()
	s, addr := start(t, h, func(o *server.Options) { o.MaxConnections = 2 })
	a, b := dial(t, addr), dial(t, addr)
	a.run("ping", 1)
	b.run("ping", 1)
	require.Zero(t, s.Stats().Available)
	dial(t, addr).gone()
	a.run("ping", 1)
	require.NoError(t, a.nc.Close())
	require.Eventually(t, func() bool { return s.Stats().Available == 1 }, 5*time.Second, time.Millisecond)
	dial(t, addr).run("ping", 1)
}

func TestWhoIsThere(t *testing.T) {
	s, addr := start(t, newHandler(), nil)
	m := dial(t, addr).run("whoami", 1)
	require.Equal(t, int64(1), m.Body.Lookup("id").Int64())
	require.Equal(t, addr, m.Body.Lookup("advertise").Str())
	require.False(t, m.Body.Lookup("internal").Bool())

	nc, err := s.Pipe()
	require.NoError(t, err)
	m = newClient(t, nc).run("whoami", 1)
	require.Equal(t, server.PipeAddress, m.Body.Lookup("advertise").Str())
	require.True(t, m.Body.Lookup("internal").Bool())

	_, addr = start(t, newHandler(), func(o *server.Options) { o.Advertise = "db.example:1234" })
	require.Equal(t, "db.example:1234", dial(t, addr).run("whoami", 1).Body.Lookup("advertise").Str())
}

func TestTLS(t *testing.T) {
	cert, roots := certificate(t)
	s, addr := start(t, newHandler(), func(o *server.Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		o.WatchAfter = time.Microsecond
	})
	nc, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	require.NoError(t, err)
	c := newClient(t, nc)
	require.True(t, c.run("whoami", 1).Body.Lookup("tls").Bool())
	for i := range int32(200) {
		require.Len(t, c.run("blob", i*1_000).Body.Lookup("blob").Bytes(), int(i*1_000))
	}

	plain := dial(t, addr)
	plain.send(request(1, 0, "ping", 1))
	plain.gone()

	// The pipe is not encrypted.
	pipe, err := s.Pipe()
	require.NoError(t, err)
	require.False(t, newClient(t, pipe).run("whoami", 1).Body.Lookup("tls").Bool())
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"localhost"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestStats(t *testing.T) {
	s, addr := start(t, newHandler(), nil)
	c := dial(t, addr)
	msg := request(1, 0, "ping", 1)
	c.send(msg)
	c.recv()
	require.Eventually(t, func() bool { return s.Stats().Active == 0 }, 5*time.Second, time.Millisecond)
	st := s.Stats()
	require.Equal(t, int64(1), st.Current)
	require.Equal(t, int64(1), st.Total)
	require.Equal(t, int64(1), st.Requests)
	require.Equal(t, int64(len(msg)), st.BytesIn)
	require.Equal(t, c.r.BytesRead(), st.BytesOut)
}

func TestServeEndsWithItsContext(t *testing.T) {
	s := server.New(server.Options{Handler: newHandler()})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	c := dial(t, l.Addr().String())
	c.run("ping", 1)
	cancel()
	require.ErrorIs(t, <-served, context.Canceled)
	c.run("ping", 1) // connections outlive their listener
	s.Shutdown(context.Background())
	c.gone()
	require.ErrorIs(t, s.Serve(context.Background(), l), server.ErrClosed)
}

func TestPipe(t *testing.T) {
	h := newHandler()
	s, _ := start(t, h, nil)
	nc, err := s.Pipe()
	require.NoError(t, err)
	c := newClient(t, nc)
	require.Len(t, c.run("blob", 10<<20).Body.Lookup("blob").Bytes(), 10<<20)
	c.send(request(1, wire.MoreToCome, strings.Repeat("x", 1<<20), 1))

	t.Run("deadline", func(t *testing.T) {
		require.NoError(t, nc.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
		_, err := nc.Read(make([]byte, 1))
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		require.NoError(t, nc.SetReadDeadline(time.Time{}))
		c.run("ping", 1)
	})
	t.Run("client goes", func(t *testing.T) {
		c.send(request(1, 0, "wait", 1))
		<-h.started
		require.NoError(t, nc.Close())
		require.ErrorContains(t, <-h.cause, "ClientDisconnect")
		_, err := nc.Write([]byte{1})
		require.ErrorIs(t, err, io.ErrClosedPipe)
	})
}

func BenchmarkPing(b *testing.B) {
	s := server.New(server.Options{Handler: newHandler()})
	defer s.Shutdown(context.Background())
	nc, err := s.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	msg, r := request(1, 0, "ping", 1), wire.NewReader(nc, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := nc.Write(msg); err != nil {
			b.Fatal(err)
		}
		if _, err := r.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
