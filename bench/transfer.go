package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// pair returns two different accounts of n.
func pair(rng *rand.Rand, n int) (from, to int32) {
	from = int32(rng.IntN(n))
	to = (from + 1 + int32(rng.IntN(n-1))) % int32(n)
	return from, to
}

func (m *mongoDB) transfer(ctx context.Context, w *worker) error {
	from, to := pair(w.rng, accounts)
	return m.transferBetween(ctx, m.accounts, from, to, w)
}

func (m *mongoDB) transferHot(ctx context.Context, w *worker) error {
	from, to := pair(w.rng, hotAccounts)
	return m.transferBetween(ctx, m.hot, from, to, w)
}

// transferBetween moves money, at once again for as long as the transaction is in conflict with
// others.
func (m *mongoDB) transferBetween(ctx context.Context, c *mongo.Collection, from, to int32, w *worker) error {
	s, err := m.client.StartSession()
	if err != nil {
		return err
	}
	defer s.EndSession(ctx)
	for {
		err := m.tryTransfer(mongo.NewSessionContext(ctx, s), s, c, from, to, w)
		var labeled mongo.LabeledError
		if !errors.As(err, &labeled) || !labeled.HasErrorLabel("TransientTransactionError") {
			return err
		}
		w.aborts++
	}
}

// tryTransfer is two reads, two updates, an insert and a commit.
func (m *mongoDB) tryTransfer(ctx context.Context, s *mongo.Session, c *mongo.Collection, from, to int32, w *worker) error {
	if err := s.StartTransaction(); err != nil {
		return err
	}
	err := m.transferSteps(ctx, c, from, to, w)
	if err == nil {
		return s.CommitTransaction(ctx)
	}
	_ = s.AbortTransaction(ctx) // the first error says why
	return err
}

func (m *mongoDB) transferSteps(ctx context.Context, c *mongo.Collection, from, to int32, w *worker) error {
	for _, id := range [...]int32{from, to} {
		if _, err := c.FindOne(ctx, byID(id)).Raw(); err != nil {
			return err
		}
	}
	if _, err := c.UpdateOne(ctx, byID(from), inc("balance", -1)); err != nil {
		return err
	}
	if _, err := c.UpdateOne(ctx, byID(to), inc("balance", 1)); err != nil {
		return err
	}
	_, err := m.ledger.InsertOne(ctx, bson.D{{Key: "_id", Value: w.fresh()}, {Key: "from", Value: from}, {Key: "to", Value: to}})
	return err
}

// checkTotals fails if money was lost or made.
func (m *mongoDB) checkTotals(ctx context.Context) error {
	for c, n := range map[*mongo.Collection]int{m.accounts: accounts, m.hot: hotAccounts} {
		cur, err := c.Aggregate(ctx, mongo.Pipeline{{{Key: "$group", Value: bson.D{
			{Key: "_id", Value: nil}, {Key: "sum", Value: bson.D{{Key: "$sum", Value: "$balance"}}},
		}}}})
		if err != nil {
			return err
		}
		var sums []struct{ Sum int }
		if err := cur.All(ctx, &sums); err != nil {
			return err
		}
		if want := n * balance; len(sums) != 1 || sums[0].Sum != want {
			return fmt.Errorf("the balances of %s are %v, not %d", c.Name(), sums, want)
		}
	}
	return nil
}
