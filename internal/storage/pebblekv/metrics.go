package pebblekv

import "github.com/tandemdb/tandem/internal/storage"

// Metrics is what an operator wants to know of a store. Sizes are in bytes.
type Metrics struct {
	CacheBytes    int64
	CacheHits     int64
	CacheMisses   int64
	MemTableBytes int64
	WALBytes      int64 // on disk, with the files kept for reuse
	TableBytes    int64
	DiskBytes     int64 // everything
	L0Sublevels   int
	ReadAmp       int
	Flushes       int64
	Compactions   int64
	FlushedBytes  int64
	WrittenBytes  int64 // to the log

	OpenTxns        int
	OpenReaders     int // readers and iterators
	LockedKeys      int
	TxnMemory       int64
	KeptSnapshots   int
	ThrottledMicros int64

	Published storage.Timestamp
	Durable   storage.Timestamp
	Floor     storage.Timestamp // of the lock table
}

// Metrics returns a snapshot of the store's metrics. It takes some tens of
// microseconds.
func (db *DB) Metrics() (Metrics, error) {
	if err := db.check(); err != nil {
		return Metrics{}, err
	}
	p := db.pdb.Metrics()
	total := p.Total()
	db.reg.mu.Lock()
	txns, floor := db.reg.n, db.reg.floor
	db.reg.mu.Unlock()
	return Metrics{
		CacheBytes:    p.BlockCache.Size,
		CacheHits:     p.BlockCache.Hits,
		CacheMisses:   p.BlockCache.Misses,
		MemTableBytes: int64(p.MemTable.Size),
		WALBytes:      int64(max(p.WAL.PhysicalSize, p.WAL.Size) + p.WAL.ObsoletePhysicalSize),
		TableBytes:    total.TablesSize,
		DiskBytes:     int64(p.DiskSpaceUsage()),
		L0Sublevels:   int(p.Levels[0].Sublevels),
		ReadAmp:       p.ReadAmp(),
		Flushes:       p.Flush.Count,
		Compactions:   p.Compact.Count,
		FlushedBytes:  int64(p.Levels[0].TableBytesFlushed),
		WrittenBytes:  int64(p.WAL.BytesWritten),

		OpenTxns:        txns,
		OpenReaders:     int(db.open.Load()),
		LockedKeys:      db.locks.size(),
		TxnMemory:       db.memory.used.Load(),
		KeptSnapshots:   db.history.len(),
		ThrottledMicros: db.throttle.waited.Load() / 1000,

		Published: db.now(),
		Durable:   storage.Timestamp(db.durable.upTo.Load()),
		Floor:     floor,
	}, nil
}

// EstimateSize returns about how many bytes of files [lo, hi) takes; what has
// not been flushed yet does not count.
func (db *DB) EstimateSize(lo, hi []byte) (int64, error) {
	if err := db.check(); err != nil {
		return 0, err
	}
	first, last := appendData(nil, lo), dataHi
	if hi != nil {
		last = appendData(nil, hi)
	}
	if string(first) >= string(last) {
		return 0, nil
	}
	n, err := db.pdb.EstimateDiskUsage(first, last)
	return int64(n), err
}
