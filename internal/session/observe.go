package session

import (
	"slices"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/storage"
)

// TxnView is what currentOp shows of an open transaction.
type TxnView struct {
	ID          ID
	Number      int64
	ReadConcern bsonx.Doc
	Read        storage.Timestamp
	Started     time.Time
	Open        time.Duration
	Active      time.Duration
	Expires     time.Time
	Running     bool // one of its statements is running
	Statements  int
	Bytes       int            // of its uncommitted writes; 0 while running
	Locks       []catalog.Lock // of collections; nil while running
	LastCommand string
	Client      Client

	tag *Tag
}

// Append appends the transaction sub-document of currentOp to b.
func (v *TxnView) Append(b *bsonx.Builder) {
	b.StartDoc("transaction").StartDoc("parameters").
		Int64("txnNumber", v.Number).Bool("autocommit", false)
	if v.ReadConcern != nil {
		b.Doc("readConcern", v.ReadConcern)
	} else {
		b.Doc("readConcern", bsonx.Empty)
	}
	b.End()
	const iso = "2006-01-02T15:04:05.000Z07:00"
	b.Value("readTimestamp", bsonx.Timestamp(uint64(v.Read))).
		String("startWallClockTime", v.Started.UTC().Format(iso)).
		Int64("timeOpenMicros", v.Open.Microseconds()).
		Int64("timeActiveMicros", v.Active.Microseconds()).
		Int64("timeInactiveMicros", (v.Open-v.Active).Microseconds()).
		String("expiryTime", v.Expires.UTC().Format(iso)).
		Int32("statements", int32(v.Statements)).
		Int64("uncommittedBytes", int64(v.Bytes)).
		String("lastCommand", v.LastCommand)
	if v.Locks != nil {
		b.StartArray("collections")
		for i, l := range v.Locks {
			b.StartDoc(strconv.Itoa(i)).String("ns", l.Namespace()).String("lock", l.Mode.String()).End()
		}
		b.End()
	}
	b.End()
}

// AppendHolder appends what is shown to somebody who waits for the transaction.
func (v *TxnView) AppendHolder(b *bsonx.Builder) { v.tag.Describe(b) }

// Lock returns the strongest of the collection locks and whether there is any.
func (v *TxnView) Lock() (mode catalog.LockMode, ok bool) {
	for _, l := range v.Locks {
		mode = max(mode, l.Mode)
	}
	return mode, len(v.Locks) > 0
}

// Holds reports whether the transaction has locked the collection.
func (v *TxnView) Holds(ns string) bool {
	return slices.ContainsFunc(v.Locks, func(l catalog.Lock) bool { return l.Namespace() == ns })
}

// OpenTransactions returns the open transactions.
func (m *Manager) OpenTransactions() []TxnView {
	var all []TxnView
	for _, s := range m.openSessions() {
		if v, ok := s.view(); ok {
			all = append(all, v)
		}
	}
	return all
}

// OpenTransaction returns the open transaction of one session.
func (m *Manager) OpenTransaction(id ID) (TxnView, bool) {
	s := m.lookup(id)
	if s == nil {
		return TxnView{}, false
	}
	return s.view()
}

func (s *Session) view() (TxnView, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.txn
	if t == nil {
		return TxnView{}, false
	}
	now := s.mgr.now()
	v := TxnView{
		ID: s.id, Number: s.number, ReadConcern: t.concern, Started: t.tag.Started,
		Open: now.Sub(t.tag.Started), Active: t.busy, Expires: t.expires,
		Running: !t.busySince.IsZero(), Statements: t.statements, LastCommand: t.tag.LastCommand(), tag: t.tag,
	}
	if v.Running {
		v.Active += now.Sub(t.busySince)
	} else {
		// Nobody else uses the transaction while it is idle and the mutex is held.
		v.Read, v.Bytes = t.txn.Timestamp(), t.txn.Bytes()
		v.Locks = slices.Clone(t.txn.Locks())
	}
	if t.origin != nil {
		v.Client = t.origin.Client()
	}
	return v, true
}

// View is what $listLocalSessions shows.
type View struct {
	ID      ID
	LastUse time.Time
}

// Sessions returns all sessions.
func (m *Manager) Sessions() []View {
	all := m.allSessions()
	out := make([]View, len(all))
	for i, s := range all {
		out[i] = View{s.id, time.UnixMilli(s.lastUse.Load())}
	}
	return out
}
