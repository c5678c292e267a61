package odm_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/odm"
)

// serve serves an empty database and returns its URI.
func serve(t *testing.T) string {
	t.Helper()
	db, err := tandem.Open("", &tandem.Options{InMemory: true})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- db.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, db.Close())
		<-served
	})
	return "mongodb://" + l.Addr().String() + "/?directConnection=true"
}

func polling() *options.ClientOptions {
	return options.Client().SetServerMonitoringMode(options.ServerMonitoringModePoll)
}

// Models can be defined on the default connection before it is connected, and used after.
func TestDefaultConnection(t *testing.T) {
	uri := serve(t)
	conn := odm.Default()
	people := model[person](t, nil, "EarlyBird", odm.NewSchema[person]())
	t.Cleanup(func() { conn.DeleteModel("EarlyBird") })
	require.Same(t, conn, people.Connection())
	require.Contains(t, conn.Models(), "EarlyBird")
	require.Nil(t, people.Collection())
	_, err := people.Count(t.Context(), nil)
	require.ErrorIs(t, err, odm.ErrNotConnected)

	var events []odm.Event
	opts := &odm.ConnectionOptions{Database: "first", Client: polling(), OnEvent: func(e odm.Event) { events = append(events, e) }}
	got, err := odm.Connect(t.Context(), uri, opts)
	require.NoError(t, err)
	require.Same(t, conn, got)
	require.NoError(t, people.Create(t.Context(), &person{Name: "ann"}))
	require.Equal(t, "first", people.Collection().Database().Name())
	require.Equal(t, "earlybirds", people.Collection().Name())
	_, err = odm.Connect(t.Context(), uri, opts)
	require.ErrorIs(t, err, odm.ErrConnected)

	require.NoError(t, conn.Disconnect(t.Context()))
	_, err = people.Count(t.Context(), nil)
	require.ErrorIs(t, err, odm.ErrClosed)
	_, err = odm.Connect(t.Context(), uri, opts)
	require.NoError(t, err)
	count(t.Context(), t, people, nil, 1)
	require.NoError(t, conn.Disconnect(t.Context()))
	want := []odm.Event{odm.EventConnecting, odm.EventConnected, odm.EventDisconnecting, odm.EventDisconnected}
	require.Equal(t, append(want, want...), events)
}

// Calls wait for Connect if the options say so.
func TestBuffering(t *testing.T) {
	uri := serve(t)
	conn := odm.NewConnection(&odm.ConnectionOptions{BufferFor: time.Minute, Client: polling()})
	people := model(t, conn, "Person", odm.NewSchema[person]())
	created := make(chan error)
	go func() { created <- people.Create(context.Background(), &person{Name: "patient"}) }()
	require.NoError(t, conn.Open(t.Context(), uri))
	require.NoError(t, <-created)
	count(t.Context(), t, people, nil, 1)
	require.NoError(t, conn.Disconnect(t.Context()))
}

func TestConnectThatFails(t *testing.T) {
	var events []odm.Event
	conn := odm.NewConnection(&odm.ConnectionOptions{Client: polling().SetServerSelectionTimeout(50 * time.Millisecond), OnEvent: func(e odm.Event) { events = append(events, e) }})
	var oe *odm.OpError
	require.ErrorAs(t, conn.Open(t.Context(), "mongodb://127.0.0.1:1/?directConnection=true"), &oe)
	require.Equal(t, "connect", oe.Op)
	require.ErrorAs(t, conn.Open(t.Context(), "no uri"), &oe)
	require.Equal(t, []odm.Event{odm.EventConnecting, odm.EventError, odm.EventConnecting, odm.EventError}, events)
	require.Nil(t, conn.Client())
}

