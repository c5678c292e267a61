package pebblekv_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
)

const benchRows = 100_000

// benchKey is shaped like a record key: a kind, an identifier, a number.
func benchKey(dst []byte, i int) []byte {
	dst = append(dst, 'r', 0, 0, 0, 7)
	return binary.BigEndian.AppendUint64(dst, uint64(i))
}

func benchStore(b *testing.B, rows int) *pebblekv.DB {
	db, err := pebblekv.Open(b.TempDir(), nil)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	ctx := context.Background()
	value := make([]byte, 256)
	for i := 0; i < rows; {
		t, err := db.Begin(ctx, storage.TxnOptions{})
		require.NoError(b, err)
		for range 1000 {
			t.Put(benchKey(nil, i), value)
			i++
		}
		_, err = t.Commit(ctx, storage.Buffered)
		require.NoError(b, err)
	}
	require.NoError(b, db.Sync())
	b.ReportAllocs()
	return db
}

func BenchmarkOpenInMemory(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		db, err := pebblekv.Open("store", &pebblekv.Options{FS: vfs.NewMem(), CacheBytes: 8 << 20, MemTableBytes: 4 << 20})
		require.NoError(b, err)
		require.NoError(b, db.Close())
	}
}

// BenchmarkSnapshotGet is the storage part of findOne by _id.
func BenchmarkSnapshotGet(b *testing.B) {
	db := benchStore(b, benchRows)
	ctx := context.Background()
	for _, gets := range []int{1, 2} {
		b.Run(fmt.Sprintf("gets=%d", gets), func(b *testing.B) {
			b.ReportAllocs()
			var key, dst []byte
			i := 0
			for b.Loop() {
				r, err := db.Snapshot(ctx, 0)
				if err != nil {
					b.Fatal(err)
				}
				for range gets {
					i = (i*7919 + 13) % benchRows
					key = benchKey(key[:0], i)
					var ok bool
					if dst, ok, err = r.Get(ctx, key, dst[:0]); !ok || err != nil {
						b.Fatal(ok, err)
					}
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkScan(b *testing.B) {
	db := benchStore(b, benchRows)
	ctx := context.Background()
	for _, own := range []bool{false, true} {
		b.Run(fmt.Sprintf("own=%v", own), func(b *testing.B) {
			b.ReportAllocs()
			t, err := db.Begin(ctx, storage.TxnOptions{})
			require.NoError(b, err)
			defer t.Rollback()
			if own {
				t.Put(benchKey(nil, benchRows/2), []byte("x"))
			}
			for b.Loop() {
				it, err := t.Scan(ctx, nil, nil, storage.ScanOptions{})
				require.NoError(b, err)
				n := 0
				for it.Next() {
					n += len(it.Value())
				}
				require.NoError(b, it.Close())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}

// insertOne is the storage part of inserting one document: a record, two index
// entries, two counters.
func insertOne(ctx context.Context, db storage.Engine, i int, doc, buf []byte, d storage.Durability) ([]byte, error) {
	t, err := db.Begin(ctx, storage.TxnOptions{Brief: true})
	if err != nil {
		return buf, err
	}
	defer t.Rollback()
	buf = append(buf[:0], 'i', 0, 0, 0, 8)
	buf = binary.BigEndian.AppendUint64(buf, uint64(i)*2654435761)
	idx := len(buf)
	buf = benchKey(buf, i)
	reqs := [1]storage.LockRequest{{Key: buf[:idx], Mode: storage.LockAbsent}}
	if err := t.Lock(ctx, reqs[:]); err != nil {
		return buf, err
	}
	t.Put(buf[idx:], doc)
	t.Put(buf[:idx], buf[idx+5:])
	second := len(buf)
	buf = append(buf, 'i', 0, 0, 0, 9)
	buf = append(buf, buf[5:]...)
	t.Put(buf[second:], nil)
	t.Add([]byte("n0001"), 1)
	t.Add([]byte("b0001"), int64(len(doc)))
	_, err = t.Commit(ctx, d)
	return buf, err
}

func BenchmarkInsert(b *testing.B) {
	doc := make([]byte, 256)
	for _, d := range []storage.Durability{storage.Buffered, storage.Synced} {
		b.Run([]string{"synced", "buffered"}[d], func(b *testing.B) {
			db := benchStore(b, 0)
			ctx := context.Background()
			var buf []byte
			i := 0
			for b.Loop() {
				i++
				var err error
				if buf, err = insertOne(ctx, db, i, doc, buf, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBareInsert is the floor of BenchmarkInsert: the same keys in one batch.
func BenchmarkBareInsert(b *testing.B) {
	doc := make([]byte, 256)
	for _, d := range []*pebble.WriteOptions{pebble.NoSync, pebble.Sync} {
		b.Run(fmt.Sprintf("sync=%v", d.Sync), func(b *testing.B) {
			db := bareStore(b)
			var key []byte
			i := 0
			for b.Loop() {
				i++
				var err error
				if key, err = bareInsert(db, i, doc, key, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(f string, a ...any) {
	panic(fmt.Sprintf(f, a...))
}

// BenchmarkInsertParallel has 64 clients that each wait for the disk.
func BenchmarkInsertParallel(b *testing.B) {
	doc := make([]byte, 256)
	b.Run("engine", func(b *testing.B) {
		db := benchStore(b, 0)
		ctx := context.Background()
		var n atomic.Int64
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			var buf []byte
			for pb.Next() {
				var err error
				if buf, err = insertOne(ctx, db, int(n.Add(1)), doc, buf, storage.Synced); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("bare", func(b *testing.B) {
		db := bareStore(b)
		var n atomic.Int64
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			var key []byte
			for pb.Next() {
				var err error
				if key, err = bareInsert(db, int(n.Add(1)), doc, key, pebble.Sync); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func bareStore(b *testing.B) *pebble.DB {
	db, err := pebble.Open(b.TempDir(), &pebble.Options{
		MemTableSize: 32 << 20, FormatMajorVersion: pebble.FormatNewest, Logger: quiet{},
	})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	b.ReportAllocs()
	return db
}

// bareInsert writes what insertOne writes in one batch.
func bareInsert(db *pebble.DB, i int, doc, key []byte, o *pebble.WriteOptions) ([]byte, error) {
	t := db.NewBatch()
	defer t.Close()
	key = binary.BigEndian.AppendUint64(append(key[:0], 'i', 0, 0, 0, 8), uint64(i)*2654435761)
	idx := len(key)
	key = benchKey(key, i)
	_ = t.Set(key[:idx], key[idx+5:], nil)
	_ = t.Set(key[idx:], doc, nil)
	_ = t.Set(key, nil, nil)
	_ = t.Set([]byte("t"), key[:8], nil)
	_ = t.Set([]byte("n0001"), key[:8], nil)
	_ = t.Set([]byte("b0001"), key[:8], nil)
	return key, t.Commit(o)
}
