package odm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// must is for examples; programs look at their errors.
func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// Ship is a document with the rules that tags can say.
type Ship struct {
	odm.Doc[Ship] `bson:"-"`

	ID       string           `bson:"_id"`
	Name     string           `bson:"name"     odm:"required,trim,alias=title"`
	Class    string           `bson:"class"    odm:"enum=explorer|cruiser,default=explorer"`
	Crew     odm.Opt[int]     `bson:"crew"     odm:"min=1"`
	Registry string           `bson:"registry" odm:"uppercase,match=^NCC,immutable"`
	Launched time.Time        `bson:"launched"`
	Captain  odm.Ref[Crew]    `bson:"captain"`
	Log      odm.RefMany[Log] `bson:"-"        odm:"foreign=ship"`
}

// Log is an entry in the log of a Ship.
type Log struct {
	odm.Doc[Log] `bson:"-"`

	ID   bson.ObjectID           `bson:"_id"`
	Ship odm.RefTo[Ship, string] `bson:"ship"`
	Text string                  `bson:"text"`
}

func ExampleNewSchema() {
	conn, _, done := crew()
	defer done()
	schema := odm.NewSchema[Ship](
		odm.Timestamps(),
		odm.Path("name", odm.Check(func(_ context.Context, name string) error {
			if strings.HasPrefix(name, "USS ") {
				return nil
			}
			return errors.New("a ship's name begins with USS")
		})),
	)
	ships := must(odm.NewModel[Ship](conn, "Ship", schema))
	fmt.Println(ships.Create(context.Background(), &Ship{ID: "d", Name: "Enterprise", Registry: "ncc-1701-d"}))
	ship := must(ships.CreateOne(context.Background(), &Ship{ID: "d", Name: " USS Enterprise ", Registry: "ncc-1701-d"}))
	fmt.Printf("%q %s %s\n", ship.Name, ship.Class, ship.Registry)
	// Output:
	// Ship validation failed: name: a ship's name begins with USS
	// "USS Enterprise" explorer NCC-1701-D
}

func ExampleSchemaError() {
	conn, _, done := crew()
	defer done()
	_, err := odm.NewModel[Ship](conn, "Ship", odm.NewSchema[Ship](odm.Path("nme", odm.Required()), odm.Path("launched", odm.Lowercase())))
	if bad, ok := errors.AsType[*odm.SchemaError](err); ok {
		fmt.Println(strings.Join(bad.Problems, "\n"))
	}
	// Output:
	// nme: there is no such path
	// launched: lowercase is for strings
}

func ExampleSchema_Pre() {
	conn, _, done := crew()
	defer done()
	schema := odm.NewSchema[Ship]().
		Pre(odm.OnSave, func(_ context.Context, s *Ship) error {
			fmt.Println("before", s.IsNew(), s.ModifiedPaths())
			return nil
		}).
		Post(odm.OnSave, func(_ context.Context, s *Ship) error {
			fmt.Println("after", s.IsNew(), s.ModifiedPaths())
			return nil
		})
	ships := must(odm.NewModel[Ship](conn, "Ship", schema))
	ship := must(ships.CreateOne(context.Background(), &Ship{ID: "v", Name: "Voyager", Registry: "NCC-74656"}))
	ship.Name = "USS Voyager"
	_ = ship.Save(context.Background())
	// Output:
	// before true [_id name registry]
	// after false []
	// before false [name]
	// after false []
}

func ExampleSchema_PreOp() {
	conn, _, done := crew()
	defer done()
	schema := odm.NewSchema[Ship]().PreOp(odm.OpDeleteMany, func(_ context.Context, call *odm.Call) error {
		fmt.Println(call.Model, call.Op, call.Filter)
		return odm.ErrStop // nothing is deleted, and nobody gets an error
	})
	ships := must(odm.NewModel[Ship](conn, "Ship", schema))
	fmt.Println(ships.Where("crew").Lt("100").DeleteMany(context.Background()))
	// Output:
	// Ship deleteMany {"crew": {"$lt": {"$numberLong":"100"}}}
	// 0 <nil>
}

func ExampleSchema_Virtual() {
	conn, _, done := crew()
	defer done()
	schema := odm.NewSchema[Ship](odm.JSONDefaults(odm.Virtuals(), odm.NoVersionKey())).
		Virtual("label", func(s *Ship) any { return s.Name + " (" + s.Registry + ")" }).
		VirtualSetter("label", func(s *Ship, v any) error {
			name, registry, ok := strings.Cut(fmt.Sprint(v), " ")
			if !ok {
				return errors.New("a label has two words")
			}
			s.Name, s.Registry = name, registry
			return nil
		})
	ships := must(odm.NewModel[Ship](conn, "Ship", schema))
	ship := ships.New(&Ship{ID: "d"})
	fmt.Println(ship.Set("label", "Defiant NX-74205"), ship.Name, must(ship.Get("label")))
	// Output: <nil> Defiant Defiant (NX-74205)
}

func ExampleGetter() {
	conn, _, done := crew()
	defer done()
	stars := odm.Path("name", odm.Getter(func(name string) any { return strings.Repeat("*", len(name)) }))
	ships := must(odm.NewModel[Ship](conn, "Ship", odm.NewSchema[Ship](stars)))
	ship := ships.New(&Ship{ID: "d", Name: "Defiant"})
	fmt.Println(ship.Name, must(ship.Get("name")))
	// Output: Defiant *******
}

