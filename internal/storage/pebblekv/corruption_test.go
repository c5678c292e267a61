package pebblekv_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
)

// TestCorruptBlocksFailTheReadsThatMeetThem overwrites the data of all tables.
func TestCorruptBlocksFailTheReadsThatMeetThem(t *testing.T) {
	ctx := context.Background()
	fs := vfs.NewMem()
	db, err := pebblekv.Open("store", &pebblekv.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	require.NoError(t, err)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range 4000 {
		put(t, db, map[string]string{fmt.Sprintf("k%05d", i): fmt.Sprintf("%0500d", rnd.Uint64())}, storage.Buffered)
	}
	require.NoError(t, db.Close())
	corrupt(t, fs)

	died := false
	db = openMem(t, pebblekv.Options{
		FS: fs, Logger: slog.New(slog.DiscardHandler), Fatal: func(error) { died = true },
	})
	r, err := db.Snapshot(ctx, 0)
	require.NoError(t, err)
	defer r.Close()
	failed := 0
	for i := range 4000 {
		if _, _, err := r.Get(ctx, fmt.Appendf(nil, "k%05d", i), nil); err != nil {
			require.ErrorIs(t, err, storage.ErrCorruption)
			failed++
		}
	}
	require.Positive(t, failed)
	it, err := r.Scan(ctx, nil, nil, storage.ScanOptions{})
	require.NoError(t, err)
	for it.Next() {
	}
	require.ErrorIs(t, it.Close(), storage.ErrCorruption)
	require.False(t, died)
}

// corrupt writes over the second quarter of each table, which is data.
func corrupt(t *testing.T, fs *vfs.MemFS) {
	names, err := fs.List("store")
	require.NoError(t, err)
	tables := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		tables++
		f, err := fs.OpenReadWrite("store/"+name, vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		info, err := f.Stat()
		require.NoError(t, err)
		_, err = f.WriteAt(make([]byte, info.Size()/4), info.Size()/4)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	require.Positive(t, tables)
}
