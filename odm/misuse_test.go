package odm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// blames returns the model and the path that an error of the package names.
func blames(err error) (model, path string) {
	if e, ok := errors.AsType[*odm.MisuseError](err); ok {
		return e.Model, e.Path
	}
	if e, ok := errors.AsType[*odm.StrictError](err); ok {
		return e.Model, e.Path
	}
	if e, ok := errors.AsType[*odm.CastError](err); ok {
		return e.Model, e.Path
	}
	if e, ok := errors.AsType[*odm.ValidationError](err); ok {
		return e.Model, e.Fields[0].Path
	}
	if e, ok := errors.AsType[*odm.PopulateError](err); ok {
		return e.Model, e.Path
	}
	if e, ok := errors.AsType[*odm.DuplicateKeyError](err); ok {
		return e.Model, e.Index
	}
	if e, ok := errors.AsType[*odm.ModelExistsError](err); ok {
		return e.Model, ""
	}
	if e, ok := errors.AsType[*odm.SchemaError](err); ok {
		return e.Model, e.Problems[0]
	}
	if e, ok := errors.AsType[*odm.NotFoundError](err); ok {
		return e.Model, ""
	}
	return "", ""
}

// Whatever is wrong, the error has a type, and names the model and the path.
func TestMisuseIsNamed(t *testing.T) {
	conn, _ := newConn(t, nil)
	users := model(t, conn, "User", odm.NewSchema[user](odm.StrictQuery(odm.StrictThrow)))
	strict := model(t, conn, "Strict", odm.NewSchema[user](odm.StrictMode(odm.StrictThrow), odm.Collection("users")))
	closed, _ := newConn(t, nil)
	gone := model(t, closed, "Gone", odm.NewSchema[user]())
	require.NoError(t, closed.Disconnect(t.Context()))
	early := model(t, odm.NewConnection(nil), "Early", odm.NewSchema[user]())
	other, _ := newConn(t, nil)
	saved, err := strict.CreateOne(t.Context(), &user{Name: "ann", Home: address{City: "Ulm", Zip: "1"}, Key: "k"})
	require.NoError(t, err)
	_, err = users.Collection().InsertOne(t.Context(), bson.D{{Key: "_id", Value: "odd"}, {Key: "born", Value: "yesterday"}})
	require.NoError(t, err)
	fresh := func() *user {
		u, err := strict.FindByID(t.Context(), saved.ID)
		require.NoError(t, err)
		return u
	}
	for name, tc := range map[string]struct {
		is          error // a sentinel, or nil
		model, path string
		do          func(ctx context.Context) error
	}{
		"unknown path in a filter": {nil, "User", "nope", func(ctx context.Context) error {
			_, err := users.Find(ctx, bson.D{{Key: "nope", Value: 1}})
			return err
		}},
		"unknown path below $or": {nil, "User", "home.nope", func(ctx context.Context) error {
			_, err := users.Query().Or(bson.D{{Key: "home.nope", Value: 1}}).Count(ctx)
			return err
		}},
		"unknown path in an update": {nil, "Strict", "nope", func(ctx context.Context) error {
			_, err := strict.Query().UpdateMany(ctx, bson.D{{Key: "$inc", Value: bson.D{{Key: "nope", Value: 1}}}})
			return err
		}},
		"immutable path in an update": {nil, "Strict", "key", func(ctx context.Context) error {
			_, err := strict.Query().UpdateMany(ctx, bson.D{{Key: "key", Value: "x"}})
			return err
		}},
		"immutable path of a document": {nil, "Strict", "key", func(ctx context.Context) error {
			u := fresh()
			u.Key = "other"
			return u.Save(ctx)
		}},
		"value in a filter": {nil, "User", "_id", func(ctx context.Context) error {
			_, err := users.FindByID(ctx, "bad")
			return err
		}},
		"value in an update": {nil, "User", "born", func(ctx context.Context) error {
			_, err := users.Query().UpdateMany(ctx, bson.D{{Key: "born", Value: "once"}})
			return err
		}},
		"stored value": {nil, "User", "_id", func(ctx context.Context) error {
			_, err := users.Where("name").Exists(false).All(ctx)
			return err
		}},
		"missing required": {nil, "User", "name", func(ctx context.Context) error {
			return users.Create(ctx, &user{Home: address{City: "Ulm", Zip: "1"}})
		}},
		"model name": {nil, "User", "", func(context.Context) error {
			_, err := odm.NewModel[user](conn, "User", nil)
			return err
		}},
		"schema": {nil, "Bad", "nope: there is no such path", func(context.Context) error {
			_, err := odm.NewModel[user](conn, "Bad", odm.NewSchema[user](odm.Path("nope", odm.Index())))
			return err
		}},
		"duplicate key": {nil, "Strict", "_id_", func(ctx context.Context) error {
			return strict.Create(ctx, &user{ID: saved.ID, Name: "x", Home: address{City: "Ulm", Zip: "1"}})
		}},
		"nothing found": {odm.ErrNotFound, "User", "", func(ctx context.Context) error {
			_, err := users.FindByID(ctx, bson.NewObjectID())
			return err
		}},
		"populate of no path": {nil, "User", "nope", func(ctx context.Context) error {
			_, err := users.ByID(saved.ID).Populate("nope").One(ctx)
			return err
		}},
		"populate of no reference": {nil, "User", "name", func(ctx context.Context) error {
			_, err := users.ByID(saved.ID).Populate("name").One(ctx)
			return err
		}},
		"mark of no path":     {nil, "Strict", "nope", func(context.Context) error { return fresh().MarkModified("nope") }},
		"increment of a text": {nil, "Strict", "name", func(context.Context) error { return fresh().Inc("name", 1) }},
		"set of another type": {nil, "Strict", "age", func(context.Context) error { return fresh().Set("age", "many") }},
		"get of no path": {nil, "Strict", "nope", func(context.Context) error {
			_, err := fresh().Get("nope")
			return err
		}},
		"add to no set": {nil, "Strict", "tags", func(context.Context) error { return fresh().AddToSet("tags", 1) }},
		"changed _id": {odm.ErrIDChanged, "Strict", "_id", func(ctx context.Context) error {
			u := fresh()
			u.ID = bson.NewObjectID()
			return u.Save(ctx)
		}},
		"document of no model": {odm.ErrDetached, "user", "", func(ctx context.Context) error { return (&user{}).Save(ctx) }},
		"copied document": {odm.ErrCopied, "Strict", "", func(ctx context.Context) error {
			copied := new(user)
			copyBits(copied, fresh())
			return copied.Save(ctx)
		}},
		"closed connection": {odm.ErrClosed, "Gone", "", func(ctx context.Context) error {
			_, err := gone.Count(ctx, nil)
			return err
		}},
		"closed connection, saving":   {odm.ErrClosed, "Gone", "", func(ctx context.Context) error { return gone.Create(ctx, valid()) }},
		"closed connection, indexes":  {odm.ErrClosed, "Gone", "", func(ctx context.Context) error { return gone.EnsureIndexes(ctx) }},
		"connection before connect":   {odm.ErrNotConnected, "Early", "", func(ctx context.Context) error { return early.Create(ctx, valid()) }},
		"session of another database": {odm.ErrWrongConnection, "User", "", func(ctx context.Context) error { return elsewhere(ctx, other, users) }},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.do(t.Context())
			require.Error(t, err)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
			model, path := blames(err)
			require.Equal(t, []string{tc.model, tc.path}, []string{model, path}, "%v", err)
			require.ErrorContains(t, err, tc.model)
		})
	}
}

