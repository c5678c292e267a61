package odm_test

import (
	"context"
	stdjson "encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

type shape interface{ area() float64 }

type circle struct {
	ID     bson.ObjectID    `bson:"_id"`
	Radius int              `bson:"radius" odm:"min=1"`
	Colour odm.Opt[string]  `bson:"colour" odm:"default=red"`
	Size   int              `bson:"size"`
	Maker  odm.Ref[company] `bson:"maker"`
}

func (c *circle) area() float64 { return float64(3 * c.Radius * c.Radius) }

var circleLog []string

func (c *circle) BeforeSave(context.Context) error {
	circleLog = append(circleLog, "circle")
	return nil
}

type square struct {
	Side   int             `bson:"side" odm:"max=100"`
	Label  string          `bson:"label" odm:"uppercase,required"`
	Colour odm.Opt[string] `bson:"colour"`
	Size   string          `bson:"size"`
	Notes  map[string]int  `bson:"notes"`
}

func (s *square) area() float64 { return float64(s.Side * s.Side) }

type triangle struct{}

func (triangle) area() float64 { return 0 }

type shapes struct{}

func (shapes) Kinds() map[string]shape {
	return map[string]shape{"Circle": &circle{}, "Square": &square{}}
}

func (shapes) Key() string { return "kind" }

type anyShape = odm.OneOf[shape, shapes]

type drawing struct {
	odm.Doc[drawing] `bson:"-"`

	ID     string     `bson:"_id"`
	Main   anyShape   `bson:"main"`
	Shapes []anyShape `bson:"shapes"`
}

func TestSubDocumentsOfSeveralKinds(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		companies := model(t, conn, "Company", odm.NewSchema[company]())
		m := model(t, conn, "Drawing", odm.NewSchema[drawing]())
		ibm := &company{Name: "IBM"}
		require.NoError(t, companies.Create(ctx, ibm))
		circleLog = nil
		d, err := m.CreateOne(ctx, &drawing{
			ID: "d", Main: anyShape{Value: &square{Side: 2, Label: "main", Notes: map[string]int{"b": 1, "a": 2}}},
			Shapes: []anyShape{{Value: &circle{Radius: 2, Maker: odm.RefOf(ibm)}}, {Value: &square{Side: 3, Label: "s"}}},
		})
		require.NoError(t, err)
		require.Equal(t, []string{"circle"}, circleLog)
		require.False(t, d.IsModified())

		d, err = m.FindByID(ctx, "d")
		require.NoError(t, err)
		c, ok := d.Shapes[0].Value.(*circle)
		require.True(t, ok)
		require.Equal(t, "red", c.Colour.Or(""))
		require.False(t, c.ID.IsZero())
		require.Equal(t, "MAIN", d.Main.Value.(*square).Label)
		require.Equal(t, []string{"Square", "Circle"}, []string{d.Main.Kind(), d.Shapes[0].Kind()})
		require.False(t, d.IsModified())
		require.NoError(t, d.Populate(ctx, "shapes.maker"))
		require.Equal(t, "IBM", c.Maker.Doc().Name)

		// What changed in one of them is sent by its path.
		c.Radius = 5
		d.Main.Value.(*square).Notes["a"] = 3
		changes, err := d.Changes()
		require.NoError(t, err)
		require.JSONEq(t, `{"$set": {"main.notes.a": 3, "shapes.0.radius": 5}}`, json(t, changes.Update))
		require.NoError(t, d.Save(ctx))
		d.Shapes[1] = anyShape{Value: &circle{Radius: 1}}
		require.NoError(t, d.Validate(ctx))
		require.Equal(t, []string{"shapes.1"}, d.DirectModifiedPaths())
		require.NoError(t, d.Save(ctx))
		d.Shapes = append(d.Shapes, anyShape{Value: &square{Label: "third"}})
		require.NoError(t, d.Save(ctx))

		// Filters and updates are cast by the kinds.
		count(ctx, t, m, bson.D{{Key: "shapes.radius", Value: "5"}}, 1)
		count(ctx, t, m, bson.D{{Key: "shapes", Value: bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "kind", Value: "Square"}, {Key: "label", Value: "third"}}}}}}, 1)
		_, err = m.Query().Strict(odm.StrictThrow).Filter(bson.D{{Key: "shapes.nope", Value: 1}}).All(ctx)
		var se *odm.StrictError
		require.ErrorAs(t, err, &se)
		push := bson.D{{Key: "$push", Value: bson.D{{Key: "shapes", Value: bson.D{{Key: "kind", Value: "Circle"}, {Key: "radius", Value: "7"}, {Key: "size", Value: "4"}}}}}}
		_, err = m.ByID("d").UpdateOne(ctx, push, odm.RunValidators())
		require.NoError(t, err)
		d, err = m.FindByID(ctx, "d")
		require.NoError(t, err)
		last := d.Shapes[3].Value.(*circle)
		require.Equal(t, []int{7, 4}, []int{last.Radius, last.Size})
		require.False(t, last.ID.IsZero())

		// Each is validated by its own rules, and has to be of a kind.
		last.Radius = 0
		d.Shapes[2].Value.(*square).Label = ""
		d.Main.Value = triangle{}
		var ve *odm.ValidationError
		require.ErrorAs(t, d.Save(ctx), &ve)
		require.Equal(t, []string{"main", "shapes.2.label", "shapes.3.radius"}, []string{ve.Fields[0].Path, ve.Fields[1].Path, ve.Fields[2].Path})
		require.EqualError(t, ve.Fields[0], "`odm_test.triangle` is not a valid kind for path `main`.")
	})
}

