package catalog

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/storage"
)

// Waits says what a statement waits for, to whoever looks meanwhile. It is found in the statement's
// context, see WaitKey. Its zero value is ready.
type Waits struct {
	lock      atomic.Pointer[LockWait]
	conflict  atomic.Pointer[storage.ConflictError]
	conflicts atomic.Int64
}

// LockWait is a lock that is wanted and not granted yet.
type LockWait struct {
	NS    string
	Mode  LockMode
	Since time.Time
}

// waitKey is the type of WaitKey.
type waitKey struct{}

// WaitKey is the key under which a context may hold a *Waits.
var WaitKey any = waitKey{}

// Lock returns the lock that the statement waits for, nil for none.
func (w *Waits) Lock() *LockWait { return w.lock.Load() }

// Conflict returns the conflict whose other transaction the statement waits for, nil for none.
func (w *Waits) Conflict() *storage.ConflictError { return w.conflict.Load() }

// Conflicts returns how often the statement has waited for another transaction.
func (w *Waits) Conflicts() int64 { return w.conflicts.Load() }

// waitsForLock notes that a statement waits for a lock, until the function that it returns is
// called.
func waitsForLock(ctx context.Context, ns string, mode LockMode) (done func()) {
	w, ok := ctx.Value(WaitKey).(*Waits)
	if !ok {
		return func() {}
	}
	w.lock.Store(&LockWait{ns, mode, time.Now()})
	return func() { w.lock.Store(nil) }
}

// WaitsForConflict notes that a statement waits for the other transaction of a conflict, until the
// function that it returns is called.
func WaitsForConflict(ctx context.Context, c *storage.ConflictError) (done func()) {
	w, ok := ctx.Value(WaitKey).(*Waits)
	if !ok {
		return func() {}
	}
	w.conflicts.Add(1)
	w.conflict.Store(c)
	return func() { w.conflict.Store(nil) }
}
