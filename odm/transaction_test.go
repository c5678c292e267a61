package odm_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/tandemdb/tandem/odm"
)

type account struct {
	odm.Doc[account] `bson:"-"`

	ID      string    `bson:"_id"`
	Balance int       `bson:"balance"`
	Log     []string  `bson:"log"`
	Hooked  string    `bson:"hooked"`
	Email   string    `bson:"email" odm:"lowercase"`
	Updated time.Time `bson:"updatedAt"`
}

// accounts makes a model with a hook and timestamps, so that a save writes values by itself.
func accounts(t *testing.T, conn *odm.Connection) *odm.Model[account] {
	t.Helper()
	schema := odm.NewSchema[account](odm.Timestamps()).
		Pre(odm.OnSave, func(_ context.Context, a *account) error { a.Hooked = "by hook"; return nil })
	m := model(t, conn, "Account", schema)
	require.NoError(t, m.Collection().Database().CreateCollection(t.Context(), "accounts"))
	return m
}

// failNext makes the next n commands of a name fail as transient errors.
func failNext(t *testing.T, conn *odm.Connection, name string, n int) {
	t.Helper()
	require.NoError(t, conn.Client().Database("admin").RunCommand(t.Context(), bson.D{
		{Key: "configureFailPoint", Value: "failCommand"},
		{Key: "mode", Value: bson.D{{Key: "times", Value: n}}},
		{Key: "data", Value: bson.D{
			{Key: "failCommands", Value: bson.A{name}},
			{Key: "errorCode", Value: 251},
			{Key: "errorLabels", Value: bson.A{"TransientTransactionError"}},
		}},
	}).Err())
}

func raw(t *testing.T, m *odm.Model[account], id string) string {
	t.Helper()
	r, err := m.Collection().FindOne(t.Context(), bson.D{{Key: "_id", Value: id}}, nil).Raw()
	require.NoError(t, err)
	v := r.Lookup("balance")
	return v.String()
}

// transient is the error that makes a transaction start again.
func transient() error {
	return mongo.CommandError{Code: 112, Message: "write conflict", Labels: []string{"TransientTransactionError"}}
}

func TestAbortPutsTheStateBack(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		m := accounts(t, conn)
		a, err := m.CreateOne(t.Context(), &account{ID: "a", Balance: 100})
		require.NoError(t, err)
		stamp, version := a.Updated, func() int64 { v, _ := a.Version(); return v }
		a.Hooked = "by me"
		require.NoError(t, a.Save(t.Context(), odm.NoHooks(), odm.NoTimestamps()))
		fresh := m.New(&account{ID: "new"})
		require.Equal(t, errOops, conn.Transaction(t.Context(), func(ctx context.Context) error {
			a.Balance, a.Email = 50, "A@B"
			require.NoError(t, a.Save(ctx))
			a.Log = append(a.Log, "second save")
			require.NoError(t, a.Save(ctx))
			require.Equal(t, "a@b", a.Email)
			require.Equal(t, "by hook", a.Hooked)
			require.NoError(t, fresh.Save(ctx))
			require.EqualValues(t, 1, version())
			return errOops
		}))
		require.EqualValues(t, 0, version())
		require.Equal(t, 50, a.Balance)
		require.Equal(t, []string{"second save"}, a.Log)
		require.Equal(t, "by me", a.Hooked)
		require.Equal(t, "A@B", a.Email)
		require.Equal(t, stamp, a.Updated)
		require.ElementsMatch(t, []string{"balance", "log", "email"}, a.DirectModifiedPaths())
		require.True(t, fresh.IsNew())
		require.Nil(t, a.Session())
		require.Empty(t, fresh.Hooked)
		require.Zero(t, fresh.Updated)

		require.NoError(t, a.Save(t.Context()))
		require.NoError(t, fresh.Save(t.Context()))
		again, err := m.FindByID(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, 50, again.Balance)
		require.Equal(t, []string{"second save"}, again.Log)
	})
}

func TestRestoreValuesTakesBackAssignments(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := accounts(t, conn)
	a, err := m.CreateOne(t.Context(), &account{ID: "a", Balance: 100, Log: []string{"x"}})
	require.NoError(t, err)
	require.Equal(t, errOops, conn.Transaction(t.Context(), func(ctx context.Context) error {
		a.Balance, a.Log = 1, append(a.Log, "y")
		require.NoError(t, a.Save(ctx))
		return errOops
	}, odm.RestoreValues(), odm.Enlist(a)))
	require.Equal(t, 100, a.Balance)
	require.Equal(t, []string{"x"}, a.Log)
	require.False(t, a.IsModified())
}

