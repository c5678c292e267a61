package command

import (
	"context"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
	"github.com/tandemdb/tandem/internal/wire"
)

// Call is one command that runs. It is valid until its handler returns; what it points into is
// the request, so whoever keeps something clones it.
type Call struct {
	Service   *Service
	Conn      *Conn
	Spec      *Spec
	DB        string
	Name      string // as the client has spelled it
	Body      bsonx.Doc
	Sequences []wire.Sequence

	// Reply takes the fields of the reply, without ok.
	Reply *bsonx.Builder

	msg      *wire.Message
	gen      generic
	kind     session.Kind
	ns       string
	coll     string
	rc       ReadConcern
	wc       WriteConcern
	op       *op
	stmt     *session.Statement
	start    time.Time
	quiet    bool // the client does not wait for the reply
	streamed bool // one more reply to the same request

	wrote    storage.Timestamp // newest own commit
	read     storage.Timestamp // the snapshot that was read, if any
	failed   *mongoerr.Error   // FailTxn
	injected bsonx.Doc         // failCommand's writeConcernError
	lost     bool              // the reply of a write that worked gets lost
	labels   []string          // failCommand's errorLabels
	forced   bool              // labels replace the computed ones
	action   Action
	executed bool // the handler ran
	builder  bsonx.Builder
}

var calls = sync.Pool{New: func() any { return new(Call) }}

// NS returns "db.coll" of the command's collection; for a command on the whole database,
// "db.$cmd.aggregate" and the like.
func (c *Call) NS() string { return c.ns }

// Coll returns the name of the command's collection, empty for a command on the whole
// database.
func (c *Call) Coll() string { return c.coll }

// Arg returns a field of the command; null is as good as missing.
func (c *Call) Arg(name string) bsonx.Value {
	v := c.Body.Lookup(name)
	if v.IsNullish() {
		return bsonx.Value{}
	}
	return v
}

// Docs returns the documents of a field that may come as an array or as a document sequence, one
// after the other; ok is false if it is in neither. See wire.Next.
func (c *Call) Docs(name string) (docs []byte, ok bool, err error) {
	for i := range c.Sequences {
		if c.Sequences[i].ID == name {
			return c.Sequences[i].Docs, true, nil
		}
	}
	v := c.Body.Lookup(name)
	if v.IsNullish() {
		return nil, false, nil
	}
	for it := v.Doc().Iter(); ; {
		key, e, more := it.Next()
		if !more {
			return docs, true, nil
		}
		if e.Type != bsonx.TypeDocument {
			return nil, false, wrongType(c.Spec.Name+"."+name+"."+key, e.Type, Object)
		}
		docs = append(docs, e.Doc()...)
	}
}

// Store returns the store.
func (c *Call) Store() *txn.Store { return c.Service.store }

// Txn returns the session transaction that the command is a statement of, nil outside
// transactions.
func (c *Call) Txn() *txn.Txn {
	if c.stmt == nil {
		return nil
	}
	return c.stmt.Txn()
}

// InTxn reports whether the command is a statement of a session transaction.
func (c *Call) InTxn() bool { return c.kind.InTransaction() }

// Retry returns the memory of a retryable write, nil for other commands.
func (c *Call) Retry() *session.Retry {
	if c.stmt == nil {
		return nil
	}
	return c.stmt.Retry()
}

// Statement returns the session statement, nil for a command without transaction number.
func (c *Call) Statement() *session.Statement { return c.stmt }

// Kind says what the command is to its session.
func (c *Call) Kind() session.Kind { return c.kind }

// FailTxn says that the command failed with err in a way that aborts its transaction, though
// its reply is ok: 1 with write errors. An error that the handler returns needs no FailTxn.
func (c *Call) FailTxn(err *mongoerr.Error) {
	if c.failed == nil && c.kind.InTransaction() {
		c.failed = err
	}
}

// Cursors returns the registry of open cursors.
func (c *Call) Cursors() *session.Cursors { return c.Service.sessions.Cursors }

// Owner returns who the cursors that the command opens belong to.
func (c *Call) Owner() session.Owner {
	o := session.Owner{Session: c.gen.session, Txn: session.NoTxn}
	if c.kind.InTransaction() {
		o.Txn = c.gen.txnNumber
	}
	return o
}

// Interrupter stops the command, for Cursors.CheckOut.
func (c *Call) Interrupter() session.Interrupter { return c.op }

// API returns the versioned-API parameters.
func (c *Call) API() session.API { return c.gen.api }

// Comment returns the comment, the missing value for none.
func (c *Call) Comment() bsonx.Value { return c.gen.comment }

// MaxTime returns maxTimeMS, zero for none.
func (c *Call) MaxTime() time.Duration { return time.Duration(c.gen.maxTimeMS) * time.Millisecond }

// Let returns the let document, nil for none.
func (c *Call) Let() bsonx.Doc { return c.Arg("let").Doc() }

// Now returns when the command began: $$NOW.
func (c *Call) Now() time.Time { return c.start }

// ClusterTime returns the current cluster time: $$CLUSTER_TIME.
func (c *Call) ClusterTime(ctx context.Context) storage.Timestamp { return c.Service.clusterTime(ctx) }

// StampTime returns what replaces an empty timestamp in a new document: the cluster time, or
// nothing else than the empty timestamp where the client wants to keep it.
func (c *Call) StampTime(ctx context.Context) uint64 {
	if c.Arg("bypassEmptyTsReplacement").Bool() {
		return 0
	}
	return uint64(c.ClusterTime(ctx))
}

// ReadConcern returns the parsed readConcern.
func (c *Call) ReadConcern() *ReadConcern { return &c.rc }

// WriteConcern returns the parsed writeConcern.
func (c *Call) WriteConcern() *WriteConcern { return &c.wc }

// Durability returns what the command's commits have to wait for.
func (c *Call) Durability() storage.Durability { return c.wc.Durability() }

// Wrote notes a commit of the command, for operationTime.
func (c *Call) Wrote(ts storage.Timestamp) { c.wrote = max(c.wrote, ts) }

// View returns what the command reads from: the session transaction's view, or a view of the
// state that the read concern asks for. The caller closes it.
func (c *Call) View(ctx context.Context, namespaces ...string) (*txn.View, error) {
	if t := c.Txn(); t != nil {
		return &t.View, nil
	}
	var v *txn.View
	var err error
	if c.rc.At == 0 && c.rc.Level == Snapshot {
		v, err = c.Service.store.ViewKept(ctx, c.Service.keepNow, namespaces...)
	} else {
		v, err = c.Service.store.ViewAt(ctx, c.rc.At, namespaces...)
	}
	if err != nil {
		return nil, err
	}
	c.read = v.Timestamp()
	return v, nil
}

// AtClusterTime returns the state that a command with readConcern snapshot outside a
// transaction reads, zero for all others. View must have been called.
func (c *Call) AtClusterTime() storage.Timestamp {
	if c.rc.Level != Snapshot || c.kind.InTransaction() {
		return 0
	}
	return c.read
}

// Quiet reports whether the client does not wait for the reply.
func (c *Call) Quiet() bool { return c.quiet }

// Stopping is closed when the server has begun to shut down: a command that only waits for
// something to happen should end.
func (c *Call) Stopping() <-chan struct{} { return c.Conn.Draining }
