package odm_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/tandemdb/tandem/odm"
)

func seedThings(t *testing.T, conn *odm.Connection) *odm.Model[thing] {
	t.Helper()
	things := model(t, conn, "Thing", odm.NewSchema[thing]())
	for i, id := range []string{"a", "b", "c", "d"} {
		require.NoError(t, things.Create(t.Context(), &thing{ID: id, Age: i, Name: "n" + id, Tags: []string{id, "all"}}))
	}
	return things
}

func ids(things []*thing) string {
	s := ""
	for _, v := range things {
		s += v.ID
	}
	return s
}

func TestQueryBuilder(t *testing.T) {
	conn, _ := newConn(t, nil)
	things := seedThings(t, conn)
	for want, q := range map[string]*odm.Query[thing]{
		"dc":   things.Where("age").Gte(1).Sort("-age").Limit(2),
		"bc":   things.Where("age").Gt(0).Where("age").Lt(3).Sort("age"),
		"ad":   things.Where("age").In(0, "3").Sort("age"),
		"abcd": things.Where("tags").Eq("all").Sort("_id"),
		"cd":   things.Query().Sort("_id").Skip(2),
		"ab":   things.Query().Or(bson.D{{Key: "age", Value: "0"}}, bson.D{{Key: "name", Value: "nb"}}).Sort("_id"),
		"acd":  things.Where("name").Ne("nb").Sort("_id"),
		"b":    things.Query(bson.M{"age": bson.M{"$eq": "1"}}),
		"bd":   things.Query(bson.D{{Key: "age", Value: bson.A{1, "3"}}}).Sort("_id"),
	} {
		all, err := q.All(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, ids(all))
		var each []*thing
		for v, err := range q.BatchSize(1).Each(t.Context()) {
			require.NoError(t, err)
			each = append(each, v)
		}
		require.Equal(t, want, ids(each))
		n, err := q.Count(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, len(want), n)
	}
	values, err := things.Where("age").Lt(2).Distinct(t.Context(), "tags")
	require.NoError(t, err)
	require.Len(t, values, 3)
	none, err := things.Where("name").Eq("x").OneOrNil(t.Context())
	require.NoError(t, err)
	require.Nil(t, none)
	_, err = things.FindByID(t.Context(), "x")
	require.ErrorIs(t, err, mongo.ErrNoDocuments)
	lean, err := things.ByID("a").Lean(t.Context())
	require.NoError(t, err)
	require.Equal(t, "na", lean[0].Lookup("name").StringValue())
	plan, err := things.Where("age").Gt(1).Explain(t.Context(), "queryPlanner")
	require.NoError(t, err)
	require.NotEmpty(t, plan)
}

func TestCastErrorsNameModelAndPath(t *testing.T) {
	conn, _ := newConn(t, nil)
	people := model(t, conn, "Person", odm.NewSchema[person]())
	_, err := people.FindByID(t.Context(), "bad")
	var ce *odm.CastError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, []string{"Person", "_id", "ObjectId"}, []string{ce.Model, ce.Path, ce.Kind})
	things := model(t, conn, "Thing", odm.NewSchema[thing]())
	_, err = things.Where("age").Gt("many").All(t.Context())
	require.ErrorContains(t, err, `Cast to Int failed for value "many" (type string) at path "age" for model "Thing"`)
	_, err = things.Find(t.Context(), bson.D{{Key: "age", Value: bson.D{{Key: "$foo", Value: 1}}}})
	require.ErrorContains(t, err, "Can't use $foo with Int.")
}

