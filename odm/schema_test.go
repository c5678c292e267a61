package odm_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

func TestPluralize(t *testing.T) {
	for name, want := range map[string]string{
		"Person": "people", "User": "users", "Human": "humans", "Woman": "women", "Child": "children", "Ox": "oxen", "Axis": "axes",
		"Octopus": "octopi", "Alias": "aliases", "Status": "status", "Bus": "buses", "Campus": "campus", "Tomato": "tomatoes", "Photo": "photos",
		"Datum": "data", "Stadium": "stadia", "Analysis": "analyses", "Knife": "knives", "Wolf": "wolves", "Roof": "roofs", "Safe": "saves",
		"Hive": "hives", "Category": "categories", "Day": "days", "Soliloquy": "soliloquies", "Box": "boxes", "Matrix": "matrixes", "Church": "churches",
		"Class": "classes", "Mouse": "mice", "Blouse": "blice", "Quiz": "quizzes", "Goose": "geese", "Mongoose": "mongooses", "Gas": "gas", "News": "news",
		"Rice": "rice", "Test1": "test1", "S3": "s3", "BlogPost": "blogposts", "blog_post": "blog_posts", "Foot": "foots", "Giraffe": "giraffes", "Leaf": "leafs",
	} {
		if name == "Status" { // on the list of what has no plural
			require.Equal(t, "status", odm.Pluralize(name))
			continue
		}
		require.Equal(t, want, odm.Pluralize(name), name)
	}
}

type wrong struct {
	odm.Doc[wrong]

	Age   int    `bson:"age" odm:"required,wat"`
	Name  string `bson:"name" odm:"min=3"`
	Count int    `bson:"count" odm:"default=5"`
	When  string `bson:"when" odm:"expires=1h"`
	Twice string `bson:"name"`
}

func TestSchemaErrorsComeTogether(t *testing.T) {
	conn, _ := newConn(t, nil)
	_, err := odm.NewModel[wrong](conn, "Wrong", odm.NewSchema[wrong](odm.Path("nope", odm.Required())))
	var se *odm.SchemaError
	require.ErrorAs(t, err, &se)
	require.Equal(t, "Wrong", se.Model)
	require.Len(t, se.Problems, 9, "%q", se.Problems)
}

func TestModelNamesAreUnique(t *testing.T) {
	conn, _ := newConn(t, nil)
	schema := odm.NewSchema[person]()
	model(t, conn, "Person", schema)
	_, err := odm.NewModel[person](conn, "Person", schema)
	require.EqualError(t, err, "Cannot overwrite `Person` model once compiled.")
	conn.DeleteModel("Person")
	model(t, conn, "Person", schema)
	schema.Pre(odm.OnSave, func(context.Context, *person) error { return nil })
	_, err = odm.NewModel[person](conn, "Other", schema)
	require.ErrorContains(t, err, "Pre was called after a model was made")
}

type address struct {
	City string `bson:"city" odm:"required,trim"`
	Zip  string `bson:"zip" odm:"match=^[0-9]+$"`
}

type item struct {
	ID  bson.ObjectID `bson:"_id"`
	SKU string        `bson:"sku" odm:"uppercase,minlength=2"`
}

type user struct {
	odm.Doc[user] `bson:"-"`

	ID      bson.ObjectID    `bson:"_id"`
	Name    string           `bson:"name" odm:"required,trim,maxlength=10"`
	Email   string           `bson:"email" odm:"lowercase,alias=mail"`
	Age     odm.Opt[int]     `bson:"age" odm:"min=0,max=150"`
	Role    string           `bson:"role" odm:"enum=admin|guest,default=guest"`
	Home    address          `bson:"home"`
	Work    *address         `bson:"work"`
	Items   []item           `bson:"items"`
	Tags    []string         `bson:"tags" odm:"lowercase"`
	Score   odm.Opt[float64] `bson:"score" odm:"default=1.5"`
	Born    time.Time        `bson:"born"`
	Secret  string           `bson:"secret" odm:"hidden"`
	Key     string           `bson:"key" odm:"immutable"`
	Created time.Time        `bson:"createdAt"`
}

