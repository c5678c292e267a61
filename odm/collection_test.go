package odm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/tandemdb/tandem/odm"
)

func TestCollectionOptions(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		capped := model(t, conn, "Entry", odm.NewSchema[person](odm.CreateWith(options.CreateCollection().SetCapped(true).SetSizeInBytes(4096).SetMaxDocuments(2))))
		require.NoError(t, capped.Init(ctx))
		require.NoError(t, capped.Init(ctx), "it may exist")
		require.NoError(t, capped.Create(ctx, &person{Name: "1"}, &person{Name: "2"}, &person{Name: "3"}))
		count(ctx, t, capped, nil, 2)

		collated := model(t, conn, "City", odm.NewSchema[person](odm.CreateWith(options.CreateCollection().SetCollation(&options.Collation{Locale: "de", Strength: 1}))))
		require.NoError(t, collated.Init(ctx))
		require.NoError(t, collated.Create(ctx, &person{Name: "Köln"}))
		count(ctx, t, collated, bson.D{{Key: "name", Value: "KOLN"}}, 1)

		var ops []odm.Op
		plain := model(t, conn, "Plain", odm.NewSchema[person](odm.AutoCreate()).PreOp(odm.OpCreateCollection, func(_ context.Context, c *odm.Call) error {
			ops = append(ops, c.Op)
			return nil
		}))
		require.NoError(t, plain.Init(ctx))
		require.Equal(t, []odm.Op{odm.OpCreateCollection}, ops)
		names, err := conn.Client().Database("test").ListCollectionNames(ctx, bson.D{})
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"entries", "cities", "plains"}, names)

		// What the server does not have is an error of its own type, that names the model.
		secret := model(t, conn, "Secret", odm.NewSchema[person](odm.CreateWith(options.CreateCollection().SetEncryptedFields(bson.D{{Key: "fields", Value: bson.A{}}}))))
		err = secret.Init(ctx)
		var ue *odm.UnsupportedError
		require.ErrorAs(t, err, &ue)
		require.Equal(t, []string{"Secret", "createCollection"}, []string{ue.Model, ue.Op})
	})
}

type reading struct {
	odm.Doc[reading] `bson:"-"`

	ID    bson.ObjectID `bson:"_id"`
	At    time.Time     `bson:"at"`
	Place string        `bson:"place"`
	Value float64       `bson:"value"`
}

// Time series have no versions; what they cannot do is refused by the server and named.
func TestTimeSeries(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		m := model(t, conn, "Reading", odm.NewSchema[reading](odm.VersionKey(""),
			odm.CreateWith(options.CreateCollection().SetTimeSeriesOptions(options.TimeSeries().SetTimeField("at").SetMetaField("place")))))
		require.NoError(t, m.Init(ctx))
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		r, err := m.CreateOne(ctx, &reading{At: now, Place: "hall", Value: 20.5})
		require.NoError(t, err)
		found, err := m.Where("place").Eq("hall").One(ctx)
		require.NoError(t, err)
		require.Equal(t, 20.5, found.Value)
		r.Value = 21
		err = r.Save(ctx)
		var oe *odm.OpError
		require.ErrorAs(t, err, &oe)
		require.Equal(t, []string{"Reading", "save"}, []string{oe.Model, oe.Op})
		require.True(t, r.IsModified("value"))
	})
}

func TestWatchIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		m := model(t, conn, "Person", odm.NewSchema[person]())
		seen := 0
		for _, err := range m.Watch(t.Context(), nil) {
			seen++
			var ue *odm.UnsupportedError
			require.ErrorAs(t, err, &ue)
			require.Equal(t, []string{"Person", "watch"}, []string{ue.Model, ue.Op})
			require.ErrorContains(t, err, "odm: Person.watch: the server does not support it")
		}
		require.Equal(t, 1, seen)
	})
}

