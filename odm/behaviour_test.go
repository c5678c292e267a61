package odm_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// What users of Mongoose rely on, each as it is in Go.

type plan struct {
	Kind string `bson:"kind" odm:"default=basic"`
	Note string `bson:"note"`
}

type member struct {
	odm.Doc[member] `bson:"-"`

	ID      bson.ObjectID               `bson:"_id"`
	Name    string                      `bson:"name" odm:"required,alias=n"`
	Role    string                      `bson:"role" odm:"default=guest"`
	Level   odm.Opt[int]                `bson:"level" odm:"default=1"`
	Plan    plan                        `bson:"plan"`
	Born    time.Time                   `bson:"born"`
	Friend  odm.Ref[member]             `bson:"friend"`
	Friends []odm.Ref[member]           `bson:"friends"`
	Notes   map[string]plan             `bson:"notes"`
	Grid    [][]int                     `bson:"grid"`
	Boss    *plan                       `bson:"boss,omitempty"`
	Score   odm.Opt[float64]            `bson:"score"`
	Links   map[string]odm.Ref[company] `bson:"links"`
	Created time.Time                   `bson:"createdAt"`
	Updated time.Time                   `bson:"updatedAt"`
}

func members(t *testing.T, conn *odm.Connection, opts ...odm.SchemaOption) *odm.Model[member] {
	t.Helper()
	return model(t, conn, "Member", odm.NewSchema[member](append([]odm.SchemaOption{odm.Timestamps()}, opts...)...))
}

func TestUpsertsSetDefaults(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		m := members(t, conn)
		up, err := m.Query(bson.D{{Key: "name", Value: "ann"}}).FindOneAndUpdate(ctx, bson.D{{Key: "born", Value: "2000-01-01"}}, odm.Upsert())
		require.NoError(t, err)
		for path, want := range map[string]any{"name": "ann", "role": "guest", "level": int32(1), "plan.kind": "basic", "__v": int32(0)} {
			var got any
			require.NoError(t, up.Raw().Lookup(strings.Split(path, ".")...).Unmarshal(&got), path)
			require.EqualValues(t, want, got, path)
		}
		// What the filter compares or the update sets is left alone, and so is what exists.
		up, err = m.Query(bson.D{{Key: "name", Value: "bob"}}, bson.D{{Key: "role", Value: bson.D{{Key: "$eq", Value: "king"}}}}).
			FindOneAndUpdate(ctx, bson.D{{Key: "level", Value: 7}, {Key: "plan", Value: bson.D{{Key: "note", Value: "x"}}}}, odm.Upsert())
		require.NoError(t, err)
		require.Equal(t, []any{"king", 7}, []any{up.Role, up.Level.Or(0)})
		_, err = up.Raw().LookupErr("plan", "kind")
		require.Error(t, err)
		up, err = m.Where("name").Eq("bob").FindOneAndUpdate(ctx, bson.D{{Key: "level", Value: 8}}, odm.Upsert())
		require.NoError(t, err)
		require.Equal(t, "king", up.Role)
	})
}

func TestTimestampsOfUpdates(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	conn, _ := newConn(t, &odm.ConnectionOptions{Now: func() time.Time { return now }})
	m := members(t, conn)
	v, err := m.CreateOne(t.Context(), &member{Name: "ann"})
	require.NoError(t, err)
	made := now
	for name, update := range map[string]any{
		"operators": bson.D{{Key: "$inc", Value: bson.D{{Key: "level", Value: 1}}}},
		"plain":     bson.D{{Key: "level", Value: 3}, {Key: "createdAt", Value: now.Add(time.Hour)}, {Key: "updatedAt", Value: now.AddDate(9, 0, 0)}},
		"pipeline":  bson.A{bson.D{{Key: "$set", Value: bson.D{{Key: "level", Value: bson.D{{Key: "$add", Value: bson.A{"$level", 1}}}}}}}},
	} {
		now = now.Add(time.Hour)
		got, err := m.ByID(v.ID).FindOneAndUpdate(t.Context(), update)
		require.NoError(t, err, name)
		require.Equal(t, []time.Time{made, now}, []time.Time{got.Created.UTC(), got.Updated.UTC()}, name)
		before := now
		now = now.Add(time.Hour)
		got, err = m.ByID(v.ID).FindOneAndUpdate(t.Context(), bson.D{{Key: "level", Value: 5}}, odm.UpdateNoTimestamps())
		require.NoError(t, err)
		require.Equal(t, before, got.Updated.UTC())
	}

	// A document's createdAt stays, whatever it is set to.
	v, err = m.FindByID(t.Context(), v.ID)
	require.NoError(t, err)
	v.Created, v.Name = now.AddDate(1, 0, 0), "eve"
	require.NoError(t, v.Save(t.Context()))
	require.Equal(t, made, v.Created.UTC())
	given, err := m.CreateOne(t.Context(), &member{Name: "old", Created: made.AddDate(-1, 0, 0)})
	require.NoError(t, err)
	require.Equal(t, made.AddDate(-1, 0, 0), given.Created)
}

