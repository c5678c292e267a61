package odmtest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/odm"
	"github.com/tandemdb/tandem/odm/odmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type counter struct {
	odm.Doc[counter] `bson:"-"`

	ID string `bson:"_id"`
	N  int    `bson:"n"`
}

func TestRehearsalFindsCallbacksThatCannotBeRetried(t *testing.T) {
	conn, rec := odmtest.Connect(t, nil)
	counters, err := odm.NewModel[counter](conn, "Counter", nil)
	require.NoError(t, err)
	c, err := counters.CreateOne(t.Context(), &counter{ID: "c", N: 100})
	require.NoError(t, err)

	runs := 0
	change := func(ctx context.Context) error {
		runs++
		c.N -= 10
		return c.Save(ctx)
	}
	var unsafe *odm.RetryUnsafeError
	require.ErrorAs(t, conn.Transaction(t.Context(), change), &unsafe)
	require.NoError(t, c.Reload(t.Context()))
	runs = 0
	rec.Take("")
	require.NoError(t, conn.Transaction(t.Context(), change, odm.Enlist(c)))
	require.Equal(t, 2, runs)
	require.Equal(t, 90, c.N)
	require.Len(t, rec.Take("update"), 2)
}
