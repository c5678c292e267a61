package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

// pause is how long a test waits to see that something does not happen.
const pause = 20 * time.Millisecond

var waitTests = []test{
	{"AwaitReturnsWhenTheHolderCommits", func(e *env) { awaitEnd(e, func(t *tx) { t.commit() }) }},
	{"AwaitReturnsWhenTheHolderRollsBack", func(e *env) { awaitEnd(e, func(t *tx) { t.Rollback() }) }},
	{"AwaitReturnsAtOnceAfterTheEnd", func(e *env) {
		one := e.begin()
		one.write("a", "1")
		c := requireConflict(e, e.begin().lock("a"), "a")
		one.Rollback()
		require.NoError(e, e.eng.Await(e.ctx(), c))
		late := e.begin()
		e.write("a", "2")
		require.NoError(e, e.eng.Await(e.ctx(), requireConflict(e, late.lock("a"), "a")))
	}},
	{"AwaitEndsWithItsContext", func(e *env) {
		one := e.begin()
		one.write("a", "1")
		c := requireConflict(e, e.begin().lock("a"), "a")
		ctx, cancel := context.WithTimeout(e.ctx(), pause)
		defer cancel()
		require.ErrorIs(e, e.eng.Await(ctx, c), context.DeadlineExceeded)
		one.commit()
	}},
	{"EveryWaiterGetsItsTurn", func(e *env) {
		// Twenty clients change one key, waiting outside their transactions.
		const clients, rounds = 20, 20
		ctx := e.ctx()
		var wg sync.WaitGroup
		errs := make(chan error, clients)
		for range clients {
			wg.Go(func() {
				for range rounds {
					if err := increment(ctx, e.eng, []byte("n"), storage.TxnOptions{}); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(e, err)
		}
		require.Equal(e, fmt.Sprint(clients*rounds), e.get("n"))
	}},
	{"AWaiterThatLosesInterestHoldsNobodyUp", func(e *env) {
		one := e.begin()
		one.write("a", "1")
		c := requireConflict(e, e.begin().lock("a"), "a")
		var returned atomic.Int32
		var wg sync.WaitGroup
		for range 5 { // none of them takes the key
			ctx := e.ctx()
			wg.Go(func() {
				if e.eng.Await(ctx, c) == nil {
					returned.Add(1)
				}
			})
		}
		time.Sleep(pause)
		require.Zero(e, returned.Load())
		one.commit()
		wg.Wait()
		require.Equal(e, int32(5), returned.Load())
	}},
	{"LockWaitTakesTheKeyAfterARollback", func(e *env) {
		one := e.begin()
		one.write("a", "1")
		two := e.beginWith(storage.TxnOptions{LockWait: testTimeout})
		done := make(chan error, 1)
		go func() { done <- two.lock("a") }()
		select {
		case err := <-done:
			require.Fail(e, "did not wait", "%v", err)
		case <-time.After(pause):
		}
		one.Rollback()
		require.NoError(e, <-done)
	}},
	{"LockWaitConflictsAfterACommit", func(e *env) {
		one := e.begin()
		one.write("a", "1")
		two := e.beginWith(storage.TxnOptions{LockWait: testTimeout})
		done := make(chan error, 1)
		go func() { done <- two.lock("a") }()
		time.Sleep(pause)
		ts := one.commit()
		require.Equal(e, ts, requireConflict(e, <-done, "a").CommittedAt)
		require.NoError(e, two.Refresh(e.ctx()))
		require.NoError(e, two.lock("a"))
		require.Equal(e, "1", two.get("a"))
	}},
	{"LockWaitEnds", func(e *env) {
		one := e.begin()
		one.write("a", "1")
		two := e.beginWith(storage.TxnOptions{LockWait: pause})
		start := time.Now()
		c := requireConflict(e, two.lock("a"), "a")
		require.GreaterOrEqual(e, time.Since(start), pause)
		require.Equal(e, one.Info().ID, c.Holder.ID)
		ctx, cancel := context.WithTimeout(e.ctx(), pause)
		defer cancel()
		three := e.beginWith(storage.TxnOptions{LockWait: testTimeout})
		require.ErrorIs(e, three.Lock(ctx, []storage.LockRequest{{Key: []byte("a")}}), context.DeadlineExceeded)
	}},
	{"DeadlockIsFound", func(e *env) {
		const n = 4 // a circle of four
		var txs [n]*tx
		for i := range txs {
			txs[i] = e.beginWith(storage.TxnOptions{LockWait: testTimeout})
			require.NoError(e, txs[i].lock(fmt.Sprint(i)))
		}
		errs := make(chan error, n)
		for i := range txs {
			go func() {
				err := txs[i].lock(fmt.Sprint((i + 1) % n))
				txs[i].Rollback()
				errs <- err
			}()
		}
		// The one that closes the circle is told; the others get their keys.
		deadlocks := 0
		for range n {
			if err := <-errs; err != nil {
				require.ErrorIs(e, err, storage.ErrDeadlock)
				deadlocks++
			}
		}
		require.Equal(e, 1, deadlocks)
	}},
}

// awaitEnd lets a waiter wait for a holder that ends as told.
func awaitEnd(e *env, end func(*tx)) {
	one := e.begin()
	one.write("a", "1")
	c := requireConflict(e, e.begin().lock("a"), "a")
	done := make(chan error, 1)
	ctx := e.ctx()
	go func() { done <- e.eng.Await(ctx, c) }()
	select {
	case err := <-done:
		require.Fail(e, "did not wait", "%v", err)
	case <-time.After(pause):
	}
	end(one)
	require.NoError(e, <-done)
	require.NoError(e, e.begin().lock("a"))
}

// increment adds one to the number in key, starting again at each conflict.
func increment(ctx context.Context, eng storage.Engine, key []byte, o storage.TxnOptions) error {
	for {
		t, err := eng.Begin(ctx, o)
		if err != nil {
			return err
		}
		err = incrementIn(ctx, t, key)
		t.Rollback()
		var c *storage.ConflictError
		if !errors.As(err, &c) {
			return err
		}
		if err := eng.Await(ctx, c); err != nil {
			return err
		}
	}
}

func incrementIn(ctx context.Context, t storage.Txn, key []byte) error {
	v, _, err := t.Get(ctx, key, nil)
	if err != nil {
		return err
	}
	if err := t.Lock(ctx, []storage.LockRequest{{Key: key}}); err != nil {
		return err
	}
	n := 0
	if len(v) > 0 {
		if _, err := fmt.Sscan(string(v), &n); err != nil {
			return err
		}
	}
	t.Put(key, fmt.Append(nil, n+1))
	_, err = t.Commit(ctx, storage.Buffered)
	return err
}