func TestValidation(t *testing.T) {
	conn, _ := newConn(t, nil)
	odd := errors.New("age must be even")
	users := model(t, conn, "User", odm.NewSchema[user](odm.Path("age", odm.Check(func(_ context.Context, age int) error {
		if age%2 != 0 {
			return odd
		}
		return nil
	}))))
	u := users.New(&user{
		Name: " a name too long ", Age: odm.Some(-1), Role: "king", Home: address{Zip: "x"},
		Items: []item{{SKU: "ok"}, {SKU: "b"}},
	})
	err := u.Validate(t.Context())
	var ve *odm.ValidationError
	require.ErrorAs(t, err, &ve)
	require.ErrorIs(t, err, odd)
	type got struct{ path, kind, message string }
	var all []got
	for _, f := range ve.Fields {
		all = append(all, got{f.Path, f.Kind, f.Message})
	}
	require.Equal(t, []got{
		{"name", "maxlength", "Path `name` (`a name too long`, length 15) is longer than the maximum allowed length (10)."},
		{"age", "min", "Path `age` (-1) is less than minimum allowed value (0)."},
		{"age", "user defined", "age must be even"},
		{"role", "enum", "`king` is not a valid enum value for path `role`."},
		{"home.city", "required", "Path `home.city` is required."},
		{"home.zip", "regexp", "Path `home.zip` is invalid (x)."},
		{"items.1.sku", "minlength", "Path `items.1.sku` (`B`, length 1) is shorter than the minimum allowed length (2)."},
	}, all)
	require.ErrorContains(t, u.Save(t.Context()), "User validation failed: name: Path `name`")
	require.True(t, u.IsNew())
	count(t.Context(), t, users, nil, 0)
}

func valid() *user { return &user{Name: "ann", Home: address{City: "Ulm", Zip: "1"}} }

func TestDefaultsSettersAndSubDocumentIDs(t *testing.T) {
	conn, _ := newConn(t, nil)
	users := model(t, conn, "User", odm.NewSchema[user]())
	v := valid()
	v.Email, v.Tags, v.Items = "A@B.C", []string{"X"}, []item{{SKU: "ab"}}
	u, err := users.CreateOne(t.Context(), v)
	require.NoError(t, err)
	require.Equal(t, "guest", u.Role)
	require.InDelta(t, 1.5, u.Score.Or(0), 0)
	require.Equal(t, "a@b.c", u.Email)
	require.Equal(t, []string{"x"}, u.Tags)
	require.Equal(t, "AB", u.Items[0].SKU)
	require.False(t, u.Items[0].ID.IsZero())
	require.False(t, u.IsModified())

	// Defaults that are filled on load are no change.
	_, err = users.Collection().InsertOne(t.Context(), bson.D{{Key: "name", Value: "bob"}})
	require.NoError(t, err)
	bob, err := users.Where("name").Eq("bob").One(t.Context())
	require.NoError(t, err)
	require.Equal(t, "guest", bob.Role)
	require.False(t, bob.IsModified())
}

func TestHiddenAndImmutablePaths(t *testing.T) {
	conn, _ := newConn(t, nil)
	users := model(t, conn, "User", odm.NewSchema[user]())
	v := valid()
	v.Secret, v.Key = "s", "k"
	require.NoError(t, users.Create(t.Context(), v))
	u, err := users.FindByID(t.Context(), v.ID)
	require.NoError(t, err)
	require.Empty(t, u.Secret)
	u.Name, u.Key = "eve", "other"
	require.NoError(t, u.Save(t.Context()))
	require.Equal(t, "k", u.Key)
	u, err = users.ByID(v.ID).Select("+secret").One(t.Context())
	require.NoError(t, err)
	require.Equal(t, "s", u.Secret)
	require.Equal(t, "eve", u.Name)
	require.Equal(t, "k", u.Key)

	strict := model(t, conn, "Strict", odm.NewSchema[user](odm.StrictMode(odm.StrictThrow), odm.Collection("users")))
	s, err := strict.FindByID(t.Context(), v.ID)
	require.NoError(t, err)
	s.Key = "other"
	var se *odm.StrictError
	require.ErrorAs(t, s.Save(t.Context()), &se)
	require.Equal(t, "key", se.Path)
}

