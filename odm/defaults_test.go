package odm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

type part struct {
	ID    bson.ObjectID   `bson:"_id"`
	State string          `bson:"state" odm:"default=new"`
	Count odm.Opt[int]    `bson:"count" odm:"default=1"`
	Made  time.Time       `bson:"made" odm:"default=now"`
	Label odm.Opt[string] `bson:"label"`
}

type machine struct {
	odm.Doc[machine] `bson:"-"`

	ID    string          `bson:"_id"`
	Name  string          `bson:"name"`
	Slug  string          `bson:"slug"`
	Core  *part           `bson:"core"`
	Parts []part          `bson:"parts"`
	Named map[string]part `bson:"named"`
	Tags  []string        `bson:"tags"`
}

// Defaults reach what is inside of a document: when it is made, when it is loaded, and those
// of new sub-documents when it is saved.
func TestDefaultsReachSubDocuments(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	conn, _ := newConn(t, &odm.ConnectionOptions{Now: func() time.Time { return now }})
	calls := 0
	m := model(t, conn, "Machine", odm.NewSchema[machine](
		odm.Path("tags", odm.DefaultFunc(func() []string { calls++; return []string{"fresh"} })),
		odm.Path("slug", odm.DefaultValue("none")),
	))
	v := m.New(&machine{ID: "m", Parts: []part{{State: "old"}}, Named: map[string]part{"a": {}}})
	require.Equal(t, []string{"fresh"}, v.Tags)
	require.Equal(t, "none", v.Slug)
	require.Nil(t, v.Core)
	require.Equal(t, []any{"old", 1, now}, []any{v.Parts[0].State, v.Parts[0].Count.Or(0), v.Parts[0].Made})
	require.Equal(t, "new", v.Named["a"].State)
	require.NoError(t, v.Save(t.Context()))

	v.Parts = append(v.Parts, part{})
	v.Parts[0].State = ""
	v.Core = &part{}
	require.NoError(t, v.Save(t.Context()))
	require.Equal(t, "new", v.Parts[1].State)
	require.Equal(t, "new", v.Core.State)
	require.Empty(t, v.Parts[0].State, "a value that was taken away stays away")

	_, err := m.Collection().InsertOne(t.Context(), bson.D{
		{Key: "_id", Value: "bare"}, {Key: "parts", Value: bson.A{bson.D{{Key: "_id", Value: bson.NewObjectID()}}}},
	})
	require.NoError(t, err)
	bare, err := m.FindByID(t.Context(), "bare")
	require.NoError(t, err)
	require.Equal(t, "new", bare.Parts[0].State)
	require.False(t, bare.IsModified())
	some, err := m.ByID("bare").Select("name").One(t.Context())
	require.NoError(t, err)
	require.Empty(t, some.Slug, "paths that were not asked for have no defaults")
	made := calls
	_, err = m.ByID("m").One(t.Context())
	require.NoError(t, err)
	require.Equal(t, made, calls, "a default that is not needed is not made")
}
