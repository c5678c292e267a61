package command

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/exec"
)

// explain shows how a command would run. With a verbosity above queryPlanner the reads of the
// command are made, never its writes.
func explain(ctx context.Context, c *Call) error {
	_, inner, _ := c.Body.First()
	if inner.Type != bsonx.TypeDocument {
		return wrongType("explain.explain", inner.Type, Object)
	}
	run := true
	switch v := c.Arg("verbosity"); v.Str() {
	case "":
	case "queryPlanner":
		run = false
	case "executionStats", "allPlansExecution":
	default:
		return mongoerr.New(mongoerr.BadValue, "Enumeration value '%s' for field 'explain.verbosity' is not a valid value.", v.Str())
	}
	body := inner.Doc()
	name, first, ok := body.First()
	if !ok {
		return mongoerr.New(mongoerr.FailedToParse, "The explained command must not be empty")
	}
	spec := c.Service.find(name)
	if spec == nil {
		return mongoerr.New(mongoerr.CommandNotFound, "Explain failed due to unknown command: %s", name)
	}
	c.coll = first.Str()
	c.ns = c.DB + "." + c.coll
	if err := checkColl(c.DB, c.coll); err != nil && name != "aggregate" {
		return err
	}
	if spec.Name == "aggregate" {
		return c.explainAggregate(ctx, body, run)
	}
	kind := explainKind{spec.Name, body}
	switch e, err := c.explainedWrite(ctx, spec.Name, body); {
	case err != nil:
		return err
	case e != nil:
		if err := c.notOnView(c.collection()); err != nil {
			return err
		}
		return c.explainQuery(ctx, e.Modify.Query, e, kind, run)
	}
	f, err := c.explainedFind(ctx, spec.Name, body)
	if err != nil {
		return err
	}
	if v := c.collection(); v != nil && v.IsView() {
		return c.explainOnView(ctx, v, f, kind, run)
	}
	return c.explainFind(ctx, f, kind, run)
}

// explainKind is the command that is explained.
type explainKind struct {
	name string
	body bsonx.Doc
}

// explainedFind returns the query that a command makes.
func (c *Call) explainedFind(ctx context.Context, name string, body bsonx.Doc) (*exec.Find, error) {
	switch name {
	case "find":
		a, err := c.parseFind(ctx, body)
		if err != nil {
			return nil, err
		}
		return &a.Find, nil
	case "count":
		return c.countFind(ctx, body)
	}
	if name != "distinct" {
		return nil, mongoerr.New(mongoerr.BadValue, "Explain does not support the command: %s", name)
	}
	scope, err := c.collatedScope(ctx, body.Lookup("collation"))
	return &exec.Find{
		Filter: body.Lookup("query").Doc(), Hint: hintOf(body.Lookup("hint")), Scope: scope,
		Deps: []string{body.Lookup("key").Str()},
	}, err
}

// explainedWrite returns the write that a command makes, nil for a command that makes none.
func (c *Call) explainedWrite(ctx context.Context, name string, body bsonx.Doc) (*exec.Effect, error) {
	list, parse := "updates", parseUpdateItem
	switch name {
	case "update":
	case "delete":
		list, parse = "deletes", parseDeleteItem
	case "findAndModify":
		a, err := parseFindAndModify(body)
		if err != nil {
			return nil, err
		}
		m, err := c.compileCollated(ctx, &a.modification)
		return &exec.Effect{Modify: m, Returns: true, ReturnsNew: a.returnNew, Projection: a.fields}, err
	default:
		return nil, nil
	}
	items := body.Lookup(list).Doc()
	if items.Count() != 1 {
		return nil, mongoerr.New(mongoerr.InvalidLength, "explained write batches must be of size 1")
	}
	m, err := parse(items.Index(0).Doc())
	if err != nil {
		return nil, err
	}
	compiled, err := c.compileCollated(ctx, &m)
	return &exec.Effect{Modify: compiled}, err
}

// compileCollated compiles a statement by its own collation, or the collection's.
func (c *Call) compileCollated(ctx context.Context, m *modification) (*exec.Modify, error) {
	scope, err := c.scope(ctx, c.collationOn(c.ns, m.collation))
	if err != nil {
		return nil, err
	}
	return m.compile(scope, c)
}

func (c *Call) explainFind(ctx context.Context, f *exec.Find, kind explainKind, run bool) error {
	q, err := f.Compile()
	if err != nil {
		return err
	}
	return c.explainQuery(ctx, q, nil, kind, run)
}

// explainQuery explains a query and what is done to its documents, nil for nothing.
func (c *Call) explainQuery(ctx context.Context, q *exec.Compiled, e *exec.Effect, kind explainKind, run bool) error {
	st, err := c.state(ctx, c.ns)
	if err != nil {
		return err
	}
	defer st.Close()
	x, err := q.Explain(ctx, st, c.ns, kind.name)
	if err != nil {
		return err
	}
	x.Effect = e
	return c.appendExplained(ctx, x, kind.body, run)
}

// appendExplained appends all that is said of a query.
func (c *Call) appendExplained(ctx context.Context, x *exec.Explanation, body bsonx.Doc, run bool) error {
	b := c.Reply
	b.String("explainVersion", "1")
	x.AppendPlanner(b)
	if run {
		started := time.Now()
		x.Failure = x.Run(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		x.AppendStats(b, time.Since(started), c.Arg("verbosity").Str() != "executionStats")
	}
	c.explainTail(body)
	return nil
}

// explainTail appends what all explanations end with.
func (c *Call) explainTail(body bsonx.Doc) {
	b := c.Reply
	host, _ := os.Hostname()
	cmd := bsonx.NewBuilder(nil)
	for it := body.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		cmd.Value(name, v)
	}
	if body.Lookup("$db").IsMissing() {
		cmd.String("$db", c.DB)
	}
	b.Doc("command", cmd.Build())
	b.StartDoc("serverInfo").String("host", host).Int32("port", 0).String("version", Version).
		String("gitVersion", runtime.Version()).End()
	b.StartDoc("serverParameters").End()
}
