package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/project"
	"github.com/tandemdb/tandem/internal/txn"
)

// findAndModifyArgs are the arguments of findAndModify.
type findAndModifyArgs struct {
	modification
	remove, returnNew bool
	fields            bsonx.Doc
}

func parseFindAndModify(body bsonx.Doc) (a findAndModifyArgs, err error) {
	it := body.Iter()
	it.Next()
	for {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		switch name {
		case "query":
			a.filter = v.Doc()
		case "sort":
			a.sort = v.Doc()
		case "remove":
			a.remove = v.Truthy()
		case "update":
			if !v.IsNullish() {
				a.update = v
			}
		case "new":
			a.returnNew = v.Truthy()
		case "fields":
			a.fields = v.Doc()
		case "upsert":
			a.upsert = v.Truthy()
		case "hint":
			a.hint = hintOf(v)
		case "arrayFilters":
			if !v.IsNullish() {
				a.arrayFilters, err = arrayFilterList("findAndModify.arrayFilters", v)
			}
		case "collation":
			a.collation, err = readCollation(v)
		}
		if err != nil {
			return a, err
		}
	}
	return a, a.check()
}

func (a *findAndModifyArgs) check() error {
	parse := func(s string) error { return mongoerr.New(mongoerr.FailedToParse, "%s", s) }
	switch {
	case a.remove && !a.update.IsMissing():
		return parse("Cannot specify both an update and remove=true")
	case a.remove && a.upsert:
		return parse("Cannot specify both upsert=true and remove=true")
	case a.remove && a.returnNew:
		return parse("Cannot specify both new=true and remove=true; 'remove' always returns the deleted document")
	case a.remove && a.arrayFilters != nil:
		return parse("Cannot specify arrayFilters and remove=true")
	case !a.remove && a.update.IsMissing():
		return parse("Either an update or remove=true must be specified")
	}
	return nil
}

// The fields of the record of a retryable findAndModify.
const (
	recImage   = "v" // the document that was returned, unprojected; absent for none
	recIsNew   = "new"
	recRemoved = "rm"
	recUpdated = "up" // lastErrorObject.updatedExisting
)

func findAndModify(ctx context.Context, c *Call) error {
	if err := c.checkWritable(c.NS()); err != nil {
		return err
	}
	a, err := parseFindAndModify(c.Body)
	if err != nil {
		return err
	}
	scope, err := c.scope(ctx, c.collationOn(c.NS(), a.collation))
	if err != nil {
		return err
	}
	if r := c.Retry(); r != nil {
		if rec, ok := r.Lookup(c.singleStmtID()); ok {
			return c.replayFindAndModify(ctx, &a, scope, rec)
		}
	}
	m, err := a.compile(scope, c)
	if err != nil {
		return err
	}
	proj, err := a.projection(scope, m)
	if err != nil {
		return err
	}
	if r := c.Retry(); r != nil {
		m.Record = func(t *txn.Txn, ch exec.Changed) error {
			r.Record(t, c.singleStmtID(), a.record(ch))
			return nil
		}
	}
	w := c.writer(c.NS(), c.Arg("collectionUUID"))
	defer w.Close()
	res, err := w.Modify(ctx, m)
	if ferr := c.finishWriter(ctx, w); err == nil {
		err = ferr // what an error says, a duplicate key for one, must be durable, too
	}
	if err != nil {
		return err
	}
	return c.replyFindAndModify(proj, m.Query, a.remove, a.image(res.Changed), res.Matched > 0, res.UpsertedID)
}

func (c *Call) singleStmtID() int32 {
	if v := c.gen.stmtID; !v.IsMissing() {
		return v.Int32()
	}
	return 0
}

// finishWriter commits what a writer has left.
func (c *Call) finishWriter(ctx context.Context, w *exec.Writer) error {
	ts, err := w.Finish(ctx, c.Durability())
	if ts != 0 {
		c.Wrote(ts)
	}
	return err
}

func (a *findAndModifyArgs) projection(scope *expr.Scope, m *exec.Modify) (*project.Projection, error) {
	if a.fields.IsEmpty() {
		return nil, nil
	}
	f, err := m.Query.Filter()
	if err != nil {
		return nil, err
	}
	return project.Compile(a.fields, scope, project.Find, f)
}

// image returns the document that the command returns, nil for none.
func (a *findAndModifyArgs) image(ch exec.Changed) bsonx.Doc {
	if a.returnNew {
		return ch.After
	}
	return ch.Before
}

func (a *findAndModifyArgs) record(ch exec.Changed) bsonx.Doc {
	b := bsonx.NewBuilder(nil).Bool(recRemoved, a.remove).Bool(recIsNew, a.returnNew).Bool(recUpdated, ch.Before != nil)
	if d := a.image(ch); d != nil {
		b.Doc(recImage, d)
	}
	return b.Value(recUpserted, ch.UpsertedID).Build()
}

// replayFindAndModify answers a retry from the record.
func (c *Call) replayFindAndModify(ctx context.Context, a *findAndModifyArgs, scope *expr.Scope, rec bsonx.Doc) error {
	upserted := rec.Lookup(recUpserted)
	switch {
	case a.remove != rec.Lookup(recRemoved).Bool():
		return mongoerr.New(40606, "findAndModify retry request: the previous attempt has done something else: one is a remove, the other an update")
	case !a.upsert && !upserted.IsMissing():
		return mongoerr.New(40608, "findAndModify retry request: the previous attempt was an upsert")
	case !a.remove && upserted.IsMissing() && a.returnNew && !rec.Lookup(recIsNew).Bool():
		return mongoerr.New(40611, "findAndModify retry request: wants the document after the update, but the one before was stored")
	case !a.remove && upserted.IsMissing() && !a.returnNew && rec.Lookup(recIsNew).Bool():
		return mongoerr.New(40612, "findAndModify retry request: wants the document before the update, but the one after was stored")
	}
	m, err := a.compile(scope, c)
	if err != nil {
		return err
	}
	proj, err := a.projection(scope, m)
	if err != nil {
		return err
	}
	if err := c.Retry().WaitDurable(ctx, c.Durability()); err != nil {
		return err
	}
	err = c.replyFindAndModify(proj, m.Query, a.remove, rec.Lookup(recImage).Doc(), rec.Lookup(recUpdated).Bool(), upserted)
	c.Reply.Int32("retriedStmtId", c.singleStmtID())
	return err
}

func (c *Call) replyFindAndModify(proj *project.Projection, q *exec.Compiled, remove bool, image bsonx.Doc, existed bool, upserted bsonx.Value) error {
	b := c.Reply
	n := int32(0)
	if existed || !upserted.IsMissing() {
		n = 1
	}
	b.StartDoc("lastErrorObject").Int32("n", n)
	if !remove {
		b.Bool("updatedExisting", existed)
	}
	b.Value("upserted", upserted).End()
	if image == nil {
		b.Value("value", bsonx.Null)
		return nil
	}
	if proj != nil {
		out, err := q.Project(proj, image)
		if err != nil {
			return err
		}
		image = out
	}
	b.Doc("value", image)
	return nil
}

// tag describes the command to transactions that conflict with it.
func (c *Call) tag() any { return c.op }
