package command

import (
	"context"
	"strconv"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/session"
)

// The sizes of replies that carry documents.
const (
	firstBatchDocs = 101             // of a first batch without batchSize
	batchBytesMax  = 16 << 20        // of the documents of one batch
	resultMax      = 16<<20 + 16<<10 // bytes of one document of a result
)

// query is the source of a cursor: documents read in a state that is let go between batches.
type query struct {
	agg.Iterator
	state *exec.State
}

// Close ends the query and its state.
func (q *query) Close() error {
	err := q.Iterator.Close()
	q.state.Close()
	return err
}

// exhausted reports whether a source knows that it has nothing more to give.
func exhausted(s session.Source) bool {
	q, ok := s.(*query)
	if !ok {
		return false
	}
	e, ok := q.Iterator.(interface{ Exhausted() bool })
	return ok && e.Exhausted()
}

// state returns the state of the store that the command reads: the session transaction's, or
// what the read concern asks for.
func (c *Call) state(ctx context.Context, namespaces ...string) (*exec.State, error) {
	if t := c.Txn(); t != nil {
		return exec.InTxn(t), nil
	}
	namespaces, err := exec.Namespaces(c.Store(), namespaces)
	if err != nil {
		return nil, err
	}
	if c.rc.Level&(Local|Available) != 0 {
		return exec.NewState(c.Store(), namespaces...), nil
	}
	v, err := c.View(ctx, namespaces...)
	if err != nil {
		return nil, err
	}
	return exec.FromView(v, c.rc.Level == Snapshot, namespaces...), nil
}

// startCursor answers with the first batch of a query, keeps the rest as a cursor, and owns the
// query. A negative batchSize is the default.
func (c *Call) startCursor(ctx context.Context, ns string, src *query, batchSize int64, opts cursorOptions) error {
	if batchSize < 0 {
		batchSize = firstBatchDocs
	}
	c.Reply.StartDoc("cursor")
	first, more, err := c.batch(ctx, src, nil, "firstBatch", batchSize)
	if err != nil || !more || opts.single {
		_ = src.Close()
		if err != nil {
			return err
		}
		c.endCursor(0, ns)
		return nil
	}
	src.state.Pause()
	cur := &session.Cursor{NS: ns, Source: src, Pending: first.pending, Returned: first.docs, Batches: 1}
	cur.Command = c.Body.Clone()
	cur.Owner, cur.API, cur.Comment = c.Owner(), c.API(), c.Comment().Clone()
	cur.MaxTime, cur.NoTimeout = c.MaxTime(), opts.noTimeout
	cur.Tailable, cur.AwaitData = opts.tailable, opts.awaitData
	cur.AtClusterTime = uint64(c.AtClusterTime())
	c.endCursor(c.Cursors().Add(cur, c.Statement()), ns)
	return nil
}

// cursorOptions are what a client may ask of a cursor.
type cursorOptions struct {
	single, noTimeout, tailable, awaitData bool
}

// endCursor completes the cursor document of the reply.
func (c *Call) endCursor(id int64, ns string) {
	c.Reply.Int64("id", id).String("ns", ns)
	if at := c.AtClusterTime(); at != 0 {
		c.Reply.Value("atClusterTime", bsonx.Timestamp(uint64(at)))
	}
	c.Reply.End()
}

// batchEnd is where a batch has ended.
type batchEnd struct {
	docs    int64     // in the batch
	pending bsonx.Doc // read, but too large for it
}

// batch appends up to n documents, as many as fit, beginning with one that is pending, and
// reports whether there may be more.
func (c *Call) batch(ctx context.Context, src session.Source, pending bsonx.Doc, field string, n int64) (end batchEnd, more bool, err error) {
	c.Reply.StartArray(field)
	buf := c.Reply.Buffer()
	start := len(*buf)
	more = true
	for ; end.docs < n; end.docs++ {
		doc := pending
		if pending = nil; doc == nil {
			var ok bool
			if doc, ok, err = src.Next(ctx); err != nil {
				return end, false, err
			}
			if !ok {
				more = false
				break
			}
			if len(doc) > resultMax {
				return end, false, mongoerr.New(mongoerr.BSONObjectTooLarge,
					"BSONObj size: %d (0x%X) is invalid. Size must be between 0 and %d(16MB)", len(doc), len(doc), resultMax)
			}
		}
		if end.docs > 0 && len(*buf)-start+len(doc) > batchBytesMax {
			end.pending = doc.Clone()
			break
		}
		*buf = bsonx.AppendHeader(*buf, bsonx.TypeDocument, indexName(int(end.docs)))
		*buf = append(*buf, doc...)
	}
	c.Reply.End()
	if tail := tailOf(src); tail != nil {
		return end, tail.Started(), nil
	}
	return end, more && (end.pending != nil || !exhausted(src)), nil
}

