package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorsOfCreate(t *testing.T) {
	requireOutcomes(t, newServer(t).connect(), []outcome{
		{`{"create": "c", "idIndex": {"key": {"a": 1}, "name": "_id_"}}`, 2},
		{`{"create": "c", "idIndex": {"key": {"_id": 1}}}`, 9},
		{`{"create": "c", "idIndex": {"key": {"_id": 1}, "name": "_id_", "sparse": true}}`, 197},
		{`{"create": "v", "viewOn": "c", "idIndex": {"key": {"_id": 1}, "name": "_id_"}}`, 72},
		{`{"create": "c", "idIndex": {"key": {"_id": 1}, "name": "_id_", "collation": {"locale": "en"}}}`, 2},
		{`{"create": "c", "collation": {"locale": "en"}, "idIndex": {"key": {"_id": 1}, "name": "_id_", "collation": {"locale": "simple"}}}`, 2},
		{`{"create": "e", "collation": {"locale": "en"}, "idIndex": {"key": {"_id": 1}, "name": "_id_", "collation": {"locale": "en"}}}`, 0},
		{`{"create": "big", "capped": true, "size": 1125899906842625}`, 51024},
		{`{"create": "c", "idIndex": {"key": {"_id": 1}, "name": "_id_"}}`, 0},
		{`{"create": "d", "storageEngine": {"other": {}}}`, 72},
		{`{"create": "d", "storageEngine": {"wiredTiger": 1}}`, 2},
		{`{"create": "d", "storageEngine": {"wiredTiger": {}}}`, 0},
		{`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a", "other": 1}]}`, 197},
		{`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a", "other": 1}], "ignoreUnknownIndexOptions": true}`, 0},
		{`{"listIndexes": "c", "includeBuildUUIDs": true}`, 0},
	})
}

func TestErrorsOfCollMod(t *testing.T) {
	requireOutcomes(t, newServer(t).connect(), []outcome{
		{`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}, {"key": {"a": 1}, "name": "s", "sparse": true}, {"key": {"b": 1, "c": 1}, "name": "bc"}]}`, 0},
		{`{"collMod": "c", "index": {"name": "a", "expireAfterSeconds": -1}}`, 72},
		{`{"collMod": "c", "index": {"name": "a", "expireAfterSeconds": "1"}}`, 14},
		{`{"collMod": "c", "index": {"name": "bc", "expireAfterSeconds": 1}}`, 72},
		{`{"collMod": "c", "index": {"name": "_id_", "expireAfterSeconds": 1}}`, 72},
		{`{"collMod": "c", "index": {"name": "a", "hidden": "yes"}}`, 14},
		{`{"collMod": "c", "index": {"name": 1, "hidden": true}}`, 14},
		{`{"collMod": "c", "index": {"keyPattern": "a", "hidden": true}}`, 14},
		{`{"collMod": "c", "index": {"keyPattern": {"a": 1}, "hidden": true}}`, 181},
		{`{"collMod": "c", "index": {"keyPattern": {"z": 1}, "hidden": true}}`, 27},
	})
}

// The databases of every server are listed whether there is something in them or not.
func TestListDatabasesOfEveryServer(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("create", "c")).ok()
	c.run("local", d("create", "c")).ok()
	dbs, err := c.run("admin", d("listDatabases", 1)).ok().Lookup("databases").Array().Values()
	require.NoError(t, err)
	var got []string
	for _, db := range dbs {
		name := db.Document().Lookup("name").StringValue()
		if db.Document().Lookup("empty").Boolean() {
			name += ", empty"
		}
		got = append(got, name)
	}
	require.Equal(t, []string{"admin, empty", "config, empty", "db", "local"}, got)
}

// An index keeps the version that it was asked for.
func TestIndexVersions(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	requireOutcomes(t, c, []outcome{
		{`{"createIndexes": "c", "indexes": [{"v": 1, "key": {"a": 1}, "name": "a"}, {"v": 2, "key": {"b": 1}, "name": "b"}]}`, 0},
		{`{"createIndexes": "c", "indexes": [{"v": 0, "key": {"z": 1}, "name": "z"}]}`, 67},
	})
	c.run("config", ej(t, `{"createIndexes": "transactions", "indexes": []}`)).fails(20)
	s.restart()
	c = s.connect()
	var got []int32
	for _, x := range batch(c.run("t", ej(t, `{"listIndexes": "c"}`)).ok()) {
		got = append(got, x.Lookup("v").Int32())
	}
	require.Equal(t, []int32{2, 1, 2}, got)
}

// New bounds of a capped collection hold from the next insert on.
func TestBoundsOfCappedCollections(t *testing.T) {
	c := newServer(t).connect()
	c.run("t", ej(t, `{"create": "c", "capped": true, "size": 1000, "max": 3}`)).ok()
	c.run("t", ej(t, `{"insert": "c", "documents": [{}, {}, {}, {}]}`)).ok()
	for _, tc := range []struct {
		change         string
		size, max, has int64
	}{
		{`"cappedMax": 2`, 1000, 2, 2},
		{`"cappedMax": -1`, 1000, 2147483647, 3},
		{`"cappedSize": 1001`, 1001, 2147483647, 4},
	} {
		c.run("t", ej(t, `{"collMod": "c", `+tc.change+`}`)).ok()
		stats := c.run("t", ej(t, `{"collStats": "c"}`)).ok()
		require.Equal(t, tc.size, stats.int("maxSize"))
		require.Equal(t, tc.max, stats.int("max"))
		c.run("t", ej(t, `{"insert": "c", "documents": [{}]}`)).ok()
		require.Equal(t, tc.has, c.run("t", ej(t, `{"count": "c"}`)).ok().int("n"))
	}
	requireOutcomes(t, c, []outcome{
		{`{"collMod": "c", "cappedSize": 0}`, 72},
		{`{"collMod": "c", "cappedSize": 1125899906842625}`, 51024},
	})
}