func TestRetryStartsFromTheSameDocuments(t *testing.T) {
	for name, fail := range map[string]func(t *testing.T, conn *odm.Connection, attempt int) error{
		"callback": func(_ *testing.T, _ *odm.Connection, attempt int) error {
			if attempt < 3 {
				return transient()
			}
			return nil
		},
		"commit": func(t *testing.T, conn *odm.Connection, attempt int) error {
			if attempt < 3 {
				failNext(t, conn, "commitTransaction", 1)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn, rec := newConn(t, nil)
			m := accounts(t, conn)
			a, err := m.CreateOne(t.Context(), &account{ID: "a", Balance: 100})
			require.NoError(t, err)
			fresh := m.New(&account{ID: "new", Balance: 5})
			attempt := 0
			var committed, rolledBack int
			rec.take("")
			require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
				attempt++
				require.True(t, fresh.IsNew())
				require.Empty(t, a.Log)
				a.Balance -= 10
				a.Log = append(a.Log, "taken")
				require.NoError(t, a.Save(ctx))
				require.NoError(t, fresh.Save(ctx))
				odm.AfterCommit(ctx, func(ctx context.Context) {
					require.Nil(t, odm.SessionFrom(ctx))
					require.JSONEq(t, `{"$numberInt":"90"}`, raw(t, m, "a"))
					committed++
				})
				odm.AfterRollback(ctx, func(context.Context) { rolledBack++ })
				return fail(t, conn, attempt)
			}, odm.Enlist(a, fresh)))
			require.Equal(t, 3, attempt)
			require.Equal(t, 1, committed)
			require.Zero(t, rolledBack)
			require.Equal(t, 90, a.Balance)
			require.Equal(t, []string{"taken"}, a.Log)
			require.JSONEq(t, `{"$numberInt":"90"}`, raw(t, m, "a"))
			require.False(t, fresh.IsNew())
			updates := rec.take("update")
			require.Len(t, updates, 3)
			for _, u := range updates[1:] {
				set := u.Lookup("updates", "0", "u", "$push")
				require.Equal(t, updates[0].Lookup("updates", "0", "u", "$push"), set)
				require.Equal(t, updates[0].Lookup("updates", "0", "q"), u.Lookup("updates", "0", "q"))
			}
		})
	}
}

func TestRetryThatWouldApplyAChangeTwice(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := accounts(t, conn)
	a, err := m.CreateOne(t.Context(), &account{ID: "a", Balance: 100})
	require.NoError(t, err)
	attempts := 0
	err = conn.Transaction(t.Context(), func(ctx context.Context) error {
		attempts++
		a.Balance -= 10
		if err := a.Save(ctx); err != nil {
			return err
		}
		return transient()
	})
	var unsafe *odm.RetryUnsafeError
	require.ErrorAs(t, err, &unsafe)
	require.Equal(t, []string{"balance"}, unsafe.Paths)
	require.Equal(t, "Account", unsafe.Model)
	require.Equal(t, 2, attempts)
	require.JSONEq(t, `{"$numberInt":"100"}`, raw(t, m, "a"))

	// Plain assignment repeats equal.
	attempts = 0
	require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
		attempts++
		a.Balance = 70
		require.NoError(t, a.Save(ctx))
		if attempts < 3 {
			return transient()
		}
		return nil
	}))
	require.JSONEq(t, `{"$numberInt":"70"}`, raw(t, m, "a"))
}

func TestPanicAndGoexitAbort(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := accounts(t, conn)
	var rolledBack int
	run := func(leave func()) *account {
		a := m.New(&account{ID: "p"})
		done := make(chan any)
		go func() {
			defer func() { done <- recover() }()
			_ = conn.Transaction(context.Background(), func(ctx context.Context) error {
				odm.AfterRollback(ctx, func(context.Context) { rolledBack++ })
				if err := a.Save(ctx); err != nil {
					return err
				}
				leave()
				return nil
			})
		}()
		<-done
		return a
	}
	for i, leave := range []func(){func() { panic("boom") }, runtime.Goexit} {
		a := run(leave)
		require.True(t, a.IsNew())
		count(t.Context(), t, m, nil, 0)
		require.Equal(t, i+1, rolledBack)
	}
	// Nothing holds the document.
	require.NoError(t, m.Create(t.Context(), &account{ID: "p"}))
}

