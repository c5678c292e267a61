package odm

import (
	"context"
	"reflect"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Model is a collection of documents of type T. It is safe for concurrent use.
type Model[T any] struct {
	conn     *Connection
	name     string
	table    *pathSet
	cfg      *schemaConfig
	hooks    hooks[T]
	virtuals virtuals[T]
	docOf    func(*T) *Doc[T]

	defaults []*field
	hidden   []string
	aliases  map[string]string
	discr    *discriminator[T]
	kinds    map[string]func() any // of discriminators, for the base model

	coll atomic.Pointer[boundCollection]
}

// boundCollection is the collection as one client has it.
type boundCollection struct {
	client *mongo.Client
	coll   *mongo.Collection
}

// NewModel defines a model on a connection. All mistakes of the schema come in one SchemaError.
func NewModel[T any, P Document[T]](conn *Connection, name string, schema *Schema[T]) (*Model[T], error) {
	m, err := buildModel[T, P](conn, name, schema)
	if err != nil {
		return nil, err
	}
	m.conn.mu.Lock()
	defer m.conn.mu.Unlock()
	if err := m.conn.register(m, reflect.TypeFor[T]()); err != nil {
		return nil, err
	}
	return m, nil
}

// MustModel is NewModel for package variables: it panics.
func MustModel[T any, P Document[T]](conn *Connection, name string, schema *Schema[T]) *Model[T] {
	m, err := NewModel[T, P](conn, name, schema)
	if err != nil {
		panic(err)
	}
	return m
}

func buildModel[T any, P Document[T]](conn *Connection, name string, schema *Schema[T], inherited ...SchemaOption) (*Model[T], error) {
	if conn == nil {
		conn = Default()
	}
	if schema == nil {
		schema = NewSchema[T]()
	}
	table, cfg, problems := schema.compile(inherited)
	if name == "" {
		problems = append(problems, "the model needs a name")
	}
	if len(problems) > 0 {
		return nil, &SchemaError{Model: name, Problems: problems}
	}
	schema.frozen.Store(true)
	if cfg.collection == "" {
		cfg.collection = Pluralize(name)
	}
	m := &Model[T]{
		conn: conn, name: name, table: table, cfg: cfg, hooks: schema.hooks.clone(), virtuals: schema.virtuals.clone(),
		docOf: func(v *T) *Doc[T] { return P(v).odmDoc() }, aliases: map[string]string{},
	}
	table.each(func(f *field) {
		if f.rules.hidden {
			m.hidden = append(m.hidden, f.path)
		}
		if f.rules.alias != "" {
			m.aliases[f.rules.alias] = f.path
		}
	})
	for _, f := range table.fields {
		if f.rules.hasDefault() || f.defaulted {
			m.defaults = append(m.defaults, f)
		}
	}
	return m, nil
}

// Name returns the model's name.
func (m *Model[T]) Name() string { return m.name }

// Connection returns the connection that the model is defined on.
func (m *Model[T]) Connection() *Connection { return m.conn }

func (m *Model[T]) collectionName() string { return m.cfg.collection }

// Collection returns the driver's collection, or nil when not connected.
func (m *Model[T]) Collection() *mongo.Collection {
	client := m.conn.Client()
	if client == nil {
		return nil
	}
	return m.collection(client)
}

func (m *Model[T]) collection(client *mongo.Client) *mongo.Collection {
	if c := m.coll.Load(); c != nil && c.client == client {
		return c.coll
	}
	c := &boundCollection{client, client.Database(m.conn.opts.Database).Collection(m.cfg.collection)}
	m.coll.Store(c)
	return c.coll
}

// route is the connection's, with the model's name in its errors.
func (m *Model[T]) route(ctx context.Context, docSession *Session) (route, error) {
	r, err := m.conn.route(ctx, docSession)
	return r, m.misuse(err)
}

// client waits for the connection's client.
func (m *Model[T]) client(ctx context.Context) (*mongo.Client, error) {
	client, err := m.conn.wait(ctx)
	return client, m.misuse(err)
}

// StartSession starts a session on the model's connection.
func (m *Model[T]) StartSession(ctx context.Context) (*Session, error) {
	return m.conn.StartSession(ctx)
}

// New makes v a new document of the model: it gets an _id if it has none, and defaults.
// A document that belongs to a model already is returned as it is.
func (m *Model[T]) New(v *T) *T {
	if v == nil {
		v = new(T)
	}
	d := m.docOf(v)
	if d.s != nil && d.s.doc == d {
		return v
	}
	st := &state[T]{snapshot: snapshot{isNew: true}}
	m.attach(v, st)
	m.makeID(v)
	m.applyDefaults(reflect.ValueOf(v).Elem(), nil)
	return v
}

// Attach adopts a document that is stored already, such as one that was decoded by the
// driver. Everything in it counts as unmodified. Prefer queries or Hydrate.
func (m *Model[T]) Attach(v *T) (*T, error) {
	raw, err := m.encode(v)
	if err != nil {
		return nil, err
	}
	m.attach(v, &state[T]{snapshot: snapshot{base: raw, norm: raw}})
	return v, nil
}

func (m *Model[T]) attach(v *T, st *state[T]) {
	d := m.docOf(v)
	st.doc, st.val, st.model = d, v, m
	d.s = st
}

// makeID fills a zero ObjectID.
func (m *Model[T]) makeID(v *T) {
	f := m.table.get("_id")
	fv := reflect.ValueOf(v).Elem().FieldByIndex(f.goIdx)
	if f.typ == typeObjectID && fv.IsZero() {
		fv.Set(reflect.ValueOf(m.conn.opts.NewID()))
	}
}

// Hydrate makes a loaded document of the bytes that are stored.
func (m *Model[T]) Hydrate(ctx context.Context, raw bson.Raw) (*T, error) {
	return m.hydrate(ctx, raw, nil, nil)
}

// projection says which part of the documents a query loads.
type projection struct {
	partial  []string // paths of which only a part is loaded
	included []string // nothing else, or
	excluded []string // everything else
}

// loads tells whether a path is loaded.
func (p *projection) loads(path string) bool {
	switch {
	case p == nil:
		return true
	case len(p.included) > 0:
		return overlapAny([]string{path}, p.included)
	}
	for _, e := range p.excluded {
		if covers(e, path) {
			return false
		}
	}
	return true
}

// divides tells whether one of the arrays was loaded only in part.
func (p *projection) divides(arrays []string) bool {
	return p != nil && overlapAny(arrays, p.partial)
}

// hydrate makes a document of stored bytes, of which it keeps a copy.
func (m *Model[T]) hydrate(ctx context.Context, raw bson.Raw, sess *Session, p *projection) (*T, error) {
	h := &holder[T]{}
	base := append(make(bson.Raw, 0, len(raw)), raw...)
	if err := m.load(&h.val, &h.st, base, p); err != nil {
		return nil, err
	}
	h.st.sess = sess
	return &h.val, m.initialised(ctx, &h.val)
}

func (m *Model[T]) initialised(ctx context.Context, v *T) error {
	if !m.table.hooked && len(m.hooks.post[OnInit]) == 0 {
		return nil
	}
	return m.hooks.posts(ctx, OnInit, m.table, v)
}

// load decodes base, which it keeps, into a document.
func (m *Model[T]) load(v *T, st *state[T], base bson.Raw, p *projection) error {
	if err := bson.Unmarshal(base, v); err != nil {
		return &CastError{Model: m.name, Path: decodePath(err), Kind: "document", Value: idOf(base), Reason: err}
	}
	st.snapshot = snapshot{base: base}
	st.proj = p
	m.readVersion(st)
	m.attach(v, st)
	if len(m.defaults) > 0 && m.applyDefaults(reflect.ValueOf(v).Elem(), p) {
		norm, err := m.encode(v) // a default may be another one each time
		if err != nil {
			return err
		}
		st.norm = norm
	}
	return nil
}

func idOf(raw bson.Raw) string { return idText(lookup(raw, "_id")) }
