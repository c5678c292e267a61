package catalog_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/catalog"
)

func acquire(t *testing.T, lt *catalog.LockTable, mode catalog.LockMode) catalog.Lock {
	t.Helper()
	l, err := lt.Acquire(t.Context(), "db.c", mode, -1)
	require.NoError(t, err)
	return l
}

func TestLockCompatibility(t *testing.T) {
	for _, tc := range []struct {
		held, wanted catalog.LockMode
		granted      bool
	}{
		{catalog.LockIS, catalog.LockIS, true},
		{catalog.LockIS, catalog.LockIX, true},
		{catalog.LockIX, catalog.LockIX, true},
		{catalog.LockIS, catalog.LockX, false},
		{catalog.LockIX, catalog.LockX, false},
		{catalog.LockX, catalog.LockIS, false},
		{catalog.LockX, catalog.LockIX, false},
		{catalog.LockX, catalog.LockX, false},
	} {
		lt := catalog.NewLockTable()
		held := acquire(t, lt, tc.held)
		l, err := lt.Acquire(t.Context(), "db.c", tc.wanted, 0)
		if tc.granted {
			require.NoError(t, err)
			l.Release()
		} else {
			require.ErrorIs(t, err, catalog.ErrLockTimeout)
		}
		other, err := lt.Acquire(t.Context(), "db.other", catalog.LockX, 0)
		require.NoError(t, err)
		other.Release()
		held.Release()
		again := acquire(t, lt, catalog.LockX)
		again.Release()
	}
}

func TestLockQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lt := catalog.NewLockTable()
		reader := acquire(t, lt, catalog.LockIS)
		var order []string
		start := func(name string, mode catalog.LockMode) {
			go func() {
				l, err := lt.Acquire(context.Background(), "db.c", mode, -1)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, name)
				time.Sleep(time.Second)
				l.Release()
			}()
			synctest.Wait()
		}
		start("first ddl", catalog.LockX)
		start("late reader", catalog.LockIS)
		start("second ddl", catalog.LockX)
		require.Empty(t, order, "nobody passes the waiting DDL")
		_, err := lt.Acquire(t.Context(), "db.c", catalog.LockIS, 5*time.Millisecond)
		require.ErrorIs(t, err, catalog.ErrLockTimeout)
		reader.Release()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"first ddl", "late reader", "second ddl"}, order)
	})
}

func TestAbandonedWaiterLetsOthersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lt := catalog.NewLockTable()
		reader := acquire(t, lt, catalog.LockIS)
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() {
			_, err := lt.Acquire(ctx, "db.c", catalog.LockX, -1)
			gaveUp <- err
		}()
		synctest.Wait()
		passed := make(chan catalog.Lock)
		go func() {
			l, err := lt.Acquire(context.Background(), "db.c", catalog.LockIX, -1)
			if err != nil {
				t.Error(err)
			}
			passed <- l
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-gaveUp, context.Canceled)
		writer := <-passed
		writer.Release()
		reader.Release()
	})
}
