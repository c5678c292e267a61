package session

import (
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/txn"
)

// API are the versioned-API parameters of a command, which all statements of a transaction
// and all getMores of a cursor must repeat.
type API struct {
	Version           string
	Strict            APIFlag
	DeprecationErrors APIFlag
}

// APIFlag is a parameter that is true, false or was not given: that is not the same.
type APIFlag uint8

// The values.
const (
	APIAbsent APIFlag = iota
	APIFalse
	APITrue
)

// String returns the parameter as errors show it.
func (a API) String() string {
	s := "{ "
	sep := ""
	add := func(name, value string) {
		s += sep + name + ": " + value
		sep = ", "
	}
	if a.Version != "" {
		add("apiVersion", strconv.Quote(a.Version))
	}
	for _, f := range [...]struct {
		name string
		flag APIFlag
	}{{"apiStrict", a.Strict}, {"apiDeprecationErrors", a.DeprecationErrors}} {
		if f.flag != APIAbsent {
			add(f.name, strconv.FormatBool(f.flag == APITrue))
		}
	}
	return s + " }"
}

// Tag is what other transactions may learn about a session's transaction from a conflict. It
// is small, since it outlives the transaction.
type Tag struct {
	ID      ID
	Number  int64
	AppName string
	User    string
	Started time.Time

	last atomic.Pointer[string]
}

// LastCommand returns the name of the statement that runs, or ran last.
func (t *Tag) LastCommand() string {
	if p := t.last.Load(); p != nil {
		return *p
	}
	return ""
}

// Describe appends the transaction's session, application, age and last command.
func (t *Tag) Describe(b *bsonx.Builder) {
	t.ID.Append(b, "lsid")
	b.Int64("txnNumber", t.Number)
	if t.AppName != "" {
		b.String("appName", t.AppName)
	}
	b.Value("startWallClockTime", bsonx.Time(t.Started))
	b.Int64("ageMillis", time.Since(t.Started).Milliseconds())
	b.String("lastCommand", t.LastCommand())
}

// transaction is an open transaction.
type transaction struct {
	txn     *txn.Txn
	tag     *Tag
	api     API
	concern bsonx.Doc // readConcern of the first statement

	expires    time.Time
	statements int
	origin     Origin
	busySince  time.Time // of the running statement, zero while idle
	busy       time.Duration
	cursors    []*Cursor
}

// end releases what the transaction holds. It does not change the session's state.
func (t *transaction) end(s *Session, how string) {
	m := s.mgr
	m.markOpen(s, false)
	for _, c := range t.cursors {
		m.Cursors.endOfTxn(c)
	}
	t.cursors = nil
	if how != "committed" {
		t.txn.Rollback()
	}
	m.Stats.open.Add(-1)
	t.logSlow(m, how)
}

// logSlow writes the log line of a transaction that was open for long.
func (t *transaction) logSlow(m *Manager, how string) {
	limit := m.Params.SlowTxn.Load()
	age := m.now().Sub(t.tag.Started)
	if limit < 0 || age < time.Duration(limit) {
		return
	}
	m.logger.Info("slow transaction",
		slog.String("lsid", t.tag.ID.UUIDString()),
		slog.Int64("txnNumber", t.tag.Number),
		slog.String("appName", t.tag.AppName),
		slog.String("terminationCause", how),
		slog.Int("statements", t.statements),
		slog.Duration("timeActive", t.busy),
		slog.Duration("timeInactive", age-t.busy),
		slog.Duration("duration", age))
}

// Client is what currentOp shows about the connection that a transaction's newest statement
// came from.
type Client struct {
	Address      string
	ConnectionID int64
	AppName      string
	User         string
	Metadata     bsonx.Doc
}

// Origin is the connection of a statement. It is asked only when someone looks.
type Origin interface{ Client() Client }
