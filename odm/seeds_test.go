package odm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/tandemdb/tandem/odm"
)

// The stories of MongoDB's and Mongoose's documentation on transactions.

type customer struct {
	odm.Doc[customer] `bson:"-"`

	ID   bson.ObjectID `bson:"_id"`
	Name string        `bson:"name"`
}

type person struct {
	odm.Doc[person] `bson:"-"`

	ID   bson.ObjectID `bson:"_id"`
	Name string        `bson:"name"`
	Rank string        `bson:"rank"`
}

type eventDoc struct {
	odm.Doc[eventDoc] `bson:"-"`

	ID        bson.ObjectID `bson:"_id"`
	CreatedAt time.Time     `bson:"createdAt"`
}

var errOops = errors.New("Oops!") //nolint:staticcheck // the seeds' text

func count[T any](ctx context.Context, t *testing.T, m *odm.Model[T], filter any, want int64) {
	t.Helper()
	n, err := m.Count(ctx, filter)
	require.NoError(t, err)
	require.Equal(t, want, n)
}

func TestMongooseTransactions(t *testing.T) {
	for name, step := range map[string]func(t *testing.T, conn *odm.Connection){
		"basic example: startTransaction, create, commit":  seedBasic,
		"withTransaction commits":                          seedCommits,
		"withTransaction aborts when the callback throws":  seedThrows,
		"save(): a document found with a session keeps it": seedKeepsSession,
		"abort: neither document remains":                  seedAbort,
		"aggregate in a transaction":                       seedAggregate,
	} {
		t.Run(name, func(t *testing.T) { everywhere(t, step) })
	}
}

func begin(t *testing.T, conn *odm.Connection) (*odm.Session, context.Context) {
	t.Helper()
	s, err := conn.StartSession(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { s.EndSession(context.Background()) })
	return s, s.Context(t.Context())
}

func seedBasic(t *testing.T, conn *odm.Connection) {
	ctx := t.Context()
	customers := model(t, conn, "Customer", odm.NewSchema[customer]())
	s, sctx := begin(t, conn)
	require.NoError(t, s.StartTransaction())
	require.NoError(t, customers.Create(sctx, &customer{Name: "Test"}))
	byName := bson.D{{Key: "name", Value: "Test"}}
	_, err := customers.FindOne(ctx, byName)
	require.ErrorIs(t, err, odm.ErrNotFound)
	_, err = customers.FindOne(sctx, byName)
	require.NoError(t, err)
	require.NoError(t, s.CommitTransaction(ctx))
	_, err = customers.FindOne(ctx, byName)
	require.NoError(t, err)
}

func seedCommits(t *testing.T, conn *odm.Connection) {
	customers := model(t, conn, "Customer", odm.NewSchema[customer]())
	s, _ := begin(t, conn)
	require.NoError(t, s.WithTransaction(t.Context(), func(ctx context.Context) error {
		err := customers.Create(ctx, &customer{Name: "Test"})
		count(t.Context(), t, customers, nil, 0)
		return err
	}))
	count(t.Context(), t, customers, nil, 1)
}

func seedThrows(t *testing.T, conn *odm.Connection) {
	customers := model(t, conn, "Customer", odm.NewSchema[customer]())
	s, _ := begin(t, conn)
	require.Equal(t, errOops, s.WithTransaction(t.Context(), func(ctx context.Context) error {
		require.NoError(t, customers.Create(ctx, &customer{Name: "Test"}))
		return errOops
	}))
	count(t.Context(), t, customers, nil, 0)
}

func seedKeepsSession(t *testing.T, conn *odm.Connection) {
	ctx := t.Context()
	users := model(t, conn, "User", odm.NewSchema[customer]())
	s, sctx := begin(t, conn)
	require.NoError(t, users.Create(ctx, &customer{Name: "foo"}))
	require.NoError(t, s.StartTransaction())
	user, err := users.Where("name").Eq("foo").One(sctx)
	require.NoError(t, err)
	require.Same(t, s, user.Session())
	user.Name = "bar"
	require.NoError(t, user.Save(ctx))
	bar := bson.D{{Key: "name", Value: "bar"}}
	_, err = users.FindOne(ctx, bar)
	require.ErrorIs(t, err, odm.ErrNotFound)
	require.NoError(t, s.CommitTransaction(ctx))
	s.EndSession(ctx)
	require.Nil(t, user.Session())
	_, err = users.FindOne(ctx, bar)
	require.NoError(t, err)
}

