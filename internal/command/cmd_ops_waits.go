package command

import (
	"strconv"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// appendWaits adds what a running command waits for: MongoDB's fields, and in waitingFor the
// transactions that are in its way.
func (c *Call) appendWaits(b *bsonx.Builder, w *catalog.Waits, all bool) {
	b.Int64("writeConflicts", w.Conflicts())
	lock := w.Lock()
	if lock == nil {
		b.StartDoc("locks").End().Bool("waitingForLock", false).StartDoc("lockStats").End()
	} else {
		c.appendLockWait(b, lock, all)
	}
	if conflict := w.Conflict(); conflict != nil {
		b.StartDoc("waitingFor")
		c.appendConflictWait(b, conflict, all)
		b.End()
	}
}

func (c *Call) appendLockWait(b *bsonx.Builder, lock *catalog.LockWait, all bool) {
	mode, waited := lock.Mode.String(), time.Since(lock.Since).Microseconds()
	b.StartDoc("locks").String("Collection", mode).End().
		Bool("waitingForLock", true).
		StartDoc("lockStats").StartDoc("Collection").
		StartDoc("acquireCount").Int64(mode, 1).End().
		StartDoc("acquireWaitCount").Int64(mode, 1).End().
		StartDoc("timeAcquiringMicros").Int64(mode, waited).End().
		End().End().
		StartDoc("waitingFor").
		String("ns", lock.NS).
		String("lock", mode).
		StartArray("transactions")
	i := 0
	for _, v := range c.Service.sessions.OpenTransactions() {
		if !v.Holds(lock.NS) || !all && v.ID.User != c.Conn.userDigest() {
			continue
		}
		b.StartDoc(strconv.Itoa(i))
		v.AppendHolder(b)
		b.End()
		i++
	}
	b.End().End()
}

func (c *Call) appendConflictWait(b *bsonx.Builder, conflict *storage.ConflictError, all bool) {
	c.Store().DescribeConflict(b, conflict)
	if conflict.Holder == nil || !all {
		return
	}
	if tag, ok := conflict.Holder.Tag.(txn.Tag); ok {
		b.StartArray("transactions").StartDoc("0")
		tag.Describe(b)
		b.End().End()
	}
}
