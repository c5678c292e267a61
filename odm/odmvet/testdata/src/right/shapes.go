package right

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tandemdb/tandem/odm"
)

func helper(ctx context.Context, s *server) error { return s.accounts.Create(ctx, &Account{}) }

func throughHelper(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error { return helper(ctx, s) })
}

func closureWithParameter(ctx context.Context, s *server) error {
	create := func(ctx context.Context) error { return s.accounts.Create(ctx, &Account{}) }
	return s.conn.Transaction(ctx, func(ctx context.Context) error { return create(ctx) })
}

func methodValue(ctx context.Context, s *server) error {
	create := s.accounts.Create
	return s.conn.Transaction(ctx, func(ctx context.Context) error { return create(ctx, &Account{}) })
}

func groupInside(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		for range 3 {
			g.Go(func() error { return s.accounts.Create(ctx, &Account{}) })
		}
		return g.Wait()
	})
}

func shadowedInside(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(tx context.Context) error {
		outer, cancel := context.WithTimeout(tx, time.Second)
		defer cancel()
		return s.accounts.Create(outer, &Account{})
	})
}

// The context of an operation in a struct that is made inside.
func carried(ctx context.Context, s *server) error {
	type job struct{ ctx context.Context }
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		j := job{ctx: ctx}
		return s.accounts.Create(j.ctx, &Account{})
	})
}

func assigned(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		tx := ctx
		ctx = context.WithValue(tx, key{}, 1)
		return s.accounts.Create(ctx, &Account{})
	})
}

// A value of the outer context takes no part in anything.
func valueOf(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		if outer.Value(key{}) != nil && outer.Err() == nil {
			return s.accounts.Create(ctx, &Account{})
		}
		return nil
	})
}

func outsideOnPurpose(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		apart := odm.WithoutSession(outer)
		return s.accounts.Create(apart, &Account{})
	})
}
