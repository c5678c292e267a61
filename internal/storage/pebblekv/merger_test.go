package pebblekv

import (
	"encoding/binary"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// A counter that returns to zero above its compacted value survives compaction.
func TestCompactionOfACounterAtZero(t *testing.T) {
	db, err := pebble.Open("db", &pebble.Options{FS: vfs.NewMem(), Comparer: comparer, Merger: merger})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	key := []byte("counter")
	add := func(n int64) {
		t.Helper()
		require.NoError(t, db.Merge(key, binary.LittleEndian.AppendUint64(nil, uint64(n)), pebble.NoSync))
		require.NoError(t, db.Set([]byte("a"), nil, pebble.NoSync))
		require.NoError(t, db.Flush())
		require.NoError(t, db.Compact(t.Context(), []byte("a"), []byte("z"), false))
	}
	for _, n := range []int64{1, -1, 5, -2, -3} {
		add(n)
	}
	v, closer, err := db.Get(key)
	require.NoError(t, err)
	require.Zero(t, binary.LittleEndian.Uint64(v))
	require.NoError(t, closer.Close())
}