func ExampleSchema_Use() {
	conn, _, done := crew()
	defer done()
	// A plugin that needs no type is a list of options; one that does is a function of the schema.
	stamped := func() []odm.SchemaOption { return []odm.SchemaOption{odm.TimestampNames("made", "changed")} }
	schema := odm.NewSchema[Ship](odm.Plugin(stamped)).Use(announced[Ship])
	ships := must(odm.NewModel[Ship](conn, "Ship", schema))
	ship := must(ships.CreateOne(context.Background(), &Ship{ID: "d", Name: "Defiant", Registry: "NCC-1764"}))
	fmt.Println(ship.Raw().Lookup("made").Type)
	// Output:
	// saved
	// UTC datetime
}

func announced[T any](s *odm.Schema[T]) {
	s.Post(odm.OnSave, func(context.Context, *T) error {
		fmt.Println("saved")
		return nil
	})
}

func ExampleStrictMode() {
	conn, _, done := crew()
	defer done()
	ships := must(odm.NewModel[Ship](conn, "Ship", odm.NewSchema[Ship](odm.StrictMode(odm.StrictThrow), odm.StrictQuery(odm.StrictThrow))))
	_, err := ships.Query().UpdateMany(context.Background(), bson.D{{Key: "warp", Value: 9}})
	fmt.Println(err)
	_, err = ships.Find(context.Background(), bson.D{{Key: "warp", Value: 9}})
	fmt.Println(err)
	// Output:
	// odm: Ship: path "warp" of the update is not in the schema
	// odm: Ship: path "warp" of the filter is not in the schema
}

func ExampleModel_SyncIndexes() {
	conn, _, done := crew()
	defer done()
	ctx := context.Background()
	old := must(odm.NewModel[Ship](conn, "Old", odm.NewSchema[Ship](odm.Collection("ships"), odm.Path("class", odm.Index()))))
	must(old.SyncIndexes(ctx))
	ships := must(odm.NewModel[Ship](conn, "Ship", odm.NewSchema[Ship](
		odm.Path("registry", odm.Unique()), odm.CompoundIndex(bson.D{{Key: "class", Value: 1}, {Key: "crew", Value: -1}}, nil),
	)))
	diff := must(ships.DiffIndexes(ctx))
	fmt.Println(diff.ToDrop, diff.ToCreate)
	fmt.Println(ships.SyncIndexes(ctx))
	// Output:
	// [class_1] [class_1_crew_-1 registry_1]
	// [class_1] <nil>
}

// Shuttle is a kind of Ship, in the same collection.
type Shuttle struct {
	odm.Doc[Shuttle] `bson:"-"`

	ID    string `bson:"_id"`
	Name  string `bson:"name"`
	Seats int    `bson:"seats"`
}

func ExampleNewDiscriminator() {
	conn, _, done := crew()
	defer done()
	ctx := context.Background()
	ships := must(odm.NewModel[Ship](conn, "Ship", odm.NewSchema[Ship](odm.DiscriminatorKey("kind"))))
	shuttles := must(odm.NewDiscriminator(ships, "Shuttle", odm.NewSchema[Shuttle]()))
	_ = ships.Create(ctx, &Ship{ID: "d", Name: "Enterprise", Registry: "NCC-1701-D"})
	_ = shuttles.Create(ctx, &Shuttle{ID: "g", Name: "Galileo", Seats: 7})
	for ship := range ships.Query().Sort("_id").Each(ctx) {
		if shuttle, err := odm.As[Shuttle](&ship.Doc); err == nil {
			fmt.Println(ship.Kind(), shuttle.Name, shuttle.Seats)
		} else {
			fmt.Println("Ship", ship.Name)
		}
	}
	fmt.Println(shuttles.Count(ctx, nil))
	// Output:
	// Ship Enterprise
	// Shuttle Galileo 7
	// 1 <nil>
}

// Course, Warp and Impulse are sub-documents of several kinds.
type Course interface{ Speed() string }

type Warp struct {
	Factor int `bson:"factor" odm:"max=9"`
}

type Impulse struct {
	Part int `bson:"part" odm:"min=1"`
}

func (w *Warp) Speed() string { return fmt.Sprint("warp ", w.Factor) }

func (i *Impulse) Speed() string { return fmt.Sprint("1/", i.Part, " impulse") }

type courses struct{}

func (courses) Kinds() map[string]Course {
	return map[string]Course{"Warp": &Warp{}, "Impulse": &Impulse{}}
}

// Flight is a document with such sub-documents.
type Flight struct {
	odm.Doc[Flight] `bson:"-"`

	ID   string                       `bson:"_id"`
	Legs []odm.OneOf[Course, courses] `bson:"legs"`
}

func ExampleOneOf() {
	conn, _, done := crew()
	defer done()
	ctx := context.Background()
	flights := must(odm.NewModel[Flight](conn, "Flight", nil))
	err := flights.Create(ctx, &Flight{ID: "f", Legs: []odm.OneOf[Course, courses]{{Value: &Warp{Factor: 10}}}})
	fmt.Println(err)
	_ = flights.Create(ctx, &Flight{ID: "f", Legs: []odm.OneOf[Course, courses]{{Value: &Impulse{Part: 4}}, {Value: &Warp{Factor: 6}}}})
	flight := must(flights.Where("legs.factor").Gt("5").One(ctx))
	for _, leg := range flight.Legs {
		fmt.Println(leg.Kind(), leg.Value.Speed())
	}
	flight.Legs[1].Value.(*Warp).Factor = 8
	fmt.Println(must(flight.Changes()).Update)
	// Output:
	// Flight validation failed: legs.0.factor: Path `legs.0.factor` (10) is more than maximum allowed value (9).
	// Impulse 1/4 impulse
	// Warp warp 6
	// {"$set": {"legs.1.factor": {"$numberInt":"8"}}}
}
