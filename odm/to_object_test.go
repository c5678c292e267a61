package odm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

type shop struct {
	odm.Doc[shop] `bson:"-"`

	ID     string           `bson:"_id"`
	Name   string           `bson:"n" odm:"alias=name"`
	Owner  odm.Ref[company] `bson:"owner"`
	Open   place            `bson:"open"`
	Price  odm.Opt[int64]   `bson:"price"`
	Shelf  map[string]*item `bson:"shelf"`
	Items  []item           `bson:"items"`
	Empty  struct{}         `bson:"empty"`
	Secret string           `bson:"secret" odm:"hidden"`
	Extra  bson.M           `bson:",inline" odm:"extra"`
}

type place struct {
	City string `bson:"city"`
	Zip  string `bson:"zip"`
}

func shops(t *testing.T, conn *odm.Connection, opts ...odm.SchemaOption) *odm.Model[shop] {
	t.Helper()
	return model(t, conn, "Shop", odm.NewSchema[shop](opts...).
		With(odm.Path("price", odm.Getter(func(cents int64) any { return float64(cents) / 100 }))).
		Virtual("shout", func(s *shop) any { return strings.ToUpper(s.Name) }).
		VirtualSetter("shout", func(s *shop, v any) error {
			text, ok := v.(string)
			if !ok {
				return errors.New("shout is a text")
			}
			s.Name = strings.ToLower(text)
			return nil
		}))
}

func TestToObject(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		companies := model(t, conn, "Company", odm.NewSchema[company]())
		m := shops(t, conn)
		owner := &company{ID: bson.ObjectID{7}, Name: "IBM"}
		require.NoError(t, companies.Create(t.Context(), owner))
		id := bson.ObjectID{1}
		v, err := m.CreateOne(t.Context(), &shop{
			ID: "s", Name: "corner", Owner: odm.RefID[company](owner.ID), Price: odm.Some(int64(250)), Secret: "x",
			Shelf: map[string]*item{"b": {ID: id, SKU: "bb"}, "a": {ID: id, SKU: "aa"}}, Items: []item{{ID: id, SKU: "ii"}},
			Extra: bson.M{"more": "yes"},
		})
		require.NoError(t, err)
		get := func(o bson.D, key string) any {
			for _, e := range o {
				if e.Key == key {
					return e.Value
				}
			}
			return nil
		}
		o, err := v.ToObject()
		require.NoError(t, err)
		require.EqualValues(t, 250, get(o, "price"))
		require.Equal(t, owner.ID, get(o, "owner"))
		require.Equal(t, "yes", get(o, "more"))
		require.Equal(t, "x", get(o, "secret"))
		require.EqualValues(t, 0, get(o, "__v"))
		require.Nil(t, get(o, "shout"))

		require.NoError(t, v.Populate(t.Context(), "owner"))
		o, err = v.ToObject(odm.Getters(), odm.Virtuals(), odm.Aliases(), odm.NoVersionKey(), odm.Minimized(), odm.WithoutHidden(), odm.HexIDs())
		require.NoError(t, err)
		var keys []string
		for _, e := range o {
			keys = append(keys, e.Key)
		}
		require.Equal(t, []string{"_id", "n", "owner", "open", "price", "shelf", "items", "more", "name", "id", "shout"}, keys)
		require.Equal(t, 2.5, get(o, "price"))
		require.Equal(t, "CORNER", get(o, "shout"))
		require.Equal(t, bson.D{{Key: "_id", Value: owner.ID.Hex()}, {Key: "name", Value: "IBM"}, {Key: "id", Value: owner.ID.Hex()}}, get(o, "owner"))
		require.Equal(t, bson.A{bson.D{{Key: "_id", Value: id.Hex()}, {Key: "sku", Value: "II"}}}, get(o, "items"))
		o, err = v.ToObject(odm.Depopulated())
		require.NoError(t, err)
		require.Equal(t, owner.ID, get(o, "owner"))

		o, err = v.ToObject(
			odm.Transform(func(s *shop, out bson.D) bson.D { return append(out, bson.E{Key: "of", Value: s.Name}) }),
			odm.Transform(func(i *item, _ bson.D) bson.D { return bson.D{{Key: "sku", Value: i.SKU}} }),
			odm.Transform(func(c *company, _ bson.D) bson.D { return bson.D{{Key: "company", Value: c.Name}} }),
		)
		require.NoError(t, err)
		require.Equal(t, "corner", get(o, "of"))
		require.Equal(t, bson.A{bson.D{{Key: "sku", Value: "II"}}}, get(o, "items"))
		require.Equal(t, bson.D{{Key: "company", Value: "IBM"}}, get(o, "owner"))
		require.Equal(t, bson.D{
			{Key: "a", Value: bson.D{{Key: "sku", Value: "AA"}}}, {Key: "b", Value: bson.D{{Key: "sku", Value: "BB"}}},
		}, get(o, "shelf"))
	})
}

