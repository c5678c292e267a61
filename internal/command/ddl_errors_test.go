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
