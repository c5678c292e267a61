package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
	"github.com/tandemdb/tandem/internal/query/update"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/txn"
)

// modification is one element of updates or deletes, or a findAndModify, before it is compiled.
type modification struct {
	filter, sort bsonx.Doc
	update       bsonx.Value // missing to delete
	arrayFilters []bsonx.Doc
	constants    bsonx.Doc
	hint         bsonx.Value
	collation    given
	multi        bool
	upsert       bool
	supplied     bool // upsertSupplied: the driver's own insert document
}

// compile checks the statement.
func (m *modification) compile(scope *expr.Scope, c *Call) (*exec.Modify, error) {
	scope, err := m.withConstants(scope)
	if err != nil {
		return nil, err
	}
	supplied, err := m.suppliedDocument()
	if err != nil {
		return nil, err
	}
	f := &exec.Find{Filter: m.filter, Sort: m.sort, Hint: m.hint, Scope: scope}
	if m.upsert {
		f.Use = match.Upsert
	}
	q, err := f.Compile()
	if err != nil {
		return nil, err
	}
	out := &exec.Modify{Query: q, Multi: m.multi, Upsert: m.upsert, NewID: newID, Check: m}
	if m.update.IsMissing() {
		return out, nil
	}
	out.Update, err = update.Parse(m.update, &update.Options{
		ArrayFilters: m.arrayFilters, Scope: scope, Multi: m.multi, Upsert: m.upsert, Filter: m.filter, Supplied: supplied,
	})
	if err != nil {
		return nil, err
	}
	if m.multi && c.Kind() == session.KindRetryable {
		return nil, mongoerr.New(mongoerr.InvalidOptions, "Cannot use (or request) retryable writes with multi=true")
	}
	return out, nil
}

// withConstants adds the statement's constants, which are values even where they look like
// expressions.
func (m *modification) withConstants(scope *expr.Scope) (*expr.Scope, error) {
	if m.constants == nil {
		return scope, nil
	}
	if m.update.Type != bsonx.TypeArray {
		return nil, mongoerr.New(51198, "Constant values may only be specified for pipeline updates")
	}
	for it := m.constants.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return scope, nil
		}
		if err := expr.CheckUserVariable(name); err != nil {
			return nil, err
		}
		scope = scope.WithConst(name, v)
	}
}

// suppliedDocument returns what an upsert inserts instead of what the update makes, as the
// statement's constants give it; nil for no such document.
func (m *modification) suppliedDocument() (bsonx.Doc, error) {
	if !m.supplied {
		return nil, nil
	}
	v := m.constants.Lookup("new")
	switch {
	case !m.upsert:
		return nil, mongoerr.New(mongoerr.FailedToParse, "cannot specify '{upsertSupplied: true}' unless {upsert: true} is specified")
	case m.constants == nil:
		return nil, mongoerr.New(mongoerr.FailedToParse, "the parameter 'upsertSupplied' is set to 'true', but no constants were supplied")
	case v.Type != bsonx.TypeDocument:
		return nil, mongoerr.New(mongoerr.FailedToParse, "the parameter 'upsertSupplied' is set to 'true', but the constant 'new' is no document")
	}
	return v.Doc(), nil
}

// arrayFilterList reads an array of documents.
func arrayFilterList(field string, v bsonx.Value) ([]bsonx.Doc, error) {
	out := []bsonx.Doc{}
	for it := v.Doc().Iter(); ; {
		k, e, ok := it.Next()
		if !ok {
			return out, nil
		}
		if e.Type != bsonx.TypeDocument {
			return nil, wrongType(field+"."+k, e.Type, Object)
		}
		out = append(out, e.Doc())
	}
}

func parseUpdateItem(d bsonx.Doc) (m modification, err error) {
	const at = "update.updates"
	var hasQ bool
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		want := ArgType(0)
		switch name {
		case "q":
			m.filter, want, hasQ = v.Doc(), Object, true
		case "u":
			if m.update, want = v, Object|Array; v.Type == bsonx.TypeArray {
				err = agg.CheckNames(v.Doc())
			}
		case "c":
			m.constants, want = v.Doc(), Object
		case "multi":
			m.multi, want = v.Truthy(), BoolLike
		case "upsert":
			m.upsert, want = v.Truthy(), BoolLike
		case "upsertSupplied":
			m.supplied, want = v.Truthy(), BoolLike
		case "arrayFilters":
			if want = Array; v.Type == bsonx.TypeArray {
				m.arrayFilters, err = arrayFilterList(at+".arrayFilters", v)
			}
		case "hint":
			m.hint, want = hintOf(v), String|Object
		case "sort":
			m.sort, want = v.Doc(), Object
		case "collation":
			want = Object
			m.collation, err = readCollation(v)
		default:
			return m, unknownField(at, name)
		}
		if typeBit(v.Type)&want == 0 && !v.IsNullish() {
			return m, wrongType(at+"."+name, v.Type, want)
		}
		if err != nil {
			return m, err
		}
	}
	switch {
	case !hasQ:
		return m, missingField(at, "q")
	case m.update.IsMissing():
		return m, missingField(at, "u")
	case m.multi && !m.sort.IsEmpty():
		return m, mongoerr.New(mongoerr.FailedToParse, "Cannot specify sort with multi=true")
	}
	return m, nil
}

