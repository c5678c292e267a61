//go:build invariants

package pebblekv_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
)

func TestWritingWithoutTheLockPanics(t *testing.T) {
	ctx := context.Background()
	db := openMem(t, pebblekv.Options{MustLock: func(key []byte) bool { return bytes.HasPrefix(key, []byte("r")) }})
	tx, err := db.Begin(ctx, storage.TxnOptions{})
	require.NoError(t, err)
	defer tx.Rollback()
	tx.Put([]byte("i1"), nil)
	require.Panics(t, func() { tx.Put([]byte("r1"), nil) })
	require.Panics(t, func() { tx.Delete([]byte("r1")) })
	require.NoError(t, tx.Lock(ctx, []storage.LockRequest{{Key: []byte("r1")}}))
	tx.Put([]byte("r1"), nil)
	tx.Delete([]byte("r1"))
}
