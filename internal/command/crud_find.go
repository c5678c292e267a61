package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// scope returns the variables that the command's expressions may use, and by what they compare.
func (c *Call) scope(ctx context.Context, coll *collation.Collation) (*expr.Scope, error) {
	return c.scopeWith(ctx, coll, c.Let())
}

// scopeWith is scope with the variables of let, nil for none.
func (c *Call) scopeWith(ctx context.Context, coll *collation.Collation, let bsonx.Doc) (*expr.Scope, error) {
	s := expr.NewScope(&expr.Env{Now: c.Now().UnixMilli(), ClusterTime: uint64(c.ClusterTime(ctx)), Collation: coll})
	if let == nil {
		return s, nil
	}
	return s.WithLet(let)
}

// findArgs are the arguments of find.
type findArgs struct {
	exec.Find
	batchSize int64
	opts      cursorOptions
	readOnce  bool
	collation given
	let       bsonx.Doc
	uuid      bsonx.Value // the collection's, missing if it is not given
}

// parseFind reads the arguments of a find command, which explain has, too.
func (c *Call) parseFind(ctx context.Context, body bsonx.Doc) (*findArgs, error) {
	a := &findArgs{batchSize: -1}
	var err error
	it := body.Iter()
	it.Next()
	for {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err = c.setFindArg(a, name, v); err != nil {
			return nil, err
		}
	}
	if a.Scope, err = c.scopeWith(ctx, c.collationOn(c.ns, a.collation), a.let); err != nil {
		return nil, err
	}
	return a, a.check(c)
}

func (c *Call) setFindArg(a *findArgs, name string, v bsonx.Value) (err error) {
	switch name {
	case "filter":
		a.Filter = v.Doc()
	case "sort":
		a.Sort = v.Doc()
	case "projection":
		a.Projection = v.Doc()
	case "hint":
		a.Hint = hintOf(v)
	case "skip":
		a.Skip, err = c.nonNegative(name, v, 0)
	case "limit":
		a.Limit, err = c.nonNegative(name, v, 0)
	case "batchSize":
		a.batchSize, err = c.nonNegative(name, v, -1)
	case "singleBatch":
		a.opts.single = v.Truthy()
	case "noCursorTimeout":
		a.opts.noTimeout = v.Truthy()
	case "tailable":
		a.opts.tailable = v.Truthy()
	case "awaitData":
		a.opts.awaitData = v.Truthy()
	case "min":
		a.Min = nonEmpty(v)
	case "max":
		a.Max = nonEmpty(v)
	case "allowDiskUse":
		a.AllowDiskUse = v.Truthy()
	case "readOnce":
		a.readOnce = v.Truthy()
	case "returnKey":
		a.ReturnKey = v.Truthy()
	case "showRecordId":
		a.ShowRecordID = v.Truthy()
	case "collation":
		a.collation, err = readCollation(v)
	case "let":
		a.let = v.Doc()
	case "collectionUUID":
		a.uuid = v
	}
	return err
}

func nonEmpty(v bsonx.Value) bsonx.Doc {
	if d := v.Doc(); !d.IsEmpty() {
		return d
	}
	return nil
}

// hintOf takes an empty document for no hint.
func hintOf(v bsonx.Value) bsonx.Value {
	if v.IsNullish() || v.Type == bsonx.TypeDocument && v.Doc().IsEmpty() {
		return bsonx.Value{}
	}
	return v
}

func (a *findArgs) check(c *Call) error {
	switch {
	case a.opts.awaitData && !a.opts.tailable:
		return mongoerr.New(mongoerr.FailedToParse, "Cannot set 'awaitData' without also setting 'tailable'")
	case a.opts.tailable && c.InTxn():
		return mongoerr.New(mongoerr.InvalidOptions, "It is illegal to open a tailable cursor in a transaction")
	case a.opts.tailable && a.opts.single:
		return mongoerr.New(mongoerr.FailedToParse, "Cannot use tailable option with the 'singleBatch' option")
	case a.readOnce && c.InTxn():
		return mongoerr.New(mongoerr.OperationNotSupportedInTransaction, "The readOnce option is not supported within a transaction.")
	}
	if a.opts.tailable && !a.Sort.IsEmpty() {
		if k, v, _ := a.Sort.First(); k != "$natural" || !v.IsNumber() || bsonx.Compare(v, bsonx.Int32(0)) < 0 {
			return mongoerr.New(mongoerr.BadValue, "error processing query: planner returned error :: caused by :: tailable cursors and sorts other than {$natural: 1} cannot be combined")
		}
	}
	return nil
}

