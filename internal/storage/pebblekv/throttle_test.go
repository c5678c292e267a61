package pebblekv

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"
)

func TestThrottleSlowsDownByDegrees(t *testing.T) {
	var th throttle
	th.init(32 << 20)
	require.Zero(t, th.slowdown(31<<20), "nothing is being flushed")
	th.flushing.Store(true)
	require.Zero(t, th.slowdown(15<<20), "the memtable is not half full")
	before := 0.0
	for fill := int64(17 << 20); fill <= 32<<20; fill += 3 << 20 {
		slow := th.slowdown(fill)
		require.Greater(t, slow, before)
		before = slow
	}
	th.flushing.Store(false)
	th.sublevels.Store(l0SlowWrites)
	require.Zero(t, th.slowdown(0))
	th.sublevels.Store(l0StopWrites - 1)
	require.Greater(t, th.slowdown(0), 10.0)
}

func TestThrottleQueuesWriters(t *testing.T) {
	var th throttle
	first := th.reserve(10 * time.Millisecond)
	second := th.reserve(10 * time.Millisecond)
	require.InDelta(t, 10, first.Milliseconds(), 2)
	require.InDelta(t, 20, second.Milliseconds(), 3)
	for range 1000 {
		require.LessOrEqual(t, th.reserve(time.Second), throttleMost)
	}
}

func TestThrottleLearnsTheSpeedOfFlushes(t *testing.T) {
	var th throttle
	th.init(32 << 20)
	for range 20 {
		th.flushed(pebble.FlushInfo{InputBytes: 8 << 20, TotalDuration: time.Second})
	}
	require.InDelta(t, 8<<20, th.rate.Load(), 1<<18)
}

func TestThrottledCommitEndsWithItsContext(t *testing.T) {
	db := openInternal(t)
	db.throttle.sublevels.Store(l0StopWrites)
	db.throttle.rate.Store(leastRate)
	b := db.pdb.NewBatch()
	defer b.Close()
	require.NoError(t, b.Set([]byte("a"), make([]byte, 4<<20), nil))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, db.throttle.admit(ctx, b, nil), context.DeadlineExceeded)
}
