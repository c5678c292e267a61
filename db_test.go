package tandem_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem"
)

func TestPing(t *testing.T) {
	db, err := tandem.Open(":memory:", nil)
	require.NoError(t, err)
	client, err := db.Client(t.Context())
	require.NoError(t, err)
	require.NoError(t, client.Ping(t.Context(), nil))
	var hello bson.M
	require.NoError(t, client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "hello", Value: 1}}).Decode(&hello))
	t.Log(hello)
	require.NoError(t, client.Disconnect(t.Context()))
	require.NoError(t, db.Close())
}
