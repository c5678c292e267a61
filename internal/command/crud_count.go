package command

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/exec"
)

// countFind turns the arguments of count into a query that only counts.
func (c *Call) countFind(ctx context.Context, body bsonx.Doc) (*exec.Find, error) {
	f := &exec.Find{Filter: body.Lookup("query").Doc(), Hint: hintOf(body.Lookup("hint")), Counting: true}
	var err error
	if f.Skip, err = c.nonNegative("skip", body.Lookup("skip"), 0); err != nil {
		return nil, err
	}
	limit := body.Lookup("limit")
	if n, ok := integer(limit); ok && n < 0 {
		limit = bsonx.Int64(-n) // as in the legacy protocol: one batch of that size
	}
	if f.Limit, err = c.nonNegative("limit", limit, 0); err != nil {
		return nil, err
	}
	f.Scope, err = c.collatedScope(ctx, body.Lookup("collation"))
	return f, err
}

func count(ctx context.Context, c *Call) error {
	f, err := c.countFind(ctx, c.Body)
	if err != nil {
		return err
	}
	st, err := c.state(ctx, c.NS())
	if err != nil {
		return err
	}
	defer st.Close()
	coll, err := st.Collection(ctx, c.NS())
	if err != nil {
		return err
	}
	if err := c.checkCollection(coll); err != nil {
		return err
	}
	n, err := c.countIn(ctx, f, st, coll)
	if err != nil {
		return err
	}
	if n == int64(int32(n)) {
		c.Reply.Int32("n", int32(n))
	} else {
		c.Reply.Int64("n", n)
	}
	return nil
}

func (c *Call) countIn(ctx context.Context, f *exec.Find, st *exec.State, coll *catalog.Collection) (int64, error) {
	if coll != nil && coll.IsView() {
		return c.countView(ctx, f, st)
	}
	if coll != nil && f.Filter.IsEmpty() && f.Hint.IsMissing() {
		n, err := c.Store().Count(ctx, coll)
		n = max(n-f.Skip, 0)
		if f.Limit > 0 {
			n = min(n, f.Limit)
		}
		return n, err
	}
	q, err := f.Compile()
	if err != nil {
		return 0, err
	}
	cur, err := q.Open(ctx, st, coll)
	if err != nil {
		return 0, err
	}
	return drain(ctx, cur)
}

// drain counts the documents of an iterator and closes it.
func drain(ctx context.Context, it agg.Iterator) (n int64, err error) {
	defer it.Close()
	for {
		_, ok, err := it.Next(ctx)
		if err != nil || !ok {
			return n, err
		}
		n++
	}
}

func (c *Call) countView(ctx context.Context, f *exec.Find, st *exec.State) (int64, error) {
	a := &findArgs{Find: *f}
	p, err := a.pipeline(c)
	if err != nil {
		return 0, err
	}
	it, err := (&exec.Sources{State: st, AllowDiskUse: true}).Run(ctx, c.DB, c.Coll(), p)
	if err != nil {
		return 0, err
	}
	return drain(ctx, it)
}

func distinct(ctx context.Context, c *Call) error {
	key := c.Arg("key").Str()
	switch {
	case key == "":
		return mongoerr.New(40352, "FieldPath cannot be constructed with empty string")
	case strings.IndexByte(key, 0) >= 0:
		return mongoerr.New(31032, "Key field cannot contain an embedded null byte")
	}
	scope, err := c.collatedScope(ctx, c.Arg("collation"))
	if err != nil {
		return err
	}
	st, err := c.state(ctx, c.NS())
	if err != nil {
		return err
	}
	defer st.Close()
	coll, err := st.Collection(ctx, c.NS())
	if err != nil {
		return err
	}
	if err := c.checkCollection(coll); err != nil {
		return err
	}
	a := &findArgs{Find: exec.Find{Filter: c.Arg("query").Doc(), Hint: hintOf(c.Arg("hint")), Scope: scope, Deps: []string{key}}}
	q, err := a.Compile()
	if err != nil {
		return err
	}
	src, err := c.openFind(ctx, a, q, st)
	if err != nil {
		return err
	}
	values, err := exec.Distinct(ctx, src, key, scope.Collation())
	if err != nil {
		return err
	}
	c.Reply.Array("values", values)
	if at := c.AtClusterTime(); at != 0 {
		c.Reply.Value("atClusterTime", bsonx.Timestamp(uint64(at)))
	}
	return nil
}