// indexNames are the keys of the first elements of an array.
var indexNames = func() (names [1024]string) {
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}()

func indexName(i int) string {
	if i < len(indexNames) {
		return indexNames[i]
	}
	return strconv.Itoa(i)
}

// nonNegative reads an optional whole number, def if it is not given.
func (c *Call) nonNegative(name string, v bsonx.Value, def int64) (int64, error) {
	if v.IsNullish() {
		return def, nil
	}
	n, ok := integer(v)
	if !ok {
		return 0, mongoerr.New(mongoerr.BadValue, "BSON field '%s' has to be a whole number, but is %s", name, bsonx.Format(v))
	}
	if n < 0 {
		return 0, mongoerr.New(51024, "BSON field '%s' value must be >= 0, actual value '%d'", name, n)
	}
	return n, nil
}

func getMore(ctx context.Context, c *Call) error {
	_, first, _ := c.Body.First()
	if first.Type != bsonx.TypeInt64 {
		return wrongType("getMore.getMore", first.Type, Long)
	}
	size, err := c.nonNegative("batchSize", c.Arg("batchSize"), 0)
	if err != nil {
		return err
	}
	cur, err := c.Cursors().CheckOut(first.Int64(), c.NS(), c.Owner(), c.Interrupter())
	if err != nil {
		return err
	}
	if cur.API != c.API() {
		_ = c.Cursors().CheckIn(cur)
		return mongoerr.New(mongoerr.APIMismatchError, "API parameter mismatch: getMore used other API parameters than the command that created the cursor")
	}
	if c.MaxTime() > 0 && !cur.AwaitData {
		_ = c.Cursors().CheckIn(cur)
		return mongoerr.New(mongoerr.BadValue, "cannot set maxTimeMS on getMore command for a non-awaitData cursor")
	}
	ctx, cancel := c.cursorDeadline(ctx, cur)
	defer cancel()
	return c.nextBatch(ctx, cur, size)
}

// cursorDeadline applies what is left of the time that the opening command may take.
func (c *Call) cursorDeadline(ctx context.Context, cur *session.Cursor) (context.Context, context.CancelFunc) {
	if cur.MaxTime <= 0 || cur.AwaitData {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, c.start.Add(cur.MaxTime), errMaxTime)
}

// nextBatch answers with the next batch of a cursor that is checked out.
func (c *Call) nextBatch(ctx context.Context, cur *session.Cursor, size int64) error {
	if size == 0 {
		size = 1 << 62
	}
	err := c.awaitData(ctx, cur)
	var more bool
	if err == nil {
		c.Reply.StartDoc("cursor")
		var end batchEnd
		end, more, err = c.batch(ctx, cur.Source, cur.Pending, "nextBatch", size)
		cur.Pending = end.pending
		cur.Returned += end.docs
		cur.Batches++
	}
	if err != nil || !more {
		c.Cursors().Close(cur)
		if err != nil {
			return err
		}
		c.endMore(0, cur)
		return nil
	}
	if q, ok := cur.Source.(*query); ok {
		q.state.Pause()
	}
	id := cur.ID
	if err := c.Cursors().CheckIn(cur); err != nil {
		return err
	}
	c.endMore(id, cur)
	return nil
}

func (c *Call) endMore(id int64, cur *session.Cursor) {
	c.Reply.Int64("id", id).String("ns", cur.NS)
	if cur.AtClusterTime != 0 {
		c.Reply.Value("atClusterTime", bsonx.Timestamp(cur.AtClusterTime))
	}
	c.Reply.End()
}

func killCursors(_ context.Context, c *Call) error {
	lists := [2][]int64{}
	for it := c.Body.Lookup("cursors").Doc().Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if v.Type != bsonx.TypeInt64 {
			return wrongType("killCursors.cursors."+key, v.Type, Long)
		}
		i := 1
		if c.Cursors().Kill(v.Int64(), c.NS()) {
			i = 0
		}
		lists[i] = append(lists[i], v.Int64())
	}
	for i, name := range []string{"cursorsKilled", "cursorsNotFound"} {
		c.Reply.StartArray(name)
		for k, id := range lists[i] {
			c.Reply.Int64(indexName(k), id)
		}
		c.Reply.End()
	}
	c.Reply.StartArray("cursorsAlive").End().StartArray("cursorsUnknown").End()
	return nil
}
