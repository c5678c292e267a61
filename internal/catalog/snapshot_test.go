package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/storage"
)

// A state of the catalog knows what each namespace held at earlier commits, for as long as it keeps
// the versions, and says where it does not know any more.
func TestCollectionAt(t *testing.T) {
	cat := catalog.New(nil)
	publish := func(ts storage.Timestamp, change catalog.Change) { cat.Publish(change, ts) }
	publish(10, catalog.Change{"db.a": {ID: 1, NS: "db.a"}})
	publish(20, catalog.Change{"db.a": {ID: 1, NS: "db.a", Capped: true, Created: 10}})
	publish(30, catalog.Change{"db.a": nil, "db.b": {ID: 1, NS: "db.b", Created: 10}})
	publish(40, catalog.Change{"db.a": {ID: 2, NS: "db.a"}})
	for _, tc := range []struct {
		ns string
		at storage.Timestamp
		id int // 0 for no collection
	}{
		{"db.a", 9, 0},
		{"db.a", 10, 1},
		{"db.a", 19, 1},
		{"db.a", 20, 1},
		{"db.a", 29, 1},
		{"db.a", 30, 0},
		{"db.a", 39, 0},
		{"db.a", 40, 2},
		{"db.a", 99, 2},
		{"db.b", 29, 0},
		{"db.b", 30, 1},
		{"db.c", 99, 0},
	} {
		c, ok := cat.Current().CollectionAt(tc.ns, tc.at)
		require.True(t, ok)
		if tc.id == 0 {
			require.Nil(t, c, "%s at %d", tc.ns, tc.at)
			continue
		}
		require.NotNil(t, c, "%s at %d", tc.ns, tc.at)
		require.EqualValues(t, tc.id, c.ID, "%s at %d", tc.ns, tc.at)
		require.Equal(t, tc.at >= 20 && tc.at < 30, c.Capped)
	}

	for ts := storage.Timestamp(100); ts < 10_100; ts++ {
		publish(ts, catalog.Change{"db.b": {ID: 1, NS: "db.b"}})
	}
	_, ok := cat.Current().CollectionAt("db.b", 50)
	require.False(t, ok)
	c, ok := cat.Current().CollectionAt("db.b", 9_000)
	require.True(t, ok)
	require.EqualValues(t, 9_000, c.Modified)
	c, ok = cat.Current().CollectionAt("db.a", 50)
	require.True(t, ok, "it has not changed since")
	require.NotNil(t, c)
}