// A sub-document of a kind that the program does not know stays as it is.
func TestUnknownKindsAreKept(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		m := model(t, conn, "Drawing", odm.NewSchema[drawing]())
		star := bson.D{{Key: "kind", Value: "Star"}, {Key: "points", Value: int32(5)}}
		_, err := m.Collection().InsertOne(t.Context(), bson.D{{Key: "_id", Value: "d"}, {Key: "main", Value: nil}, {Key: "shapes", Value: bson.A{star}}})
		require.NoError(t, err)
		d, err := m.FindByID(t.Context(), "d")
		require.NoError(t, err)
		require.True(t, d.Main.IsZero())
		require.Nil(t, d.Shapes[0].Value)
		require.Equal(t, "Star", d.Shapes[0].Kind())
		d.Shapes = append(d.Shapes, anyShape{Value: &circle{Radius: 1}})
		require.NoError(t, d.Save(t.Context()))
		d, err = m.FindByID(t.Context(), "d")
		require.NoError(t, err)
		require.JSONEq(t, `{"kind": "Star", "points": 5}`, json(t, d.Raw().Lookup("shapes", "0").Document()))
		clone, err := d.Clone()
		require.NoError(t, err)
		require.NotSame(t, clone.Shapes[1].Value, d.Shapes[1].Value)
	})
}

func TestKindsAsJSONAndObjects(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := model(t, conn, "Drawing", odm.NewSchema[drawing]())
	d := m.New(&drawing{ID: "d", Main: anyShape{Value: &square{Side: 2, Label: "x"}}})
	text, err := d.ToJSON(odm.Transform(func(s *square, out bson.D) bson.D { return out[:2] }))
	require.NoError(t, err)
	require.JSONEq(t, `{"_id": "d", "main": {"kind": "Square", "side": 2}, "shapes": []}`, string(text))
	text, err = stdjson.Marshal(d.Main)
	require.NoError(t, err)
	require.JSONEq(t, `{"kind": "Square", "Side": 2, "Label": "x", "Colour": null, "Size": "", "Notes": null}`, string(text))
	var back anyShape
	require.NoError(t, stdjson.Unmarshal(text, &back))
	require.Equal(t, d.Main.Value, back.Value)
	require.Error(t, stdjson.Unmarshal([]byte(`{"kind": "Star"}`), &back))
	require.Error(t, stdjson.Unmarshal([]byte(`{}`), &back))
	require.NoError(t, stdjson.Unmarshal([]byte(`null`), &back))
	require.True(t, back.IsZero())
}

type badKinds struct{}

func (badKinds) Kinds() map[string]any {
	return map[string]any{"A": &struct {
		T string `bson:"__t"`
	}{}, "B": 5}
}

