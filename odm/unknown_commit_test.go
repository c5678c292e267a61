package odm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// failCommit makes the next n commits fail with a code and labels.
func failCommit(t *testing.T, conn *odm.Connection, n, code int, labels ...string) {
	t.Helper()
	require.NoError(t, conn.Client().Database("admin").RunCommand(t.Context(), bson.D{
		{Key: "configureFailPoint", Value: "failCommand"},
		{Key: "mode", Value: bson.D{{Key: "times", Value: n}}},
		{Key: "data", Value: bson.D{
			{Key: "failCommands", Value: bson.A{"commitTransaction"}},
			{Key: "errorCode", Value: code},
			{Key: "errorLabels", Value: labels},
		}},
	}).Err())
}

// Error 50 is a time limit: the driver does not send such a commit again, so that its
// outcome stays unknown.
const maxTimeExpired = 50

func TestDocumentsOfAnUnknownCommitRefuseToBeSaved(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		m := accounts(t, conn)
		a, err := m.CreateOne(t.Context(), &account{ID: "a", Balance: 100})
		require.NoError(t, err)
		hooks := 0
		err = conn.Transaction(t.Context(), func(ctx context.Context) error {
			odm.AfterCommit(ctx, func(context.Context) { hooks++ })
			odm.AfterRollback(ctx, func(context.Context) { hooks++ })
			a.Balance = 50
			require.NoError(t, a.Save(ctx))
			failCommit(t, conn, 1, maxTimeExpired, "UnknownTransactionCommitResult")
			return nil
		})
		var unknown *odm.CommitUnknownError
		require.ErrorAs(t, err, &unknown)
		require.Zero(t, hooks, "nobody knows which of them is right")
		require.Equal(t, 50, a.Balance)
		require.ErrorIs(t, a.Save(t.Context()), odm.ErrUncertain)

		require.NoError(t, a.Reload(t.Context()))
		a.Balance++
		require.NoError(t, a.Save(t.Context()))
	})
}

func TestUnknownCommitByHand(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := accounts(t, conn)
	s, ctx := begin(t, conn)
	var hooks []string
	start := func(id string) *account {
		require.NoError(t, s.StartTransaction())
		a := m.New(&account{ID: id})
		require.NoError(t, a.Save(ctx))
		odm.AfterCommit(ctx, func(context.Context) { hooks = append(hooks, id+" committed") })
		odm.AfterRollback(ctx, func(context.Context) { hooks = append(hooks, id+" rolled back") })
		failCommit(t, conn, 1, maxTimeExpired, "UnknownTransactionCommitResult")
		var unknown *odm.CommitUnknownError
		require.ErrorAs(t, s.CommitTransaction(t.Context()), &unknown)
		require.True(t, s.InTransaction())
		require.ErrorIs(t, a.Save(odm.WithoutSession(t.Context())), odm.ErrUncertain)
		return a
	}
	a := start("a")
	require.NoError(t, s.CommitTransaction(t.Context()))
	require.Equal(t, []string{"a committed"}, hooks)
	a.Balance = 1
	require.NoError(t, a.Save(t.Context()))

	// Who gives up does not learn what happened, and neither do the documents.
	b := start("b")
	s.EndSession(t.Context())
	require.False(t, b.IsNew())
	require.ErrorIs(t, b.Save(t.Context()), odm.ErrUncertain)
	require.Equal(t, []string{"a committed"}, hooks)
}

func TestCommitWithAnEndedContextDoesNothing(t *testing.T) {
	conn, _ := newConn(t, nil)
	m := accounts(t, conn)
	s, ctx := begin(t, conn)
	require.NoError(t, s.StartTransaction())
	require.NoError(t, m.Create(ctx, &account{ID: "a"}))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.CommitTransaction(ended), context.Canceled)
	require.NoError(t, s.CommitTransaction(t.Context()))
	count(t.Context(), t, m, nil, 1)
}

