package command

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/txn"
)

// newID makes the _id of a document that comes without.
func newID() bsonx.Value { return bsonx.ObjectID(bson.NewObjectID()) }

// writes collects what the statements of one write command have done.
type writes struct {
	c       *Call
	w       *exec.Writer
	ordered bool

	n        int64
	modified int64
	errs     []writeError
	upserted []upserted
	retried  []int32
	stmtIDs  bsonx.Doc // given by the client
	baseStmt int32
}

type writeError struct {
	index int
	err   *mongoerr.Error
}

type upserted struct {
	index int
	id    bsonx.Value
}

// newWrites begins a write command on one collection.
func (c *Call) newWrites() (*writes, error) {
	if err := c.checkWritable(c.NS()); err != nil {
		return nil, err
	}
	ws := &writes{c: c, ordered: true, stmtIDs: c.Arg("stmtIds").Doc()}
	if v := c.Arg("ordered"); !v.IsMissing() {
		ws.ordered = v.Truthy()
	}
	if v := c.gen.stmtID; !v.IsMissing() {
		ws.baseStmt = v.Int32()
		if ws.stmtIDs != nil {
			return nil, mongoerr.New(mongoerr.InvalidOptions, "May not specify both stmtId and stmtIds in write command")
		}
	}
	ws.w = c.writer(c.NS(), c.Arg("collectionUUID"))
	return ws, nil
}

// writer returns a Writer on a namespace with the command's options. uuid is that of the collection
// that the client means, the missing value for any.
func (c *Call) writer(ns string, uuid bsonx.Value) *exec.Writer {
	o := exec.WriterOptions{
		BypassValidation: c.Arg("bypassDocumentValidation").Truthy(),
		Tag:              c.tag(),
		Logf:             c.Service.logWarning,
	}
	if !uuid.IsNullish() || c.InTxn() {
		o.Check = func(coll *catalog.Collection) error {
			if err := c.checkUUID(uuid, ns, coll); err != nil {
				return err
			}
			return c.checkCapped(coll)
		}
	}
	return exec.NewWriter(c.Store(), c.Txn(), ns, o)
}

// checkCapped refuses to write to a capped collection, nil for none, in a transaction, even where
// there would be nothing to change.
func (c *Call) checkCapped(coll *catalog.Collection) error {
	switch {
	case coll == nil, !coll.Capped, !c.InTxn(), c.Spec.Name == "bulkWrite": // its statements differ
		return nil
	case c.Spec.Name == "delete":
		return mongoerr.New(mongoerr.IllegalOperation, "Cannot remove from a capped collection in a multi-document transaction")
	}
	return mongoerr.New(mongoerr.OperationNotSupportedInTransaction,
		"Collection '%s' is a capped collection. Writes in transactions are not allowed on capped collections.", coll.NS)
}

// checkWritable refuses collections that users must not write to.
func (c *Call) checkWritable(ns string) error {
	db, coll, _ := strings.Cut(ns, ".")
	if !strings.HasPrefix(coll, "system.") {
		return nil
	}
	if c.InTxn() {
		return mongoerr.New(50791, "Cannot write to system collection %s within a transaction.", ns)
	}
	switch {
	case coll == "system.js", db == "admin" && (coll == "system.users" || coll == "system.roles" || coll == "system.version"):
		return nil
	}
	return mongoerr.New(mongoerr.InvalidNamespace, "cannot write to '%s'", ns)
}

// checkBatch checks the number of statements.
func (ws *writes) checkBatch(n int) error {
	if n < 1 || n > maxWriteBatch {
		return mongoerr.New(mongoerr.InvalidLength, "Write batch sizes must be between 1 and %d. Got %d operations.", maxWriteBatch, n)
	}
	if ws.stmtIDs != nil && ws.stmtIDs.Count() != n {
		return mongoerr.New(mongoerr.InvalidLength, "Number of statement ids must match the number of batch entries. Got %d statement ids but %d operations.", ws.stmtIDs.Count(), n)
	}
	return nil
}

// stmtID returns the id of the statement at index i.
func (ws *writes) stmtID(i int) int32 {
	if ws.stmtIDs != nil {
		return ws.stmtIDs.Index(i).Int32()
	}
	return ws.baseStmt + int32(i)
}

