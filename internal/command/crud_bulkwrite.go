package command

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/update"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/storage"
)

const bulkNS = "admin.$cmd.bulkWrite"

// bulkOp is one operation of a bulkWrite.
type bulkOp struct {
	kind string // "insert", "update" or "delete"
	ns   int
	doc  bsonx.Doc
	modification
}

// bulk runs the operations of one bulkWrite.
type bulk struct {
	*writes
	namespaces []string
	uuids      []bsonx.Value // of the collections that the client means
	writers    []*exec.Writer
	scopes     []*expr.Scope // of the statements on each namespace
	errorsOnly bool
	current    int // the writer that may have an open transaction

	items                                               []bsonx.Doc
	nErrors                                             int32
	nInserted, nMatched, nModified, nUpserted, nDeleted int32
}

func bulkWrite(ctx context.Context, c *Call) error {
	b, ops, err := c.parseBulk(ctx)
	if err != nil {
		return err
	}
	failed := b.run(ctx, ops)
	for _, w := range b.writers {
		if w == nil {
			continue
		}
		ts, err := w.Finish(ctx, c.Durability())
		w.Close()
		if ts != 0 {
			c.Wrote(ts)
		}
		if failed == nil {
			failed = err
		}
	}
	if failed == nil && c.Retry() != nil {
		failed = c.Retry().WaitDurable(ctx, c.Durability())
	}
	if failed != nil {
		return failed
	}
	return b.answer(ctx)
}

func (c *Call) parseBulk(ctx context.Context) (*bulk, []bulkOp, error) {
	b := &bulk{writes: &writes{c: c, ordered: true, stmtIDs: c.Arg("stmtIds").Doc()}, errorsOnly: c.Arg("errorsOnly").Truthy(), current: -1}
	if v := c.Arg("ordered"); !v.IsMissing() {
		b.ordered = v.Truthy()
	}
	infos, _, err := c.Docs("nsInfo")
	if err != nil {
		return nil, nil, err
	}
	eachDoc(infos, func(_ int, d bsonx.Doc) bool {
		ns := strings.Clone(d.Lookup("ns").Str())
		if err = CheckNamespace(ns); err == nil {
			err = c.checkBulkNamespace(ns)
		}
		b.namespaces = append(b.namespaces, ns)
		b.uuids = append(b.uuids, d.Lookup("collectionUUID"))
		return err == nil
	})
	if err != nil {
		return nil, nil, err
	}
	b.writers = make([]*exec.Writer, len(b.namespaces))
	docs, _, err := c.Docs("ops")
	if err != nil {
		return nil, nil, err
	}
	var ops []bulkOp
	eachDoc(docs, func(_ int, d bsonx.Doc) bool {
		var op bulkOp
		op, err = parseBulkOp(d, len(b.namespaces), c)
		ops = append(ops, op)
		return err == nil
	})
	if err == nil {
		err = b.checkBatch(len(ops))
	}
	if err != nil {
		return nil, nil, err
	}
	return b, ops, b.makeScopes(ctx)
}

func (c *Call) checkBulkNamespace(ns string) error {
	db, _ := catalog.SplitNS(ns)
	if c.InTxn() && (db == "local" || db == "config" || db == "admin") {
		return mongoerr.New(mongoerr.OperationNotSupportedInTransaction, "Cannot run command against the '%s' database in a transaction.", db)
	}
	return c.checkWritable(ns)
}

func parseBulkOp(d bsonx.Doc, namespaces int, c *Call) (op bulkOp, err error) {
	at := ""
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if op.kind == "" {
			op.kind, at = strings.Clone(name), "bulkWrite."+name
			n, isInt := integer(v)
			switch {
			case name != "insert" && name != "update" && name != "delete":
				return op, unknownField("bulkWrite.ops", name)
			case !isInt:
				return op, wrongType(at, v.Type, Int)
			case n < 0 || n >= int64(namespaces):
				return op, mongoerr.New(mongoerr.BadValue, "BulkWrite ops entry %s has an invalid nsInfo index.", d)
			}
			op.ns = int(n)
			continue
		}
		if err := op.set(at, name, v); err != nil {
			return op, err
		}
	}
	return op, op.check(at, c)
}

func (op *bulkOp) set(at, name string, v bsonx.Value) (err error) {
	want := ArgType(0)
	switch {
	case name == "collation":
		want = Object
		op.collation, err = readCollation(v)
	case op.kind == "insert" && name == "document":
		op.doc, want = v.Doc(), Object
	case op.kind == "insert":
		return unknownField(at, name)
	case name == "filter":
		op.filter, want = v.Doc(), Object
	case name == "multi":
		op.multi, want = v.Truthy(), BoolLike
	case name == "hint":
		op.hint, want = hintOf(v), String|Object
	case op.kind == "delete":
		return unknownField(at, name)
	case name == "updateMods":
		op.update, want = v, Object|Array
	case name == "upsert":
		op.upsert, want = v.Truthy(), BoolLike
	case name == "upsertSupplied":
		op.supplied, want = v.Truthy(), BoolLike
	case name == "sort":
		op.sort, want = v.Doc(), Object
	case name == "constants":
		op.constants, want = v.Doc(), Object
	case name == "arrayFilters":
		if want = Array; v.Type == bsonx.TypeArray {
			op.arrayFilters, err = arrayFilterList(at+".arrayFilters", v)
		}
	default:
		return unknownField(at, name)
	}
	if typeBit(v.Type)&want == 0 {
		return wrongType(at+"."+name, v.Type, want)
	}
	return err
}