// Connections have models of their own; databases of one client share it.
func TestSeveralConnections(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		other := conn.UseDB("other")
		a, b := model(t, conn, "Person", odm.NewSchema[person]()), model(t, other, "Person", odm.NewSchema[person]())
		require.NoError(t, a.Create(t.Context(), &person{Name: "a"}))
		count(t.Context(), t, b, nil, 0)
		require.Same(t, conn.Client(), other.Client())

		// One transaction reaches both.
		require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
			require.NoError(t, a.Create(ctx, &person{Name: "b"}))
			return b.Create(ctx, &person{Name: "b"})
		}))
		count(t.Context(), t, b, nil, 1)
		require.ErrorIs(t, other.Open(t.Context(), "mongodb://127.0.0.1"), odm.ErrConnected)
		require.NoError(t, other.Disconnect(t.Context()))
		_, err := b.Count(t.Context(), nil)
		require.ErrorIs(t, err, odm.ErrClosed)
		count(t.Context(), t, a, nil, 2)

		third := model(t, conn.UseDB("third"), "Person", odm.NewSchema[person]())
		count(t.Context(), t, third, nil, 0)
	})
	early := odm.NewConnection(nil)
	late := model(t, early.UseDB("late"), "Person", odm.NewSchema[person]())
	_, err := late.Count(t.Context(), nil)
	require.ErrorIs(t, err, odm.ErrNotConnected)
	early = odm.NewConnection(&odm.ConnectionOptions{Client: polling()})
	late = model(t, early.UseDB("late"), "Person", odm.NewSchema[person]())
	require.NoError(t, early.Open(t.Context(), serve(t)))
	count(t.Context(), t, late, nil, 0)
	require.NoError(t, early.Disconnect(t.Context()))
	_, err = late.Count(t.Context(), nil)
	require.ErrorIs(t, err, odm.ErrClosed)
}

// A document can be populated from a model of another connection, when it is named.
func TestPopulateAcrossConnections(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		far, _ := newConn(t, nil)
		companies, posts := model(t, far, "Company", odm.NewSchema[company]()), model(t, far, "Post", odm.NewSchema[post]())
		authors := model(t, conn, "Author", odm.NewSchema[author]())
		ibm := &company{Name: "IBM"}
		require.NoError(t, companies.Create(t.Context(), ibm))
		ann := &author{Name: "Ann", Employer: odm.RefID[company](ibm.ID)}
		require.NoError(t, authors.Create(t.Context(), ann))
		require.NoError(t, posts.Create(t.Context(), &post{Title: "far", Author: odm.RefID[author](ann.ID)}))

		var pe *odm.PopulateError
		require.ErrorAs(t, ann.Populate(t.Context(), "employer"), &pe)
		require.Equal(t, []string{"Author", "employer"}, []string{pe.Model, pe.Path})
		a, err := authors.ByID(ann.ID).Populate("employer", odm.PopFrom(companies)).Populate("posts", odm.PopFrom(posts)).One(t.Context())
		require.NoError(t, err)
		require.Equal(t, "IBM", a.Employer.Doc().Name)
		require.Equal(t, "far", a.Posts.Docs()[0].Title)

		// In a transaction, which the other connection cannot take part in.
		require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
			err := a.Populate(ctx, "employer", odm.PopFrom(companies))
			require.ErrorIs(t, err, odm.ErrWrongConnection)
			return a.Populate(ctx, "employer", odm.PopFrom(companies), odm.PopSession(nil))
		}))
	})
}

// MustModel is for package variables.
func TestMustModel(t *testing.T) {
	conn := odm.NewConnection(nil)
	require.Equal(t, "Person", odm.MustModel[person](conn, "Person", nil).Name())
	require.Panics(t, func() { odm.MustModel[person](conn, "Person", nil) })
	_, err := odm.NewModel[person](conn, "", nil)
	require.ErrorContains(t, err, "the model needs a name")
	id := bson.ObjectID{1}
	fixed := odm.NewConnection(&odm.ConnectionOptions{NewID: func() bson.ObjectID { return id }})
	require.Equal(t, id, odm.MustModel[person](fixed, "Person", nil).New(nil).ID)
}
