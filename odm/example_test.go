package odm_test

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/odm"
)

// Crew is the document of the examples.
type Crew struct {
	odm.Doc[Crew] `bson:"-"`

	ID   bson.ObjectID `bson:"_id"`
	Name string        `bson:"name" odm:"required,trim"`
	Age  int           `bson:"age" odm:"min=0"`
	Tags []string      `bson:"tags"`
}

// crew opens a database in memory for an example.
func crew() (*odm.Connection, *odm.Model[Crew], func()) {
	db, err := tandem.Open("", &tandem.Options{InMemory: true})
	if err != nil {
		panic(err)
	}
	client, err := db.Client(context.Background())
	if err != nil {
		panic(err)
	}
	conn := odm.Use(client, "ship", nil)
	return conn, odm.MustModel[Crew](conn, "Crew", odm.NewSchema[Crew]()), func() {
		_ = client.Disconnect(context.Background())
		_ = db.Close()
	}
}

func Example() {
	_, people, done := crew()
	defer done()
	ctx := context.Background()

	will, err := people.CreateOne(ctx, &Crew{Name: " Will Riker ", Age: 29})
	if err != nil {
		panic(err)
	}
	will.Tags = append(will.Tags, "captain")
	changes, err := will.Changes()
	if err != nil {
		panic(err)
	}
	fmt.Println(will.Name, will.ModifiedPaths())
	fmt.Println(changes.Update)
	if err := will.Save(ctx); err != nil {
		panic(err)
	}
	// Output:
	// Will Riker [tags]
	// {"$push": {"tags": {"$each": ["captain"]}},"$inc": {"__v": {"$numberInt":"1"}}}
}

func ExampleModel_Where() {
	_, people, done := crew()
	defer done()
	ctx := context.Background()
	if err := people.Create(ctx, &Crew{Name: "Will", Age: 29}, &Crew{Name: "Wesley", Age: 15}, &Crew{Name: "Data", Age: 26}); err != nil {
		panic(err)
	}
	for p, err := range people.Where("age").Gte(18).Sort("-age").Each(ctx) {
		if err != nil {
			panic(err)
		}
		fmt.Println(p.Name, p.Age)
	}
	// Output:
	// Will 29
	// Data 26
}

func ExampleConnection_Transaction() {
	conn, people, done := crew()
	defer done()
	ctx := context.Background()
	will, err := people.CreateOne(ctx, &Crew{Name: "Will"})
	if err != nil {
		panic(err)
	}
	err = conn.Transaction(ctx, func(ctx context.Context) error {
		will.Name = "Captain Riker"
		if err := will.Save(ctx); err != nil {
			return err
		}
		odm.AfterCommit(ctx, func(context.Context) { fmt.Println("never said") })
		return errors.New("the Borg")
	})
	stored, _ := people.FindByID(ctx, will.ID)
	fmt.Println(err, "-", stored.Name, "-", will.Name, will.IsModified("name"))
	// Output: the Borg - Will - Captain Riker true
}

func ExampleEnlist() {
	conn, people, done := crew()
	defer done()
	ctx := context.Background()
	will, err := people.CreateOne(ctx, &Crew{Name: "Will", Age: 29})
	if err != nil {
		panic(err)
	}
	// Should the callback run again, it starts from 29 again.
	err = conn.Transaction(ctx, func(ctx context.Context) error {
		will.Age++
		return will.Save(ctx)
	}, odm.Enlist(will))
	fmt.Println(will.Age, err)
	// Output: 30 <nil>
}

func ExampleValidationError() {
	_, people, done := crew()
	defer done()
	err := people.Create(context.Background(), &Crew{Age: -1})
	if bad, ok := errors.AsType[*odm.ValidationError](err); ok {
		for _, f := range bad.Fields {
			fmt.Println(f.Path, f.Kind, f.Message)
		}
	}
	// Output:
	// name required Path `name` is required.
	// age min Path `age` (-1) is less than minimum allowed value (0).
}

func ExampleAggregate() {
	_, people, done := crew()
	defer done()
	ctx := context.Background()
	if err := people.Create(ctx, &Crew{Name: "Will", Age: 29}, &Crew{Name: "Deanna", Age: 29}, &Crew{Name: "Data", Age: 26}); err != nil {
		panic(err)
	}
	type row struct {
		Age   int `bson:"_id"`
		Count int `bson:"count"`
	}
	rows, err := odm.Aggregate[row](ctx, people, odm.NewPipeline().
		Group("$age", bson.E{Key: "count", Value: bson.D{{Key: "$sum", Value: 1}}}).
		Sort(bson.D{{Key: "_id", Value: 1}}))
	fmt.Println(rows, err)
	// Output: [{26 1} {29 2}] <nil>
}