// lookup returns what an earlier attempt has recorded for the statement at index i.
func (ws *writes) lookup(i int) (bsonx.Doc, bool) {
	r := ws.c.Retry()
	if r == nil {
		return nil, false
	}
	rec, ok := r.Lookup(ws.stmtID(i))
	if ok {
		ws.retried = append(ws.retried, ws.stmtID(i))
	}
	return rec, ok
}

// recorder returns what keeps rec for the statement at index i, nil if nobody could ask.
func (ws *writes) recorder(i int, rec func() bsonx.Doc) exec.Recorder {
	r := ws.c.Retry()
	if r == nil {
		return nil
	}
	return func(t *txn.Txn) error {
		r.Record(t, ws.stmtID(i), rec())
		return nil
	}
}

// fail takes the error of the statement at index i. stop says that no further statement may run;
// an error that is returned is the answer to the whole command.
func (ws *writes) fail(i int, err error) (stop bool, _ error) {
	e := mongoerr.From(err)
	if endsCommand(e) {
		return true, e
	}
	ws.errs = append(ws.errs, writeError{i, e})
	if ws.c.InTxn() {
		ws.c.FailTxn(e)
		return true, nil
	}
	return ws.ordered, nil
}

// endsCommand reports whether an error concerns the command rather than one document.
func endsCommand(e *mongoerr.Error) bool {
	switch e.Code {
	case mongoerr.WriteConflict, mongoerr.LockTimeout, mongoerr.SnapshotUnavailable, mongoerr.NoSuchTransaction,
		mongoerr.MaxTimeMSExpired, mongoerr.Interrupted, mongoerr.InterruptedAtShutdown, mongoerr.TransactionExceededLifetimeLimit,
		mongoerr.CursorKilled, mongoerr.ClientDisconnect, mongoerr.ShutdownInProgress, mongoerr.TransactionTooLargeForCache,
		mongoerr.InternalError,
		40324: // an unknown stage of a pipeline update is found before anything runs
		return true
	}
	return false
}

// finish commits, waits for durability and writes the reply. failed is the error that ends the
// whole command, nil for none.
func (ws *writes) finish(ctx context.Context, failed error) error {
	ts, err := ws.w.Finish(ctx, ws.c.Durability())
	ws.w.Close()
	if ts != 0 {
		ws.c.Wrote(ts)
	}
	switch {
	case failed != nil:
		return failed
	case err != nil:
		return err
	}
	if r := ws.c.Retry(); r != nil {
		return r.WaitDurable(ctx, ws.c.Durability())
	}
	return nil
}

// reply appends what the replies of insert, update and delete have in common. An unacknowledged
// write, whose client may read the reply all the same, has nothing to say: reply returns false.
func (ws *writes) reply() bool {
	if !ws.c.WriteConcern().Acknowledged() {
		return false
	}
	b := ws.c.Reply
	b.Int32("n", int32(ws.n))
	if len(ws.errs) > 0 {
		b.StartArray("writeErrors")
		for k, e := range ws.errs {
			b.StartDoc(indexName(k))
			appendWriteError(b, e.index, e.err)
			b.End()
		}
		b.End()
	}
	if len(ws.retried) > 0 {
		b.StartArray("retriedStmtIds")
		for k, id := range ws.retried {
			b.Int32(indexName(k), id)
		}
		b.End()
	}
	return true
}

// appendWriteError appends the fields of one element of writeErrors.
func appendWriteError(b *bsonx.Builder, index int, e *mongoerr.Error) {
	b.Int32("index", int32(index)).Int32("code", int32(e.Code))
	if e.Info != nil {
		b.Doc("errInfo", e.Info)
	}
	if e.Fields != nil {
		b.Append(e.Fields)
	}
	b.String("errmsg", e.Message)
}

// eachDoc calls fn for every document of docs, which are concatenated, until it returns false.
func eachDoc(docs []byte, fn func(i int, d bsonx.Doc) bool) {
	for i := 0; len(docs) > 4; i++ {
		n := binary.LittleEndian.Uint32(docs)
		if !fn(i, bsonx.Doc(docs[:n:n])) {
			return
		}
		docs = docs[n:]
	}
}

func countDocs(docs []byte) int {
	n := 0
	eachDoc(docs, func(int, bsonx.Doc) bool { n++; return true })
	return n
}

// logWarning logs what a client is not told.
func (s *Service) logWarning(format string, args ...any) { s.logger.Warn(fmt.Sprintf(format, args...)) }
