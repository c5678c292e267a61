// Package right holds programs that nothing is to be said about.
package right

import (
	"context"
	"net/http"
	"time"

	"github.com/tandemdb/tandem/odm"
)

type Account struct {
	odm.Doc[Account]
	Balance int
	Log     []string
}

type total struct{ sum int }

type server struct {
	conn     *odm.Connection
	accounts *odm.Model[Account]
}

func shadowed(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		a, err := s.accounts.FindByID(ctx, 1)
		if err != nil {
			return err
		}
		a.Balance -= 10
		a.Log = append(a.Log, "taken")
		return a.Save(ctx)
	})
}

func derivedInside(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		limited, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return s.accounts.Create(limited, &Account{})
	})
}

func onPurpose(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		return s.accounts.Create(odm.WithoutSession(outer), &Account{})
	})
}

func afterCommit(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		odm.AfterCommit(ctx, func(context.Context) { _ = s.accounts.Create(outer, &Account{}) })
		odm.AfterRollback(ctx, func(ctx context.Context) { _ = s.accounts.Create(ctx, &Account{}) })
		return nil
	})
}

func enlisted(ctx context.Context, s *server, a, b *Account) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		a.Balance -= 10
		b.Balance += 10
		return a.Save(ctx)
	}, odm.Enlist(a, b))
}

func plainAssignment(ctx context.Context, s *server, a *Account) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		a.Balance = 5
		return a.Save(ctx)
	})
}

func noDocument(ctx context.Context, s *server) (int, error) {
	t := &total{}
	err := s.conn.Transaction(ctx, func(ctx context.Context) error {
		t.sum += 1
		return nil
	})
	return t.sum, err
}

func outsideOfCallbacks(w http.ResponseWriter, r *http.Request, s *server) error {
	if err := s.accounts.Create(r.Context(), &Account{}); err != nil {
		return err
	}
	if err := s.conn.Transaction(r.Context(), func(ctx context.Context) error {
		done := make(chan error)
		go func() { done <- s.accounts.Create(ctx, &Account{}) }()
		return <-done
	}); err != nil {
		return err
	}
	return s.accounts.Create(context.Background(), &Account{})
}

func session(ctx context.Context, sess *odm.Session, s *server) error {
	return sess.WithTransaction(ctx, func(tx context.Context) error {
		return s.accounts.Create(sess.Context(tx), &Account{})
	})
}

func nested(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		return s.conn.Transaction(ctx, func(ctx context.Context) error {
			return s.accounts.Create(ctx, &Account{})
		})
	})
}

func inVariable(ctx context.Context, s *server) error {
	work := func(ctx context.Context) error { return s.accounts.Create(ctx, &Account{}) }
	return s.conn.Transaction(ctx, work)
}

func (s *server) work(ctx context.Context) error { return s.accounts.Create(ctx, &Account{}) }

func (s *server) methodValue(ctx context.Context) error { return s.conn.Transaction(ctx, s.work) }

func variableOfOtherUse(ctx context.Context, s *server) error {
	work := func() error { return s.accounts.Create(ctx, &Account{}) }
	return work()
}

func callbackFromElsewhere(ctx context.Context, s *server, work func(context.Context) error) error {
	return s.conn.Transaction(ctx, work)
}

func inLoop(ctx context.Context, s *server, all []*Account) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		for _, a := range all {
			if err := a.Save(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

type key struct{}

func withValue(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		return s.work(context.WithValue(ctx, key{}, 1))
	})
}