func TestToJSON(t *testing.T) {
	type every struct {
		odm.Doc[every] `bson:"-"`

		ID   bson.ObjectID   `bson:"_id"`
		When time.Time       `bson:"when"`
		Big  bson.Decimal128 `bson:"big"`
		Raw  []byte          `bson:"raw"`
		UUID bson.Binary     `bson:"uuid"`
		Some any             `bson:"some"`
		None *int            `bson:"none"`
		Re   bson.Regex      `bson:"re"`
		List []float64       `bson:"list"`
		Yes  bool            `bson:"yes"`
	}
	conn, _ := newConn(t, nil)
	m := model(t, conn, "Every", odm.NewSchema[every](odm.JSONDefaults(odm.NoVersionKey())))
	big, err := bson.ParseDecimal128("0.10")
	require.NoError(t, err)
	v, err := m.CreateOne(t.Context(), &every{
		ID: bson.ObjectID{1}, When: time.Date(2026, 2, 3, 4, 5, 6, 7e6, time.UTC), Big: big, Raw: []byte("hi"),
		UUID: bson.Binary{Subtype: bson.TypeBinaryUUID, Data: []byte("0123456789abcdef")},
		Some: bson.D{{Key: "a\"", Value: bson.A{int64(1) << 60, "x"}}}, Re: bson.Regex{Pattern: "^a", Options: "i"}, List: []float64{1.5, 2}, Yes: true,
	})
	require.NoError(t, err)
	text, err := v.ToJSON()
	require.NoError(t, err)
	const want = `{"_id":"010000000000000000000000","when":"2026-02-03T04:05:06.007Z","big":{"$numberDecimal":"0.10"},"raw":"aGk=",` +
		`"uuid":"30313233-3435-3637-3839-616263646566","some":{"a\"":[1152921504606846976,"x"]},"none":null,"re":"/^a/i","list":[1.5,2],"yes":true}`
	require.Zero(t, strings.Compare(want, string(text)), "%s", text) // the order counts
	text, err = v.ToJSON(odm.Plain())
	require.NoError(t, err)
	require.Contains(t, string(text), `"__v":0`)
}

// References can go in a circle; an object does not.
func TestObjectsOfCircles(t *testing.T) {
	conn, _ := newConn(t, nil)
	authors := model(t, conn, "Author", odm.NewSchema[author]())
	posts := model(t, conn, "Post", odm.NewSchema[post](odm.ObjectDefaults(odm.Virtuals(), odm.NoVersionKey())))
	ann := authors.New(&author{ID: bson.ObjectID{1}, Name: "Ann"})
	require.NoError(t, ann.Save(t.Context()))
	p := posts.New(&post{ID: bson.ObjectID{2}, Title: "t", Author: odm.RefOf(ann)})
	require.NoError(t, p.Save(t.Context()))
	require.NoError(t, ann.Populate(t.Context(), "posts"))
	loaded := ann.Posts.Docs()[0]
	loaded.Author = odm.RefOf(ann)
	o, err := loaded.ToObject()
	require.NoError(t, err)
	inner, ok := o[2].Value.(bson.D)
	require.True(t, ok)
	require.Contains(t, inner, bson.E{Key: "posts", Value: bson.A{}})
	o, err = loaded.ToObject(odm.Plain(), odm.Depopulated())
	require.NoError(t, err)
	require.Equal(t, bson.D{{Key: "_id", Value: p.ID}, {Key: "title", Value: "t"}, {Key: "author", Value: ann.ID}, {Key: "__v", Value: int64(0)}}, o)
}

