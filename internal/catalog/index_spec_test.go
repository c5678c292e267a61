package catalog_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func key(field string, dir bsonx.Value) bsonx.Doc {
	return bsonx.NewBuilder(nil).Value(field, dir).Build()
}

// spec makes the specification of an index on field with one further option.
func spec(field string, dir bsonx.Value, option string, v bsonx.Value) bsonx.Doc {
	b := bsonx.NewBuilder(nil).Doc("key", key(field, dir)).String("name", "x")
	if option != "" {
		b.Value(option, v)
	}
	return b.Build()
}

func TestIndexSpecErrors(t *testing.T) {
	one := bsonx.Int32(1)
	for _, tc := range []struct {
		name string
		spec bsonx.Doc
		code mongoerr.Code
	}{
		{"no key", bsonx.NewBuilder(nil).String("name", "x").Build(), mongoerr.FailedToParse},
		{"empty key", bsonx.NewBuilder(nil).Doc("key", bsonx.Empty).String("name", "x").Build(), mongoerr.CannotCreateIndex},
		{"zero", spec("a", bsonx.Int32(0), "", one), mongoerr.CannotCreateIndex},
		{"NaN", spec("a", bsonx.Double(math.NaN()), "", one), mongoerr.CannotCreateIndex},
		{"bool", spec("a", bsonx.Bool(true), "", one), mongoerr.CannotCreateIndex},
		{"plugin", spec("a", bsonx.String("foo"), "", one), mongoerr.CannotCreateIndex},
		{"empty part", spec("a..b", one, "", one), mongoerr.CannotCreateIndex},
		{"dollar", spec("a.$b", one, "", one), mongoerr.CannotCreateIndex},
		{"unknown field", spec("a", one, "foo", one), mongoerr.InvalidIndexSpecificationOption},
		{"unique on _id", spec("_id", one, "sparse", bsonx.Bool(true)), mongoerr.InvalidIndexSpecificationOption},
		{"expiry below zero", spec("a", one, "expireAfterSeconds", bsonx.Int32(-1)), mongoerr.CannotCreateIndex},
		{"expiry too high", spec("a", one, "expireAfterSeconds", bsonx.Double(1e300)), mongoerr.CannotCreateIndex},
		{"expiry NaN", spec("a", one, "expireAfterSeconds", bsonx.Double(math.NaN())), mongoerr.CannotCreateIndex},
		{"expiry no number", spec("a", one, "expireAfterSeconds", bsonx.String("1")), mongoerr.TypeMismatch},
		{"prepareUnique no flag", spec("a", one, "prepareUnique", bsonx.String("x")), mongoerr.TypeMismatch},
		{"filter no document", spec("a", one, "partialFilterExpression", one), mongoerr.TypeMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := catalog.NewIndex("db.c", tc.spec)
			require.Error(t, err)
			require.Equal(t, tc.code, mongoerr.From(err).Code, err)
		})
	}
	x, err := catalog.NewIndex("db.c", spec("a.b", bsonx.Double(-1), "expireAfterSeconds", bsonx.Double(5.5)))
	require.NoError(t, err)
	require.EqualValues(t, 5, x.ExpireAfter)
	require.Equal(t, []catalog.KeyField{{Path: "a.b", Parts: []string{"a", "b"}, Desc: true}}, x.Keys)
	require.Equal(t, `{ v: 2, key: { a.b: -1.0 }, name: "x", expireAfterSeconds: 5 }`, x.Spec.String())
}

func TestCollectionsComeBack(t *testing.T) {
	options := bsonx.NewBuilder(nil).Bool("capped", true).Int32("size", 5000).Build()
	c, err := catalog.NewCollection("db.c", options)
	require.NoError(t, err)
	x, err := catalog.NewIndex("db.c", spec("a", bsonx.Int32(1), "unique", bsonx.Bool(true)))
	require.NoError(t, err)
	c = c.Bare(7, [16]byte{1, 2, 3}).WithIndex(x.WithIdent(8))
	back, err := catalog.Decode(c.Encode(), 99)
	require.NoError(t, err)
	require.Equal(t, c.ID, back.ID)
	require.Equal(t, c.UUID, back.UUID)
	require.Equal(t, c.CappedSize, back.CappedSize)
	require.True(t, back.Index("x").Unique)
	require.EqualValues(t, 8, back.Index("x").ID)
	require.EqualValues(t, 99, back.Modified)
}