// A failed save leaves the document as it was, ready for the next one.
func TestSaveAfterAFailure(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		m := members(t, conn)
		taken, err := m.CreateOne(ctx, &member{Name: "ann"})
		require.NoError(t, err)
		v := m.New(&member{ID: taken.ID, Name: "bob"})
		var dup *odm.DuplicateKeyError
		require.ErrorAs(t, v.Save(ctx), &dup)
		require.True(t, v.IsNew())
		v.ID = bson.NewObjectID()
		require.NoError(t, v.Save(ctx))

		v.Name = ""
		var ve *odm.ValidationError
		require.ErrorAs(t, v.Save(ctx), &ve)
		require.Equal(t, []string{"name"}, v.ModifiedPaths())
		require.NoError(t, v.Save(ctx, odm.NoValidate()))
		require.False(t, v.IsModified())

		canceled, cancel := context.WithCancel(ctx)
		cancel()
		v.Name = "carl"
		require.ErrorIs(t, v.Save(canceled), context.Canceled)
		require.True(t, v.IsModified("name"))
		require.NoError(t, v.Save(ctx))
	})
}

// Paths that were not loaded are neither validated nor sent, until they are assigned.
func TestPartlyLoadedDocuments(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		m := members(t, conn)
		v, err := m.CreateOne(ctx, &member{Name: "ann", Role: "king", Plan: plan{Note: "kept"}})
		require.NoError(t, err)
		part, err := m.ByID(v.ID).Select("-n", "-role").One(ctx)
		require.NoError(t, err)
		require.Empty(t, part.Name)
		part.Plan.Note = "new"
		require.NoError(t, part.Save(ctx))
		part.Role = "queen"
		require.Equal(t, []string{"role"}, part.ModifiedPaths())
		require.NoError(t, part.Save(ctx))
		v, err = m.FindByID(ctx, v.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"ann", "queen", "new"}, []string{v.Name, v.Role, v.Plan.Note})
	})
}

func TestChangesInsideOfValues(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := members(t, conn)
	create := func() *member {
		v, err := m.CreateOne(t.Context(), &member{
			Name: "ann", Notes: map[string]plan{"a": {Note: "1"}}, Grid: [][]int{{1, 2}, {3}}, Boss: &plan{Note: "b"},
		})
		require.NoError(t, err)
		return v
	}
	for want, change := range map[string]func(v *member){
		`{"$set": {"notes.a.note": "2"}}`:                                  func(v *member) { v.Notes["a"] = plan{Kind: "basic", Note: "2"} },
		`{"$set": {"notes.b": {"kind": "x", "note": ""}}}`:                 func(v *member) { v.Notes["b"] = plan{Kind: "x"} },
		`{"$set": {"grid.0": [1, 9]}}`:                                     func(v *member) { v.Grid[0][1] = 9 },
		`{"$push": {"grid": {"$each": [[4]]}}, "$inc": {"__v": 1}}`:        func(v *member) { v.Grid = append(v.Grid, []int{4}) },
		`{"$unset": {"boss": 1}}`:                                          func(v *member) { v.Boss = nil },
		`{"$set": {"boss.note": "c"}}`:                                     func(v *member) { v.Boss.Note = "c" },
		`{"$set": {"level": null}}`:                                        func(v *member) { v.Level.Clear() },
		`{"$set": {"friend": {"$oid": "070000000000000000000000"}}}`:       func(v *member) { v.Friend.SetID(bson.ObjectID{7}) },
		`{"$set": {"links": {"x": {"$oid": "070000000000000000000000"}}}}`: func(v *member) { v.Links = map[string]odm.Ref[company]{"x": odm.RefID[company](bson.ObjectID{7})} },
	} {
		v := create()
		change(v)
		ch, err := v.Changes()
		require.NoError(t, err)
		require.JSONEq(t, want, json(t, ch.Update))
		require.NoError(t, v.Save(t.Context()))
	}
}

