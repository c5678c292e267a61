package session_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
	"github.com/tandemdb/tandem/internal/txn"
)

// rig is a manager on a store in memory.
type rig struct {
	*session.Manager
	t     testing.TB
	fs    vfs.FS
	eng   *pebblekv.DB
	store *txn.Store

	mu  sync.Mutex
	now time.Time
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, fs: vfs.NewMem(), now: time.Unix(1_700_000_000, 0)}
	r.open()
	t.Cleanup(r.close)
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) open() {
	ctx := context.Background()
	var err error
	r.eng, err = pebblekv.Open("store", &pebblekv.Options{FS: r.fs, CacheBytes: 8 << 20})
	require.NoError(r.t, err)
	r.store, err = txn.Open(ctx, r.eng, nil)
	require.NoError(r.t, err)
	r.Manager, err = session.Open(ctx, session.Config{Store: r.store, Now: r.clock})
	require.NoError(r.t, err)
}

func (r *rig) close() {
	r.Close()
	require.NoError(r.t, r.eng.Close())
}

func (r *rig) restart() {
	r.close()
	r.open()
}

func id(n byte) session.ID { return session.ID{UUID: [16]byte{15: n}} }

func (r *rig) checkOut(n int64, kind session.Kind) (*session.Statement, error) {
	return r.CheckOut(context.Background(), session.Request{ID: id(1), Number: n, Kind: kind, Command: "test"})
}

func (r *rig) must(n int64, kind session.Kind) *session.Statement {
	r.t.Helper()
	st, err := r.checkOut(n, kind)
	require.NoError(r.t, err)
	return st
}

func (r *rig) refused(n int64, kind session.Kind, code mongoerr.Code) {
	r.t.Helper()
	_, err := r.checkOut(n, kind)
	require.Error(r.t, err)
	require.Equal(r.t, code, mongoerr.From(err).Code)
}

func TestEarlyStatementsWaitForTheStart(t *testing.T) {
	r := newRig(t)
	const statements = 8
	for round := int64(1); round <= 300; round++ {
		var wg sync.WaitGroup
		errs := make(chan error, statements)
		for i := range statements {
			wg.Go(func() {
				kind := session.KindContinue
				if i == statements-1 {
					kind = session.KindStart
				}
				st, err := r.checkOut(round, kind)
				if err != nil {
					errs <- err
					return
				}
				if st.Txn() == nil {
					errs <- context.Canceled
				}
				st.CheckIn()
			})
		}
		wg.Wait()
		select {
		case err := <-errs:
			require.NoError(t, err, "round %d", round)
		default:
		}
		st := r.must(round, session.KindCommit)
		_, err := st.Commit(context.Background(), storage.Buffered)
		require.NoError(t, err)
		st.CheckIn()
	}
}

func TestEarlyStatementGivesUp(t *testing.T) {
	r := newRig(t)
	r.Params.EarlyWait.Store(int64(20 * time.Millisecond))
	start := time.Now()
	r.refused(1, session.KindContinue, mongoerr.NoSuchTransaction)
	require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond)
	start = time.Now()
	r.refused(1, session.KindCommit, mongoerr.NoSuchTransaction)
	r.refused(1, session.KindAbort, mongoerr.NoSuchTransaction)
	require.Less(t, time.Since(start), 20*time.Millisecond, "commit and abort never wait")

	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(mongoerr.New(mongoerr.MaxTimeMSExpired, "late"))
	_, err := r.CheckOut(ctx, session.Request{ID: id(1), Number: 9, Kind: session.KindContinue})
	require.True(t, mongoerr.Is(err, mongoerr.MaxTimeMSExpired))
	r.must(1, session.KindStart).CheckIn()
}

