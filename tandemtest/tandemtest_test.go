package tandemtest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
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

func TestSnapshotAndRestore(t *testing.T) {
	ctx := t.Context()
	db := tandemtest.New(t)
	c := db.Database("x").Collection("c")
	_, err := c.InsertMany(ctx, []bson.D{{{Key: "_id", Value: 1}}, {{Key: "_id", Value: 2}}})
	require.NoError(t, err)
	_, err = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "a", Value: 1}}, Options: options.Index().SetSparse(true)})
	require.NoError(t, err)
	empty := tandemtest.New(t).Snapshot()
	full := db.Snapshot()

	for range 3 {
		_, err = c.DeleteOne(ctx, bson.D{{Key: "_id", Value: 1}})
		require.NoError(t, err)
		_, err = c.InsertOne(ctx, bson.D{{Key: "_id", Value: 3}, {Key: "a", Value: 3}})
		require.NoError(t, err)
		require.NoError(t, db.Database("x").CreateCollection(ctx, "other"))
		require.Equal(t, []int32{2, 3}, ids(t, c))

		db.Restore(full)
		require.Equal(t, []int32{1, 2}, ids(t, c))
		require.Equal(t, []string{"c"}, collections(t, db))
		specs, err := c.Indexes().ListSpecifications(ctx)
		require.NoError(t, err)
		require.Len(t, specs, 2)
	}
	db.Restore(empty)
	require.Empty(t, collections(t, db))
	db.Restore(full)
	require.Equal(t, []int32{1, 2}, ids(t, c))
}

func ids(t *testing.T, c *mongo.Collection) []int32 {
	t.Helper()
	cur, err := c.Find(t.Context(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	require.NoError(t, err)
	var docs []struct {
		ID int32 `bson:"_id"`
	}
	require.NoError(t, cur.All(t.Context(), &docs))
	var all []int32
	for _, d := range docs {
		all = append(all, d.ID)
	}
	return all
}

// A transaction that was open at Restore cannot commit into the restored content.
func TestRestoreEndsTransactions(t *testing.T) {
	ctx := t.Context()
	db := tandemtest.New(t)
	c := db.Database("x").Collection("c")
	_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, err)
	snap := db.Snapshot()
	sess, err := db.StartSession()
	require.NoError(t, err)
	defer sess.EndSession(ctx)
	require.NoError(t, sess.StartTransaction())
	inTxn := mongo.NewSessionContext(ctx, sess)
	_, err = c.InsertOne(inTxn, bson.D{{Key: "_id", Value: 2}})
	require.NoError(t, err)
	db.Restore(snap)
	err = sess.CommitTransaction(ctx)
	var cmdErr mongo.CommandError
	require.ErrorAs(t, err, &cmdErr)
	require.Equal(t, int32(251), cmdErr.Code)
	require.Equal(t, []int32{1}, ids(t, c))
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
