package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/wire"
)

// listSource is a cursor over documents that are all there already.
type listSource struct{ docs []bsonx.Doc }

func (l *listSource) Next(context.Context) (bsonx.Doc, bool, error) {
	if len(l.docs) == 0 {
		return nil, false, nil
	}
	d := l.docs[0]
	l.docs = l.docs[1:]
	return d, true, nil
}

func (l *listSource) Close() error { return nil }

// replyList answers with a cursor over docs, which it takes over. The batch size is that of the
// command's cursor option.
func (c *Call) replyList(ns string, docs []bsonx.Doc) error {
	batch := len(docs)
	if v := c.Arg("cursor").Doc().Lookup("batchSize"); !v.IsMissing() {
		n, ok := integer(v)
		switch {
		case !v.IsNumber() || !ok:
			return wrongType(c.Spec.Name+".cursor.batchSize", v.Type, Number)
		case n < 0:
			return mongoerr.New(51024, "BSON field 'cursor.batchSize' value must be >= 0, actual value '%d'", n)
		}
		batch = int(min(n, int64(batch)))
	}
	b := c.Reply.StartDoc("cursor").StartArray("firstBatch")
	buf, size := b.Buffer(), 0
	i := 0
	for ; i < batch; i++ {
		if size += len(docs[i]); size > wire.MaxDocumentSize && i > 0 {
			break
		}
		*buf = bsonx.AppendIndexElem(*buf, i, bsonx.Document(docs[i]))
	}
	b.End()
	id := int64(0)
	if i < len(docs) {
		id = c.Cursors().Add(&session.Cursor{
			NS: ns, Command: c.Body.Clone(), Source: &listSource{docs[i:]}, Owner: c.Owner(), API: c.API(),
			Comment: c.Comment().Clone(), Returned: int64(i), Batches: 1,
		}, c.stmt)
	}
	b.Int64("id", id).String("ns", ns).End()
	return nil
}
