package tandemtest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/tandemtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewIsFast(t *testing.T) {
	best := time.Hour
	for range 5 {
		start := time.Now()
		db := tandemtest.New(t)
		require.NoError(t, db.Ping(t.Context(), nil))
		best = min(best, time.Since(start))
	}
	require.Less(t, best, 10*time.Millisecond)
}

func TestDatabasesAreApart(t *testing.T) {
	a, b := tandemtest.New(t), tandemtest.New(t)
	require.NoError(t, a.Database("x").CreateCollection(t.Context(), "c"))
	require.Equal(t, []string{"c"}, collections(t, a))
	require.Empty(t, collections(t, b))
}

func collections(t *testing.T, db *tandemtest.DB) []string {
	t.Helper()
	names, err := db.Database("x").ListCollectionNames(t.Context(), bson.D{})
	require.NoError(t, err)
	return names
}

func TestSnapshotAndRestoreOfCollections(t *testing.T) {
	ctx := t.Context()
	db := tandemtest.New(t)
	x := db.Database("x")
	empty := db.Snapshot()
	require.NoError(t, x.CreateCollection(ctx, "c"))
	one := db.Snapshot()
	for range 3 {
		require.NoError(t, x.CreateCollection(ctx, "other"))
		require.ElementsMatch(t, []string{"c", "other"}, collections(t, db))
		db.Restore(one)
		require.Equal(t, []string{"c"}, collections(t, db))
	}
	db.Restore(empty)
	require.Empty(t, collections(t, db))
	db.Restore(one)
	require.Equal(t, []string{"c"}, collections(t, db))
}

func TestClock(t *testing.T) {
	start := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := tandemtest.NewClock(start)
	db := tandemtest.NewWithOptions(t, &tandem.Options{Now: clock.Now})
	require.Equal(t, start, localTime(t, db))
	clock.Advance(time.Hour)
	require.Equal(t, start.Add(time.Hour), localTime(t, db))
}

func localTime(t *testing.T, db *tandemtest.DB) time.Time {
	t.Helper()
	var hello struct {
		LocalTime time.Time `bson:"localTime"`
	}
	require.NoError(t, db.Database("admin").RunCommand(t.Context(), bson.D{{Key: "hello", Value: 1}}).Decode(&hello))
	return hello.LocalTime.UTC()
}