// soft is a plugin that knows the type of the documents: what is deleted is only marked.
func soft[T any](s *odm.Schema[T]) {
	for _, op := range []odm.Op{odm.OpFind, odm.OpFindOne, odm.OpCount} {
		s.PreOp(op, func(_ context.Context, c *odm.Call) error {
			there := bson.D{{Key: "gone", Value: bson.D{{Key: "$ne", Value: true}}}}
			raw, err := bson.Marshal(bson.D{{Key: "$and", Value: bson.A{c.Filter, there}}})
			c.Filter = raw
			return err
		})
	}
}

type softDoc struct {
	odm.Doc[softDoc] `bson:"-"`

	ID   string    `bson:"_id"`
	Name string    `bson:"name"`
	Gone bool      `bson:"gone"`
	At   time.Time `bson:"createdAt"`
}

func TestPlugins(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		slugs := func() []odm.SchemaOption {
			return []odm.SchemaOption{odm.Timestamps(), odm.Path("name", odm.Lowercase(), odm.MinLength(2))}
		}
		m := model(t, conn, "Soft", odm.NewSchema[softDoc](odm.Plugin(slugs)).Use(soft[softDoc]))
		require.NoError(t, m.Create(t.Context(), &softDoc{ID: "a", Name: "AA"}, &softDoc{ID: "b", Name: "BB", Gone: true}))
		count(t.Context(), t, m, nil, 1)
		all, err := m.Find(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, "aa", all[0].Name)
		require.False(t, all[0].At.IsZero())
		var ve *odm.ValidationError
		require.ErrorAs(t, m.Create(t.Context(), &softDoc{ID: "c", Name: "c"}), &ve)
	})
}

func TestSyncAndDiffIndexes(t *testing.T) {
	type indexed struct {
		odm.Doc[indexed] `bson:"-"`

		ID   string    `bson:"_id"`
		Mail string    `bson:"mail" odm:"unique,sparse"`
		Till time.Time `bson:"till" odm:"expires=1h"`
		Home place     `bson:"home"`
		List []item    `bson:"list"`
		Name string    `bson:"name" odm:"index"`
	}
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		adults := bson.D{{Key: "age", Value: bson.D{{Key: "$gt", Value: 17}}}}
		m := model(t, conn, "Indexed", odm.NewSchema[indexed](
			odm.Path("home.city", odm.Index()), odm.Path("list.sku", odm.Index()),
			odm.CompoundIndex(bson.D{{Key: "name", Value: 1}, {Key: "till", Value: -1}}, options.Index().SetName("both")),
			odm.CompoundIndex(bson.D{{Key: "age", Value: 1}}, options.Index().SetPartialFilterExpression(adults)),
			odm.CompoundIndex(bson.D{{Key: "home.zip", Value: 1}}, options.Index().SetCollation(&options.Collation{Locale: "en", Strength: 2})),
		))
		names := []string{"age_1", "both", "home.city_1", "home.zip_1", "list.sku_1", "mail_1", "name_1", "till_1"}
		diff, err := m.DiffIndexes(ctx)
		require.NoError(t, err)
		require.Equal(t, names, diff.ToCreate, "of a collection that is not there")
		dropped, err := m.SyncIndexes(ctx)
		require.NoError(t, err)
		require.Empty(t, dropped)
		diff, err = m.DiffIndexes(ctx)
		require.NoError(t, err)
		require.Equal(t, &odm.IndexDiff{}, diff)

		// The same names with other properties are other indexes.
		next := model(t, conn, "Next", odm.NewSchema[indexed](odm.Collection("indexeds"), odm.Path("name", odm.Unique()),
			odm.CompoundIndex(bson.D{{Key: "age", Value: 1}}, nil),
			odm.CompoundIndex(bson.D{{Key: "home.zip", Value: 1}}, options.Index().SetCollation(&options.Collation{Locale: "en", Strength: 1})),
		))
		diff, err = next.DiffIndexes(ctx)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"age_1", "both", "home.city_1", "home.zip_1", "list.sku_1", "name_1"}, diff.ToDrop)
		require.Equal(t, []string{"age_1", "home.zip_1", "name_1"}, diff.ToCreate)
		dropped, err = next.SyncIndexes(ctx)
		require.NoError(t, err)
		require.ElementsMatch(t, diff.ToDrop, dropped)
		diff, err = next.DiffIndexes(ctx)
		require.NoError(t, err)
		require.Equal(t, &odm.IndexDiff{}, diff)

		// An index that the documents do not allow is an error that names it.
		require.NoError(t, next.Create(ctx, &indexed{ID: "a", Name: "same", Mail: "1", Till: time.Now()}))
		var dup *odm.DuplicateKeyError
		require.ErrorAs(t, next.Create(ctx, &indexed{ID: "b", Name: "same", Mail: "2", Till: time.Now()}), &dup)
		require.Equal(t, "name_1", dup.Index)
		require.Equal(t, "same", dup.Keys.Lookup("name").StringValue())
	})
	off, _ := newConn(t, &odm.ConnectionOptions{NoAutoIndex: true})
	m := model(t, off, "Indexed", odm.NewSchema[indexed]())
	require.NoError(t, m.Init(t.Context()))
	diff, err := m.DiffIndexes(t.Context())
	require.NoError(t, err)
	require.Len(t, diff.ToCreate, 3)
}

