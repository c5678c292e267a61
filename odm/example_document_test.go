package odm_test

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

func ExampleDoc_Save() {
	_, people, done := crew()
	defer done()
	ctx := context.Background()
	will := people.New(&Crew{Name: "Will", Age: 29})
	fmt.Println(will.IsNew(), will.Save(ctx), will.IsNew())
	will.Age = 30
	fmt.Println(will.ModifiedPaths(), will.Save(ctx), will.ModifiedPaths())
	// Output:
	// true <nil> false
	// [age] <nil> []
}

func ExampleDoc_Inc() {
	_, people, done := crew()
	defer done()
	ctx := context.Background()
	will := must(people.CreateOne(ctx, &Crew{Name: "Will", Age: 29, Tags: []string{"pilot"}}))
	_ = will.Inc("age", 1)
	_ = will.AddToSet("tags", "pilot", "captain")
	fmt.Println(will.Age, will.Tags)
	fmt.Println(must(will.Changes()).Update)
	// Output:
	// 30 [pilot captain]
	// {"$addToSet": {"tags": {"$each": ["captain"]}},"$inc": {"age": {"$numberLong":"1"},"__v": {"$numberInt":"1"}}}
}

func ExampleDoc_Assign() {
	_, people, done := crew()
	defer done()
	will := must(people.CreateOne(context.Background(), &Crew{Name: "Will", Age: 29}))
	var request bson.D
	_ = bson.UnmarshalExtJSON([]byte(`{"_id": "hack", "age": "30", "admin": true}`), false, &request)
	fmt.Println(will.Assign(request), will.Age, will.ModifiedPaths())
	// Output: <nil> 30 [age]
}

func ExampleDoc_Overwrite() {
	_, people, done := crew()
	defer done()
	ctx := context.Background()
	will := must(people.CreateOne(ctx, &Crew{Name: "Will", Age: 29, Tags: []string{"pilot"}}))
	_ = will.Overwrite(ctx, &Crew{Name: "Thomas"})
	fmt.Println(will.ModifiedPaths(), will.Save(ctx))
	will.Name = "Forgotten"
	fmt.Println(will.Reload(ctx), will.Name, will.Age)
	// Output:
	// [name age tags] <nil>
	// <nil> Thomas 0
}

func ExampleDoc_Clone() {
	_, people, done := crew()
	defer done()
	will := must(people.CreateOne(context.Background(), &Crew{Name: "Will"}))
	copied := must(will.Clone())
	copied.Name = "Thomas"
	fmt.Println(will.Name, will.IsModified(), copied.IsModified("name"), will.Equals(copied))
	// Output: Will false true true
}

func ExampleDoc_Delete() {
	_, people, done := crew()
	defer done()
	ctx := context.Background()
	will := must(people.CreateOne(ctx, &Crew{Name: "Will"}))
	fmt.Println(will.Delete(ctx), will.IsDeleted())
	fmt.Println(errors.Is(will.Reload(ctx), odm.ErrNotFound))
	// Output:
	// <nil> true
	// true
}

func ExampleDoc_ToJSON() {
	_, people, done := crew()
	defer done()
	will := people.New(&Crew{ID: bson.ObjectID{1}, Name: "Will", Age: 29})
	anonymous := odm.Transform(func(_ *Crew, out bson.D) bson.D {
		return append(out[:1], bson.E{Key: "name", Value: "?"})
	})
	fmt.Println(string(must(will.ToJSON())))
	fmt.Println(string(must(will.ToJSON(anonymous))))
	// Output:
	// {"_id":"010000000000000000000000","name":"Will","age":29,"tags":[]}
	// {"_id":"010000000000000000000000","name":"?"}
}

func ExampleVersionError() {
	_, people, done := crew()
	defer done()
	ctx := context.Background()
	mine := must(people.CreateOne(ctx, &Crew{Name: "Will", Tags: []string{"a", "b"}}))
	theirs := must(people.FindByID(ctx, mine.ID))
	theirs.Tags = []string{"x"}
	_ = theirs.Save(ctx)

	mine.Tags[1] = "c" // by position: the array must be the one that was loaded
	if stale, ok := errors.AsType[*odm.VersionError](mine.Save(ctx)); ok {
		fmt.Println(stale.Version, stale.Paths)
	}
	// Output: 0 [tags.1]
}

func ExampleOptimisticConcurrency() {
	conn, _, done := crew()
	defer done()
	ctx := context.Background()
	people := must(odm.NewModel[Crew](conn, "Versioned", odm.NewSchema[Crew](odm.OptimisticConcurrency())))
	mine := must(people.CreateOne(ctx, &Crew{Name: "Will", Age: 29}))
	theirs := must(people.FindByID(ctx, mine.ID))
	theirs.Age, mine.Name = 30, "Thomas"
	fmt.Println(theirs.Save(ctx))
	var stale *odm.VersionError
	fmt.Println(errors.As(mine.Save(ctx), &stale))
	// Output:
	// <nil>
	// true
}

func ExampleMisuseError() {
	conn, people, done := crew()
	defer done()
	_ = conn.Disconnect(context.Background())
	_, err := people.Count(context.Background(), nil)
	fmt.Println(err, errors.Is(err, odm.ErrClosed))
	// Output: odm: Crew: the connection is closed true
}

func ExampleOpt() {
	var age odm.Opt[int]
	fmt.Println(age.IsZero(), age.Or(18))
	age.Set(0)
	n, ok := age.Get()
	fmt.Println(n, ok, odm.Some(5).Or(18))
	// Output:
	// true 18
	// 0 true 5
}
