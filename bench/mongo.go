package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// mongoDB is a server that the official driver talks to.
type mongoDB struct {
	process *process
	client  *mongo.Client

	docs, groups, inserts, batches, accounts, hot, ledger *mongo.Collection
}

func connect(ctx context.Context, p *process) (*mongoDB, error) {
	client, err := mongo.Connect(options.Client().
		ApplyURI("mongodb://" + p.addr + "/?directConnection=true").
		SetMaxPoolSize(128).
		SetWriteConcern(writeconcern.Majority()))
	if err != nil {
		return nil, err
	}
	db := client.Database("bench")
	m := &mongoDB{
		process: p, client: client,
		docs: db.Collection("docs"), groups: db.Collection("groups"), inserts: db.Collection("inserts"),
		batches: db.Collection("batches"), accounts: db.Collection("accounts"), hot: db.Collection("hot"),
		ledger: db.Collection("ledger"),
	}
	return m, client.Ping(ctx, nil)
}

func (m *mongoDB) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = m.client.Disconnect(ctx)
}

// load fills the collections.
func (m *mongoDB) load(ctx context.Context, n int) error {
	err := m.fill(ctx, m.docs, n, func(i int) bson.D { return makeItem(i, n).document() })
	if err != nil {
		return err
	}
	for _, field := range []string{"seq", "scat"} {
		if _, err := m.docs.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: field, Value: 1}}}); err != nil {
			return err
		}
	}
	account := func(i int) bson.D {
		return bson.D{{Key: "_id", Value: int32(i)}, {Key: "balance", Value: int32(balance)}}
	}
	return errors.Join(
		m.fill(ctx, m.groups, groups, func(i int) bson.D { return bson.D{{Key: "_id", Value: groupName(i)}, {Key: "rank", Value: int32(i)}} }),
		m.fill(ctx, m.accounts, accounts, account),
		m.fill(ctx, m.hot, hotAccounts, account),
		m.docs.Database().CreateCollection(ctx, m.ledger.Name()),
	)
}

func (m *mongoDB) fill(ctx context.Context, c *mongo.Collection, n int, doc func(i int) bson.D) error {
	for i := 0; i < n; {
		var batch []any
		for ; i < n && len(batch) < batchSize; i++ {
			batch = append(batch, doc(i))
		}
		if _, err := c.InsertMany(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// usage asks the server what it has used.
func (m *mongoDB) usage(ctx context.Context) (usage, error) {
	cpu, err := m.process.cpu()
	if err != nil {
		return usage{}, err
	}
	status, err := m.client.Database("admin").RunCommand(ctx, bson.D{{Key: "serverStatus", Value: 1}}).Raw()
	if err != nil {
		return usage{}, err
	}
	mallocs, ok := status.Lookup("metrics", "go", "mallocs").AsInt64OK()
	if !ok {
		return usage{}, errors.New("serverStatus does not have metrics.go.mallocs")
	}
	return usage{cpu: cpu, mallocs: mallocs}, nil
}

// cannedUsage is usage for a server whose serverStatus is another one's.
func (m *mongoDB) cannedUsage(context.Context) (usage, error) {
	cpu, err := m.process.cpu()
	return usage{cpu: cpu, mallocs: -1}, err
}

func byID(id int32) bson.D { return bson.D{{Key: "_id", Value: id}} }

func inc(field string, by int32) bson.D {
	return bson.D{{Key: "$inc", Value: bson.D{{Key: field, Value: by}}}}
}

func (m *mongoDB) ping(ctx context.Context, _ *worker) error {
	return m.docs.Database().RunCommand(ctx, bson.D{{Key: "ping", Value: 1}}).Err()
}

func (m *mongoDB) findByID(ctx context.Context, w *worker) error {
	_, err := m.docs.FindOne(ctx, byID(w.any())).Raw()
	return err
}

func (m *mongoDB) findIndexed(ctx context.Context, w *worker) error {
	_, err := m.docs.FindOne(ctx, bson.D{{Key: "scat", Value: w.any()}}).Raw()
	return err
}

func (m *mongoDB) rangeInOrder(ctx context.Context, w *worker) error {
	return m.findRange(ctx, "seq", w)
}

func (m *mongoDB) rangeScattered(ctx context.Context, w *worker) error {
	return m.findRange(ctx, "scat", w)
}

func (m *mongoDB) findRange(ctx context.Context, field string, w *worker) error {
	start := w.rangeStart()
	filter := bson.D{{Key: field, Value: bson.D{{Key: "$gte", Value: start}, {Key: "$lt", Value: start + rangeSize}}}}
	cur, err := m.docs.Find(ctx, filter)
	return drain(ctx, cur, err, rangeSize)
}

// drain reads a cursor and checks how many documents it has; -1 is any number.
func drain(ctx context.Context, cur *mongo.Cursor, err error, want int) error {
	if err != nil {
		return err
	}
	defer cur.Close(ctx)
	n := 0
	for cur.Next(ctx) {
		n++
	}
	if cur.Err() == nil && want >= 0 && n != want {
		return fmt.Errorf("got %d documents instead of %d", n, want)
	}
	return cur.Err()
}

func (m *mongoDB) count(ctx context.Context, w *worker) error {
	_, err := m.docs.CountDocuments(ctx, bson.D{
		{Key: "amount", Value: bson.D{{Key: "$gte", Value: int32(amounts / 2)}}},
		{Key: "group", Value: groupName(int(w.any()) % groups)},
	})
	return err
}

func (m *mongoDB) group(ctx context.Context, _ *worker) error {
	cur, err := m.docs.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: bson.D{{Key: "amount", Value: bson.D{{Key: "$gte", Value: int32(amounts / 2)}}}}}},
		{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$group"}, {Key: "sum", Value: bson.D{{Key: "$sum", Value: "$amount"}}}}}},
	})
	return drain(ctx, cur, err, -1)
}