func TestStatementsAreServedInOrder(t *testing.T) {
	r := newRig(t)
	first := r.must(1, session.KindStart)
	const waiters = 5
	order := make(chan int, waiters)
	for i := range waiters {
		queued := make(chan struct{})
		go func() {
			close(queued)
			st, err := r.checkOut(1, session.KindContinue)
			if err == nil {
				order <- i
				st.CheckIn()
			}
		}()
		<-queued
		time.Sleep(5 * time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	_, err := r.CheckOut(ctx, session.Request{ID: id(1), Number: 1, Kind: session.KindContinue})
	require.ErrorIs(t, err, context.DeadlineExceeded, "waiting ends with the caller's patience")
	first.CheckIn()
	for i := range waiters {
		require.Equal(t, i, <-order)
	}
}

func TestFailedStatementAborts(t *testing.T) {
	r := newRig(t)
	r.must(1, session.KindStart).CheckIn()
	st := r.must(1, session.KindContinue)
	st.Fail(mongoerr.New(mongoerr.DuplicateKey, "dup"))
	st.CheckIn()
	_, err := r.checkOut(1, session.KindCommit)
	require.ErrorContains(t, err, "Statement 2 (test) failed with DuplicateKey (11000): dup")
}

// put writes one document-like record in an implicit transaction, with the result of the
// statement beside it.
func (r *rig) put(st *session.Statement, stmt int32, key string, commit bool) {
	r.t.Helper()
	ctx := context.Background()
	t, err := r.store.Begin(ctx, txn.Options{})
	require.NoError(r.t, err)
	defer t.Rollback()
	require.NoError(r.t, t.Storage().Lock(ctx, []storage.LockRequest{{Key: []byte(key)}}))
	t.Storage().Put([]byte(key), []byte("v"))
	st.Retry().Record(t, stmt, bsonx.NewBuilder(nil).Int32("n", stmt).Build())
	if commit {
		_, err = t.Commit(ctx, storage.Synced)
		require.NoError(r.t, err)
	}
}

func lookup(st *session.Statement, stmt int32) (int32, bool) {
	rec, ok := st.Retry().Lookup(stmt)
	return rec.Lookup("n").Int32(), ok
}

func TestRetryableResults(t *testing.T) {
	r := newRig(t)
	st := r.must(1, session.KindRetryable)
	r.put(st, 0, "\xf0a", true)
	r.put(st, 1, "\xf0b", false)
	r.put(st, 2, "\xf0c", true)
	st.CheckIn()
	check := func() {
		t.Helper()
		st := r.must(1, session.KindRetryable)
		defer st.CheckIn()
		n, ok := lookup(st, 0)
		require.True(t, ok)
		require.EqualValues(t, 0, n)
		_, ok = lookup(st, 1)
		require.False(t, ok, "what was rolled back is not remembered")
		n, ok = lookup(st, 2)
		require.True(t, ok)
		require.EqualValues(t, 2, n)
		_, ok = lookup(st, 3)
		require.False(t, ok)
	}
	check()
	r.restart()
	check()
	r.refused(0, session.KindRetryable, mongoerr.TransactionTooOld)
	r.refused(1, session.KindStart, mongoerr.ConflictingOperationInProgress)

	// A newer number clears the history, in the store as well.
	st = r.must(2, session.KindRetryable)
	_, ok := lookup(st, 0)
	require.False(t, ok)
	r.put(st, 0, "\xf0d", true)
	st.CheckIn()
	r.restart()
	st = r.must(2, session.KindRetryable)
	_, ok = lookup(st, 0)
	require.True(t, ok)
	_, ok = lookup(st, 2)
	require.False(t, ok)
	st.CheckIn()
	require.Equal(t, 1, r.records())
}

// records counts what the store holds for sessions.
func (r *rig) records() int {
	rd, err := r.eng.Snapshot(context.Background(), 0)
	require.NoError(r.t, err)
	defer rd.Close()
	it, err := rd.Scan(context.Background(), []byte{0x18}, []byte{0x19}, storage.ScanOptions{})
	require.NoError(r.t, err)
	defer it.Close()
	n := 0
	for it.Next() {
		n++
	}
	return n
}

func TestRetryableWriteThenTransaction(t *testing.T) {
	r := newRig(t)
	st := r.must(1, session.KindRetryable)
	r.put(st, 0, "\xf0a", true)
	st.CheckIn()
	r.must(2, session.KindStart).CheckIn()
	r.refused(2, session.KindRetryable, mongoerr.IncompleteTransactionHistory)
	st = r.must(3, session.KindRetryable)
	require.Empty(t, r.OpenTransactions(), "a newer retryable write aborts the transaction")
	st.CheckIn()
	r.refused(2, session.KindCommit, mongoerr.TransactionTooOld)
}

func TestIdleTransactionExpires(t *testing.T) {
	r := newRig(t)
	r.must(1, session.KindStart).CheckIn()
	r.advance(59 * time.Second)
	r.ExpireTransactions()
	require.Len(t, r.OpenTransactions(), 1)
	r.advance(time.Second)
	r.ExpireTransactions()
	require.Empty(t, r.OpenTransactions())
	r.refused(1, session.KindContinue, mongoerr.NoSuchTransaction)
}

// stopper is a running statement.
type stopper struct{ cause chan error }

func (s stopper) Interrupt(err error) { s.cause <- err }

func TestRunningTransactionExpires(t *testing.T) {
	r := newRig(t)
	running := stopper{make(chan error, 2)}
	st, err := r.CheckOut(context.Background(), session.Request{ID: id(1), Number: 1, Kind: session.KindStart, Running: running})
	require.NoError(t, err)
	r.advance(time.Minute)
	r.ExpireTransactions()
	require.True(t, mongoerr.Is(<-running.cause, mongoerr.TransactionExceededLifetimeLimit))
	require.Len(t, r.OpenTransactions(), 1, "the statement ends it")
	st.CheckIn()
	require.Empty(t, r.OpenTransactions())
}

func TestKillDuringCommitComesTooLate(t *testing.T) {
	r := newRig(t)
	r.must(1, session.KindStart).CheckIn()
	st := r.must(1, session.KindCommit)
	_, err := st.Commit(context.Background(), storage.Synced)
	require.NoError(t, err)
	r.Kill(session.Pattern{})
	st.CheckIn()
	st = r.must(1, session.KindCommit)
	_, err = st.Commit(context.Background(), storage.Synced)
	require.NoError(t, err)
	st.CheckIn()
}

func TestSessionsExpire(t *testing.T) {
	r := newRig(t)
	st := r.must(1, session.KindRetryable)
	r.put(st, 0, "\xf0a", true)
	st.CheckIn()
	require.NoError(t, r.Touch(id(2)))
	require.Len(t, r.Sessions(), 2)
	r.advance(29 * time.Minute)
	require.NoError(t, r.Touch(id(2)))
	r.advance(2 * time.Minute)
	r.ExpireSessions(context.Background())
	require.Len(t, r.Sessions(), 1)
	require.Zero(t, r.records())
	st = r.must(1, session.KindRetryable)
	_, ok := lookup(st, 0)
	require.False(t, ok)
	st.CheckIn()
}

func TestTooManySessions(t *testing.T) {
	r := newRig(t)
	m, err := session.Open(context.Background(), session.Config{Store: r.store, MaxSessions: 2})
	require.NoError(t, err)
	defer m.Close()
	require.NoError(t, m.Touch(id(1)))
	require.NoError(t, m.Touch(id(2)))
	require.NoError(t, m.Touch(id(2)))
	require.True(t, mongoerr.Is(m.Touch(id(3)), mongoerr.TooManyLogicalSessions))
	m.End([]session.ID{id(1)})
	require.NoError(t, m.Touch(id(3)))
}

// Statements, kills, expiries and commits of one session at the same time leave it usable and the
// counters in balance.
func TestEverythingAtOnce(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for n := int64(1); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				for _, kind := range []session.Kind{session.KindStart, session.KindContinue, session.KindCommit} {
					st, err := r.checkOut(n, kind)
					if err != nil {
						continue
					}
					if kind == session.KindCommit {
						_, _ = st.Commit(context.Background(), storage.Buffered)
					}
					st.CheckIn()
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 200 {
			r.Kill(session.Pattern{})
			if i%10 == 0 {
				r.advance(time.Minute)
				r.ExpireTransactions()
			}
			time.Sleep(time.Millisecond)
		}
		close(stop)
	})
	wg.Wait()
	r.Kill(session.Pattern{})
	b := bsonx.NewBuilder(nil)
	r.Stats.AppendTransactions(b)
	d := b.Build()
	require.Equal(t, d.Lookup("totalStarted").Int64(), d.Lookup("totalCommitted").Int64()+d.Lookup("totalAborted").Int64())
	require.Zero(t, d.Lookup("currentOpen").Int64())
	require.Zero(t, d.Lookup("currentActive").Int64())
}
