package pebblekv_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
)

func TestOneTransactionIsBounded(t *testing.T) {
	ctx := context.Background()
	db := openMem(t, pebblekv.Options{TxnMemory: 8 << 20, TxnMemoryMax: 1 << 20})
	tx, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	defer tx.Rollback()
	tx.Put([]byte("first"), []byte("1"))
	sp := tx.Savepoint()
	value := make([]byte, 10_000)
	for i := range 200 {
		tx.Put(fmt.Appendf(nil, "k%d", i), value)
	}
	require.LessOrEqual(t, tx.Bytes(), 1<<20)
	require.ErrorIs(t, tx.(storage.FailureTeller).Err(), storage.ErrTxnMemory)
	require.ErrorIs(t, tx.Lock(ctx, []storage.LockRequest{{Key: []byte("x")}}), storage.ErrTxnMemory)
	_, _, err = tx.Get(ctx, []byte("k0"), nil)
	require.ErrorIs(t, err, storage.ErrTxnMemory)

	// What was written before the savepoint can still be committed.
	tx.RollbackTo(sp)
	require.NoError(t, tx.(storage.FailureTeller).Err())
	_, err = tx.Commit(ctx, storage.Buffered)
	require.NoError(t, err)
	r, err := db.Snapshot(ctx, 0)
	require.NoError(t, err)
	defer r.Close()
	_, ok, err := r.Get(ctx, []byte("first"), nil)
	require.NoError(t, err)
	require.True(t, ok)
	_, ok, err = r.Get(ctx, []byte("k0"), nil)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestCommitRefusesWhatDidNotFit(t *testing.T) {
	ctx := context.Background()
	db := openMem(t, pebblekv.Options{TxnMemoryMax: 1 << 20})
	tx, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	tx.Put([]byte("a"), make([]byte, 2<<20))
	_, err = tx.Commit(ctx, storage.Buffered)
	require.ErrorIs(t, err, storage.ErrTxnMemory)
	_, err = tx.Commit(ctx, storage.Buffered)
	require.ErrorIs(t, err, storage.ErrClosed)
}

// TestManyTransactionsShareTheBudget opens 100 that each write until refused.
func TestManyTransactionsShareTheBudget(t *testing.T) {
	ctx := context.Background()
	const budget = 16 << 20
	db := openMem(t, pebblekv.Options{TxnMemory: budget})
	var txs []storage.Txn
	for range 100 {
		tx, err := db.Begin(ctx, storage.TxnOptions{})
		require.NoError(t, err)
		defer tx.Rollback()
		txs = append(txs, tx)
	}
	refused := map[storage.Txn]bool{}
	for i := 0; len(refused) < len(txs); i++ {
		for _, tx := range txs {
			if refused[tx] {
				continue
			}
			tx.Put(fmt.Appendf(nil, "k%d", i), make([]byte, 5000))
			if tx.(storage.FailureTeller).Err() != nil {
				refused[tx] = true
			}
		}
	}
	m, err := db.Metrics()
	require.NoError(t, err)
	require.LessOrEqual(t, m.TxnMemory, int64(budget))
	require.Greater(t, m.TxnMemory, int64(budget/2))

	// Others go on, and the budget comes back.
	small, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	small.Put([]byte("small"), []byte("1"))
	_, err = small.Commit(ctx, storage.Buffered)
	require.NoError(t, err)
	for _, tx := range txs {
		tx.Rollback()
	}
	m, err = db.Metrics()
	require.NoError(t, err)
	require.Zero(t, m.TxnMemory)
	big, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	big.Put([]byte("big"), make([]byte, 10<<20))
	_, err = big.Commit(ctx, storage.Buffered)
	require.NoError(t, err)
}