// A populated reference is stored as its id; the same id again is no change.
func TestPopulatedReferencesAreSavedAsIDs(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		m := members(t, conn)
		ann, err := m.CreateOne(ctx, &member{Name: "ann"})
		require.NoError(t, err)
		bob, err := m.CreateOne(ctx, &member{Name: "bob", Friend: odm.RefOf(ann), Friends: []odm.Ref[member]{odm.RefOf(ann)}})
		require.NoError(t, err)
		require.Equal(t, ann.ID, bob.Raw().Lookup("friend").ObjectID())
		bob, err = m.ByID(bob.ID).Populate("friend").Populate("friends").One(ctx)
		require.NoError(t, err)
		bob.Friend = odm.RefID[member](ann.ID)
		require.False(t, bob.IsModified())
		bob.Friends = append(bob.Friends, odm.RefOf(bob))
		require.NoError(t, bob.Save(ctx))
		require.Equal(t, "ann", bob.Friends[0].Doc().Name, "what was populated stays")
		count(ctx, t, m, bson.D{{Key: "friends", Value: bob.ID.Hex()}}, 1)

		// A filter on references takes ids as text, and lists.
		count(ctx, t, m, bson.D{{Key: "friend", Value: bson.D{{Key: "$in", Value: bson.A{ann.ID.Hex(), bson.NewObjectID()}}}}}, 1)
	})
}

func TestFiltersAreCast(t *testing.T) {
	conn, rec := newConn(t, nil)
	m := members(t, conn, odm.Path("score", odm.Setter(func(f float64) float64 { return float64(int(f)) })))
	for given, want := range map[string]string{
		`{"n": 5}`:                                                            `{"name": "5"}`,
		`{"_id": "070000000000000000000000"}`:                                 `{"_id": {"$oid": "070000000000000000000000"}}`,
		`{"_id": {"$in": ["070000000000000000000000"]}}`:                      `{"_id": {"$in": [{"$oid": "070000000000000000000000"}]}}`,
		`{"level": {"$not": {"$gt": "3"}}}`:                                   `{"level": {"$not": {"$gt": 3}}}`,
		`{"$nor": [{"level": "3"}]}`:                                          `{"$nor": [{"level": 3}]}`,
		`{"$and": [{"$or": [{"level": ["1", 2]}]}]}`:                          `{"$and": [{"$or": [{"level": {"$in": [1, 2]}}]}]}`,
		`{"born": {"$gte": "2026-01-01"}}`:                                    `{"born": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}}`,
		`{"name": null, "level": {"$exists": true}}`:                          `{"name": null, "level": {"$exists": true}}`,
		`{"name": {"$regularExpression": {"pattern": "^a", "options": "i"}}}`: `{"name": {"$regularExpression": {"pattern": "^a", "options": "i"}}}`,
		`{"notes.k.note": 3}`:                                                 `{"notes.k.note": "3"}`,
		`{"grid": {"$elemMatch": {"$elemMatch": {"$gt": "1"}}}}`:              `{"grid": {"$elemMatch": {"$elemMatch": {"$gt": 1}}}}`,
		`{"score": "2.7"}`:                                                    `{"score": 2.0}`,
		`{"unknown": "3", "__v": 0}`:                                          `{"unknown": "3", "__v": 0}`,
	} {
		var filter bson.D
		require.NoError(t, bson.UnmarshalExtJSON([]byte(given), false, &filter))
		rec.take("")
		_, err := m.Find(t.Context(), filter)
		require.NoError(t, err, given)
		sent := rec.take("find")
		require.Len(t, sent, 1)
		require.JSONEq(t, want, json(t, sent[0].Lookup("filter").Document()), given)
	}
	rec.take("")
	_, err := m.Query().Select("n", "-_id").Sort("-n").All(t.Context())
	require.NoError(t, err)
	sent := rec.take("find")[0]
	require.JSONEq(t, `{"name": -1}`, json(t, sent.Lookup("sort").Document()))
	require.EqualValues(t, 1, sent.Lookup("projection", "name").AsInt64())
}
