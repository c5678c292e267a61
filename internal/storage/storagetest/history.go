package storagetest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

var historyTests = []test{
	{"TheNewestStateHasAName", func(e *env) {
		ts := e.write("a", "1")
		require.Equal(e, "1", e.snapshotAt(ts).get("a"))
		require.Equal(e, ts, e.snapshotAt(ts).Timestamp())
		require.Equal(e, ts, e.beginWith(storage.TxnOptions{At: ts}).Timestamp())
	}},
	{"TheFutureDoesNotExist", func(e *env) {
		_, err := e.eng.Snapshot(e.ctx(), e.now()+1<<32)
		require.ErrorIs(e, err, storage.ErrSnapshotInFuture)
		_, err = e.eng.Begin(e.ctx(), storage.TxnOptions{At: e.now() + 1<<32})
		require.ErrorIs(e, err, storage.ErrSnapshotInFuture)
	}},
	{"AKeptStateCanBeReadAgain", func(e *env) {
		keeper := historyKeeper(e)
		ts := e.write("a", "1")
		require.NoError(e, keeper.Keep(e.ctx(), ts))
		for i := range 10 {
			e.write("a", fmt.Sprint(i+2))
		}
		require.NoError(e, keeper.Keep(e.ctx(), ts))
		for range 2 {
			s := e.snapshotAt(ts)
			require.Equal(e, "1", s.get("a"))
			require.Equal(e, ts, s.Timestamp())
			require.Equal(e, []string{"a=1"}, s.scan("", "", storage.ScanOptions{}))
			require.NoError(e, s.Close())
			require.NoError(e, s.Close())
		}
		require.Equal(e, "11", e.get("a"))
	}},
	{"KeepNowNamesTheNewestState", func(e *env) {
		keeper := historyKeeper(e)
		want := e.write("a", "1")
		for range 2 {
			ts, err := keeper.KeepNow(e.ctx())
			require.NoError(e, err)
			require.Equal(e, want, ts)
		}
		e.write("a", "2")
		require.Equal(e, "1", e.snapshotAt(want).get("a"))
	}},
	{"AStateThatWasNotKeptIsGone", func(e *env) {
		keeper := historyKeeper(e)
		ts := e.write("a", "1")
		e.write("a", "2")
		require.ErrorIs(e, keeper.Keep(e.ctx(), ts), storage.ErrSnapshotTooOld)
		_, err := e.eng.Snapshot(e.ctx(), ts)
		require.ErrorIs(e, err, storage.ErrSnapshotTooOld)
		_, err = e.eng.Begin(e.ctx(), storage.TxnOptions{At: ts})
		require.ErrorIs(e, err, storage.ErrSnapshotTooOld)
		_, err = e.eng.Snapshot(e.ctx(), 1)
		require.ErrorIs(e, err, storage.ErrSnapshotTooOld)
	}},
	{"ATransactionOnAKeptStateNeverOverwritesLaterCommits", func(e *env) {
		keeper := historyKeeper(e)
		ts := e.write("a", "1")
		require.NoError(e, keeper.Keep(e.ctx(), ts))
		e.write("a", "2")
		t := e.beginWith(storage.TxnOptions{At: ts})
		require.Equal(e, "1", t.get("a"))
		require.Error(e, t.lock("a"))
		require.Equal(e, ts, t.commit())
	}},
	{"ManyKeptStatesAreBounded", func(e *env) {
		keeper := historyKeeper(e)
		first := e.write("a", "0")
		require.NoError(e, keeper.Keep(e.ctx(), first))
		open := e.snapshotAt(first)
		for i := range 2000 {
			if err := keeper.Keep(e.ctx(), e.writeBuffered("a", fmt.Sprint(i+1))); err != nil {
				require.ErrorIs(e, err, storage.ErrSnapshotTooOld)
			}
		}
		_, err := e.eng.Snapshot(e.ctx(), first)
		require.ErrorIs(e, err, storage.ErrSnapshotTooOld)
		require.Equal(e, "0", open.get("a"), "a reader in use is not disturbed")
	}},
}

func historyKeeper(e *env) storage.HistoryKeeper {
	k, ok := e.eng.(storage.HistoryKeeper)
	if !ok {
		e.Skip("the engine does not keep states on demand")
	}
	return k
}
