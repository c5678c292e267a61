package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

// The names of the anomalies are those of Berenson et al. and Adya. Write skew
// may occur, and has no test.
var isolationTests = []test{
	{"NoDirtyWrite", func(e *env) { // G0
		one, two := e.begin(), e.begin()
		one.write("a", "1")
		requireConflict(e, two.lock("a"), "a")
	}},
	{"NoDirtyRead", func(e *env) { // G1a, G1b
		e.write("a", "0")
		one := e.begin()
		one.write("a", "1")
		require.Equal(e, "0", e.get("a"))
		require.Equal(e, "0", e.begin().get("a"))
		one.write("a", "2")
		require.Equal(e, "0", e.get("a"))
		one.Rollback()
		require.Equal(e, "0", e.get("a"))
	}},
	{"NoCircularInformationFlow", func(e *env) { // G1c
		one, two := e.begin(), e.begin()
		one.write("a", "1")
		two.write("b", "2")
		require.Equal(e, "-", one.get("b"))
		require.Equal(e, "-", two.get("a"))
		one.commit()
		require.Equal(e, "-", two.get("a"))
		two.commit()
	}},
	{"NoFuzzyRead", func(e *env) {
		e.write("a", "1")
		one := e.begin()
		require.Equal(e, "1", one.get("a"))
		e.write("a", "2")
		require.Equal(e, "1", one.get("a"))
		e.write("a", "-")
		require.Equal(e, "1", one.get("a"))
	}},
	{"NoPhantom", func(e *env) {
		e.write("a", "1", "c", "1")
		one := e.begin()
		require.Equal(e, []string{"a=1", "c=1"}, one.scan("", "", storage.ScanOptions{}))
		e.write("b", "1", "c", "-")
		require.Equal(e, []string{"a=1", "c=1"}, one.scan("", "", storage.ScanOptions{}))
		require.Equal(e, []string{"c=1", "a=1"}, one.scan("", "", storage.ScanOptions{Reverse: true}))
	}},
	{"NoLostUpdate", func(e *env) { // P4
		e.write("a", "1")
		one, two := e.begin(), e.begin()
		require.Equal(e, "1", one.get("a"))
		require.Equal(e, "1", two.get("a"))
		one.write("a", "2")
		one.commit()
		requireConflict(e, two.lock("a"), "a")
	}},
	{"NoReadSkew", func(e *env) { // A5A, G-single
		e.write("a", "50", "b", "50")
		one := e.begin()
		require.Equal(e, "50", one.get("a"))
		e.write("a", "20", "b", "80")
		require.Equal(e, "50", one.get("b"))
	}},
	{"NoReadSkewThroughARange", func(e *env) {
		e.write("a", "50", "b", "50")
		one := e.begin()
		it, err := one.Scan(e.ctx(), nil, nil, storage.ScanOptions{})
		require.NoError(e, err)
		defer it.Close()
		require.True(e, it.Next())
		e.write("a", "20", "b", "80")
		require.Equal(e, []string{"b=50"}, drain(it))
	}},
	{"MoneyIsConserved", moneyIsConserved},
	{"SnapshotsHoldExactlyWhatTheirTimestampSays", snapshotsAreExact},
}

