//go:build !race && !invariants

package pebblekv_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
)

// TestAllocations holds the budgets of the hot paths. The race detector makes
// pools forget.
func TestAllocations(t *testing.T) {
	ctx := context.Background()
	db := openMem(t, pebblekv.Options{})
	put(t, db, map[string]string{"a": "1", "b": "2"}, storage.Buffered)
	var dst []byte
	a, b := []byte("a"), []byte("b")
	read := testing.AllocsPerRun(200, func() {
		r, err := db.Snapshot(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		dst, _, _ = r.Get(ctx, a, dst[:0])
		dst, _, _ = r.Get(ctx, b, dst[:0])
		_ = r.Close()
	})
	require.LessOrEqual(t, read, 1.0, "a snapshot and two gets")

	i, buf, doc := 0, []byte(nil), make([]byte, 256)
	write := testing.AllocsPerRun(200, func() {
		i++
		var err error
		if buf, err = insertOne(ctx, db, i, doc, buf, storage.Buffered); err != nil {
			t.Fatal(err)
		}
	})
	require.LessOrEqual(t, write, 8.0, "a record, two index entries, two counters")
}
