package clients_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/tandemdb/tandem"
)

// overBoth runs a test with the official driver over TCP and in process.
func overBoth(t *testing.T, fn func(t *testing.T, c *mongo.Client)) {
	t.Run("tcp", func(t *testing.T) {
		c, err := mongo.Connect(options.Client().ApplyURI(startServer(t)))
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Disconnect(context.Background())) }()
		fn(t, c)
	})
	t.Run("pipe", func(t *testing.T) {
		db, err := tandem.Open(t.TempDir(), nil)
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		c, err := db.Client(t.Context())
		require.NoError(t, err)
		fn(t, c)
	})
}

func TestGoDriver(t *testing.T) {
	overBoth(t, func(t *testing.T, c *mongo.Client) {
		ctx := t.Context()
		db := c.Database("go")
		accounts, history := db.Collection("accounts"), db.Collection("history")
		_, err := accounts.InsertMany(ctx, []any{bson.M{"_id": "a", "balance": 100}, bson.M{"_id": "b", "balance": 0}})
		require.NoError(t, err)
		balance := func(ctx context.Context, id string) int {
			var acc struct{ Balance int }
			require.NoError(t, accounts.FindOne(ctx, bson.M{"_id": id}).Decode(&acc))
			return acc.Balance
		}
		sess, err := c.StartSession()
		require.NoError(t, err)
		defer sess.EndSession(context.Background())
		opts := options.Transaction().SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority())
		transfer := func(ctx context.Context, amount int) error {
			if _, err := accounts.UpdateOne(ctx, bson.M{"_id": "a"}, bson.M{"$inc": bson.M{"balance": -amount}}); err != nil {
				return err
			}
			if _, err := accounts.UpdateOne(ctx, bson.M{"_id": "b"}, bson.M{"$inc": bson.M{"balance": amount}}); err != nil {
				return err
			}
			_, err := history.InsertOne(ctx, bson.M{"amount": amount})
			return err
		}

		_, err = sess.WithTransaction(ctx, func(sctx context.Context) (any, error) {
			err := transfer(sctx, 30)
			require.Equal(t, 70, balance(sctx, "a"), "the transaction sees its own write")
			require.Equal(t, 100, balance(ctx, "a"), "nobody else does")
			return nil, err
		}, opts)
		require.NoError(t, err)
		require.Equal(t, []int{70, 30}, []int{balance(ctx, "a"), balance(ctx, "b")})

		oops := errors.New("oops")
		_, err = sess.WithTransaction(ctx, func(sctx context.Context) (any, error) {
			return nil, errors.Join(transfer(sctx, 10), oops)
		}, opts)
		require.ErrorIs(t, err, oops)
		require.Equal(t, []int{70, 30}, []int{balance(ctx, "a"), balance(ctx, "b")})
		n, err := history.CountDocuments(ctx, bson.M{})
		require.NoError(t, err)
		require.EqualValues(t, 1, n)

		conflict(ctx, t, c, accounts)
	})
}

// conflict lets two transactions write one document: the second fails at once, transiently, and
// its error says with what.
func conflict(ctx context.Context, t *testing.T, c *mongo.Client, accounts *mongo.Collection) {
	t.Helper()
	inc := func(s *mongo.Session) error {
		_, err := accounts.UpdateOne(mongo.NewSessionContext(ctx, s), bson.M{"_id": "a"}, bson.M{"$inc": bson.M{"balance": 1}})
		return err
	}
	var s [2]*mongo.Session
	for i := range s {
		var err error
		s[i], err = c.StartSession()
		require.NoError(t, err)
		defer s[i].EndSession(context.Background())
		require.NoError(t, s[i].StartTransaction())
	}
	require.NoError(t, inc(s[0]))
	err := inc(s[1])
	var ce mongo.CommandError
	require.ErrorAs(t, err, &ce)
	require.EqualValues(t, 112, ce.Code)
	require.True(t, ce.HasErrorLabel("TransientTransactionError"))
	require.Contains(t, ce.Message, "go.accounts", "the message names the document")
	require.NoError(t, s[1].AbortTransaction(ctx))
	require.NoError(t, s[0].CommitTransaction(ctx))
}
