package pebblekv

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tandemdb/tandem/internal/storage"
)

// markStep is how many seconds of timestamps are reserved on disk at a time,
// markAhead how many may be left when the next reservation is begun.
const (
	markStep  = 10
	markAhead = 5
)

// clock hands out commit timestamps: the wall clock's second, or the last
// timestamp plus one. It never passes the mark, which is on disk, so that after
// a crash it starts above every timestamp that anybody has seen, even if the
// wall clock was set back. Guarded by DB.commitMu, except for mark.
type clock struct {
	now  func() time.Time
	last storage.Timestamp
	mark atomic.Uint64
}

func (c *clock) wall() storage.Timestamp {
	return storage.MakeTimestamp(uint32(c.now().Unix()), 1)
}

// next returns the timestamp of the next commit. The caller must make sure that
// it is below the mark before it is used.
func (c *clock) next() storage.Timestamp {
	c.last = max(c.wall(), c.last+1)
	return c.last
}

// needsMark reports whether the reservation that covers ts is about to end.
func (c *clock) needsMark(ts storage.Timestamp) bool {
	return uint64(ts.Seconds())+markAhead >= c.mark.Load()>>32
}

// tick takes the timestamp of a commit. It waits for the disk only when the
// reservation has run out, as after an idle period. Called with commitMu held.
func (db *DB) tick() (storage.Timestamp, error) {
	ts := db.clock.next()
	if !db.clock.needsMark(ts) {
		return ts, nil
	}
	if uint64(ts) <= db.clock.mark.Load() {
		db.kickMark()
		return ts, nil
	}
	return ts, db.raiseMark(ts)
}

// raiseMark reserves timestamps up to markStep seconds above ts, durably.
func (db *DB) raiseMark(ts storage.Timestamp) error {
	db.markMu.Lock()
	defer db.markMu.Unlock()
	mark := storage.MakeTimestamp(ts.Seconds()+markStep, 0)
	if uint64(mark) <= db.clock.mark.Load() {
		return nil
	}
	if err := db.setSynced(keyMark, encodeTimestamp(mark)); err != nil {
		return err
	}
	db.clock.mark.Store(uint64(mark))
	return nil
}

// setSynced writes one key and waits for the disk.
func (db *DB) setSynced(key, value []byte) error {
	b := db.pdb.NewBatch()
	if err := b.Set(key, value, nil); err != nil {
		return err
	}
	return db.applySynced(b)
}

// applySynced applies b, waits for the disk and closes b.
func (db *DB) applySynced(b *pebble.Batch) error {
	if err := db.apply(b, storage.Synced); err != nil {
		return err
	}
	return db.awaitSync(b)
}