func (op *bulkOp) check(at string, c *Call) error {
	switch {
	case op.kind == "":
		return mongoerr.New(mongoerr.FailedToParse, "BulkWrite ops entries need an operation")
	case op.kind == "insert" && op.doc == nil:
		return missingField(at, "document")
	case op.kind != "insert" && op.filter == nil:
		return missingField(at, "filter")
	case op.kind == "update" && op.update.IsMissing():
		return missingField(at, "updateMods")
	case op.multi && !op.sort.IsEmpty():
		return mongoerr.New(mongoerr.FailedToParse, "Cannot specify sort with multi=true")
	case op.multi && c.Kind() == session.KindRetryable:
		return mongoerr.New(mongoerr.InvalidOptions, "Cannot use retryable writes with multi=true")
	}
	return nil
}

// run executes the operations; the error is one of the whole command.
func (b *bulk) run(ctx context.Context, ops []bulkOp) error {
	for i := range ops {
		op := &ops[i]
		if err := b.runOne(ctx, i, op); err != nil {
			b.nErrors++
			b.addError(i, mongoerr.From(err))
			if stop, failed := b.fail(i, err); stop {
				return failed
			}
		}
	}
	return nil
}

// writer returns the writer of a namespace, after committing what another one has open: only one
// transaction is open at a time, so that none waits while another holds locks.
func (b *bulk) writer(ctx context.Context, ns int) (*exec.Writer, error) {
	if b.current >= 0 && b.current != ns {
		if _, err := b.writers[b.current].Finish(ctx, storage.Buffered); err != nil {
			return nil, err
		}
	}
	b.current = ns
	if b.writers[ns] == nil {
		b.writers[ns] = b.c.writer(b.namespaces[ns], b.uuids[ns])
	}
	return b.writers[ns], nil
}

// makeScopes makes the variables of the statements, with the collation of each namespace.
func (b *bulk) makeScopes(ctx context.Context) error {
	for _, ns := range b.namespaces {
		s, err := b.c.scope(ctx, b.c.collationOn(ns, given{}))
		if err != nil {
			return err
		}
		b.scopes = append(b.scopes, s)
	}
	return nil
}

func (b *bulk) runOne(ctx context.Context, i int, op *bulkOp) error {
	if rec, done := b.lookup(i); done {
		b.replayOp(i, op, rec)
		return nil
	}
	w, err := b.writer(ctx, op.ns)
	if err != nil {
		return err
	}
	if op.kind == "insert" {
		doc, err := update.PrepareInsert(nil, op.doc, newID, b.c.StampTime(ctx))
		if err != nil {
			return err
		}
		if err := w.Insert(ctx, doc, b.recorder(i, func() bsonx.Doc { return bsonx.Empty })); err != nil {
			return err
		}
		b.nInserted++
		b.addItem(i, 1, -1, bsonx.Value{})
		return nil
	}
	before := *b.writes
	b.w = w
	if err := b.modifyOne(ctx, b.scopes[op.ns], i, &op.modification); err != nil {
		return err
	}
	b.count(i, op, int32(b.n-before.n), int32(b.modified-before.modified), len(b.upserted) > len(before.upserted))
	return nil
}

// count adds the outcome of one update or delete.
func (b *bulk) count(i int, op *bulkOp, n, modified int32, inserted bool) {
	if op.kind == "delete" {
		b.nDeleted += n
		b.addItem(i, n, -1, bsonx.Value{})
		return
	}
	var id bsonx.Value
	if inserted {
		b.nUpserted++
		id = b.upserted[len(b.upserted)-1].id
	} else {
		b.nMatched += n
	}
	b.nModified += modified
	b.addItem(i, n, modified, id)
}

func (b *bulk) replayOp(i int, op *bulkOp, rec bsonx.Doc) {
	if op.kind == "insert" {
		b.nInserted++
		b.addItem(i, 1, -1, bsonx.Value{})
		return
	}
	before := *b.writes
	b.replay(i, rec)
	b.count(i, op, 1, int32(b.modified-before.modified), len(b.upserted) > len(before.upserted))
}

func (b *bulk) addItem(i int, n, modified int32, upsertedID bsonx.Value) {
	if b.errorsOnly {
		return
	}
	d := bsonx.NewBuilder(nil).Double("ok", 1).Int32("idx", int32(i)).Int32("n", n)
	if modified >= 0 {
		d.Int32("nModified", modified)
	}
	if !upsertedID.IsMissing() {
		d.StartDoc("upserted").Value("_id", upsertedID).End()
	}
	b.items = append(b.items, d.Build())
}

func (b *bulk) addError(i int, e *mongoerr.Error) {
	d := bsonx.NewBuilder(nil).Double("ok", 0).Int32("idx", int32(i)).Int32("code", int32(e.Code))
	if e.Info != nil {
		d.Doc("errInfo", e.Info)
	}
	if e.Fields != nil {
		d.Append(e.Fields)
	}
	d.String("errmsg", e.Message).Int32("n", 0)
	b.items = append(b.items, d.Build())
}

func (b *bulk) answer(ctx context.Context) error {
	c := b.c
	size, err := c.nonNegative("batchSize", c.Arg("cursor").Doc().Lookup("batchSize"), maxWriteBatch)
	if err != nil {
		return err
	}
	src := &query{agg.Docs(b.items), exec.NewState(c.Store())}
	if err := c.startCursor(ctx, bulkNS, src, size, cursorOptions{}); err != nil {
		return err
	}
	c.Reply.Int32("nErrors", b.nErrors).Int32("nInserted", b.nInserted).Int32("nMatched", b.nMatched)
	c.Reply.Int32("nModified", b.nModified).Int32("nUpserted", b.nUpserted).Int32("nDeleted", b.nDeleted)
	if len(b.retried) > 0 {
		c.Reply.StartArray("retriedStmtIds")
		for k, id := range b.retried {
			c.Reply.Int32(indexName(k), id)
		}
		c.Reply.End()
	}
	return nil
}