// Hydrate makes a loaded document of stored bytes, with all that a query does.
func TestHydrate(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		inits := 0
		m := model(t, conn, "Thing", odm.NewSchema[thing]().Post(odm.OnInit, func(_ context.Context, v *thing) error {
			inits++
			if v.Name == "bad" {
				return errOops
			}
			return nil
		}))
		require.NoError(t, m.Create(t.Context(), &thing{ID: "a", Name: "n", Tags: []string{"x"}}))
		lean, err := m.ByID("a").Lean(t.Context())
		require.NoError(t, err)
		require.Zero(t, inits)
		v, err := m.Hydrate(t.Context(), lean[0])
		require.NoError(t, err)
		require.Equal(t, 1, inits)
		require.False(t, v.IsNew())
		require.False(t, v.IsModified())
		lean[0][len(lean[0])-2]++ // the document has bytes of its own
		v.Tags = append(v.Tags, "y")
		require.NoError(t, v.Save(t.Context()))
		version, ok := v.Version()
		require.True(t, ok)
		require.EqualValues(t, 1, version)

		bad, err := bson.Marshal(bson.D{{Key: "_id", Value: "b"}, {Key: "name", Value: "bad"}})
		require.NoError(t, err)
		_, err = m.Hydrate(t.Context(), bad)
		require.ErrorIs(t, err, errOops)
		wrong, err := bson.Marshal(bson.D{{Key: "_id", Value: "b"}, {Key: "nest", Value: bson.D{{Key: "a", Value: "text"}}}})
		require.NoError(t, err)
		_, err = m.Hydrate(t.Context(), wrong)
		var ce *odm.CastError
		require.ErrorAs(t, err, &ce)
		require.Equal(t, []string{"Thing", "nest.a"}, []string{ce.Model, ce.Path})

		attached, err := m.Attach(&thing{ID: "a", Name: "other"})
		require.NoError(t, err)
		require.False(t, attached.IsModified())
		attached.Name = "n2"
		require.NoError(t, attached.Save(t.Context()))
	})
}