func updateCommand(ctx context.Context, c *Call) error {
	return c.modify(ctx, "updates", parseUpdateItem, func(ws *writes) {
		if len(ws.upserted) > 0 {
			c.Reply.StartArray("upserted")
			for k, u := range ws.upserted {
				c.Reply.StartDoc(indexName(k)).Int32("index", int32(u.index)).Value("_id", u.id).End()
			}
			c.Reply.End()
		}
		c.Reply.Int32("nModified", int32(ws.modified))
	})
}

func parseDeleteItem(d bsonx.Doc) (m modification, err error) {
	const at = "delete.deletes"
	var hasQ, hasLimit bool
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		want := ArgType(0)
		switch name {
		case "q":
			m.filter, want, hasQ = v.Doc(), Object, true
		case "limit":
			want, hasLimit = Number, true
			n, _ := integer(v)
			if v.IsNumber() && n != 0 && n != 1 {
				return m, mongoerr.New(mongoerr.FailedToParse, "The limit field in delete objects must be 0 or 1. Got %s", bsonx.Format(v))
			}
			m.multi = n == 0
		case "hint":
			m.hint, want = hintOf(v), String|Object
		case "collation":
			want = Object
			m.collation, err = readCollation(v)
		default:
			return m, unknownField(at, name)
		}
		if typeBit(v.Type)&want == 0 {
			return m, wrongType(at+"."+name, v.Type, want)
		}
		if err != nil {
			return m, err
		}
	}
	switch {
	case !hasQ:
		return m, missingField(at, "q")
	case !hasLimit:
		return m, missingField(at, "limit")
	}
	return m, nil
}

func deleteCommand(ctx context.Context, c *Call) error {
	return c.modify(ctx, "deletes", func(d bsonx.Doc) (modification, error) {
		m, err := parseDeleteItem(d)
		if err == nil && m.multi && c.Kind() == session.KindRetryable {
			err = mongoerr.New(mongoerr.InvalidOptions, "Cannot use (or request) retryable writes with limit=0")
		}
		return m, err
	}, func(*writes) {})
}

// modify runs an update or delete command.
func (c *Call) modify(ctx context.Context, list string, parse func(bsonx.Doc) (modification, error), extra func(*writes)) error {
	ws, err := c.newWrites()
	if err != nil {
		return err
	}
	docs, _, err := c.Docs(list)
	if err != nil {
		return err
	}
	if err := ws.checkBatch(countDocs(docs)); err != nil {
		return err
	}
	var items []modification
	eachDoc(docs, func(_ int, d bsonx.Doc) bool {
		var m modification
		m, err = parse(d)
		items = append(items, m)
		return err == nil
	})
	if err != nil {
		return err
	}
	scope, err := c.scope(ctx, c.collationOn(c.NS(), given{}))
	if err != nil {
		return err
	}
	if err := ws.finish(ctx, ws.modifyAll(ctx, scope, items)); err != nil {
		return err
	}
	if ws.reply() {
		extra(ws)
	}
	return nil
}

func (ws *writes) modifyAll(ctx context.Context, scope *expr.Scope, items []modification) error {
	for i := range items {
		if rec, done := ws.lookup(i); done {
			ws.replay(i, rec)
			continue
		}
		if err := ws.modifyOne(ctx, scope, i, &items[i]); err != nil {
			if stop, failed := ws.fail(i, err); stop {
				return failed
			}
		}
	}
	return nil
}

func (ws *writes) modifyOne(ctx context.Context, scope *expr.Scope, i int, item *modification) error {
	scope, err := ws.c.scopeFor(ctx, scope, item.collation)
	if err != nil {
		return err
	}
	m, err := item.compile(scope, ws.c)
	if err != nil {
		return err
	}
	if r := ws.c.Retry(); r != nil {
		m.Record = func(t *txn.Txn, ch exec.Changed) error {
			r.Record(t, ws.stmtID(i), writeRecord(ch))
			return nil
		}
	}
	res, err := ws.w.Modify(ctx, m)
	ws.n += res.Matched
	ws.modified += res.Modified
	if err == nil && !res.UpsertedID.IsMissing() {
		ws.n++
		ws.upserted = append(ws.upserted, upserted{i, res.UpsertedID})
	}
	return err
}

// The fields of the record of a retryable statement.
const (
	recUpserted = "u" // the _id of the inserted document
	recDeleted  = "d"
)

// writeRecord is what a retry of an update or delete statement needs to know.
func writeRecord(ch exec.Changed) bsonx.Doc {
	b := bsonx.NewBuilder(nil)
	switch {
	case !ch.UpsertedID.IsMissing():
		b.Value(recUpserted, ch.UpsertedID)
	case ch.After == nil:
		b.Bool(recDeleted, true)
	}
	return b.Build()
}

// replay counts a statement that an earlier attempt has executed.
func (ws *writes) replay(i int, rec bsonx.Doc) {
	ws.n++
	if id := rec.Lookup(recUpserted); !id.IsMissing() {
		ws.upserted = append(ws.upserted, upserted{i, id})
		return
	}
	ws.modified++
}