func TestManualTransactionUsesTheJournal(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := accounts(t, conn)
	s, ctx := begin(t, conn)
	a := m.New(&account{ID: "a"})
	require.NoError(t, s.StartTransaction())
	require.NoError(t, a.Save(ctx))
	require.NoError(t, s.AbortTransaction(t.Context()))
	require.True(t, a.IsNew())
	require.NoError(t, s.StartTransaction())
	require.NoError(t, a.Save(ctx))
	require.NoError(t, a.Delete(ctx))
	require.True(t, a.IsDeleted())
	s.EndSession(t.Context())
	require.False(t, a.IsDeleted())
	require.True(t, a.IsNew())
	require.ErrorIs(t, s.StartTransaction(), odm.ErrSessionEnded)
	require.ErrorIs(t, s.CommitTransaction(t.Context()), odm.ErrNoTxn)
}

func TestCallbackThatAbortsByItself(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := accounts(t, conn)
	a := m.New(&account{ID: "a"})
	rolledBack := 0
	require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
		odm.AfterRollback(ctx, func(context.Context) { rolledBack++ })
		require.NoError(t, a.Save(ctx))
		return odm.SessionFrom(ctx).AbortTransaction(ctx)
	}))
	require.True(t, a.IsNew())
	require.Equal(t, 1, rolledBack)
	count(t.Context(), t, m, nil, 0)
}

func TestSwallowedErrorDoesNotCommit(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := accounts(t, conn)
	require.NoError(t, m.Create(t.Context(), &account{ID: "a"}))
	b := m.New(&account{ID: "b"})
	err := conn.Transaction(t.Context(), func(ctx context.Context) error {
		require.NoError(t, b.Save(ctx))
		_ = m.Create(ctx, &account{ID: "a"})
		return nil
	})
	require.ErrorContains(t, err, "went on after an error")
	var dup *odm.DuplicateKeyError
	require.False(t, errors.As(err, &dup) && dup.Model == "")
	require.True(t, b.IsNew())
	count(t.Context(), t, m, nil, 1)
}

func TestContextsOfTransactions(t *testing.T) {
	conn, _ := newConn(t, nil)
	other, _ := newConn(t, nil)
	m := accounts(t, conn)
	strangers := accounts(t, other)
	var leaked context.Context
	require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
		leaked = ctx //nolint:fatcontext // the test is about contexts that leak
		require.ErrorIs(t, strangers.Create(ctx, &account{ID: "a"}), odm.ErrWrongConnection)
		require.ErrorIs(t, conn.Transaction(ctx, func(context.Context) error { return nil }), odm.ErrTxnInProgress)
		require.NoError(t, m.Create(odm.WithoutSession(ctx), &account{ID: "outside"}))
		// Calls of the bare driver join.
		_, err := m.Collection().InsertOne(ctx, bson.D{{Key: "_id", Value: "driver"}})
		require.NoError(t, err)
		count(odm.WithoutSession(ctx), t, m, nil, 1)
		held := m.New(&account{ID: "held"})
		require.NoError(t, held.Save(ctx))
		return conn.Transaction(ctx, func(ctx context.Context) error {
			require.ErrorIs(t, held.Save(ctx), odm.ErrHeldByOuter)
			return nil
		}, odm.Independent())
	}))
	require.ErrorIs(t, m.Create(leaked, &account{ID: "late"}), odm.ErrTxnOver)
	count(t.Context(), t, m, nil, 3)
}

func TestGoroutinesOfATransactionTakeTurns(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := accounts(t, conn)
	require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
		var wg sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			wg.Go(func() { errs[i] = m.Create(ctx, &account{ID: string(rune('a' + i))}) })
		}
		wg.Wait()
		return errors.Join(errs...)
	}))
	count(t.Context(), t, m, nil, 16)
}

func TestRequireSession(t *testing.T) {
	conn, _ := newConn(t, &odm.ConnectionOptions{RequireSession: true})
	m := accounts(t, conn)
	outer := odm.Guard(t.Context())
	require.NoError(t, m.Create(outer, &account{ID: "before"}))
	require.NoError(t, conn.Transaction(outer, func(ctx context.Context) error {
		require.NoError(t, m.Create(ctx, &account{ID: "in"}))
		require.ErrorIs(t, m.Create(outer, &account{ID: "out"}), odm.ErrNoSession)
		derived, cancel := context.WithCancel(outer)
		defer cancel()
		require.ErrorIs(t, m.Create(derived, &account{ID: "out"}), odm.ErrNoSession)
		require.NoError(t, m.Create(odm.WithoutSession(ctx), &account{ID: "on purpose"}))
		return nil
	}))
	require.NoError(t, m.Create(outer, &account{ID: "after"}))
	count(t.Context(), t, m, nil, 4)
}