// What becomes of unknown paths: the call says, else the schema, else the connection.
func TestStrictModesOfEachLevel(t *testing.T) {
	unknown := bson.D{{Key: "nope", Value: 1}, {Key: "$inc", Value: bson.D{{Key: "age", Value: 1}}}}
	for _, tc := range []struct {
		name                   string
		conn, schema, call     odm.Strict
		refused, stored, query bool
	}{
		{name: "default", query: true},
		{name: "connection keeps", conn: odm.StrictKeep, stored: true, query: true},
		{name: "connection refuses", conn: odm.StrictThrow, refused: true},
		{name: "schema over connection", conn: odm.StrictThrow, schema: odm.StrictKeep, stored: true, query: true},
		{name: "call over schema", conn: odm.StrictThrow, schema: odm.StrictThrow, call: odm.StrictKeep, stored: true, query: true},
		{name: "call refuses", schema: odm.StrictKeep, call: odm.StrictThrow, refused: true},
		{name: "call drops", schema: odm.StrictThrow, call: odm.StrictDrop},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, _ := newConn(t, &odm.ConnectionOptions{Strict: tc.conn, StrictQuery: tc.conn})
			m := model(t, conn, "Thing", odm.NewSchema[thing](odm.StrictMode(tc.schema), odm.StrictQuery(tc.schema)))
			require.NoError(t, m.Create(t.Context(), &thing{ID: "a"}))
			_, err := m.ByID("a").UpdateOne(t.Context(), unknown, odm.UpdateStrict(tc.call))
			_, queryErr := m.Query(bson.D{{Key: "nope", Value: 1}}).Strict(tc.call).All(t.Context())
			if tc.refused {
				var se *odm.StrictError
				require.ErrorAs(t, err, &se)
				require.ErrorAs(t, queryErr, &se)
				return
			}
			require.NoError(t, err)
			require.NoError(t, queryErr)
			v, err := m.FindByID(t.Context(), "a")
			require.NoError(t, err)
			require.Equal(t, 1, v.Age)
			_, err = v.Raw().LookupErr("nope")
			require.Equal(t, tc.stored, err == nil)
			found, err := m.Query(bson.D{{Key: "nope", Value: 2}}).Strict(tc.call).All(t.Context())
			require.NoError(t, err)
			require.Equal(t, tc.query, len(found) == 0, "a dropped condition lets all through")
		})
	}
}

// An upsert would store the paths of its filter.
func TestUpsertsOfUnknownPathsAreRefused(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := model(t, conn, "Thing", odm.NewSchema[thing]())
	set := bson.D{{Key: "name", Value: "x"}}
	_, err := m.Query(bson.D{{Key: "nope", Value: 1}}).UpdateOne(t.Context(), set, odm.Upsert())
	var se *odm.StrictError
	require.ErrorAs(t, err, &se)
	require.Equal(t, []string{"Thing", "nope", "filter"}, []string{se.Model, se.Path, se.Where})
	_, err = m.Query(bson.D{{Key: "_id", Value: "a"}, {Key: "nope", Value: 1}}).FindOneAndUpdate(t.Context(), set, odm.Upsert(), odm.UpdateStrict(odm.StrictKeep))
	require.NoError(t, err)
	count(t.Context(), t, m, bson.D{{Key: "nope", Value: 1}}, 1)
}

func TestOrFail(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		m := seedThings(t, conn)
		nobody := func() *odm.Query[thing] { return m.Where("name").Eq("nobody") }
		set := bson.D{{Key: "age", Value: 1}}
		ignore := func(_ any, err error) error { return err }
		for _, tc := range []struct {
			name string
			run  func(q *odm.Query[thing]) error
		}{
			{"All", func(q *odm.Query[thing]) error { return ignore(q.All(ctx)) }},
			{"UpdateOne", func(q *odm.Query[thing]) error { return ignore(q.UpdateOne(ctx, set)) }},
			{"UpdateMany", func(q *odm.Query[thing]) error { return ignore(q.UpdateMany(ctx, set)) }},
			{"ReplaceOne", func(q *odm.Query[thing]) error { return ignore(q.ReplaceOne(ctx, &thing{})) }},
			{"DeleteOne", func(q *odm.Query[thing]) error { return ignore(q.DeleteOne(ctx)) }},
			{"DeleteMany", func(q *odm.Query[thing]) error { return ignore(q.DeleteMany(ctx)) }},
		} {
			require.NoError(t, tc.run(nobody()), tc.name)
			err := tc.run(nobody().OrFail(nil))
			var nf *odm.NotFoundError
			require.ErrorAs(t, err, &nf, tc.name)
			require.Equal(t, "Thing", nf.Model)
			require.Equal(t, errOops, tc.run(nobody().OrFail(errOops)), tc.name)
			require.NoError(t, tc.run(m.Where("name").Exists(true).OrFail(nil)), tc.name)
		}
		_, err := nobody().One(ctx)
		require.ErrorIs(t, err, odm.ErrNotFound)
		_, err = nobody().OrFail(errOops).One(ctx)
		require.True(t, errors.Is(err, errOops) && !errors.Is(err, odm.ErrNotFound))
	})
}