func find(ctx context.Context, c *Call) error {
	a, err := c.parseFind(ctx, c.Body)
	if err != nil {
		return err
	}
	q, err := a.Compile()
	if err != nil {
		return err
	}
	st, err := c.state(ctx, c.NS())
	if err != nil {
		return err
	}
	src, err := c.openFind(ctx, a, q, st)
	if err != nil {
		st.Close()
		return err
	}
	return c.startCursor(ctx, c.NS(), src, a.batchSize, a.opts)
}

// openFind starts a query on a collection or view.
func (c *Call) openFind(ctx context.Context, a *findArgs, q *exec.Compiled, st *exec.State) (*query, error) {
	coll, err := st.Collection(ctx, c.NS())
	if err != nil {
		return nil, err
	}
	if err := c.checkUUID(a.uuid, c.ns, coll); err != nil {
		return nil, err
	}
	if coll != nil && coll.IsView() {
		p, err := a.pipeline(c)
		if err != nil {
			return nil, err
		}
		it, err := (&exec.Sources{State: st, AllowDiskUse: true}).Run(ctx, c.DB, c.Coll(), p)
		return &query{it, st}, err
	}
	if a.opts.tailable {
		return openTailing(ctx, coll, q, st)
	}
	cur, err := q.Open(ctx, st, coll)
	return &query{cur, st}, err
}

// checkForView refuses the options that a pipeline does not have.
func (a *findArgs) checkForView() error {
	for _, o := range []struct {
		name string
		set  bool
	}{
		{"min", a.Min != nil},
		{"max", a.Max != nil},
		{"returnKey", a.ReturnKey},
		{"showRecordId", a.ShowRecordID},
		{"tailable", a.opts.tailable},
		{"readOnce", a.readOnce},
	} {
		if o.set {
			return mongoerr.New(mongoerr.InvalidPipelineOperator, "Option %s not supported in aggregation.", o.name)
		}
	}
	if !a.Sort.Lookup("$natural").IsMissing() {
		return mongoerr.New(mongoerr.InvalidPipelineOperator, "Sort option $natural not supported in aggregation.")
	}
	return nil
}

// pipeline is what a find on a view becomes.
func (a *findArgs) pipeline(c *Call) (*agg.Pipeline, error) {
	if err := a.checkForView(); err != nil {
		return nil, err
	}
	return agg.Parse(a.stages(), &agg.Options{Scope: a.Scope, DB: c.DB, Coll: c.Coll(), AllowDiskUse: true})
}

// stages is the array of stages that a query on a view becomes.
func (a *findArgs) stages() bsonx.Doc {
	var stages []bsonx.Value
	add := func(name string, v bsonx.Value) {
		stages = append(stages, bsonx.Document(bsonx.NewBuilder(nil).Value(name, v).Build()))
	}
	if !a.Filter.IsEmpty() {
		add("$match", bsonx.Document(a.Filter))
	}
	if !a.Sort.IsEmpty() {
		add("$sort", bsonx.Document(a.Sort))
	}
	if a.Skip > 0 {
		add("$skip", bsonx.Int64(a.Skip))
	}
	if a.Limit > 0 {
		add("$limit", bsonx.Int64(a.Limit))
	}
	if !a.Projection.IsEmpty() {
		add("$project", bsonx.Document(a.Projection))
	}
	return bsonx.MakeArray(stages...).Doc()
}

// checkCollection compares the collection, nil for none, with the collectionUUID argument.
func (c *Call) checkCollection(coll *catalog.Collection) error {
	return c.checkUUID(c.Arg("collectionUUID"), c.ns, coll)
}
