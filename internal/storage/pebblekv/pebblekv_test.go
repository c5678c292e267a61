package pebblekv_test

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
	"github.com/tandemdb/tandem/internal/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	inMemory := func(*testing.T) (string, vfs.FS) { return "store", vfs.NewMem() }
	onDisk := func(t *testing.T) (string, vfs.FS) { return t.TempDir(), vfs.Default }
	t.Run("InMemory", func(t *testing.T) { contract(t, inMemory, false) })
	t.Run("OnDisk", func(t *testing.T) { contract(t, onDisk, false) })
	t.Run("Brief", func(t *testing.T) { contract(t, inMemory, true) })
}

// place is where a store is.
type place struct {
	dir string
	fs  vfs.FS
}

// briefDB begins brief transactions only.
type briefDB struct{ *pebblekv.DB }

func (db briefDB) Begin(ctx context.Context, o storage.TxnOptions) (storage.Txn, error) {
	o.Brief = true
	return db.DB.Begin(ctx, o)
}

func contract(t *testing.T, where func(t *testing.T) (string, vfs.FS), brief bool) {
	places := map[storage.Engine]place{}
	open := func(t *testing.T, p place) storage.Engine {
		db, err := pebblekv.Open(p.dir, &pebblekv.Options{FS: p.fs, CacheBytes: 8 << 20, MemTableBytes: 1 << 20})
		require.NoError(t, err)
		var eng storage.Engine = db
		if brief {
			eng = briefDB{db}
		}
		places[eng] = p
		return eng
	}
	storagetest.Run(t, storagetest.Factory{
		New: func(t *testing.T) storage.Engine {
			dir, fs := where(t)
			return open(t, place{dir, fs})
		},
		Reopen: func(t *testing.T, closed storage.Engine) storage.Engine { return open(t, places[closed]) },
	})
}
