package tandem_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/tandemdb/tandem"
)

// A transfer between two accounts, on a database inside the process.
func Example() {
	ctx := context.Background()
	db, err := tandem.Open(":memory:", nil) // or the path of a directory
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	client, err := db.Client(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Disconnect(ctx)

	accounts := client.Database("bank").Collection("accounts")
	_, err = accounts.InsertMany(ctx, []bson.D{
		{{Key: "_id", Value: "ann"}, {Key: "balance", Value: 100}},
		{{Key: "_id", Value: "bob"}, {Key: "balance", Value: 0}},
	})
	if err != nil {
		log.Fatal(err)
	}
	session, err := client.StartSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.EndSession(ctx)
	_, err = session.WithTransaction(ctx, func(ctx context.Context) (any, error) {
		if err := add(ctx, accounts, "ann", -30); err != nil {
			return nil, err
		}
		return nil, add(ctx, accounts, "bob", 30)
	})
	if err != nil {
		log.Fatal(err)
	}

	var bob struct{ Balance int }
	if err := accounts.FindOne(ctx, bson.D{{Key: "_id", Value: "bob"}}).Decode(&bob); err != nil {
		log.Fatal(err)
	}
	fmt.Println("bob has", bob.Balance)
	// Output: bob has 30
}

func add(ctx context.Context, accounts *mongo.Collection, id string, amount int) error {
	_, err := accounts.UpdateByID(ctx, id, bson.D{{Key: "$inc", Value: bson.D{{Key: "balance", Value: amount}}}})
	return err
}

// The same database, for clients in other processes.
func ExampleDB_Serve() {
	db, err := tandem.Open(":memory:", nil)
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- db.Serve(l) }()

	ctx := context.Background()
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + l.Addr().String()))
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Ping(ctx, nil); err != nil {
		log.Fatal(err)
	}
	if err := client.Disconnect(ctx); err != nil {
		log.Fatal(err)
	}
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("served:", <-served)
	// Output: served: <nil>
}