// elsewhere counts in a session of another connection.
func elsewhere(ctx context.Context, conn *odm.Connection, users *odm.Model[user]) error {
	s, err := conn.StartSession(ctx)
	if err != nil {
		return err
	}
	defer s.EndSession(ctx)
	_, err = users.Count(s.Context(ctx), nil)
	return err
}

// A nil context is refused by everything that takes one, by the model's name.
func TestNilContexts(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := model(t, conn, "Thing", odm.NewSchema[thing]())
	v := load(t, m, storedThing)
	var none context.Context
	ignore := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"Find":              ignore(m.Find(none, nil)),
		"One":               ignore(m.Query().One(none)),
		"Lean":              ignore(m.Query().Lean(none)),
		"Count":             ignore(m.Count(none, nil)),
		"Exists":            ignore(m.Exists(none, nil)),
		"EstimatedCount":    ignore(m.EstimatedCount(none)),
		"Distinct":          ignore(m.Query().Distinct(none, "name")),
		"Explain":           ignore(m.Query().Explain(none, "queryPlanner")),
		"UpdateOne":         ignore(m.Query().UpdateOne(none, bson.D{{Key: "age", Value: 1}})),
		"ReplaceOne":        ignore(m.Query().ReplaceOne(none, &thing{})),
		"DeleteMany":        ignore(m.Query().DeleteMany(none)),
		"FindOneAndUpdate":  ignore(m.Query().FindOneAndUpdate(none, bson.D{{Key: "age", Value: 1}})),
		"FindOneAndReplace": ignore(m.Query().FindOneAndReplace(none, &thing{})),
		"FindOneAndDelete":  ignore(m.Query().FindOneAndDelete(none)),
		"Aggregate":         ignore(odm.Aggregate[bson.M](none, m, bson.A{})),
		"InsertMany":        ignore(m.InsertMany(none, []*thing{{ID: "x"}})),
		"BulkWrite":         ignore(m.BulkWrite(none, []odm.BulkOp[thing]{odm.InsertOp(&thing{ID: "x"})})),
		"BulkSave":          m.BulkSave(none, []*thing{v}),
		"Init":              m.Init(none),
		"CreateCollection":  m.CreateCollection(none),
		"DiffIndexes":       ignore(m.DiffIndexes(none)),
		"Save":              v.Save(none),
		"Validate":          v.Validate(none),
		"Delete":            v.Delete(none),
		"Update":            v.Update(none, bson.D{{Key: "age", Value: 1}}),
		"Reload":            v.Reload(none),
		"Overwrite":         v.Overwrite(none, &thing{}),
		"Populate":          v.Populate(none, "name"),
	} {
		require.ErrorIs(t, err, odm.ErrNilContext, name)
		blamed, _ := blames(err)
		require.Equal(t, "Thing", blamed, name)
	}
	for _, err := range m.Query().Each(none) {
		require.ErrorIs(t, err, odm.ErrNilContext)
	}
	for _, err := range m.Watch(none, nil) {
		require.ErrorIs(t, err, odm.ErrNilContext)
	}
	require.ErrorIs(t, conn.Transaction(none, func(context.Context) error { return nil }), odm.ErrNilContext)
	require.ErrorIs(t, odm.NewConnection(nil).Open(none, "mongodb://127.0.0.1"), odm.ErrNilContext)
	_, err := conn.StartSession(none)
	require.ErrorIs(t, err, odm.ErrNilContext)
}

