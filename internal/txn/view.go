package txn

import (
	"context"
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// View reads collections in one state: that of a transaction, or of a plain snapshot. It
// holds a lock on every collection it was asked for until Close. It is used by one
// goroutine at a time.
type View struct {
	store  *Store
	reader storage.Reader
	txn    *Txn // nil for a plain snapshot

	buf   []byte // scratch for keys
	locks []catalog.Lock
	ddl   catalog.Change // uncommitted catalog changes of the transaction, nil for none

	lock0 [2]catalog.Lock // backs locks, and key0 buf, as long as they suffice
	key0  [64]byte
}

// Store returns the store that is read.
func (v *View) Store() *Store { return v.store }

// Reader returns the state that is read.
func (v *View) Reader() storage.Reader { return v.reader }

// Txn returns the transaction that the view belongs to, nil for a plain snapshot.
func (v *View) Txn() *Txn { return v.txn }

// Timestamp names the state that is read.
func (v *View) Timestamp() storage.Timestamp { return v.reader.Timestamp() }

// View locks the collections for reading and returns a view of the newest state. It waits
// for DDL until ctx ends.
func (s *Store) View(ctx context.Context, namespaces ...string) (*View, error) {
	return s.ViewAt(ctx, 0, namespaces...)
}

// ViewAt is View of the state that at names; zero means now.
func (s *Store) ViewAt(ctx context.Context, at storage.Timestamp, namespaces ...string) (*View, error) {
	v, err := s.lockedView(ctx, namespaces)
	if err != nil {
		return nil, err
	}
	return v.open(ctx, at)
}

// ViewKept is ViewAt of the state that keep names. keep is called with the locks held, so that a
// state named now is not older than a catalog change that the locks were waiting for.
func (s *Store) ViewKept(
	ctx context.Context, keep func(context.Context) (storage.Timestamp, error), namespaces ...string,
) (*View, error) {
	v, err := s.lockedView(ctx, namespaces)
	if err != nil {
		return nil, err
	}
	at, err := keep(ctx)
	if err != nil {
		v.unlock()
		return nil, err
	}
	return v.open(ctx, at)
}

// lockedView returns a view that has its locks, but no state yet.
func (s *Store) lockedView(ctx context.Context, namespaces []string) (*View, error) {
	v := &View{store: s}
	v.buf, v.locks = v.key0[:0], v.lock0[:0]
	for _, ns := range namespaces {
		if _, err := v.lock(ctx, ns, catalog.LockIS, -1); err != nil {
			v.unlock()
			return nil, err
		}
	}
	return v, nil
}

func (v *View) open(ctx context.Context, at storage.Timestamp) (*View, error) {
	r, err := v.store.Engine.Snapshot(ctx, at)
	if err != nil {
		v.unlock()
		return nil, snapshotError(err)
	}
	v.reader = r
	return v, nil
}

func snapshotError(err error) error {
	switch {
	case errors.Is(err, storage.ErrSnapshotTooOld):
		return mongoerr.New(mongoerr.SnapshotTooOld, "Read timestamp is older than the oldest available timestamp.").WithCause(err)
	case errors.Is(err, storage.ErrSnapshotInFuture):
		return mongoerr.New(mongoerr.InvalidOptions, "readConcern atClusterTime value must not be greater than the current clusterTime").WithCause(err)
	}
	return err
}

// Close ends a plain view and releases its locks. For the view of a transaction it does
// nothing: the transaction's end does it. It is idempotent.
func (v *View) Close() {
	if v.txn != nil || v.store == nil {
		return
	}
	if v.reader != nil {
		v.reader.Close()
	}
	v.unlock()
	v.store = nil
}

func (v *View) unlock() {
	for _, l := range v.locks {
		l.Release()
	}
	v.locks = nil
}

// Snapshot returns the catalog as the view sees it, for listing.
func (v *View) Snapshot() *catalog.Snapshot { return v.store.Catalog.Current() }

// Collection returns the collection named ns in the view's state, nil if there is none. It
// takes the read lock if the view does not have one yet.
func (v *View) Collection(ctx context.Context, ns string) (*catalog.Collection, error) {
	return v.collection(ctx, ns, catalog.LockIS)
}

// Peek returns the collection named ns as the view's own changes or else the catalog have it now,
// nil if there is none. It takes no lock, so the answer may be outdated at once.
func (v *View) Peek(ns string) *catalog.Collection {
	if c, ok := v.ddl[ns]; ok {
		return c
	}
	return v.store.Catalog.Current().Collection(ns)
}

func (v *View) collection(ctx context.Context, ns string, mode catalog.LockMode) (*catalog.Collection, error) {
	timeout := time.Duration(-1)
	if v.txn != nil && v.txn.opts.Session {
		timeout = time.Duration(v.store.LockTimeout.Load())
	}
	_, err := v.lock(ctx, ns, mode, timeout)
	if err != nil {
		return nil, err
	}
	if c, ok := v.ddl[ns]; ok {
		v.used()
		return c, nil
	}
	cur := v.store.Catalog.Current()
	latest := cur.Collection(ns)
	if v.reader == nil {
		return latest, nil
	}
	c, known := cur.CollectionAt(ns, v.Timestamp())
	if known && c == latest {
		v.used()
		return c, nil
	}
	if v.txn != nil && v.txn.fresh {
		if err := v.txn.st.Refresh(ctx); err != nil {
			return nil, err
		}
		return v.collection(ctx, ns, mode)
	}
	return v.older(ns, c, known, mode)
}

// used notes that the caller knows something of the state that is read, even if only that a
// collection does not exist: from now on the snapshot must not move.
func (v *View) used() {
	if v.txn != nil {
		v.txn.fresh = false
	}
}

// older decides about c, which is not the newest version of ns, but the one of the state that is
// read, nil if there was none then. It can be read, but not written. A collection that does not
// exist yet can be made: that shows as a conflict when it is committed.
func (v *View) older(ns string, c *catalog.Collection, known bool, mode catalog.LockMode) (*catalog.Collection, error) {
	switch {
	case !known:
		return nil, mongoerr.New(mongoerr.SnapshotUnavailable,
			"Unable to read from a snapshot due to pending collection catalog changes to collection '%s'; please retry the operation.", ns)
	case c != nil && mode != catalog.LockIS:
		return nil, mongoerr.New(mongoerr.WriteConflict,
			"Caused by :: Unable to write to collection '%s' due to catalog changes; please retry the operation :: Please retry your operation or multi-document transaction.", ns)
	}
	return c, nil
}

// Locks returns the collection locks that the view holds, valid until its next use.
func (v *View) Locks() []catalog.Lock { return v.locks }

// borrow makes the view use a lock that the caller holds and releases.
func (v *View) borrow(l catalog.Lock) { v.locks = append(v.locks, l.Borrowed()) }

// holds reports whether the view has the lock of ns in this mode.
func (v *View) holds(ns string, mode catalog.LockMode) bool {
	for _, l := range v.locks {
		if l.Namespace() == ns {
			return l.Mode >= mode
		}
	}
	return false
}

// lock takes or upgrades the lock of ns and reports whether it was new.
func (v *View) lock(ctx context.Context, ns string, mode catalog.LockMode, timeout time.Duration) (bool, error) {
	for i, l := range v.locks {
		if l.Namespace() != ns {
			continue
		}
		if l.Mode >= mode {
			return false, nil
		}
		if mode == catalog.LockIX {
			v.locks[i] = l.ToWrite()
			return false, nil
		}
		l.Release()
		v.locks = append(v.locks[:i], v.locks[i+1:]...)
		break
	}
	l, err := v.store.Catalog.Locks.Acquire(ctx, ns, mode, timeout)
	if err != nil {
		if errors.Is(err, catalog.ErrLockTimeout) {
			return false, mongoerr.New(mongoerr.LockTimeout, "Unable to acquire %s lock on '%s' within %s.", lockNames[mode], ns, timeout).WithCause(err)
		}
		return false, err
	}
	v.locks = append(v.locks, l)
	return true, nil
}

var lockNames = map[catalog.LockMode]string{catalog.LockIS: "IS", catalog.LockIX: "IX", catalog.LockX: "X"}
