package pebblekv

import "time"

// syncDelay is how long a buffered commit stays unsynced, tickEvery how often
// there is housekeeping while there is something to keep.
const (
	syncDelay = 50 * time.Millisecond
	tickEvery = time.Second
)

func (db *DB) wakeBackground() {
	select {
	case db.kick <- struct{}{}:
	default:
	}
}

func (db *DB) kickMark() {
	if db.markWanted.CompareAndSwap(false, true) {
		db.wakeBackground()
	}
}

// runBackground is the only goroutine of the engine: it syncs buffered commits,
// reserves timestamps, sweeps what commits left and expires history.
func (db *DB) runBackground() {
	timer := time.NewTimer(tickEvery)
	defer timer.Stop()
	var syncAt, tickAt time.Time
	for {
		select {
		case <-db.done:
			return
		case <-db.kick:
		case <-timer.C:
		}
		if db.failed.Load() != nil {
			return
		}
		now := time.Now()
		if err := db.backgroundSync(now, &syncAt); err != nil {
			db.fail(err)
			return
		}
		db.watchLevels()
		if !now.Before(tickAt) {
			db.housekeep()
			tickAt = now.Add(tickEvery)
		}
		next := tickAt
		if !syncAt.IsZero() && syncAt.Before(next) {
			next = syncAt
		}
		timer.Reset(time.Until(next))
	}
}

// backgroundSync syncs the log when it is due and reserves timestamps.
func (db *DB) backgroundSync(now time.Time, syncAt *time.Time) error {
	if db.markWanted.Swap(false) {
		if err := db.raiseMark(db.now()); err != nil {
			return err
		}
	}
	if db.durable.unsynced.Load() && syncAt.IsZero() {
		*syncAt = now.Add(syncDelay)
	}
	if db.durable.wanted.Swap(false) || !syncAt.IsZero() && !now.Before(*syncAt) {
		*syncAt = time.Time{}
		db.durable.unsynced.Store(false) // before the sync: later commits set it again
		return db.syncLog()
	}
	return nil
}

// housekeep is what can wait for a second.
func (db *DB) housekeep() {
	for db.sweepLocks() == sweepBatch {
	}
	db.history.expire(db.opts.Now())
	for _, t := range db.reg.all() {
		if !t.mu.TryLock() {
			continue // in use
		}
		if t.s != nil {
			if err := t.s.core.closeIdle(); err != nil {
				db.opts.Logger.Warn("storage: closing an iterator", "error", err)
			}
		}
		t.mu.Unlock()
	}
}