// moneyIsConserved moves money between accounts from many goroutines, while
// others add it up.
func moneyIsConserved(e *env) {
	const accounts, clients, rounds, each = 8, 8, 60, 100
	setup := e.begin()
	for i := range accounts {
		setup.write(fmt.Sprintf("acc%d", i), fmt.Sprint(each))
	}
	setup.commit()
	ctx := e.ctx()
	var wg, readers sync.WaitGroup
	var stop atomic.Bool
	errs := make(chan error, clients+2)
	for c := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(c), 7))
			for range rounds {
				from := rnd.IntN(accounts)
				to := (from + 1 + rnd.IntN(accounts-1)) % accounts
				if err := transfer(ctx, e.eng, from, to, rnd.IntN(20)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				sum, err := total(ctx, e.eng)
				if err == nil && sum != accounts*each {
					err = fmt.Errorf("the total is %d", sum)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	stop.Store(true)
	readers.Wait()
	close(errs)
	for err := range errs {
		require.NoError(e, err)
	}
	e.reopen()
	sum, err := total(ctx, e.eng)
	require.NoError(e, err)
	require.Equal(e, accounts*each, sum)
}

func transfer(ctx context.Context, eng storage.Engine, from, to, amount int) error {
	for {
		t, err := eng.Begin(ctx, storage.TxnOptions{Brief: amount%2 == 0})
		if err != nil {
			return err
		}
		err = transferIn(ctx, t, from, to, amount)
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

func transferIn(ctx context.Context, t storage.Txn, from, to, amount int) error {
	for _, x := range []struct{ acc, delta int }{{from, -amount}, {to, amount}} {
		key := fmt.Appendf(nil, "acc%d", x.acc)
		if err := t.Lock(ctx, []storage.LockRequest{{Key: key, Mode: storage.LockExist}}); err != nil {
			return err
		}
		n, err := number(ctx, t, key)
		if err != nil {
			return err
		}
		t.Put(key, fmt.Append(nil, n+x.delta))
	}
	_, err := t.Commit(ctx, storage.Buffered)
	return err
}

func number(ctx context.Context, r storage.Reader, key []byte) (int, error) {
	v, ok, err := r.Get(ctx, key, nil)
	if err != nil || !ok {
		return 0, err
	}
	var n int
	_, err = fmt.Sscan(string(v), &n)
	return n, err
}

func total(ctx context.Context, eng storage.Engine) (int, error) {
	r, err := eng.Snapshot(ctx, 0)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	it, err := r.Scan(ctx, []byte("acc"), []byte("acd"), storage.ScanOptions{})
	if err != nil {
		return 0, err
	}
	sum := 0
	for it.Next() {
		var n int
		if _, err := fmt.Sscan(string(it.Value()), &n); err != nil {
			return 0, errors.Join(err, it.Close())
		}
		sum += n
	}
	return sum, it.Close()
}

// snapshotsAreExact takes snapshots and begins transactions under 64 committers,
// and checks that each contains all commits up to its timestamp and none above.
func snapshotsAreExact(e *env) {
	const committers = 64
	rounds := 60
	if testing.Short() {
		rounds = 20
	}
	ctx := e.ctx()
	commits := make([][]storage.Timestamp, committers) // of value 1, 2, ...
	var wg, readers sync.WaitGroup
	var stop atomic.Bool
	errs := make(chan error, committers+8)
	for c := range committers {
		wg.Go(func() {
			for n := 1; n <= rounds; n++ {
				ts, err := writeNumber(ctx, e.eng, fmt.Appendf(nil, "c%02d", c), n)
				if err != nil {
					errs <- err
					return
				}
				commits[c] = append(commits[c], ts)
			}
		})
	}
	type seen struct {
		ts     storage.Timestamp
		values [committers]int
	}
	var mu sync.Mutex
	var all []seen
	for i := range 4 {
		readers.Go(func() {
			for !stop.Load() {
				var r storage.Reader
				var err error
				if i%2 == 0 {
					r, err = e.eng.Snapshot(ctx, 0)
				} else {
					r, err = e.eng.Begin(ctx, storage.TxnOptions{Brief: i == 3})
				}
				if err != nil {
					errs <- err
					return
				}
				var s seen
				for c := range committers {
					if s.values[c], err = number(ctx, r, fmt.Appendf(nil, "c%02d", c)); err != nil {
						errs <- err
					}
				}
				s.ts = r.Timestamp()
				if err := r.Close(); err != nil {
					errs <- err
				}
				mu.Lock()
				all = append(all, s)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	stop.Store(true)
	readers.Wait()
	close(errs)
	for err := range errs {
		require.NoError(e, err)
	}
	require.NotEmpty(e, all)
	for _, s := range all {
		for c := range committers {
			want := 0
			for want < len(commits[c]) && commits[c][want] <= s.ts {
				want++
			}
			require.Equal(e, want, s.values[c], "committer %d in the snapshot at %d", c, s.ts)
		}
	}
}

func writeNumber(ctx context.Context, eng storage.Engine, key []byte, n int) (storage.Timestamp, error) {
	t, err := eng.Begin(ctx, storage.TxnOptions{Brief: n%2 == 0})
	if err != nil {
		return 0, err
	}
	defer t.Rollback()
	if err := t.Lock(ctx, []storage.LockRequest{{Key: key}}); err != nil {
		return 0, err
	}
	t.Put(key, fmt.Append(nil, n))
	return t.Commit(ctx, storage.Buffered)
}
