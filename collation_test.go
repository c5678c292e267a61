package tandem_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/tandemdb/tandem"
)

// TestCollationOfPartialIndexes has documents in a partial index by the index's collation, and
// uses the index where the query's collation makes it hold all that match.
func TestCollationOfPartialIndexes(t *testing.T) {
	loose := &options.Collation{Locale: "en", Strength: 2}
	for name, ofCollection := range map[string]*options.Collation{"named by the index": nil, "that of the collection": loose} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			db := embedded(t, open(t, "db", &tandem.Options{FS: vfs.NewMem()})).Database("test")
			create := options.CreateCollection()
			index := options.Index().SetName("partial").SetPartialFilterExpression(bson.D{{Key: "s", Value: "a"}})
			if ofCollection != nil {
				create.SetCollation(ofCollection)
			} else {
				index.SetCollation(loose)
			}
			require.NoError(t, db.CreateCollection(ctx, "c", create))
			c := db.Collection("c")
			_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: 1}, {Key: "s", Value: "A"}, {Key: "n", Value: 1}})
			require.NoError(t, err)
			_, err = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "n", Value: 1}}, Options: index})
			require.NoError(t, err)
			_, err = c.InsertMany(ctx, []any{
				bson.D{{Key: "_id", Value: 2}, {Key: "s", Value: "a"}, {Key: "n", Value: 1}},
				bson.D{{Key: "_id", Value: 3}, {Key: "s", Value: "b"}, {Key: "n", Value: 1}},
			})
			require.NoError(t, err)
			filter := bson.D{{Key: "s", Value: "A"}, {Key: "n", Value: 1}}
			for _, tc := range []struct {
				by      *options.Collation
				ids     []int32
				indexed bool
			}{
				{loose, []int32{1, 2}, true},
				{&options.Collation{Locale: "simple"}, []int32{1}, false},
				{&options.Collation{Locale: "en", Strength: 1}, []int32{1, 2}, false},
			} {
				cur, err := c.Find(ctx, filter, options.Find().SetCollation(tc.by).SetSort(bson.D{{Key: "_id", Value: 1}}))
				require.NoError(t, err)
				var found []struct {
					ID int32 `bson:"_id"`
				}
				require.NoError(t, cur.All(ctx, &found))
				var ids []int32
				for _, d := range found {
					ids = append(ids, d.ID)
				}
				require.Equal(t, tc.ids, ids)
				plan, err := db.RunCommand(ctx, bson.D{{Key: "explain", Value: bson.D{
					{Key: "find", Value: "c"}, {Key: "filter", Value: filter}, {Key: "collation", Value: tc.by},
				}}}).Raw()
				require.NoError(t, err)
				_, err = plan.LookupErr("queryPlanner", "winningPlan", "inputStage", "indexName")
				require.Equal(t, tc.indexed, err == nil, "%s", plan)
			}
		})
	}
}
