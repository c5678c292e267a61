package tandem_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/tandemdb/tandem"
)

// A hundred transactions write until they are refused. They share one budget; who is refused is told
// so, and everybody else goes on, then and afterwards.
func TestTransactionMemory(t *testing.T) {
	const budget, docBytes, transactions = 16 << 20, 100_000, 100
	ctx := t.Context()
	db, err := tandem.Open(":memory:", &tandem.Options{TxnMemoryBytes: budget})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	client, err := db.Client(ctx)
	require.NoError(t, err)
	defer func() { _ = client.Disconnect(context.Background()) }()
	coll := client.Database("t").Collection("c")
	_, err = coll.InsertOne(ctx, bson.M{"_id": "before"})
	require.NoError(t, err)

	pad := strings.Repeat("x", docBytes)
	type open struct {
		s    *mongo.Session
		docs int
	}
	var running []*open
	for range transactions {
		s, err := client.StartSession()
		require.NoError(t, err)
		defer s.EndSession(context.Background())
		require.NoError(t, s.StartTransaction())
		running = append(running, &open{s: s})
	}
	for len(running) > 0 {
		var left []*open
		for _, o := range running {
			_, err := coll.InsertOne(mongo.NewSessionContext(ctx, o.s), bson.M{"pad": pad})
			if err == nil {
				o.docs++
				require.Less(t, o.docs, 2*budget/docBytes, "it is never refused")
				left = append(left, o)
				continue
			}
			var se mongo.ServerError
			require.ErrorAs(t, err, &se)
			require.True(t, se.HasErrorCode(388), "%v", err)
			_, err = coll.InsertOne(ctx, bson.M{"plain": true})
			require.NoError(t, err, "a plain write goes on")
		}
		running = left
	}
	n, err := coll.CountDocuments(ctx, bson.M{"pad": bson.M{"$exists": true}})
	require.NoError(t, err)
	require.Zero(t, n)

	s, err := client.StartSession()
	require.NoError(t, err)
	defer s.EndSession(context.Background())
	_, err = s.WithTransaction(ctx, func(ctx context.Context) (any, error) {
		for range budget / 2 / docBytes {
			if _, err := coll.InsertOne(ctx, bson.M{"pad": pad}); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	require.NoError(t, err, "the memory is free again")
}
