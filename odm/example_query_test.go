package odm_test

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// bridge is crew with three people on board.
func bridge() (*odm.Model[Crew], func()) {
	_, people, done := crew()
	for _, p := range []*Crew{{Name: "Will", Age: 29}, {Name: "Wesley", Age: 15}, {Name: "Data", Age: 26}} {
		must(people.CreateOne(context.Background(), p))
	}
	return people, done
}

func names(people []*Crew) []string {
	out := make([]string, len(people))
	for i, p := range people {
		out[i] = p.Name
	}
	return out
}

func ExampleModel_Query() {
	people, done := bridge()
	defer done()
	ctx := context.Background()
	// Filters are cast: the text becomes a number.
	fmt.Println(names(must(people.Query(bson.D{{Key: "age", Value: bson.D{{Key: "$lt", Value: "28"}}}}).Sort("name").All(ctx))))
	fmt.Println(names(must(people.Where("name").Regex("^w", "i").Where("age").Gte(18).All(ctx))))
	fmt.Println(people.Query().Count(ctx))
	fmt.Println(people.Exists(ctx, bson.D{{Key: "name", Value: "Q"}}))
	// Output:
	// [Data Wesley]
	// [Will]
	// 3 <nil>
	// false <nil>
}

func ExampleQuery_OneOrNil() {
	people, done := bridge()
	defer done()
	ctx := context.Background()
	_, err := people.Where("name").Eq("Q").One(ctx)
	fmt.Println(errors.Is(err, odm.ErrNotFound))
	nobody, err := people.Where("name").Eq("Q").OneOrNil(ctx)
	fmt.Println(nobody == nil, err)
	_, err = people.Where("name").Eq("Q").OrFail(errors.New("no Q here")).UpdateOne(ctx, bson.D{{Key: "age", Value: 1}})
	fmt.Println(err)
	// Output:
	// true
	// true <nil>
	// no Q here
}

func ExampleQuery_Select() {
	people, done := bridge()
	defer done()
	data := must(people.Where("name").Eq("Data").Select("name").One(context.Background()))
	fmt.Println(data.Name, data.Age, data.IsModified())
	// Output: Data 0 false
}

func ExampleQuery_Each() {
	people, done := bridge()
	defer done()
	for p, err := range people.Query().Sort("age").BatchSize(2).Each(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Name)
		if p.Age > 20 {
			break // the cursor is closed
		}
	}
	// Output:
	// Wesley
	// Data
}

func ExampleQuery_Lean() {
	people, done := bridge()
	defer done()
	ctx := context.Background()
	raw := must(people.Where("age").Gt(28).Lean(ctx))
	fmt.Println(raw[0].Lookup("name"))
	will := must(people.Hydrate(ctx, raw[0]))
	fmt.Println(will.Name, will.IsNew())
	// Output:
	// "Will"
	// Will false
}

func ExampleQuery_UpdateMany() {
	people, done := bridge()
	defer done()
	ctx := context.Background()
	res := must(people.Where("age").Gte(18).UpdateMany(ctx, bson.D{{Key: "$push", Value: bson.D{{Key: "tags", Value: "adult"}}}}))
	fmt.Println(res.MatchedCount, res.ModifiedCount)
	_, err := people.Query().UpdateMany(ctx, bson.D{{Key: "age", Value: -1}}, odm.RunValidators())
	fmt.Println(err)
	// Output:
	// 2 2
	// Crew validation failed: age: Path `age` (-1) is less than minimum allowed value (0).
}

func ExampleQuery_FindOneAndUpdate() {
	people, done := bridge()
	defer done()
	ctx := context.Background()
	older := bson.D{{Key: "$inc", Value: bson.D{{Key: "age", Value: 1}}}}
	after := must(people.Where("name").Eq("Wesley").FindOneAndUpdate(ctx, older))
	before := must(people.Where("name").Eq("Wesley").FindOneAndUpdate(ctx, older, odm.ReturnBefore()))
	made := must(people.Where("name").Eq("Q").FindOneAndUpdate(ctx, bson.D{{Key: "age", Value: "1000"}}, odm.Upsert()))
	fmt.Println(after.Age, before.Age, made.Name, made.Age)
	// Output: 16 16 Q 1000
}

func ExampleQuery_Distinct() {
	people, done := bridge()
	defer done()
	for _, v := range must(people.Where("age").Lt(28).Distinct(context.Background(), "name")) {
		fmt.Println(v.StringValue())
	}
	// Unordered output:
	// Data
	// Wesley
}

