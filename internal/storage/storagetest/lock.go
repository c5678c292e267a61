package storagetest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

var lockTests = []test{
	{"HeldKeyConflicts", func(e *env) {
		one := e.beginWith(storage.TxnOptions{Tag: "one"})
		require.NoError(e, one.lock("a"))
		two := e.begin()
		c := requireConflict(e, two.lock("a"), "a")
		require.Zero(e, c.CommittedAt)
		require.NotNil(e, c.Holder)
		require.Equal(e, one.Info().ID, c.Holder.ID)
		require.Equal(e, "one", c.Holder.Tag)
		require.Equal(e, storage.StateOpen, c.Holder.State())
		one.Rollback()
		require.NoError(e, two.lock("a"))
	}},
	{"CommittedAfterTheSnapshotConflicts", func(e *env) {
		two := e.begin()
		ts := e.write("a", "1")
		c := requireConflict(e, two.lock("a"), "a")
		require.Equal(e, ts, c.CommittedAt)
		require.NoError(e, two.lock("b"))
		require.NoError(e, e.begin().lock("a"))
	}},
	{"EveryOrderOfBeginWriteAndCommit", func(e *env) {
		// Two transactions of three steps each: begin, lock and write, commit.
		// In every interleaving the second writer fails exactly if the two overlap.
		for n, order := range interleavings(3, 3) {
			key := fmt.Sprintf("k%d", n)
			var txs [2]*tx
			var step [2]int
			committed, failed := 0, 0
			first, second := -1, -1 // in order of writing
			var commitAt, beginAt [2]int
			for at, who := range order {
				switch step[who]++; step[who] {
				case 1:
					txs[who] = e.begin()
					beginAt[who] = at
				case 2:
					if first < 0 {
						first = who
					} else {
						second = who
					}
					if err := txs[who].lock(key); err != nil {
						requireConflict(e, err, key)
						txs[who].Rollback()
						txs[who] = nil
						failed++
						continue
					}
					txs[who].Put([]byte(key), fmt.Append(nil, who))
				case 3:
					commitAt[who] = at
					if txs[who] != nil {
						txs[who].commit()
						committed++
					}
				}
			}
			serial := beginAt[second] > commitAt[first]
			require.Equal(e, serial, failed == 0, "order %v", order)
			require.Equal(e, 2-failed, committed)
			winner := first
			if serial {
				winner = second
			}
			require.Equal(e, fmt.Sprint(winner), e.get(key), "order %v", order)
		}
	}},
	{"RolledBackWriterLeavesNoTrace", func(e *env) {
		two := e.begin()
		one := e.begin()
		one.write("a", "1")
		one.Rollback()
		require.NoError(e, two.lock("a"))
		require.Equal(e, "-", two.get("a"))
	}},
	{"RolledBackWriterDoesNotHideAnEarlierCommit", func(e *env) {
		old := e.begin()
		ts := e.write("a", "1")
		mid := e.begin()
		mid.write("a", "2")
		mid.Rollback()
		c := requireConflict(e, old.lock("a"), "a")
		require.Equal(e, ts, c.CommittedAt)
	}},
	{"LockingTwiceIsFine", func(e *env) {
		t := e.begin()
		require.NoError(e, t.lock("a", "a"))
		require.NoError(e, t.lock("a"))
		t.write("a", "1")
		t.commit()
		require.NoError(e, e.begin().lock("a"))
	}},
	{"FailedCallKeepsNoLockOfItsOwn", func(e *env) {
		one := e.begin()
		require.NoError(e, one.lock("c"))
		two := e.begin()
		require.NoError(e, two.lock("a"))
		requireConflict(e, two.lock("a", "b", "c"), "c")
		require.NoError(e, e.begin().lock("b"))
		requireConflict(e, e.begin().lock("a"), "a")
	}},
	{"Modes", func(e *env) {
		e.write("a", "1")
		t := e.begin()
		require.NoError(e, t.lockMode("a", storage.LockExist))
		require.NoError(e, t.lockMode("b", storage.LockAbsent))
		var exists *storage.KeyExistsError
		require.ErrorAs(e, t.lockMode("a", storage.LockAbsent), &exists)
		require.Equal(e, "a", string(exists.Key))
		require.Equal(e, "1", string(exists.Value))
		var missing *storage.KeyMissingError
		require.ErrorAs(e, t.lockMode("b", storage.LockExist), &missing)
		require.Equal(e, "b", string(missing.Key))
	}},
	{"ModesAreJudgedOnTheOwnView", func(e *env) {
		e.write("a", "1")
		t := e.begin()
		t.write("a", "-", "b", "2")
		require.NoError(e, t.lockMode("a", storage.LockAbsent))
		require.NoError(e, t.lockMode("b", storage.LockExist))
		require.ErrorAs(e, t.lockMode("a", storage.LockExist), new(*storage.KeyMissingError))
		require.ErrorAs(e, t.lockMode("b", storage.LockAbsent), new(*storage.KeyExistsError))
	}},
	{"FailedModeKeepsNoLock", func(e *env) {
		e.write("a", "1")
		t := e.begin()
		require.Error(e, t.Lock(e.ctx(), []storage.LockRequest{
			{Key: []byte("x")}, {Key: []byte("a"), Mode: storage.LockAbsent},
		}))
		require.NoError(e, e.begin().lock("x", "a"))
	}},
	{"ConflictComesBeforeModes", func(e *env) {
		e.write("a", "1")
		other := e.begin()
		require.NoError(e, other.lock("z"))
		t := e.begin()
		err := t.Lock(e.ctx(), []storage.LockRequest{
			{Key: []byte("a"), Mode: storage.LockAbsent}, {Key: []byte("z"), Mode: storage.LockAny},
		})
		requireConflict(e, err, "z")
		late := e.begin()
		e.write("u", "1")
		requireConflict(e, late.lockMode("u", storage.LockAbsent), "u")
	}},
	{"UniqueKeyDeletedAndInsertedByOne", func(e *env) {
		e.write("u", "1")
		t := e.begin()
		require.NoError(e, t.lockMode("u", storage.LockExist))
		t.Delete([]byte("u"))
		require.NoError(e, t.lockMode("u", storage.LockAbsent))
		t.Put([]byte("u"), []byte("2"))
		t.commit()
		require.Equal(e, "2", e.get("u"))
	}},
	{"UniqueKeyDeletedByOneInsertedByAnother", func(e *env) {
		e.write("u", "1")
		one, two := e.begin(), e.begin()
		require.NoError(e, one.lockMode("u", storage.LockExist))
		one.Delete([]byte("u"))
		requireConflict(e, two.lockMode("u", storage.LockAbsent), "u")
		one.commit()
		requireConflict(e, two.lockMode("u", storage.LockAbsent), "u")
		three := e.begin()
		require.NoError(e, three.lockMode("u", storage.LockAbsent))
		three.Put([]byte("u"), []byte("3"))
		three.commit()
		require.Equal(e, "3", e.get("u"))
	}},
	{"UniqueKeyInsertedByTwo", func(e *env) {
		one, two := e.begin(), e.begin()
		require.NoError(e, one.lockMode("u", storage.LockAbsent))
		requireConflict(e, two.lockMode("u", storage.LockAbsent), "u")
		one.Put([]byte("u"), []byte("1"))
		one.commit()
		requireConflict(e, two.lockMode("u", storage.LockAbsent), "u")
		require.ErrorAs(e, e.begin().lockMode("u", storage.LockAbsent), new(*storage.KeyExistsError))
	}},
	{"RefreshMovesTheSnapshotAndKeepsLocks", func(e *env) {
		t := e.begin()
		require.NoError(e, t.lock("mine"))
		before := t.Timestamp()
		ts := e.write("a", "1")
		requireConflict(e, t.lock("a"), "a")
		require.NoError(e, t.Refresh(e.ctx()))
		require.Greater(e, t.Timestamp(), before)
		require.GreaterOrEqual(e, t.Timestamp(), ts)
		require.Equal(e, "1", t.get("a"))
		require.NoError(e, t.lock("a"))
		requireConflict(e, e.begin().lock("mine"), "mine")
	}},
	{"AnOldSnapshotConflictsHoweverManyCommitsLater", func(e *env) {
		old := e.begin()
		for i := range 500 {
			e.writeBuffered(fmt.Sprintf("k%d", i%50), "1")
		}
		for i := range 50 {
			key := fmt.Sprintf("k%d", i)
			requireConflict(e, old.lock(key), key)
		}
	}},
}

// writeBuffered is write without waiting for the disk.
func (e *env) writeBuffered(pairs ...string) storage.Timestamp {
	e.Helper()
	t := e.begin()
	t.write(pairs...)
	ts, err := t.Commit(e.ctx(), storage.Buffered)
	require.NoError(e, err)
	return ts
}

// interleavings returns all orders of a steps of 0 and b steps of 1.
func interleavings(a, b int) [][]int {
	if a == 0 && b == 0 {
		return [][]int{nil}
	}
	var out [][]int
	for who, n := range []int{a, b} {
		if n == 0 {
			continue
		}
		left := [2]int{a, b}
		left[who]--
		for _, rest := range interleavings(left[0], left[1]) {
			out = append(out, append([]int{who}, rest...))
		}
	}
	return out
}