// A conflict names what Tandem says of it, and keeps the label by which it is retried.
func TestConflictsAreNamed(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		m := model(t, conn, "Thing", odm.NewSchema[thing]())
		require.NoError(t, m.Create(t.Context(), &thing{ID: "a"}))
		s, ctx := begin(t, conn)
		require.NoError(t, s.StartTransaction())
		_, err := m.ByID("a").UpdateOne(ctx, bson.D{{Key: "age", Value: 1}})
		require.NoError(t, err)

		attempts := 0
		err = conn.Transaction(t.Context(), func(ctx context.Context) error {
			if attempts++; attempts == 1 {
				v, err := m.FindByID(ctx, "a")
				require.NoError(t, err)
				v.Age = 2
				err = v.Save(ctx)
				var ce *odm.ConflictError
				require.ErrorAs(t, err, &ce)
				require.Equal(t, []string{"Thing", "save", "test.things"}, []string{ce.Model, ce.Op, ce.Namespace})
				require.Equal(t, "a", ce.ID.StringValue())
				require.Equal(t, "open", ce.Other.Lookup("state").StringValue())
				require.NoError(t, s.AbortTransaction(t.Context()))
				return err
			}
			_, err := m.ByID("a").UpdateOne(ctx, bson.D{{Key: "age", Value: 3}})
			return err
		})
		require.NoError(t, err)
		require.Equal(t, 2, attempts)
	})
}

// A document of a commit whose outcome is unknown is not saved before it was read again.
func TestUncertainDocumentsAreNotSaved(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := model(t, conn, "Thing", odm.NewSchema[thing]())
	v, err := m.CreateOne(t.Context(), &thing{ID: "a"})
	require.NoError(t, err)
	admin := conn.Client().Database("admin")
	fail := bson.D{
		{Key: "configureFailPoint", Value: "failCommand"},
		{Key: "mode", Value: "alwaysOn"},
		{Key: "data", Value: bson.D{
			{Key: "failCommands", Value: bson.A{"commitTransaction"}},
			{Key: "errorCode", Value: 50}, // MaxTimeMSExpired: the driver does not try again
			{Key: "errorLabels", Value: bson.A{"UnknownTransactionCommitResult"}},
		}},
	}
	require.NoError(t, admin.RunCommand(t.Context(), fail).Err())
	err = conn.Transaction(t.Context(), func(ctx context.Context) error {
		v.Age = 5
		return v.Save(ctx)
	})
	require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: "off"}}).Err())
	var unknown *odm.CommitUnknownError
	require.ErrorAs(t, err, &unknown)

	v.Age = 6
	for _, err := range []error{v.Save(t.Context()), m.BulkSave(t.Context(), []*thing{v})} {
		require.ErrorIs(t, err, odm.ErrUncertain)
		blamed, _ := blames(err)
		require.Equal(t, "Thing", blamed)
	}
	require.NoError(t, v.Reload(t.Context()))
	v.Age = 7
	require.NoError(t, v.Save(t.Context()))
	stored, err := m.FindByID(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, 7, stored.Age)
}

// A buffering call ends with the first of: the connection, its time, its context.
func TestBufferingEndsWithTheContext(t *testing.T) {
	m := model(t, odm.NewConnection(&odm.ConnectionOptions{BufferFor: time.Hour}), "Thing", odm.NewSchema[thing]())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := m.Count(ctx, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "Thing")
}
