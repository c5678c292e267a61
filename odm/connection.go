package odm

import (
	"context"
	"reflect"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ConnectionOptions are the settings of a connection. The zero value works.
type ConnectionOptions struct {
	// Database is the name of the database. Default: "test".
	Database string
	// Client adds options of the driver.
	Client *options.ClientOptions
	// BufferFor is how long calls wait for Connect. Default: they fail with ErrNotConnected.
	BufferFor time.Duration
	// RequireSession refuses calls outside while a transaction is open in the same call tree.
	RequireSession bool
	// Rehearse aborts every transaction once where it would commit, and runs it again: a test
	// that passes with it has callbacks that can be retried.
	Rehearse bool
	// NoAutoIndex keeps Model.Init from making indexes.
	NoAutoIndex bool
	// Strict is what becomes of unknown paths in updates, unless the schema says. Default: dropped.
	Strict Strict
	// StrictQuery is what becomes of unknown paths in filters, unless the schema says. Default: kept.
	StrictQuery Strict
	// Now is the clock of timestamps. Default: time.Now.
	Now func() time.Time
	// NewID makes the ids of new documents. Default: bson.NewObjectID.
	NewID func() bson.ObjectID
	// OnEvent is called when the connection changes its state.
	OnEvent func(Event)
}

// Event is a change of a connection's state.
type Event string

// The events, in their usual order.
const (
	EventConnecting    Event = "connecting"
	EventConnected     Event = "connected"
	EventDisconnecting Event = "disconnecting"
	EventDisconnected  Event = "disconnected"
	EventError         Event = "error"
)

// Connection is a client of one database, with the models defined on it. It is safe for
// concurrent use.
type Connection struct {
	opts ConnectionOptions

	mu       sync.Mutex
	client   *mongo.Client
	borrowed bool        // somebody else disconnects the client
	parent   *Connection // of UseDB: has the client
	closed   bool
	ready    chan struct{} // closed once there is a client
	models   map[string]anyModel
	byType   map[reflect.Type]anyModel

	guard guardSet
}

// anyModel is a model whose document type does not matter.
type anyModel interface {
	Name() string
	collectionName() string
}

var defaultConn = newConnection(ConnectionOptions{})

func newConnection(o ConnectionOptions) *Connection {
	if o.Database == "" {
		o.Database = "test"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = bson.NewObjectID
	}
	return &Connection{
		opts: o, ready: make(chan struct{}),
		models: map[string]anyModel{}, byType: map[reflect.Type]anyModel{},
	}
}

// Default returns the default connection. It exists before Connect, so that models can
// be defined on it in package variables.
func Default() *Connection { return defaultConn }

// Connect connects the default connection.
func Connect(ctx context.Context, uri string, opts *ConnectionOptions) (*Connection, error) {
	if opts != nil {
		defaultConn.setOptions(*opts)
	}
	return defaultConn, defaultConn.Open(ctx, uri)
}

// CreateConnection returns a further connection, connected.
func CreateConnection(ctx context.Context, uri string, opts *ConnectionOptions) (*Connection, error) {
	c := NewConnection(opts)
	return c, c.Open(ctx, uri)
}

// NewConnection returns a connection that is not connected yet.
func NewConnection(opts *ConnectionOptions) *Connection {
	if opts == nil {
		opts = &ConnectionOptions{}
	}
	return newConnection(*opts)
}

// Use returns a connection over a client that the caller has, and disconnects himself.
func Use(client *mongo.Client, database string, opts *ConnectionOptions) *Connection {
	var o ConnectionOptions
	if opts != nil {
		o = *opts
	}
	if database != "" {
		o.Database = database
	}
	c := newConnection(o)
	c.adopt(client, true)
	return c
}

// UseDB returns a connection to another database over the same client: it is connected when
// c is, and closed when c is, or by itself.
func (c *Connection) UseDB(name string) *Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.opts
	o.Database = name
	d := newConnection(o)
	d.parent = c
	return d
}

func (c *Connection) setOptions(o ConnectionOptions) {
	fresh := newConnection(o)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opts = fresh.opts
}

func (c *Connection) adopt(client *mongo.Client, borrowed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client == nil {
		close(c.ready)
	}
	c.client, c.borrowed, c.closed = client, borrowed, false
}

func (c *Connection) emit(e Event) {
	if c.opts.OnEvent != nil {
		c.opts.OnEvent(e)
	}
}

// Open connects and waits until the server answers. The connection must not be open.
func (c *Connection) Open(ctx context.Context, uri string) error {
	if ctx == nil {
		return ErrNilContext
	}
	if c.parent != nil || c.Client() != nil {
		return ErrConnected
	}
	c.emit(EventConnecting)
	opts := options.MergeClientOptions(options.Client().ApplyURI(uri), c.opts.Client)
	client, err := mongo.Connect(opts)
	if err == nil {
		if err = client.Ping(ctx, nil); err != nil {
			_ = client.Disconnect(context.WithoutCancel(ctx))
		}
	}
	if err != nil {
		c.emit(EventError)
		return &OpError{Model: "connection", Op: "connect", cause: err}
	}
	c.adopt(client, false)
	c.emit(EventConnected)
	return nil
}

// Disconnect closes the connection; calls after it fail with ErrClosed. The client given
// to Use stays connected. It can be called more than once.
func (c *Connection) Disconnect(ctx context.Context) error {
	c.mu.Lock()
	client, borrowed := c.client, c.borrowed
	if client != nil {
		c.ready = make(chan struct{})
	}
	opened := client != nil || (c.parent != nil && !c.closed)
	c.client, c.closed = nil, true
	c.mu.Unlock()
	if !opened {
		return nil
	}
	c.emit(EventDisconnecting)
	defer c.emit(EventDisconnected)
	if borrowed || client == nil {
		return nil
	}
	return client.Disconnect(ctx)
}

// Client returns the driver's client, or nil when not connected.
func (c *Connection) Client() *mongo.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parent != nil && !c.closed {
		return c.parent.Client()
	}
	return c.client
}

// wait returns the client, after waiting for Connect if the options say so.
func (c *Connection) wait(ctx context.Context) (*mongo.Client, error) {
	if ctx == nil {
		return nil, ErrNilContext
	}
	c.mu.Lock()
	client, closed, ready := c.client, c.closed, c.ready
	c.mu.Unlock()
	switch {
	case client != nil:
		return client, nil
	case closed:
		return nil, ErrClosed
	case c.parent != nil:
		return c.parent.wait(ctx)
	case c.opts.BufferFor <= 0:
		return nil, ErrNotConnected
	}
	timer := time.NewTimer(c.opts.BufferFor)
	defer timer.Stop()
	select {
	case <-ready:
		return c.wait(ctx)
	case <-timer.C:
		return nil, ErrNotConnected
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Models returns the names of the models on the connection.
func (c *Connection) Models() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.models))
	for n := range c.models {
		names = append(names, n)
	}
	return names
}

// register keeps a model by its name and type; c.mu is held.
func (c *Connection) register(m anyModel, t reflect.Type) error {
	if _, ok := c.models[m.Name()]; ok {
		return &ModelExistsError{Model: m.Name()}
	}
	c.models[m.Name()] = m
	if _, ok := c.byType[t]; !ok {
		c.byType[t] = m
	}
	return nil
}

// DeleteModel forgets a model, so that its name is free again.
func (c *Connection) DeleteModel(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.models[name]
	if !ok {
		return
	}
	delete(c.models, name)
	for t, other := range c.byType {
		if other == m {
			delete(c.byType, t)
		}
	}
}
