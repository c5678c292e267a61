package odm_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

type sub struct {
	ID bson.ObjectID `bson:"_id"`
	N  int           `bson:"n"`
	S  string        `bson:"s"`
}

type thing struct {
	odm.Doc[thing] `bson:"-"`

	ID    string         `bson:"_id"`
	Name  string         `bson:"name"`
	Age   int            `bson:"age"`
	Opt   *string        `bson:"opt,omitempty"`
	Null  *string        `bson:"null"`
	Tags  []string       `bson:"tags"`
	Nums  []int          `bson:"nums"`
	Subs  []sub          `bson:"subs"`
	Nest  nest           `bson:"nest"`
	M     map[string]int `bson:"m"`
	Mixed any            `bson:"mixed"`
}

type nest struct {
	A int    `bson:"a"`
	B string `bson:"b"`
}

var subIDs = [3]bson.ObjectID{{1}, {2}, {3}}

const storedThing = `{"_id": "t", "__v": 3, "name": "n", "age": 1, "opt": "o", "null": "x", "tags": ["x", "y", "z"], "nums": [1, 2, 3],
	"subs": [{"_id": {"$oid": "010000000000000000000000"}, "n": 1, "s": "a"}, {"_id": {"$oid": "020000000000000000000000"}, "n": 2, "s": "b"}],
	"nest": {"a": 1, "b": "b"}, "m": {"k": 1, "l": 2}, "mixed": {"deep": 1}, "unknown": {"kept": true}}`

func load(t *testing.T, things *odm.Model[thing], stored string) *thing {
	t.Helper()
	var doc bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(stored), false, &doc))
	_, err := things.Collection().DeleteMany(t.Context(), bson.D{})
	require.NoError(t, err)
	_, err = things.Collection().InsertOne(t.Context(), doc)
	require.NoError(t, err)
	v, err := things.FindByID(t.Context(), "t")
	require.NoError(t, err)
	return v
}

