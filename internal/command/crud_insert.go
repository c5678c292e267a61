package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/update"
)

func insert(ctx context.Context, c *Call) error {
	ws, err := c.newWrites()
	if err != nil {
		return err
	}
	docs, _, err := c.Docs("documents")
	if err != nil {
		return err
	}
	if err := ws.checkBatch(countDocs(docs)); err != nil {
		return err
	}
	err = ws.finish(ctx, ws.insertAll(ctx, docs))
	if err != nil {
		return err
	}
	ws.reply()
	return nil
}

// insertAll inserts until the command has to stop; the error is one of the whole command.
func (ws *writes) insertAll(ctx context.Context, docs []byte) (failed error) {
	var buf []byte
	s := ws.c.Service
	eachDoc(docs, func(i int, d bsonx.Doc) bool {
		if s.fail.batchInsert.on.Load() {
			if failed = s.fail.batchInsert.hang(ctx, s.stop); failed != nil {
				return false
			}
		}
		if _, done := ws.lookup(i); done {
			ws.n++
			return true
		}
		doc, err := update.PrepareInsert(buf[:0], d, newID, ws.c.StampTime(ctx))
		if err == nil {
			buf = doc
			err = ws.w.Insert(ctx, doc, ws.recorder(i, func() bsonx.Doc { return bsonx.Empty }))
		}
		if err == nil {
			ws.n++
			return true
		}
		var stop bool
		stop, failed = ws.fail(i, err)
		return !stop
	})
	return failed
}