func TestStrictModes(t *testing.T) {
	conn, rec := newConn(t, nil)
	things := seedThings(t, conn)
	rec.take("")
	_, err := things.ByID("a").UpdateOne(t.Context(), bson.D{{Key: "nope", Value: 1}})
	require.NoError(t, err)
	require.Empty(t, rec.take("update"))
	var se *odm.StrictError
	_, err = things.ByID("a").UpdateOne(t.Context(), bson.D{{Key: "nope", Value: 1}}, odm.UpdateStrict(odm.StrictThrow))
	require.ErrorAs(t, err, &se)
	require.Equal(t, "nope", se.Path)
	_, err = things.Where("nope").Eq(1).Strict(odm.StrictThrow).All(t.Context())
	require.ErrorAs(t, err, &se)
	all, err := things.Where("nope").Eq(1).Strict(odm.StrictDrop).All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 4)
	all, err = things.Where("nope").Eq(1).All(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestUpdatesAreCast(t *testing.T) {
	conn, rec := newConn(t, nil)
	things := seedThings(t, conn)
	for _, tc := range []struct{ update, want string }{
		{`{"name": 5}`, `{"$set": {"name": "5"}}`},
		{`{"age": "7", "$push": {"tags": 3}}`, `{"$push": {"tags": "3"}, "$set": {"age": 7}}`},
		{`{"$inc": {"age": "2"}}`, `{"$inc": {"age": 2}}`},
		{`{"$push": {"nums": {"$each": ["1", 2], "$slice": 3}}}`, `{"$push": {"nums": {"$each": [1, 2], "$slice": 3}}}`},
		{`{"$pull": {"subs": {"n": "3"}}}`, `{"$pull": {"subs": {"n": 3}}}`},
		{`{"$unset": {"name": 1, "nope": 1}}`, `{"$unset": {"name": 1}}`},
	} {
		var u bson.D
		require.NoError(t, bson.UnmarshalExtJSON([]byte(tc.update), false, &u))
		rec.take("")
		_, err := things.ByID("a").UpdateOne(t.Context(), u)
		require.NoError(t, err)
		_, sent := rec.lastUpdate(t)
		require.JSONEq(t, tc.want, json(t, sent))
	}
	after, err := things.ByID("b").FindOneAndUpdate(t.Context(), bson.D{{Key: "name", Value: "new"}})
	require.NoError(t, err)
	require.Equal(t, "new", after.Name)
	before, err := things.ByID("b").FindOneAndUpdate(t.Context(), bson.D{{Key: "name", Value: "newer"}}, odm.ReturnBefore())
	require.NoError(t, err)
	require.Equal(t, "new", before.Name)
	up, err := things.ByID("z").FindOneAndUpdate(t.Context(), bson.D{{Key: "name", Value: "made"}}, odm.Upsert())
	require.NoError(t, err)
	version, ok := up.Version()
	require.True(t, ok)
	require.Zero(t, version)
	gone, err := things.ByID("z").FindOneAndDelete(t.Context())
	require.NoError(t, err)
	require.True(t, gone.IsDeleted())
	_, err = things.ByID("c").ReplaceOne(t.Context(), &thing{ID: "c", Name: "replaced"})
	require.NoError(t, err)
	c, err := things.FindByID(t.Context(), "c")
	require.NoError(t, err)
	require.Equal(t, "replaced", c.Name)
	n, err := things.Where("age").Gte(0).DeleteMany(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 4, n)

	users := model(t, conn, "User", odm.NewSchema[user]())
	_, err = users.Query().UpdateMany(t.Context(), bson.D{{Key: "role", Value: "king"}}, odm.RunValidators())
	var ve *odm.ValidationError
	require.ErrorAs(t, err, &ve)
	require.Equal(t, "role", ve.Fields[0].Path)
	_, err = users.Query().UpdateMany(t.Context(), bson.D{{Key: "$unset", Value: bson.D{{Key: "name", Value: 1}}}}, odm.RunValidators())
	require.ErrorAs(t, err, &ve)
	require.Equal(t, "required", ve.Fields[0].Kind)
}

func TestInsertManyAndBulk(t *testing.T) {
	conn, _ := newConn(t, nil)
	things := model(t, conn, "Thing", odm.NewSchema[thing]())
	docs := []*thing{{ID: "a"}, {ID: "a"}, {ID: "b"}}
	res, err := things.InsertMany(t.Context(), docs, odm.Unordered())
	var dup *odm.DuplicateKeyError
	require.ErrorAs(t, err, &dup)
	require.Len(t, res.Inserted, 2)
	require.ErrorAs(t, res.Errors[1], &dup)
	require.Equal(t, []bool{false, true, false}, []bool{docs[0].IsNew(), docs[1].IsNew(), docs[2].IsNew()})

	a, b, c := docs[0], docs[2], things.New(&thing{ID: "c"})
	a.Tags, b.Age = append(a.Tags, "x"), 3
	require.NoError(t, things.BulkSave(t.Context(), []*thing{a, b, c}))
	require.False(t, a.IsModified())
	require.False(t, c.IsNew())
	stored, err := things.FindByID(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, stored.Tags)
	version, _ := a.Version()
	require.EqualValues(t, 1, version)

	out, err := things.BulkWrite(t.Context(), []odm.BulkOp[thing]{
		odm.InsertOp(&thing{ID: "d"}),
		odm.UpdateOneOp[thing](bson.D{{Key: "_id", Value: "d"}}, bson.D{{Key: "age", Value: "5"}}),
		odm.UpdateManyOp[thing](bson.D{}, bson.D{{Key: "nope", Value: "5"}}),
		odm.DeleteOp[thing](bson.D{{Key: "_id", Value: "c"}}),
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, out.InsertedCount)
	require.EqualValues(t, 1, out.MatchedCount)
	require.EqualValues(t, 1, out.DeletedCount)

	// Both are put back by an abort.
	e := &thing{ID: "e"}
	require.Equal(t, errOops, conn.Transaction(t.Context(), func(ctx context.Context) error {
		_, err := things.InsertMany(ctx, []*thing{e})
		require.NoError(t, err)
		a.Age = 9
		require.NoError(t, things.BulkSave(ctx, []*thing{a}))
		return errOops
	}))
	require.True(t, e.IsNew())
	require.True(t, a.IsModified("age"))
}

type company struct {
	odm.Doc[company] `bson:"-"`

	ID   bson.ObjectID `bson:"_id"`
	Name string        `bson:"name"`
}

type author struct {
	odm.Doc[author] `bson:"-"`

	ID       bson.ObjectID      `bson:"_id"`
	Name     string             `bson:"name"`
	Employer odm.Ref[company]   `bson:"employer"`
	Past     []odm.Ref[company] `bson:"past"`
	Posts    odm.RefMany[post]  `bson:"-" odm:"foreign=author"`
}

type post struct {
	odm.Doc[post] `bson:"-"`

	ID     bson.ObjectID   `bson:"_id"`
	Title  string          `bson:"title"`
	Author odm.Ref[author] `bson:"author"`
}

func TestPopulate(t *testing.T) {
	ctx := t.Context()
	conn, rec := newConn(t, nil)
	companies := model(t, conn, "Company", odm.NewSchema[company]())
	authors := model(t, conn, "Author", odm.NewSchema[author]())
	posts := model(t, conn, "Post", odm.NewSchema[post]())
	ibm, sun := &company{Name: "IBM"}, &company{Name: "Sun"}
	require.NoError(t, companies.Create(ctx, ibm, sun))
	ann := &author{Name: "Ann", Employer: odm.RefOf(ibm), Past: []odm.Ref[company]{odm.RefOf(sun), odm.RefID[company](bson.NewObjectID()), odm.RefOf(ibm)}}
	require.NoError(t, authors.Create(ctx, ann))
	require.NoError(t, posts.Create(ctx, &post{Title: "1", Author: odm.RefOf(ann)}, &post{Title: "2", Author: odm.RefOf(ann)}))

	a, err := authors.ByID(ann.ID).One(ctx)
	require.NoError(t, err)
	require.Nil(t, a.Employer.Doc())
	require.Equal(t, ibm.ID, a.Employer.ID())
	require.NoError(t, a.Populate(ctx, "employer"))
	require.Equal(t, "IBM", a.Employer.Doc().Name)
	require.True(t, a.Populated("employer"))
	require.False(t, a.IsModified())
	require.NoError(t, a.Depopulate("employer"))
	require.Nil(t, a.Employer.Doc())

	a, err = authors.ByID(ann.ID).Populate("past").Populate("posts", odm.PopSort("-title"), odm.PopLimit(1)).One(ctx)
	require.NoError(t, err)
	require.Equal(t, "Sun", a.Past[0].Doc().Name)
	require.Nil(t, a.Past[1].Doc())
	require.Equal(t, "IBM", a.Past[2].Doc().Name)
	require.Len(t, a.Posts.Docs(), 1)
	require.Equal(t, "2", a.Posts.Docs()[0].Title)

	rec.take("")
	all, err := posts.Query().Sort("title").Populate("author.employer", odm.PopSelect("name")).All(ctx)
	require.NoError(t, err)
	require.Len(t, rec.take("find"), 3)
	require.Equal(t, "IBM", all[0].Author.Doc().Employer.Doc().Name)
	require.Same(t, all[0].Author.Doc(), all[1].Author.Doc())

	a, err = authors.ByID(ann.ID).Populate("past", odm.PopMatch(bson.D{{Key: "name", Value: "Sun"}}), odm.PopDropMissing()).One(ctx)
	require.NoError(t, err)
	require.Len(t, a.Past, 1)

	_, err = authors.Query().Populate("nope").All(ctx)
	var se *odm.StrictError
	require.ErrorAs(t, err, &se)
	_, err = authors.Query().Populate("name").All(ctx)
	var pe *odm.PopulateError
	require.ErrorAs(t, err, &pe)

	// What was populated in a transaction is forgotten with it.
	a, err = authors.FindByID(ctx, ann.ID)
	require.NoError(t, err)
	require.Equal(t, errOops, conn.Transaction(ctx, func(ctx context.Context) error {
		require.NoError(t, a.Populate(ctx, "employer"))
		return errOops
	}))
	require.False(t, a.Populated("employer"))
	require.Nil(t, a.Employer.Doc())
}

type base struct {
	odm.Doc[base] `bson:"-"`

	ID bson.ObjectID `bson:"_id"`
	At int           `bson:"at"`
}

type clicked struct {
	odm.Doc[clicked] `bson:"-"`

	ID  bson.ObjectID `bson:"_id"`
	At  int           `bson:"at"`
	URL string        `bson:"url"`
}

func TestDiscriminators(t *testing.T) {
	conn, _ := newConn(t, nil)
	events := model(t, conn, "Event", odm.NewSchema[base](odm.DiscriminatorKey("kind")))
	clicks, err := odm.NewDiscriminator(events, "Clicked", odm.NewSchema[clicked]())
	require.NoError(t, err)
	_, err = odm.NewDiscriminator(events, "Clicked", odm.NewSchema[clicked]())
	require.EqualError(t, err, `Discriminator with name "Clicked" already exists`)
	require.NoError(t, events.Create(t.Context(), &base{At: 1}))
	require.NoError(t, clicks.Create(t.Context(), &clicked{At: 2, URL: "u"}))
	count(t.Context(), t, events, nil, 2)
	count(t.Context(), t, clicks, nil, 1)
	e, err := events.Where("at").Eq(2).One(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Clicked", e.Kind())
	c, err := odm.As[clicked](&e.Doc)
	require.NoError(t, err)
	require.Equal(t, "u", c.URL)
	c.URL = "v"
	require.NoError(t, c.Save(t.Context()))
	c, err = clicks.Where("url").Eq("v").One(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, c.At)
	rows, err := odm.Aggregate[bson.M](t.Context(), clicks, odm.NewPipeline().Match(bson.D{}))
	require.NoError(t, err)
	require.Len(t, rows, 1)
	first, err := events.Where("at").Eq(1).One(t.Context())
	require.NoError(t, err)
	_, err = odm.As[clicked](&first.Doc)
	require.Error(t, err)
}

type hooked struct {
	odm.Doc[hooked] `bson:"-"`

	ID   string      `bson:"_id"`
	Subs []hookedSub `bson:"subs"`
}

type hookedSub struct {
	Name string `bson:"name"`
}

var subLog []string

func (s *hookedSub) BeforeValidate(context.Context) error {
	subLog = append(subLog, "sub pre validate")
	return nil
}

func (s *hookedSub) AfterValidate(context.Context) error {
	subLog = append(subLog, "sub post validate")
	return nil
}

func (s *hookedSub) BeforeSave(context.Context) error {
	subLog = append(subLog, "sub pre save")
	return nil
}

func (s *hookedSub) AfterSave(context.Context) error {
	subLog = append(subLog, "sub post save")
	return nil
}

func (h *hooked) BeforeSave(context.Context) error {
	subLog = append(subLog, "method pre save")
	return nil
}

func TestHooksRunInOrder(t *testing.T) {
	conn, rec := newConn(t, nil)
	note := func(what string) func(context.Context, *hooked) error {
		return func(_ context.Context, h *hooked) error {
			subLog = append(subLog, what)
			return nil
		}
	}
	stop := false
	schema := odm.NewSchema[hooked]().
		Pre(odm.OnValidate, note("pre validate")).Post(odm.OnValidate, note("post validate")).
		Pre(odm.OnSave, note("pre save")).
		Pre(odm.OnSave, func(context.Context, *hooked) error {
			if stop {
				return odm.ErrStop
			}
			return nil
		}).
		Post(odm.OnSave, func(_ context.Context, h *hooked) error {
			require.False(t, h.IsNew())
			require.False(t, h.IsModified())
			return note("post save")(nil, h)
		}).
		OnError(odm.OnSave, func(_ context.Context, _ *hooked, err error) error { return errors.Join(errOops, err) }).
		PreOp(odm.OpFind, func(_ context.Context, c *odm.Call) error {
			subLog = append(subLog, "pre find")
			c.Filter, _ = bson.Marshal(bson.D{{Key: "_id", Value: "h"}})
			return nil
		}).
		PostOp(odm.OpFind, func(_ context.Context, c *odm.Call) error {
			require.Len(t, c.Result, 1)
			return nil
		})
	m := model(t, conn, "Hooked", schema)
	subLog = nil
	require.NoError(t, m.Create(t.Context(), &hooked{ID: "h", Subs: []hookedSub{{}}}))
	require.Equal(t, []string{
		"pre validate", "sub pre validate", "sub post validate", "post validate",
		"sub pre save", "method pre save", "pre save", "post save", "sub post save",
	}, subLog)
	require.ErrorIs(t, m.Create(t.Context(), &hooked{ID: "h"}), errOops)
	found, err := m.Find(t.Context(), bson.D{{Key: "_id", Value: "other"}})
	require.NoError(t, err)
	require.Equal(t, "h", found[0].ID)
	stop = true
	rec.take("")
	x := m.New(&hooked{ID: "x"})
	require.NoError(t, x.Save(t.Context()))
	require.True(t, x.IsNew())
	require.Empty(t, rec.take("insert"))
}
