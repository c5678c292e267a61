package wrong

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tandemdb/tandem/odm"
)

// deepClosure forgets the session in a closure of a closure.
func deepClosure(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		create := func() error {
			return func() error { return s.accounts.Create(outer, &Account{}) }() // want `outer is a context from outside`
		}
		return create()
	})
}

// closureMadeOutside has the outer context as an argument of a closure from outside.
func closureMadeOutside(outer context.Context, s *server) error {
	create := func(ctx context.Context) error { return s.accounts.Create(ctx, &Account{}) }
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		return create(outer) // want `outer is a context from outside`
	})
}

// methodValue calls a method of the model that was taken as a value.
func methodValue(outer context.Context, s *server) error {
	create := s.accounts.Create
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		return create(outer, &Account{}) // want `outer is a context from outside`
	})
}

// methodExpression does so by the method's expression.
func methodExpression(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		return (*odm.Model[Account]).Create(s.accounts, outer, &Account{}) // want `outer is a context from outside`
	})
}

// groupOutside runs with the context of a group from outside.
func groupOutside(outer context.Context, s *server) error {
	g, gctx := errgroup.WithContext(outer)
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		g.Go(func() error { return s.accounts.Create(gctx, &Account{}) }) // want `gctx is a context from outside`
		return g.Wait()
	})
}

// groupFromOutside makes the group inside, of the context from outside.
func groupFromOutside(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(outer) // want `outer is a context from outside`
		g.Go(func() error { return s.accounts.Create(ctx, &Account{}) })
		return g.Wait()
	})
}

// shadowedByOuter hides the callback's context behind one that derives from another.
func shadowedByOuter(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second) // want `context.Background has no session`
		defer cancel()
		return s.accounts.Create(ctx, &Account{})
	})
}

// nestedField takes the context out of a struct in a struct.
func nestedField(outer context.Context, s *struct{ inner server }) error {
	return s.inner.conn.Transaction(outer, func(ctx context.Context) error {
		return s.inner.accounts.Create(s.inner.ctx, &Account{}) // want `s.inner.ctx is a context from outside`
	})
}

// afterCommitOuter registers the hook with the context from outside.
func afterCommitOuter(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		odm.AfterCommit(outer, func(context.Context) {}) // want `outer is a context from outside`
		return nil
	})
}

// assignedInside puts the outer context into a variable of the callback.
func assignedInside(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		tx := outer // want `outer is a context from outside`
		return s.accounts.Create(tx, &Account{})
	})
}

// overwritten loses the callback's context.
func overwritten(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		ctx = outer // want `outer is a context from outside`
		return s.accounts.Create(ctx, &Account{})
	})
}

// declaredInside does so by a declaration.
func declaredInside(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		var tx context.Context = context.Background() // want `context.Background has no session`
		return s.accounts.Create(tx, &Account{})
	})
}
