package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/command"
	"github.com/tandemdb/tandem/internal/server"
	"github.com/tandemdb/tandem/internal/wire"
)

// canned answers each kind of command on each collection with the reply that the server at
// upstream gave to the first one.
type canned struct {
	upstream string

	mu      sync.RWMutex
	replies map[string][]byte
}

// serveCanned is the canned server's process.
func serveCanned(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("canned needs the address of the server whose replies it repeats")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := server.New(server.Options{Handler: &canned{upstream: args[0], replies: make(map[string][]byte)}})
	fmt.Fprintln(out, l.Addr())
	err = s.Serve(ctx, l)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	s.Shutdown(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Handle appends the reply that was recorded for the command, and records it first if need be.
func (h *canned) Handle(_ context.Context, c *command.Conn, m *wire.Message, dst []byte) ([]byte, command.Action) {
	name, v, _ := m.Body.First()
	switch name {
	case "hello", "isMaster", "ismaster":
		return appendCannedHello(dst, c.Advertise), command.ActionReply
	}
	var buf [64]byte
	key := append(append(append(buf[:0], name...), ' '), v.Bytes()...)
	// Requests of one kind have numbers of the same size, so that lengths tell kinds apart.
	key = binary.AppendUvarint(append(key, ' '), uint64(len(m.Body)))
	key = binary.AppendUvarint(key, uint64(len(m.Body.Lookup("filter").Bytes())))
	h.mu.RLock()
	reply, ok := h.replies[string(key)]
	h.mu.RUnlock()
	if ok {
		return append(dst, reply...), command.ActionReply
	}
	reply, err := h.ask(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "canned:", err)
		return dst, command.ActionClose
	}
	h.mu.Lock()
	h.replies[string(key)] = reply
	h.mu.Unlock()
	return append(dst, reply...), command.ActionReply
}

// Closed has nothing to forget.
func (h *canned) Closed(*command.Conn) {}

// ask has a command answered by the server upstream.
func (h *canned) ask(m *wire.Message) ([]byte, error) {
	nc, err := net.Dial("tcp", h.upstream)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	body := m.Body
	if name, _, _ := body.First(); name == "commitTransaction" {
		body = abortInstead(body)
	}
	if _, err := nc.Write(wire.AppendMsg(nil, 1, 0, 0, body, m.Sequences...)); err != nil {
		return nil, err
	}
	r := wire.NewReader(nc, wire.MaxMessageSize)
	defer r.Release()
	reply, err := r.Read()
	if err != nil {
		return nil, err
	}
	if ok := reply.Body.Lookup("ok"); !ok.Truthy() {
		return nil, fmt.Errorf("recorded an error: %s", reply.Body)
	}
	return bytes.Clone(reply.Body), nil
}

// abortInstead makes a commit an abort, whose reply has the same size: upstream has seen some of
// the transaction's statements only, and must not keep them.
func abortInstead(body bsonx.Doc) bsonx.Doc {
	b := bsonx.NewBuilder(nil)
	b.Int32("abortTransaction", 1)
	it := body.Iter()
	_, _, _ = it.Next() // the command
	for {
		key, v, ok := it.Next()
		if !ok {
			return b.Build()
		}
		b.Value(key, v)
	}
}

// appendCannedHello appends a hello that makes drivers use sessions, and does not offer them to
// wait for changes.
func appendCannedHello(dst []byte, addr string) []byte {
	b := bsonx.NewBuilder(dst)
	return b.Bool("helloOk", true).
		Bool("ismaster", true).
		Bool("isWritablePrimary", true).
		Strings("hosts", []string{addr}).
		String("me", addr).
		String("setName", "rs0").
		Int32("maxBsonObjectSize", wire.MaxDocumentSize).
		Int32("maxMessageSizeBytes", wire.MaxMessageSize).
		Int32("maxWriteBatchSize", 100_000).
		Int32("logicalSessionTimeoutMinutes", 30).
		Int32("minWireVersion", 0).
		Int32("maxWireVersion", 25).
		Double("ok", 1).
		Finish()
}