func (m *mongoDB) lookup(ctx context.Context, w *worker) error {
	start := w.rangeStart()
	cur, err := m.docs.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: start}, {Key: "$lt", Value: start + rangeSize}}}}}},
		{{Key: "$lookup", Value: bson.D{
			{Key: "from", Value: "groups"},
			{Key: "localField", Value: "group"},
			{Key: "foreignField", Value: "_id"},
			{Key: "as", Value: "g"},
		}}},
	})
	return drain(ctx, cur, err, rangeSize)
}

func (m *mongoDB) updateOne(ctx context.Context, w *worker) error {
	_, err := m.docs.UpdateOne(ctx, byID(w.any()), inc("n", 1))
	return err
}

func (m *mongoDB) findOneAndUpdate(ctx context.Context, w *worker) error {
	_, err := m.docs.FindOneAndUpdate(ctx, byID(w.any()), inc("n", 1),
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Raw()
	return err
}

func (m *mongoDB) ycsbA(ctx context.Context, w *worker) error { return m.ycsb(ctx, w, 50) }
func (m *mongoDB) ycsbB(ctx context.Context, w *worker) error { return m.ycsb(ctx, w, 95) }

func (m *mongoDB) ycsb(ctx context.Context, w *worker, reads int) error {
	id := w.popular()
	if w.rng.IntN(100) < reads {
		_, err := m.docs.FindOne(ctx, byID(id)).Raw()
		return err
	}
	_, err := m.docs.UpdateOne(ctx, byID(id), bson.D{{Key: "$set", Value: bson.D{{Key: "pad", Value: padding(w.rng.Int32N(math.MaxInt16))}}}})
	return err
}

func (m *mongoDB) insertOne(ctx context.Context, w *worker) error {
	_, err := m.inserts.InsertOne(ctx, makeItem(int(w.fresh()), w.n).document())
	return err
}

func (m *mongoDB) insertMany(ctx context.Context, w *worker) error {
	batch := make([]any, batchSize)
	for i := range batch {
		batch[i] = makeItem(int(w.fresh()), w.n).document()
	}
	_, err := m.batches.InsertMany(ctx, batch)
	return err
}