func TestGetSetAndAssign(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := shops(t, conn)
	v := m.New(&shop{ID: "s", Name: "corner", Price: odm.Some(int64(250))})
	for path, want := range map[string]any{"n": "corner", "name": "corner", "shout": "CORNER", "price": 2.5, "open.city": ""} {
		got, err := v.Get(path)
		require.NoError(t, err, path)
		require.Equal(t, want, got, path)
	}
	require.NoError(t, v.Set("shout", "LOUD"))
	require.Equal(t, "loud", v.Name)
	require.NoError(t, v.Set("name", 5))
	require.Equal(t, "5", v.Name)
	require.NoError(t, v.Set("price", "300"))
	require.EqualValues(t, 300, v.Price.Or(0))
	require.NoError(t, v.Set("open.city", "Ulm"))
	require.Equal(t, "Ulm", v.Open.City)
	require.Error(t, v.Set("shout", 1))

	change := bson.D{
		{Key: "_id", Value: "other"},
		{Key: "__v", Value: 9},
		{Key: "name", Value: "new"},
		{Key: "open", Value: bson.D{{Key: "city", Value: "Bonn"}}},
		{Key: "items", Value: bson.A{bson.D{{Key: "sku", Value: 12}}}},
		{Key: "shout", Value: "LAST"},
		{Key: "nope", Value: 1},
	}
	require.NoError(t, v.Assign(change))
	require.Equal(t, []any{"s", "last", "Bonn", "12"}, []any{v.ID, v.Name, v.Open.City, v.Items[0].SKU})
	require.Empty(t, v.Extra)
	var ce *odm.CastError
	require.ErrorAs(t, v.Assign(bson.D{{Key: "price", Value: "much"}}), &ce)
	require.Equal(t, "price", ce.Path)

	unknown := bson.D{{Key: "name", Value: "new"}, {Key: "nope", Value: 1}}
	kept := model(t, conn, "Kept", odm.NewSchema[shop](odm.StrictMode(odm.StrictKeep))).New(&shop{ID: "k"})
	require.NoError(t, kept.Assign(unknown))
	require.Equal(t, 1, kept.Extra["nope"])
	require.NoError(t, kept.Save(t.Context()))
	require.EqualValues(t, 1, kept.Raw().Lookup("nope").AsInt64())
	refused := model(t, conn, "Refused", odm.NewSchema[shop](odm.StrictMode(odm.StrictThrow))).New(&shop{ID: "r"})
	var se *odm.StrictError
	require.ErrorAs(t, refused.Assign(unknown), &se)
	require.Equal(t, "nope", se.Path)
}

// A getter is for showing; what is stored and found is the value.
func TestGettersDoNotReachQueries(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := shops(t, conn)
	require.NoError(t, m.Create(context.Background(), &shop{ID: "s", Price: odm.Some(int64(250))}))
	count(t.Context(), t, m, bson.D{{Key: "price", Value: 250}}, 1)
	_, err := odm.NewModel[shop](conn, "Wrong", odm.NewSchema[shop](odm.Path("price", odm.Getter(func(string) any { return nil }))))
	require.ErrorContains(t, err, "price: the getter takes a string, the field is a int64")
}