func seedAbort(t *testing.T, conn *odm.Connection) {
	ctx := t.Context()
	customers := model(t, conn, "Customer", odm.NewSchema[customer]())
	s, sctx := begin(t, conn)
	require.NoError(t, s.StartTransaction())
	require.NoError(t, customers.Create(sctx, &customer{Name: "Test"}))
	require.NoError(t, customers.Create(sctx, &customer{Name: "Test2"}))
	count(sctx, t, customers, nil, 2)
	require.NoError(t, s.AbortTransaction(ctx))
	count(ctx, t, customers, nil, 0)
}

func seedAggregate(t *testing.T, conn *odm.Connection) {
	ctx := t.Context()
	events := model(t, conn, "Event", odm.NewSchema[eventDoc](odm.Collection("Event")))
	s, sctx := begin(t, conn)
	require.NoError(t, s.StartTransaction())
	for _, day := range []string{"2018-06-01", "2018-06-02", "2017-06-01", "2017-05-31"} {
		at, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		require.NoError(t, events.Create(sctx, &eventDoc{CreatedAt: at}))
	}
	type month struct {
		ID struct {
			Month int `bson:"month"`
			Year  int `bson:"year"`
		} `bson:"_id"`
		Count int `bson:"count"`
	}
	pipeline := odm.NewPipeline().
		Group(bson.D{{Key: "month", Value: bson.D{{Key: "$month", Value: "$createdAt"}}}, {Key: "year", Value: bson.D{{Key: "$year", Value: "$createdAt"}}}},
			bson.E{Key: "count", Value: bson.D{{Key: "$sum", Value: 1}}}).
		Sort(bson.D{{Key: "count", Value: -1}, {Key: "_id.year", Value: -1}, {Key: "_id.month", Value: -1}})
	want := make([]month, 3)
	for i, w := range [][3]int{{6, 2018, 2}, {6, 2017, 1}, {5, 2017, 1}} {
		want[i].ID.Month, want[i].ID.Year, want[i].Count = w[0], w[1], w[2]
	}
	got, err := odm.Aggregate[month](sctx, events, pipeline)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = odm.Aggregate[month](ctx, events, pipeline)
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoError(t, s.CommitTransaction(ctx))
	got, err = odm.Aggregate[month](ctx, events, pipeline)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestMongooseConnectionTransaction(t *testing.T) {
	for name, step := range map[string]func(t *testing.T, conn *odm.Connection){
		"transaction() resets isNew when it aborts":                                 seedResetsIsNew,
		"transaction() marks changed fields as modified again":                      seedMarksModified,
		"a second transaction on the same session: Transaction already in progress": seedSecond,
		"startTransaction twice: Transaction already in progress":                   seedTwice,
	} {
		t.Run(name, func(t *testing.T) { everywhere(t, step) })
	}
}

func seedResetsIsNew(t *testing.T, conn *odm.Connection) {
	people := model(t, conn, "Person", odm.NewSchema[person]())
	doc := people.New(&person{Name: "Will Riker"})
	err := conn.Transaction(t.Context(), func(ctx context.Context) error {
		doc.Name = "Captain"
		require.NoError(t, doc.Save(ctx))
		require.False(t, doc.IsNew())
		count(t.Context(), t, people, nil, 0)
		return errOops
	}, odm.ReadPreference(readpref.Primary()))
	require.Equal(t, errOops, err)
	require.True(t, doc.IsNew())
	count(t.Context(), t, people, nil, 0)
}

func seedMarksModified(t *testing.T, conn *odm.Connection) {
	people := model(t, conn, "Person", odm.NewSchema[person]())
	doc, err := people.CreateOne(t.Context(), &person{Name: "Will Riker", Rank: "Commander"})
	require.NoError(t, err)
	rank := func() string {
		p, err := people.FindByID(t.Context(), doc.ID)
		require.NoError(t, err)
		return p.Rank
	}
	require.Equal(t, errOops, conn.Transaction(t.Context(), func(ctx context.Context) error {
		doc.Rank = "Captain"
		require.NoError(t, doc.Save(ctx))
		require.False(t, doc.IsModified("rank"))
		require.Equal(t, "Commander", rank())
		return errOops
	}))
	require.True(t, doc.IsModified("rank"))
	require.Equal(t, "Commander", rank())
	require.NoError(t, doc.Save(t.Context()))
	require.Equal(t, "Captain", rank())
}

func seedSecond(t *testing.T, conn *odm.Connection) {
	people := model(t, conn, "Person", odm.NewSchema[person]())
	err := conn.Transaction(t.Context(), func(ctx context.Context) error {
		require.NoError(t, people.Create(ctx, &person{Name: "Will Riker"}))
		count(t.Context(), t, people, nil, 0)
		return odm.SessionFrom(ctx).WithTransaction(ctx, func(context.Context) error { return nil })
	})
	require.ErrorIs(t, err, odm.ErrTxnInProgress)
	require.ErrorContains(t, err, "Transaction already in progress")
	count(t.Context(), t, people, nil, 0)
}

func seedTwice(t *testing.T, conn *odm.Connection) {
	people := model(t, conn, "Person", odm.NewSchema[person]())
	s, sctx := begin(t, conn)
	require.NoError(t, s.StartTransaction())
	require.NoError(t, people.Create(sctx, &person{Name: "a"}))
	require.ErrorContains(t, s.StartTransaction(), "Transaction already in progress")
	require.NoError(t, s.AbortTransaction(t.Context()))
	count(t.Context(), t, people, nil, 0)
}

func TestMongooseAsyncLocalStorage(t *testing.T) {
	for name, step := range map[string]func(t *testing.T, conn *odm.Connection){
		"save() without a session is rolled back":                seedContextCarries,
		"a nested transaction is independent of the outer one":   seedNested,
		"a failing nested transaction takes the outer one along": seedNestedFails,
	} {
		t.Run(name, func(t *testing.T) { everywhere(t, step) })
	}
}

func seedContextCarries(t *testing.T, conn *odm.Connection) {
	tests := model(t, conn, "Test", odm.NewSchema[customer]())
	doc := tests.New(&customer{Name: "test"})
	byID := bson.D{{Key: "_id", Value: doc.ID}}
	require.Equal(t, errOops, conn.Transaction(t.Context(), func(ctx context.Context) error {
		require.NoError(t, doc.Save(ctx))
		inside, err := tests.Exists(ctx, byID)
		require.NoError(t, err)
		require.True(t, inside)
		return errOops
	}))
	outside, err := tests.Exists(t.Context(), byID)
	require.NoError(t, err)
	require.False(t, outside)
}

func seedNested(t *testing.T, conn *odm.Connection) {
	users := model(t, conn, "User", odm.NewSchema[customer]())
	john, jane := bson.D{{Key: "name", Value: "John"}}, bson.D{{Key: "name", Value: "Jane"}}
	require.NoError(t, users.Collection().Database().CreateCollection(t.Context(), "users"))
	require.Equal(t, errOops, conn.Transaction(t.Context(), func(ctx context.Context) error {
		require.NoError(t, users.Create(ctx, &customer{Name: "John"}))
		require.NoError(t, conn.Transaction(ctx, func(ctx context.Context) error {
			require.NoError(t, users.Create(ctx, &customer{Name: "Jane"}))
			count(ctx, t, users, john, 0)
			return nil
		}, odm.Independent()))
		return errOops
	}))
	count(t.Context(), t, users, jane, 1)
	count(t.Context(), t, users, john, 0)
}

func seedNestedFails(t *testing.T, conn *odm.Connection) {
	users := model(t, conn, "User", odm.NewSchema[customer]())
	require.NoError(t, users.Collection().Database().CreateCollection(t.Context(), "users"))
	require.Equal(t, errOops, conn.Transaction(t.Context(), func(ctx context.Context) error {
		require.NoError(t, users.Create(ctx, &customer{Name: "John"}))
		return conn.Transaction(ctx, func(ctx context.Context) error {
			require.NoError(t, users.Create(ctx, &customer{Name: "Jane"}))
			return errOops
		}, odm.Independent())
	}))
	count(t.Context(), t, users, nil, 0)
}

type employee struct {
	odm.Doc[employee] `bson:"-"`

	ID         bson.ObjectID `bson:"_id"`
	Employee   int           `bson:"employee" odm:"unique"`
	Name       string        `bson:"name"`
	Status     string        `bson:"status"`
	Department string        `bson:"department"`
}

type change struct {
	New string  `bson:"new"`
	Old *string `bson:"old"`
}

type report struct {
	odm.Doc[report] `bson:"-"`

	ID         bson.ObjectID `bson:"_id"`
	Employee   int           `bson:"employee"`
	Status     change        `bson:"status"`
	Department change        `bson:"department"`
}

func staff(t *testing.T, conn *odm.Connection) (*odm.Model[employee], *odm.Model[report]) {
	t.Helper()
	hr, reporting := conn.UseDB("hr"), conn.UseDB("reporting")
	employees := model(t, hr, "Employee", odm.NewSchema[employee]())
	events := model(t, reporting, "Event", odm.NewSchema[report]())
	require.NoError(t, employees.Init(t.Context()))
	require.NoError(t, employees.Create(t.Context(),
		&employee{Employee: 3, Name: "Iba Ochs", Status: "Active", Department: "ABC"},
		&employee{Employee: 1, Name: "Ann Thrope", Status: "Active", Department: "ABC"},
		&employee{Employee: 2, Name: "Eppie Delta", Status: "Active", Department: "XYZ"}))
	for i := 1; i <= 3; i++ {
		require.NoError(t, events.Create(t.Context(), &report{Employee: i, Status: change{New: "Active"}, Department: change{New: "ABC"}}))
	}
	return employees, events
}

var third = bson.D{{Key: "employee", Value: 3}}

func snapshotMajority() []odm.TxnOption {
	return []odm.TxnOption{odm.ReadConcern(readconcern.Snapshot()), odm.WriteConcern(writeconcern.Majority())}
}

func TestSessionStart(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		employees, events := staff(t, conn)
		outside := func(status string, n int64) {
			e, err := employees.FindOne(t.Context(), third)
			require.NoError(t, err)
			require.Equal(t, status, e.Status)
			count(t.Context(), t, events, third, n)
		}
		attempts := 0
		require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
			attempts++
			e, err := employees.FindOne(ctx, third)
			require.NoError(t, err)
			old := e.Status
			e.Status = "Inactive"
			require.NoError(t, e.Save(ctx))
			require.NoError(t, events.Create(ctx, &report{Employee: 3, Status: change{New: "Inactive", Old: &old}}))
			count(ctx, t, events, third, 2)
			outside("Active", 1)
			require.ErrorContains(t, odm.SessionFrom(ctx).StartTransaction(), "already in progress")
			return nil
		}, snapshotMajority()...))
		require.Equal(t, 1, attempts)
		outside("Inactive", 2)
	})
}

func TestSessionAbort(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		employees, events := staff(t, conn)
		attempts := 0
		err := conn.Transaction(t.Context(), func(ctx context.Context) error {
			attempts++
			require.NoError(t, events.Create(ctx, &report{Employee: 3, Status: change{New: "Active"}, Department: change{New: "XYZ"}}))
			count(ctx, t, events, third, 2)
			count(t.Context(), t, events, third, 1)
			return employees.Create(ctx, &employee{Employee: 3, Name: "Terri Bachs", Status: "Active", Department: "XYZ"})
		}, snapshotMajority()...)
		var dup *odm.DuplicateKeyError
		require.ErrorAs(t, err, &dup)
		require.Equal(t, "Employee", dup.Model)
		require.Equal(t, "employee_1", dup.Index)
		require.JSONEq(t, `{"employee": 3}`, json(t, dup.Keys))
		require.Equal(t, 1, attempts)
		count(t.Context(), t, events, third, 1)
		count(t.Context(), t, events, nil, 3)
		count(t.Context(), t, employees, nil, 3)
		e, err := employees.FindOne(t.Context(), third)
		require.NoError(t, err)
		require.Equal(t, "Iba Ochs", e.Name)
	})
}
