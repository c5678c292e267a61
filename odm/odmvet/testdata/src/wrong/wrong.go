// Package wrong holds programs that forget the session.
package wrong

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
	ByDay   map[string]int
}

type server struct {
	ctx      context.Context
	conn     *odm.Connection
	accounts *odm.Model[Account]
}

func outerContext(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		a, err := s.accounts.FindByID(outer, 1) // want `outer is a context from outside the transaction`
		if err != nil {
			return err
		}
		return a.Save(outer) // want `outer is a context from outside`
	})
}

func renamedParameter(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(tx context.Context) error {
		return s.accounts.Create(ctx, &Account{}) // want `ctx is a context from outside`
	})
}

func unnamedParameter(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(context.Context) error {
		return s.accounts.Create(ctx, &Account{}) // want `ctx is a context from outside`
	})
}

func background(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		if err := s.accounts.Create(context.Background(), &Account{}); err != nil { // want `context.Background has no session`
			return err
		}
		return s.accounts.Create(context.TODO(), &Account{}) // want `context.TODO has no session`
	})
}

func contextInStruct(ctx context.Context, s *server) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		return s.accounts.Create(s.ctx, &Account{}) // want `s.ctx is a context from outside`
	})
}

func requestContext(w http.ResponseWriter, r *http.Request, s *server) error {
	return s.conn.Transaction(r.Context(), func(ctx context.Context) error {
		return s.accounts.Create(r.Context(), &Account{}) // want `r.Context\(\) is a context from outside`
	})
}

func derivedOutside(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		limited, cancel := context.WithTimeout(outer, time.Second) // want `outer is a context from outside`
		defer cancel()
		return s.accounts.Create(limited, &Account{})
	})
}

func helper(ctx context.Context, s *server) error { return s.accounts.Create(ctx, &Account{}) }

func throughHelper(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		return helper(outer, s) // want `outer is a context from outside`
	})
}

func inGoroutine(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		done := make(chan error)
		go func() { done <- s.accounts.Create(outer, &Account{}) }() // want `outer is a context from outside`
		return <-done
	})
}

func inDefer(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		defer s.accounts.Create(outer, &Account{}) // want `outer is a context from outside`
		return nil
	})
}

func session(outer context.Context, sess *odm.Session, s *server) error {
	return sess.WithTransaction(outer, func(ctx context.Context) error {
		return s.accounts.Create(outer, &Account{}) // want `outer is a context from outside`
	})
}

func withResult(outer context.Context, s *server) (*Account, error) {
	return odm.InTransaction(outer, s.conn, func(ctx context.Context) (*Account, error) {
		return s.accounts.FindByID(outer, 1) // want `outer is a context from outside`
	})
}

func nested(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(mid context.Context) error {
		return s.conn.Transaction(mid, func(ctx context.Context) error {
			return s.accounts.Create(mid, &Account{}) // want `mid is a context from outside`
		})
	})
}

func relative(ctx context.Context, s *server, a, b *Account) error {
	return s.conn.Transaction(ctx, func(ctx context.Context) error {
		a.Balance -= 10                // want `a is a document from outside the transaction: a retry would change a.Balance twice`
		a.Balance++                    // want `a is a document from outside`
		a.Balance = a.Balance + 1      // want `a is a document from outside`
		a.Log = append(a.Log, "taken") // want `a is a document from outside`
		a.ByDay["mon"] += 1            // want `a is a document from outside`
		b.Balance += 10
		return a.Save(ctx)
	}, odm.Enlist(b))
}

func inVariable(outer context.Context, s *server) error {
	work := func(ctx context.Context) error {
		return s.accounts.Create(outer, &Account{}) // want `outer is a context from outside`
	}
	var more = func(ctx context.Context) error {
		return s.accounts.Create(outer, &Account{}) // want `outer is a context from outside`
	}
	if err := s.conn.Transaction(outer, work); err != nil {
		return err
	}
	return s.conn.Transaction(outer, more)
}

func (s *server) work(ctx context.Context) error {
	if err := s.accounts.Create(s.ctx, &Account{}); err != nil { // want `s.ctx is a context from outside`
		return err
	}
	return s.accounts.Create(context.Background(), &Account{}) // want `context.Background has no session`
}

func (s *server) methodValue(outer context.Context) error {
	if err := s.conn.Transaction(outer, s.work); err != nil {
		return err
	}
	return s.conn.Transaction(outer, s.work, odm.Enlist())
}

func named(ctx context.Context) error {
	_, cancel := context.WithTimeout(context.Background(), time.Second) // want `context.Background has no session`
	cancel()
	return nil
}

func (a *Account) take(ctx context.Context) error {
	a.Balance -= 10 // want `a is a document from outside the transaction`
	return a.Save(ctx)
}

func byName(outer context.Context, s *server, a *Account) error {
	if err := s.conn.Transaction(outer, named); err != nil {
		return err
	}
	return s.conn.Transaction(outer, a.take)
}

type key struct{}

func withValue(outer context.Context, s *server) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		return helper(context.WithValue(outer, key{}, 1), s) // want `outer is a context from outside`
	})
}

func inLoop(outer context.Context, s *server, all []*Account) error {
	return s.conn.Transaction(outer, func(ctx context.Context) error {
		for _, a := range all {
			if err := a.Save(outer); err != nil { // want `outer is a context from outside`
				return err
			}
		}
		return nil
	})
}
