// Package odm has the declarations that the corpus uses.
package odm

import "context"

type Doc[T any] struct{ s *T }

func (d *Doc[T]) Save(ctx context.Context) error { return nil }

type Model[T any] struct{}

func (m *Model[T]) FindByID(ctx context.Context, id any) (*T, error) { return nil, nil }

func (m *Model[T]) Create(ctx context.Context, docs ...*T) error { return nil }

type TxnOption func()

type Enlistable any

func Enlist(docs ...Enlistable) TxnOption { return nil }

type Connection struct{}

func (c *Connection) Transaction(ctx context.Context, fn func(ctx context.Context) error, opts ...TxnOption) error {
	return nil
}

type Session struct{}

func (s *Session) WithTransaction(ctx context.Context, fn func(ctx context.Context) error, opts ...TxnOption) error {
	return nil
}

func (s *Session) Context(ctx context.Context) context.Context { return ctx }

func InTransaction[R any](ctx context.Context, c *Connection, fn func(ctx context.Context) (R, error), opts ...TxnOption) (R, error) {
	return fn(ctx)
}

func WithoutSession(ctx context.Context) context.Context { return ctx }

func AfterCommit(ctx context.Context, fn func(ctx context.Context)) {}

func AfterRollback(ctx context.Context, fn func(ctx context.Context)) {}