// Whatever happens to commits, each hook of the attempt that counted runs once, and those of
// other attempts never do.
func TestHooksRunOnceForTheAttemptThatCounted(t *testing.T) {
	type outcome struct{ committed, rolledBack []int }
	for name, tc := range map[string]struct {
		before func(t *testing.T, conn *odm.Connection) // at the end of the first attempt
		end    func(cancel context.CancelFunc) error    // of each attempt
		err    bool
		panics bool
		want   outcome
	}{
		"commits":                   {want: outcome{committed: []int{1}}},
		"fails":                     {end: func(context.CancelFunc) error { return errOops }, err: true, want: outcome{rolledBack: []int{1}}},
		"panics":                    {end: func(context.CancelFunc) error { panic("boom") }, panics: true, want: outcome{rolledBack: []int{1}}},
		"context cancelled, error":  {end: func(cancel context.CancelFunc) error { cancel(); return context.Canceled }, err: true, want: outcome{rolledBack: []int{1}}},
		"context cancelled, commit": {end: func(cancel context.CancelFunc) error { cancel(); return nil }, err: true, want: outcome{rolledBack: []int{1}}},
		"commit transient": {
			before: func(t *testing.T, conn *odm.Connection) { failCommit(t, conn, 1, 251, "TransientTransactionError") },
			want:   outcome{committed: []int{2}},
		},
		"commit unknown, then known": {
			before: func(t *testing.T, conn *odm.Connection) { failCommit(t, conn, 1, 64, "UnknownTransactionCommitResult") },
			want:   outcome{committed: []int{1}},
		},
		"commit transient, then panic": {
			before: func(t *testing.T, conn *odm.Connection) { failCommit(t, conn, 1, 251, "TransientTransactionError") },
			end:    panicIn(2), panics: true, want: outcome{rolledBack: []int{2}},
		},
		"commit refused": {
			before: func(t *testing.T, conn *odm.Connection) { failCommit(t, conn, 1, 8000) },
			err:    true, want: outcome{rolledBack: []int{1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn, _ := newConn(t, nil)
			m := accounts(t, conn)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var got outcome
			attempt := 0
			run := func() error {
				return conn.Transaction(ctx, func(ctx context.Context) error {
					attempt++
					n := attempt
					odm.AfterCommit(ctx, func(ctx context.Context) {
						require.NoError(t, ctx.Err())
						got.committed = append(got.committed, n)
					})
					odm.AfterRollback(ctx, func(ctx context.Context) {
						require.NoError(t, ctx.Err())
						got.rolledBack = append(got.rolledBack, n)
					})
					if err := m.Create(ctx, &account{ID: "a"}); err != nil {
						return err
					}
					if n == 1 && tc.before != nil {
						tc.before(t, conn)
					}
					if tc.end == nil {
						return nil
					}
					return tc.end(cancel)
				})
			}
			if tc.panics {
				require.Panics(t, func() { _ = run() })
			} else {
				require.Equal(t, tc.err, run() != nil)
			}
			require.Equal(t, tc.want, got)
			count(t.Context(), t, m, nil, int64(len(got.committed)))
		})
	}
}

// panicIn panics in the n-th attempt.
func panicIn(n int) func(context.CancelFunc) error {
	attempt := 0
	return func(context.CancelFunc) error {
		if attempt++; attempt == n {
			panic("boom")
		}
		return nil
	}
}

// A transient failure at any statement, or at the commit, leads to what one undisturbed
// attempt would have led to.
func TestFailureAtEachStatement(t *testing.T) {
	for _, statement := range []string{"insert", "find", "update", "findAndModify", "aggregate", "delete", "commitTransaction"} {
		t.Run(statement, func(t *testing.T) {
			clock := time.Unix(0, 0)
			tick := func() time.Time { clock = clock.Add(time.Second); return clock }
			conn, rec := newConn(t, &odm.ConnectionOptions{Now: tick})
			m := accounts(t, conn)
			a, err := m.CreateOne(t.Context(), &account{ID: "a", Balance: 100, Log: []string{"x"}})
			require.NoError(t, err)
			gone, err := m.CreateOne(t.Context(), &account{ID: "gone"})
			require.NoError(t, err)
			fresh, many := m.New(&account{ID: "fresh"}), m.New(&account{ID: "many"})
			var attempts [][]string
			var fromQuery *account
			require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
				if len(attempts) == 0 {
					failNext(t, conn, statement, 1)
				}
				rec.take("")
				require.True(t, fresh.IsNew() && many.IsNew() && !gone.IsDeleted())
				require.Empty(t, fresh.Hooked)
				err := everyStatement(ctx, m, a, gone, fresh, many, &fromQuery)
				var sentNow []string
				for _, c := range rec.cmds {
					sentNow = append(sentNow, sent(t, c))
				}
				attempts = append(attempts, sentNow)
				return err
			}, odm.Enlist(a)))
			require.Len(t, attempts, 2)
			require.Equal(t, attempts[0], attempts[1][:len(attempts[0])])
			require.Len(t, attempts[1], 8)
			require.Equal(t, 85, a.Balance)
			require.Equal(t, []string{"x", "y"}, a.Log)
			require.Equal(t, 90, fromQuery.Balance)
			stored, err := m.FindByID(t.Context(), "a")
			require.NoError(t, err)
			require.Equal(t, 85, stored.Balance)
			require.Equal(t, stored.Raw().Lookup("__v"), a.Raw().Lookup("__v"))
			require.False(t, a.IsModified())
			count(t.Context(), t, m, nil, 3)
		})
	}
}

// everyStatement changes documents by each statement that the ODM sends in transactions.
func everyStatement(ctx context.Context, m *odm.Model[account], a, gone, fresh, many *account, fromQuery **account) error {
	a.Balance -= 10
	if err := fresh.Save(ctx); err != nil {
		return err
	}
	if err := a.Save(ctx); err != nil {
		return err
	}
	if _, err := m.InsertMany(ctx, []*account{many}); err != nil {
		return err
	}
	found, err := m.FindByID(ctx, "fresh")
	if err != nil {
		return err
	}
	if found.Hooked != "by hook" {
		return errors.New("the transaction does not see its own insert")
	}
	q, err := m.ByID("a").FindOneAndUpdate(ctx, bson.D{{Key: "$inc", Value: bson.D{{Key: "balance", Value: 0}}}})
	if err != nil {
		return err
	}
	*fromQuery = q
	if _, err := odm.Aggregate[bson.M](ctx, m, odm.NewPipeline().Match(bson.D{})); err != nil {
		return err
	}
	if err := gone.Delete(ctx); err != nil {
		return err
	}
	a.Balance -= 5
	a.Log = append(a.Log, "y")
	return m.BulkSave(ctx, []*account{a})
}
