package clients_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// mongodump and mongorestore are run where they are installed: they come neither with Debian nor,
// everywhere, through the Go module proxy.
func TestDumpAndRestore(t *testing.T) {
	for _, tool := range []string{"mongodump", "mongorestore"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not on the PATH; it is not to be had from Debian", tool)
		}
	}
	uri := startServer(t)
	c, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(t, err)
	defer func() { _ = c.Disconnect(t.Context()) }()
	coll := c.Database("dump").Collection("c")
	var docs []any
	for i := range 1000 {
		docs = append(docs, bson.M{"_id": i, "v": bson.A{i, "x"}})
	}
	_, err = coll.InsertMany(t.Context(), docs)
	require.NoError(t, err)
	_, err = coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "v", Value: 1}}})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "dump")
	command(t, time.Minute, "mongodump", "--uri", uri, "--db", "dump", "--out", dir)
	require.NoError(t, c.Database("dump").Drop(t.Context()))
	command(t, time.Minute, "mongorestore", "--uri", uri, dir)
	n, err := coll.CountDocuments(t.Context(), bson.M{"v": 7})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	idx, err := coll.Indexes().ListSpecifications(t.Context())
	require.NoError(t, err)
	require.Len(t, idx, 2)
}
