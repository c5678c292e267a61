package pebblekv

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

func addCounter(t *testing.T, db *DB, delta int64) {
	tx, err := db.Begin(context.Background(), storage.TxnOptions{})
	require.NoError(t, err)
	tx.Add([]byte("n"), delta)
	_, err = tx.Commit(context.Background(), storage.Buffered)
	require.NoError(t, err)
}

// TestCountersSurviveCompactions checks the merger where Pebble uses it: reading
// unflushed operands, flushing them, compacting over older sums, and going on from
// zero.
func TestCountersSurviveCompactions(t *testing.T) {
	db := openInternal(t)
	key := appendCounter(nil, []byte("n"))
	want := int64(0)
	check := func() {
		n, err := db.readCounter(key)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	for round := range 5 {
		for range 10 {
			addCounter(t, db, int64(round+1))
			want += int64(round + 1)
			check()
		}
		require.NoError(t, db.pdb.Flush())
		check()
	}
	compact := func() {
		require.NoError(t, db.pdb.Compact(context.Background(), []byte{spaceCounter}, []byte{spaceCounter + 1}, false))
		check()
	}
	compact()
	addCounter(t, db, -want)
	want = 0
	check()
	require.NoError(t, db.pdb.Flush())
	compact()
	addCounter(t, db, 7)
	want = 7
	check()
}
