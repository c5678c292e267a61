// Package storagetest is the contract of package storage in executable form.
// Every engine passes all of it.
//
// The tests know nothing of an engine but the interfaces. They use keys of their
// own choice, so an engine must treat keys as opaque bytes.
package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

// Factory opens the engines to test.
type Factory struct {
	// New opens an empty store. The engine is closed at the test's end by the
	// suite, if the test has not done so.
	New func(t *testing.T) storage.Engine

	// Reopen opens the store of a closed engine again.
	Reopen func(t *testing.T, closed storage.Engine) storage.Engine
}

// Run runs the whole contract.
func Run(t *testing.T, f Factory) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Read", readTests},
		{"Iter", iterTests},
		{"Lock", lockTests},
		{"Wait", waitTests},
		{"Isolation", isolationTests},
		{"Savepoint", savepointTests},
		{"Commit", commitTests},
		{"Durability", durabilityTests},
		{"History", historyTests},
		{"Counter", counterTests},
		{"Change", changeTests},
		{"Lifecycle", lifecycleTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, tc := range group.tests {
				t.Run(tc.name, func(t *testing.T) {
					tc.run(newEnv(t, f))
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(e *env)
}

// env is one test's store with helpers that fail the test.
type env struct {
	*testing.T
	eng  storage.Engine
	f    Factory
	open []interface{ Close() error } // what the test has opened
}

// testTimeout bounds every call that may wait.
const testTimeout = 20 * time.Second

func newEnv(t *testing.T, f Factory) *env {
	e := &env{T: t, eng: f.New(t), f: f}
	t.Cleanup(func() {
		e.closeAll()
		require.NoError(t, e.eng.Close())
	})
	return e
}

// ctx is the test's context with a deadline.
func (e *env) ctx() context.Context {
	ctx, cancel := context.WithTimeout(e.T.Context(), testTimeout)
	e.T.Cleanup(cancel)
	return ctx
}

// closeAll closes what the test has opened.
func (e *env) closeAll() {
	for _, c := range e.open {
		_ = c.Close()
	}
	e.open = nil
}

// reopen closes everything, then the engine, and opens its store again.
func (e *env) reopen() {
	e.Helper()
	e.closeAll()
	require.NoError(e, e.eng.Close())
	e.eng = e.f.Reopen(e.T, e.eng)
}

// begin starts a transaction that the test's end rolls back.
func (e *env) begin() *tx { return e.beginWith(storage.TxnOptions{}) }

func (e *env) beginWith(o storage.TxnOptions) *tx {
	e.Helper()
	t, err := e.eng.Begin(e.ctx(), o)
	require.NoError(e, err)
	e.open = append(e.open, t)
	return &tx{Txn: t, e: e}
}

// snapshot opens a reader of the newest state that the test's end closes.
func (e *env) snapshot() *view { return e.snapshotAt(0) }

func (e *env) snapshotAt(at storage.Timestamp) *view {
	e.Helper()
	r, err := e.eng.Snapshot(e.ctx(), at)
	require.NoError(e, err)
	e.open = append(e.open, r)
	return &view{Reader: r, e: e}
}

// write commits one transaction with the given keys and values; the value
// "-" deletes.
func (e *env) write(pairs ...string) storage.Timestamp {
	e.Helper()
	t := e.begin()
	t.write(pairs...)
	return t.commit()
}

// get reads a key in the newest state, "-" if it is missing.
func (e *env) get(key string) string {
	e.Helper()
	v := e.snapshot()
	defer v.Close()
	return v.get(key)
}

// now is the newest published timestamp.
func (e *env) now() storage.Timestamp {
	e.Helper()
	ts, err := e.eng.Now(e.ctx())
	require.NoError(e, err)
	return ts
}

// counter is a counter's newest value.
func (e *env) counter(key string) int64 {
	e.Helper()
	n, err := e.eng.Counter(e.ctx(), []byte(key))
	require.NoError(e, err)
	return n
}

// view is a reader with helpers that fail the test.
type view struct {
	storage.Reader
	e *env
}

func (v *view) get(key string) string { return get(v.e, v.Reader, key) }
func (v *view) scan(lo, hi string, o storage.ScanOptions) []string {
	return scan(v.e, v.Reader, lo, hi, o)
}

// tx is a transaction with helpers that fail the test.
type tx struct {
	storage.Txn
	e *env
}

func (t *tx) get(key string) string { return get(t.e, t.Txn, key) }
func (t *tx) scan(lo, hi string, o storage.ScanOptions) []string {
	return scan(t.e, t.Txn, lo, hi, o)
}

// write locks and writes pairs.
func (t *tx) write(pairs ...string) {
	t.e.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t.e, t.lock(pairs[i]))
		if pairs[i+1] == "-" {
			t.Delete([]byte(pairs[i]))
		} else {
			t.Put([]byte(pairs[i]), []byte(pairs[i+1]))
		}
	}
}

// lock locks keys in mode LockAny.
func (t *tx) lock(keys ...string) error {
	reqs := make([]storage.LockRequest, len(keys))
	for i, k := range keys {
		reqs[i].Key = []byte(k)
	}
	return t.Lock(t.e.ctx(), reqs)
}

func (t *tx) lockMode(key string, mode storage.LockMode) error {
	return t.Lock(t.e.ctx(), []storage.LockRequest{{Key: []byte(key), Mode: mode}})
}

func (t *tx) commit() storage.Timestamp {
	t.e.Helper()
	ts, err := t.Commit(t.e.ctx(), storage.Synced)
	require.NoError(t.e, err)
	return ts
}

func get(e *env, r storage.Reader, key string) string {
	e.Helper()
	v, ok, err := r.Get(e.ctx(), []byte(key), nil)
	require.NoError(e, err)
	if !ok {
		return "-"
	}
	return string(v)
}

// scan returns the entries as "key=value".
func scan(e *env, r storage.Reader, lo, hi string, o storage.ScanOptions) []string {
	e.Helper()
	it, err := r.Scan(e.ctx(), bound(lo), bound(hi), o)
	require.NoError(e, err)
	out := drain(it)
	require.NoError(e, it.Close())
	return out
}

// bound turns "" into an open bound.
func bound(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func drain(it storage.Iter) []string {
	var out []string
	for it.Next() {
		out = append(out, entry(it))
	}
	return out
}

func entry(it storage.Iter) string { return string(it.Key()) + "=" + string(it.Value()) }

// requireConflict asserts that err says that key is in the way, and returns it.
func requireConflict(e *env, err error, key string) *storage.ConflictError {
	e.Helper()
	var c *storage.ConflictError
	require.ErrorAs(e, err, &c)
	require.Equal(e, key, string(c.Key))
	return c
}