func ExampleQuery_Explain() {
	people, done := bridge()
	defer done()
	plan := must(people.Where("age").Gt(18).Explain(context.Background(), "queryPlanner"))
	fmt.Println(plan.Lookup("queryPlanner", "winningPlan", "stage").StringValue())
	// Output: COLLSCAN
}

func ExampleQuery_Populate() {
	conn, people, done := crew()
	defer done()
	ctx := context.Background()
	ships := must(odm.NewModel[Ship](conn, "Ship", nil))
	logs := must(odm.NewModel[Log](conn, "Log", nil))
	picard := must(people.CreateOne(ctx, &Crew{Name: "Picard", Age: 59}))
	_ = ships.Create(ctx, &Ship{ID: "d", Name: "Enterprise", Registry: "NCC-1701-D", Captain: odm.RefOf(picard)})
	for _, text := range []string{"Farpoint", "Q again", "The Borg"} {
		_ = logs.Create(ctx, &Log{Ship: odm.RefID[Ship]("d"), Text: text})
	}

	ship := must(ships.ByID("d").
		Populate("captain", odm.PopSelect("name")).
		Populate("log", odm.PopSort("-text"), odm.PopLimit(2)). // virtual: nothing is stored in the ship
		One(ctx))
	fmt.Println(ship.Captain.Doc().Name, len(ship.Log.Docs()), ship.Log.Docs()[0].Text)

	entry := must(logs.Where("text").Eq("Q again").Populate("ship.captain").One(ctx))
	fmt.Println(entry.Ship.ID(), entry.Ship.Doc().Captain.Doc().Name, entry.IsModified())
	// Output:
	// Picard 2 The Borg
	// d Picard false
}

func ExampleModel_InsertMany() {
	_, people, done := crew()
	defer done()
	docs := []*Crew{{Name: "Will"}, {Age: 3}, {Name: "Data"}}
	res, err := people.InsertMany(context.Background(), docs, odm.Unordered())
	fmt.Println(names(res.Inserted), err)
	fmt.Println(res.Errors[1])
	// Output:
	// [Will Data] <nil>
	// Crew validation failed: name: Path `name` is required.
}

func ExampleModel_BulkWrite() {
	people, done := bridge()
	defer done()
	byName := func(name string) bson.D { return bson.D{{Key: "name", Value: name}} }
	q := &Crew{Name: "Q"}
	res := must(people.BulkWrite(context.Background(), []odm.BulkOp[Crew]{
		odm.InsertOp(q),
		odm.UpdateOneOp[Crew](byName("Will"), bson.D{{Key: "age", Value: "30"}}),
		odm.DeleteOp[Crew](byName("Wesley")),
	}))
	fmt.Println(res.InsertedCount, res.ModifiedCount, res.DeletedCount, q.IsNew())
	// Output: 1 1 1 false
}

func ExampleModel_BulkSave() {
	people, done := bridge()
	defer done()
	ctx := context.Background()
	all := must(people.Query().Sort("name").All(ctx))
	for _, p := range all {
		p.Age++
	}
	_, _ = people.Where("name").Eq("Wesley").DeleteOne(ctx)
	err := people.BulkSave(ctx, all)
	var some *odm.BulkSaveError
	fmt.Println(errors.As(err, &some), len(some.IDs), some.IDs[0] == all[1].ID)
	for _, p := range all {
		fmt.Println(p.Name, p.IsModified())
	}
	// Output:
	// true 1 true
	// Data false
	// Wesley true
	// Will false
}

func ExampleModel_Watch() {
	people, done := bridge()
	defer done()
	for event, err := range people.Watch(context.Background(), nil) {
		if _, ok := errors.AsType[*odm.UnsupportedError](err); ok {
			fmt.Println("this server has no change streams")
			return
		}
		fmt.Println(event.Op, event.Document)
	}
	// Output: this server has no change streams
}

func ExampleConnection_UseDB() {
	conn, _, done := crew()
	defer done()
	ctx := context.Background()
	archive := must(odm.NewModel[Crew](conn.UseDB("archive"), "Crew", nil))
	_ = archive.Create(ctx, &Crew{Name: "Kirk"})
	fmt.Println(archive.Collection().Database().Name(), archive.Collection().Name())
	// Output: archive crews
}

func ExampleNewConnection() {
	// A connection can have models before it is connected; calls fail, or wait for BufferFor.
	conn := odm.NewConnection(&odm.ConnectionOptions{Database: "ship"})
	people := must(odm.NewModel[Crew](conn, "Crew", nil))
	_, err := people.Count(context.Background(), nil)
	fmt.Println(errors.Is(err, odm.ErrNotConnected))
	// Then: conn.Open(ctx, "mongodb://127.0.0.1:27017"), and conn.Disconnect(ctx) at the end.
	// Output: true
}
