package command

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/auth"
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/wire"
)

// Conn is one client connection. The server makes it, the command layer keeps
// in it what it learns from the handshake.
type Conn struct {
	ID      int64
	Remote  net.Addr
	Local   net.Addr
	Started time.Time

	// Advertise is the host:port that this client should be told to connect to:
	// the configured address or the one it has connected to.
	Advertise string

	// TLS says that the connection is encrypted.
	TLS bool

	// Internal says that the client lives in this process and is trusted: it
	// needs no authentication.
	Internal bool

	// Draining is closed when the server has begun to shut down. Statements that
	// only wait for something to happen, such as a streaming hello or an
	// awaitData getMore, end then; others are finished.
	Draining <-chan struct{}

	state connState

	mu struct {
		sync.Mutex
		greeted  bool
		appName  string
		metadata bsonx.Doc
		users    []auth.UserName
		sasl     *auth.Conversation
		comps    []wire.CompressorID
	}
}

// AppName returns the application name of the handshake, empty if none was given.
func (c *Conn) AppName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.appName
}

// ClientMetadata returns the client document of the handshake, nil if there was
// none.
func (c *Conn) ClientMetadata() bsonx.Doc {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.metadata
}

// SetClient records the client document of the handshake, of which it keeps a
// copy, and the application name in it. It reports false if the connection has
// one already.
func (c *Conn) SetClient(metadata bsonx.Doc, appName string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.greeted {
		return false
	}
	c.mu.greeted = true
	c.mu.metadata = metadata.Clone()
	c.mu.appName = string(append([]byte(nil), appName...))
	return true
}

// Users returns the users that the connection is authenticated as.
func (c *Conn) Users() []auth.UserName {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.users
}

// Authenticated reports whether the connection may run commands that need
// authentication, where the server asks for it.
func (c *Conn) Authenticated() bool {
	if c.Internal {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.mu.users) > 0
}

// Login adds a user, in place of one of the same database.
func (c *Conn) Login(u auth.UserName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	users := make([]auth.UserName, 0, len(c.mu.users)+1)
	for _, have := range c.mu.users {
		if have.DB != u.DB {
			users = append(users, have)
		}
	}
	c.mu.users = append(users, u)
}

// Logout removes the users of a database.
func (c *Conn) Logout(db string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var users []auth.UserName
	for _, have := range c.mu.users {
		if have.DB != db {
			users = append(users, have)
		}
	}
	c.mu.users = users
}

// Conversation returns the running SASL conversation, nil if there is none.
func (c *Conn) Conversation() *auth.Conversation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.sasl
}

// SetConversation starts, replaces or, with nil, ends the SASL conversation.
func (c *Conn) SetConversation(s *auth.Conversation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.sasl = s
}

// Compressors returns the compressors that the handshake has agreed on.
func (c *Conn) Compressors() []wire.CompressorID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.comps
}

// SetCompressors records what the handshake has agreed on.
func (c *Conn) SetCompressors(ids []wire.CompressorID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.comps = ids
}

// Action tells the server what to do with the outcome of a statement.
type Action uint8

const (
	// ActionReply sends the reply.
	ActionReply Action = iota
	// ActionNone sends nothing: the client does not wait for an answer.
	ActionNone
	// ActionClose closes the connection without an answer.
	ActionClose
	// ActionMore sends the reply with the moreToCome flag and asks the
	// Streamer for the next one. It is for requests with the exhaustAllowed flag
	// only.
	ActionMore
)

// Handler runs the statements of all connections. One connection has at most one
// statement at a time.
type Handler interface {
	// Handle runs the statement in m and appends the reply, exactly one BSON
	// document, to dst: the server has reserved the message header there and
	// completes it. Errors are replies, too. The message is valid until Handle
	// and the calls of Next that follow it return.
	//
	// ctx ends when the client has gone or the server cannot wait any longer.
	Handle(ctx context.Context, c *Conn, m *wire.Message, dst []byte) (reply []byte, action Action)

	// Closed says that the connection has gone, after its last statement has
	// returned.
	Closed(c *Conn)
}

// Streamer is implemented by handlers that answer one request with many replies.
// After ActionMore the server has sent that reply and calls Next with the same
// message until it returns another action; ActionReply sends the last reply.
type Streamer interface {
	Next(ctx context.Context, c *Conn, m *wire.Message, dst []byte) (reply []byte, action Action)
}

// NetStats are the server's network counters, as in serverStatus.
type NetStats struct {
	Current   int64 // open connections
	Available int64 // connections that may still come
	Total     int64 // connections accepted since the start
	Active    int64 // connections that run a statement
	BytesIn   int64
	BytesOut  int64
	Requests  int64
}
