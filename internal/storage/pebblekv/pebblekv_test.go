package pebblekv_test

import (
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
	t.Run("InMemory", func(t *testing.T) { contract(t, func(t *testing.T) (string, vfs.FS) { return "store", vfs.NewMem() }) })
	t.Run("OnDisk", func(t *testing.T) {
		contract(t, func(t *testing.T) (string, vfs.FS) { return t.TempDir(), vfs.Default })
	})
}

func contract(t *testing.T, place func(t *testing.T) (string, vfs.FS)) {
	type store struct {
		dir string
		fs  vfs.FS
	}
	stores := map[storage.Engine]store{}
	open := func(t *testing.T, s store) storage.Engine {
		db, err := pebblekv.Open(s.dir, &pebblekv.Options{FS: s.fs, CacheBytes: 8 << 20, MemTableBytes: 1 << 20})
		require.NoError(t, err)
		stores[db] = s
		return db
	}
	storagetest.Run(t, storagetest.Factory{
		New: func(t *testing.T) storage.Engine {
			dir, fs := place(t)
			return open(t, store{dir, fs})
		},
		Reopen: func(t *testing.T, closed storage.Engine) storage.Engine { return open(t, stores[closed]) },
	})
}