// What Save sends for each kind of change, and that the server then has what the struct has.
func TestSaveSendsTheDifference(t *testing.T) {
	const byID, byVersion = `{"_id": "t"}`, `{"_id": "t", "__v": 3}`
	str := "new"
	for _, tc := range []struct {
		name   string
		change func(v *thing)
		q, u   string
		paths  []string
	}{
		{"nothing", func(*thing) {}, "", "", nil},
		{"scalar", func(v *thing) { v.Name = "m" }, byID, `{"$set": {"name": "m"}}`, []string{"name"}},
		{"two scalars", func(v *thing) { v.Name, v.Age = "m", 2 }, byID, `{"$set": {"name": "m", "age": 2}}`, []string{"name", "age"}},
		{"there and back", func(v *thing) { v.Name = "m"; v.Name = "n" }, "", "", nil},
		{"nested path", func(v *thing) { v.Nest.A = 4 }, byID, `{"$set": {"nest.a": 4}}`, []string{"nest.a"}},
		{"missing by omitempty", func(v *thing) { v.Opt = nil }, byID, `{"$unset": {"opt": 1}}`, []string{"opt"}},
		{"null", func(v *thing) { v.Null = nil }, byID, `{"$set": {"null": null}}`, []string{"null"}},
		{"pointer", func(v *thing) { v.Opt = &str }, byID, `{"$set": {"opt": "new"}}`, []string{"opt"}},
		{"map entry set", func(v *thing) { v.M["n"] = 3 }, byID, `{"$set": {"m.n": 3}}`, []string{"m.n"}},
		{"map entry deleted", func(v *thing) { delete(v.M, "k") }, byID, `{"$unset": {"m.k": 1}}`, []string{"m.k"}},
		{"map key that is no path", func(v *thing) { v.M = map[string]int{"a.b": 1} }, byID, `{"$set": {"m": {"a.b": 1}}}`, []string{"m"}},
		{"mixed", func(v *thing) { v.Mixed = 5 }, byID, `{"$set": {"mixed": 5}}`, []string{"mixed"}},
		{"push", func(v *thing) { v.Tags = append(v.Tags, "a", "b") }, byID, `{"$push": {"tags": {"$each": ["a", "b"]}}, "$inc": {"__v": 1}}`, []string{"tags"}},
		{"unshift", func(v *thing) { v.Tags = append([]string{"a"}, v.Tags...) }, byID, `{"$push": {"tags": {"$each": ["a"], "$position": 0}}, "$inc": {"__v": 1}}`, []string{"tags"}},
		{"scalars gone", func(v *thing) { v.Tags = []string{"y"} }, byID, `{"$pullAll": {"tags": ["x", "z"]}, "$inc": {"__v": 1}}`, []string{"tags"}},
		{"numbers gone", func(v *thing) { v.Nums = v.Nums[1:] }, byID, `{"$pullAll": {"nums": [1]}, "$inc": {"__v": 1}}`, []string{"nums"}},
		{"element", func(v *thing) { v.Tags[1] = "Y" }, byVersion, `{"$set": {"tags.1": "Y"}}`, []string{"tags.1"}},
		{"another array", func(v *thing) { v.Tags = []string{"q", "w"} }, byVersion, `{"$set": {"tags": ["q", "w"]}, "$inc": {"__v": 1}}`, []string{"tags"}},
		{"sub-document gone", func(v *thing) { v.Subs = v.Subs[1:] }, byID, `{"$pull": {"subs": {"_id": {"$in": [{"$oid": "010000000000000000000000"}]}}}, "$inc": {"__v": 1}}`, []string{"subs"}},
		{"field of a sub-document", func(v *thing) { v.Subs[1].N = 9 }, byVersion, `{"$set": {"subs.1.n": 9}}`, []string{"subs.1.n"}},
		{
			"gone and changed", func(v *thing) { v.Subs = v.Subs[1:]; v.Subs[0].N = 9 }, byVersion,
			`{"$set": {"subs": [{"_id": {"$oid": "020000000000000000000000"}, "n": 9, "s": "b"}]}, "$inc": {"__v": 1}}`,
			[]string{"subs"},
		},
		{"increment", func(v *thing) { require.NoError(t, v.Inc("age", 4)) }, byID, `{"$inc": {"age": 4}}`, []string{"age"}},
		{"increment and more", func(v *thing) { require.NoError(t, v.Inc("age", 4)); v.Age++ }, byID, `{"$set": {"age": 6}}`, []string{"age"}},
		{"addToSet", func(v *thing) { require.NoError(t, v.AddToSet("tags", "x", "n")) }, byID, `{"$addToSet": {"tags": {"$each": ["n"]}}, "$inc": {"__v": 1}}`, []string{"tags"}},
		{"marked", func(v *thing) { require.NoError(t, v.MarkModified("tags")); v.Tags = append(v.Tags, "a") }, byVersion, `{"$set": {"tags": ["x", "y", "z", "a"]}, "$inc": {"__v": 1}}`, []string{"tags"}},
		{"marked, unchanged", func(v *thing) { require.NoError(t, v.MarkModified("mixed")) }, byID, `{"$set": {"mixed": {"deep": 1}}}`, []string{"mixed"}},
		{"marked below", func(v *thing) { require.NoError(t, v.MarkModified("nest.b")) }, byID, `{"$set": {"nest.b": "b"}}`, []string{"nest.b"}},
		{"unmarked", func(v *thing) { v.Name, v.Age = "m", 2; require.NoError(t, v.Unmark("name")) }, byID, `{"$set": {"age": 2}}`, []string{"age"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, rec := newConn(t, nil)
			things := model(t, conn, "Thing", odm.NewSchema[thing]())
			v := load(t, things, storedThing)
			require.False(t, v.IsModified())
			tc.change(v)
			require.Equal(t, tc.paths, v.DirectModifiedPaths())
			changes, err := v.Changes()
			require.NoError(t, err)
			rec.take("")
			require.NoError(t, v.Save(t.Context()))
			q, u := rec.lastUpdate(t)
			if tc.u == "" {
				require.Nil(t, u)
			} else {
				require.JSONEq(t, tc.q, json(t, q))
				require.JSONEq(t, tc.u, json(t, u))
				require.JSONEq(t, tc.u, json(t, changes.Update))
			}
			require.False(t, v.IsModified())
			if tc.name == "unmarked" {
				return
			}
			stored, err := things.FindByID(t.Context(), "t")
			require.NoError(t, err)
			want, err := v.ToObject()
			require.NoError(t, err)
			got, err := stored.ToObject()
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.JSONEq(t, `{"kept": true}`, json(t, stored.Raw().Lookup("unknown").Document()))
			require.Equal(t, stored.Raw().Lookup("unknown"), v.Raw().Lookup("unknown"))
		})
	}
}

func TestModifiedPaths(t *testing.T) {
	conn, _ := newConn(t, nil)
	things := model(t, conn, "Thing", odm.NewSchema[thing]())
	v := load(t, things, storedThing)
	v.Nest.A, v.Subs[1].N = 4, 9
	require.Equal(t, []string{"subs", "subs.1", "subs.1.n", "nest", "nest.a"}, v.ModifiedPaths())
	require.Equal(t, []string{"subs.1.n", "nest.a"}, v.DirectModifiedPaths())
	require.True(t, v.IsModified("nest"))
	require.False(t, v.IsModified("nest.b"))
	require.True(t, v.IsModified("name", "nest.a"))
	require.False(t, v.IsDirectModified("nest"))
	require.True(t, v.IsModified())
}

// Values that T writes in another way than they are stored are not changes.
func TestStoredFormsAreNotChanges(t *testing.T) {
	for _, stored := range []string{
		`{"_id": "t"}`,
		`{"_id": "t", "__v": 0, "name": null, "age": null, "tags": null, "subs": null, "m": null}`,
		`{"_id": "t", "age": {"$numberLong": "7"}, "nums": [{"$numberLong": "7"}, 1.0]}`,
		`{"age": 1, "_id": "t", "name": "order"}`,
	} {
		conn, rec := newConn(t, nil)
		things := model(t, conn, "Thing", odm.NewSchema[thing]())
		v := load(t, things, stored)
		require.Empty(t, v.ModifiedPaths(), stored)
		v.Tags = append(v.Tags, "a")
		v.Nest.A = 1
		rec.take("")
		require.NoError(t, v.Save(t.Context()))
		again, err := things.FindByID(t.Context(), "t")
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, again.Tags)
		require.Equal(t, 1, again.Nest.A)
	}
}