func TestKindsAreCheckedWithTheSchema(t *testing.T) {
	type holder struct {
		odm.Doc[holder] `bson:"-"`

		ID string                   `bson:"_id"`
		A  odm.OneOf[any, badKinds] `bson:"a"`
	}
	conn, _ := newConn(t, nil)
	_, err := odm.NewModel[holder](conn, "Holder", nil)
	var se *odm.SchemaError
	require.ErrorAs(t, err, &se)
	require.Equal(t, []string{`a: the kind "A" cannot have a field with the name "__t"`, `a: the kind "B" has to be a pointer to a struct`}, se.Problems)
}

// A retry starts from the same values, in sub-documents of kinds as well.
func TestKindsGoBackBeforeARetry(t *testing.T) {
	conn, _ := newConn(t, &odm.ConnectionOptions{Rehearse: true})
	m := model(t, conn, "Drawing", odm.NewSchema[drawing]())
	d, err := m.CreateOne(t.Context(), &drawing{ID: "d", Shapes: []anyShape{{Value: &circle{Radius: 1}}}})
	require.NoError(t, err)
	require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
		d.Shapes[0].Value.(*circle).Radius++
		return d.Save(ctx)
	}, odm.Enlist(d)))
	require.Equal(t, 2, d.Shapes[0].Value.(*circle).Radius)
}

func TestDiscriminatorsTakeOverFromTheBase(t *testing.T) {
	type plainEvent struct {
		odm.Doc[plainEvent] `bson:"-"`

		ID   bson.ObjectID `bson:"_id"`
		At   odm.Opt[int]  `bson:"at"`
		Type string        `bson:"type"`
	}
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		ctx := t.Context()
		var ops []odm.Op
		note := func(_ context.Context, c *odm.Call) error {
			ops = append(ops, c.Op)
			return nil
		}
		type event struct {
			odm.Doc[event] `bson:"-"`

			ID bson.ObjectID `bson:"_id"`
			At odm.Opt[int]  `bson:"at"`
		}
		events := model(t, conn, "Event", odm.NewSchema[event](odm.DiscriminatorKey("type"), odm.StrictQuery(odm.StrictThrow), odm.Timestamps()).PreOp(odm.OpCount, note))
		_, err := odm.NewDiscriminator(events, "Plain", odm.NewSchema[plainEvent]())
		require.ErrorContains(t, err, `Discriminator "Plain" cannot have field with name "type"`)
		signups, err := odm.NewDiscriminator(events, "SignUp", odm.NewSchema[signUp](odm.KindValue("signup"), odm.Collection("ignored")))
		require.NoError(t, err)
		require.NoError(t, events.Create(ctx, &event{At: odm.Some(1)}))
		s, err := signups.CreateOne(ctx, &signUp{At: odm.Some(2), User: "ann"})
		require.NoError(t, err)
		count(ctx, t, signups, nil, 1)
		require.Equal(t, []odm.Op{odm.OpCount}, ops)
		require.Equal(t, "signup", s.Kind())
		require.Equal(t, "signup", s.Raw().Lookup("type").StringValue())
		require.False(t, s.Raw().Lookup("updatedAt").Time().IsZero())
		_, err = signups.Find(ctx, bson.D{{Key: "nope", Value: 1}})
		var se *odm.StrictError
		require.ErrorAs(t, err, &se)

		// The key stays, and the model touches documents of its kind alone.
		_, err = signups.Query().UpdateMany(ctx, bson.D{{Key: "type", Value: "other"}, {Key: "at", Value: 5}})
		require.NoError(t, err)
		n, err := signups.Query().DeleteMany(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		left, err := events.FindOne(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, 1, left.At.Or(0))
		_, err = odm.As[signUp](&left.Doc)
		var ke *odm.KindError
		require.ErrorAs(t, err, &ke)
		require.Equal(t, "Event", ke.Model)
	})
}

type signUp struct {
	odm.Doc[signUp] `bson:"-"`

	ID   bson.ObjectID `bson:"_id"`
	At   odm.Opt[int]  `bson:"at"`
	User string        `bson:"user" odm:"required"`
}