func TestTimestampsWithoutFields(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	conn, _ := newConn(t, &odm.ConnectionOptions{Now: func() time.Time { return now }})
	people := model(t, conn, "Person", odm.NewSchema[person](odm.Timestamps()))
	p, err := people.CreateOne(t.Context(), &person{Name: "a"})
	require.NoError(t, err)
	stamps := func() (time.Time, time.Time) {
		q, err := people.FindByID(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, q.Raw().Lookup("updatedAt"), p.Raw().Lookup("updatedAt"))
		return q.Raw().Lookup("createdAt").Time().UTC(), q.Raw().Lookup("updatedAt").Time().UTC()
	}
	created, updated := stamps()
	require.Equal(t, now, created)
	require.Equal(t, now, updated)
	first := now
	now = now.Add(time.Hour)
	require.NoError(t, p.Save(t.Context()))
	_, updated = stamps()
	require.Equal(t, first, updated)
	p.Name = "b"
	require.NoError(t, p.Save(t.Context()))
	created, updated = stamps()
	require.Equal(t, first, created)
	require.Equal(t, now, updated)
}

func TestDocumentsAsJSONAndObjects(t *testing.T) {
	conn, _ := newConn(t, nil)
	users := model(t, conn, "User", odm.NewSchema[user]().Virtual("shout", func(u *user) any { return u.Name + "!" }))
	u, err := users.CreateOne(t.Context(), valid())
	require.NoError(t, err)
	o, err := u.ToObject(odm.Virtuals(), odm.NoVersionKey())
	require.NoError(t, err)
	require.Equal(t, bson.E{Key: "shout", Value: "ann!"}, o[len(o)-1])
	text, err := stdjson.Marshal(struct {
		P *person
		N odm.Opt[int]
	}{P: &person{Name: "x"}})
	require.NoError(t, err)
	require.JSONEq(t, `{"P": {"ID": "000000000000000000000000", "Name": "x", "Rank": ""}, "N": null}`, string(text))
}

func TestIndexes(t *testing.T) {
	conn, _ := newConn(t, nil)
	employees := model(t, conn, "Employee", odm.NewSchema[employee](odm.CompoundIndex(bson.D{{Key: "name", Value: 1}, {Key: "status", Value: -1}}, nil)))
	require.NoError(t, employees.Init(t.Context()))
	diff, err := employees.DiffIndexes(t.Context())
	require.NoError(t, err)
	require.Empty(t, diff.ToDrop)
	require.Empty(t, diff.ToCreate)
	other := model(t, conn, "Other", odm.NewSchema[employee](odm.Collection("employees"), odm.Path("status", odm.Index())))
	dropped, err := other.SyncIndexes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"name_1_status_-1"}, dropped)
	diff, err = employees.DiffIndexes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"status_1"}, diff.ToDrop)
	require.Equal(t, []string{"name_1_status_-1"}, diff.ToCreate)
}

func TestConnectionStates(t *testing.T) {
	conn := odm.NewConnection(nil)
	people := model(t, conn, "Person", odm.NewSchema[person]())
	require.ErrorIs(t, people.Create(t.Context(), &person{}), odm.ErrNotConnected)
	buffered := odm.NewConnection(&odm.ConnectionOptions{BufferFor: 20 * time.Millisecond})
	_, err := model(t, buffered, "Person", odm.NewSchema[person]()).Count(t.Context(), nil)
	require.ErrorIs(t, err, odm.ErrNotConnected)
	var events []odm.Event
	used, _ := newConn(t, &odm.ConnectionOptions{OnEvent: func(e odm.Event) { events = append(events, e) }})
	mine := model(t, used, "Person", odm.NewSchema[person]())
	require.NoError(t, mine.Create(t.Context(), &person{}))
	require.NoError(t, used.Disconnect(t.Context()))
	require.NoError(t, used.Disconnect(t.Context()))
	_, err = mine.Count(t.Context(), nil)
	require.ErrorIs(t, err, odm.ErrClosed)
	require.Equal(t, []odm.Event{odm.EventDisconnecting, odm.EventDisconnected}, events)
}