func TestVersionErrors(t *testing.T) {
	conn, _ := newConn(t, nil)
	things := model(t, conn, "Thing", odm.NewSchema[thing]())
	v := load(t, things, storedThing)
	other, err := things.FindByID(t.Context(), "t")
	require.NoError(t, err)
	other.Tags = []string{"else"}
	require.NoError(t, other.Save(t.Context()))
	version, _ := other.Version()
	require.EqualValues(t, 4, version)

	v.Tags[0], v.Name = "mine", "m"
	var ve *odm.VersionError
	require.ErrorAs(t, v.Save(t.Context()), &ve)
	require.EqualError(t, ve, `No matching document found for id "t" version 3 modifiedPaths "name, tags.0"`)
	require.True(t, v.IsModified("tags"))
	require.NoError(t, v.Reload(t.Context()))
	require.Equal(t, []string{"else"}, v.Tags)
	require.False(t, v.IsModified())

	require.NoError(t, v.Delete(t.Context()))
	require.True(t, v.IsDeleted())
	require.NoError(t, v.Delete(t.Context()))
	other.Name = "gone"
	err = other.Save(t.Context())
	require.ErrorIs(t, err, odm.ErrNotFound)
	require.EqualError(t, err, `No document found for query "{\"_id\": \"t\"}" on model "Thing"`)
}

func TestOptimisticConcurrency(t *testing.T) {
	conn, rec := newConn(t, nil)
	all := model(t, conn, "All", odm.NewSchema[thing](odm.OptimisticConcurrency(), odm.Collection("things")))
	v := load(t, all, storedThing)
	v.Name = "m"
	rec.take("")
	require.NoError(t, v.Save(t.Context()))
	q, u := rec.lastUpdate(t)
	require.JSONEq(t, `{"_id": "t", "__v": 3}`, json(t, q))
	require.JSONEq(t, `{"$set": {"name": "m"}, "$inc": {"__v": 1}}`, json(t, u))

	some := model(t, conn, "Some", odm.NewSchema[thing](odm.OptimisticConcurrency("age"), odm.Collection("things")))
	v = load(t, some, storedThing)
	v.Tags = append(v.Tags, "a")
	rec.take("")
	require.NoError(t, v.Save(t.Context()))
	q, u = rec.lastUpdate(t)
	require.JSONEq(t, `{"_id": "t"}`, json(t, q))
	require.JSONEq(t, `{"$push": {"tags": {"$each": ["a"]}}}`, json(t, u))
}

func TestMisuseOfDocuments(t *testing.T) {
	conn, _ := newConn(t, nil)
	things := model(t, conn, "Thing", odm.NewSchema[thing]())
	loose := &thing{ID: "l"}
	require.ErrorIs(t, loose.Save(t.Context()), odm.ErrDetached)
	v := load(t, things, storedThing)
	copied := new(thing)
	copyBits(copied, v)
	require.ErrorIs(t, copied.Save(t.Context()), odm.ErrCopied)
	clone, err := v.Clone()
	require.NoError(t, err)
	clone.Name = "clone"
	require.False(t, v.IsModified())
	require.True(t, clone.Equals(v))
	require.NoError(t, clone.Save(t.Context()))
	v.ID = "other"
	require.ErrorIs(t, v.Save(t.Context()), odm.ErrIDChanged)
	var none context.Context
	require.ErrorIs(t, clone.Save(none), odm.ErrNilContext)
	require.Error(t, clone.MarkModified("nope"))
}

func TestProjectionsAndPartOfArrays(t *testing.T) {
	conn, rec := newConn(t, nil)
	things := model(t, conn, "Thing", odm.NewSchema[thing]())
	load(t, things, storedThing)
	v, err := things.ByID("t").Select("name").One(t.Context())
	require.NoError(t, err)
	require.Zero(t, v.Age)
	require.False(t, v.IsModified())
	v.Tags = append(v.Tags, "a")
	rec.take("")
	require.NoError(t, v.Save(t.Context()))
	_, u := rec.lastUpdate(t)
	require.JSONEq(t, `{"$push": {"tags": {"$each": ["a"]}}, "$inc": {"__v": 1}}`, json(t, u))

	v, err = things.ByID("t").Project(bson.D{{Key: "tags", Value: bson.D{{Key: "$slice", Value: 1}}}}).One(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, v.Tags)
	v.Tags = []string{"a", "b"}
	var dae *odm.DivergentArrayError
	require.ErrorAs(t, v.Save(t.Context()), &dae)
	require.Equal(t, []string{"tags"}, dae.Paths)
}
