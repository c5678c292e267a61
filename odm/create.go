package odm

import "context"

// Create makes documents of the model and saves them, one after the other. It stops at
// the first error; those before it are saved.
func (m *Model[T]) Create(ctx context.Context, docs ...*T) error {
	for _, v := range docs {
		m.New(v)
		if err := m.docOf(v).Save(ctx); err != nil {
			return err
		}
	}
	return nil
}

// CreateOne makes a document of the model, saves and returns it.
func (m *Model[T]) CreateOne(ctx context.Context, v *T, opts ...SaveOption) (*T, error) {
	m.New(v)
	return v, m.docOf(v).Save(ctx, opts...)
}
