package exec

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Effect is what an explained write would do to the documents that its query finds.
type Effect struct {
	Modify *Modify

	// Returns says that it is a findAndModify, which returns a document, with ReturnsNew as it
	// would be afterwards, in the form of a projection.
	Returns, ReturnsNew bool
	Projection          bsonx.Doc

	matched, modified, upserted int64
}

// run makes the changes, of which nothing is kept, to the documents of a cursor.
func (e *Effect) run(ctx context.Context, cur *Cursor) error {
	for {
		doc, ok, err := cur.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		e.matched++
		if err := e.change(doc); err != nil {
			return err
		}
		if !e.Modify.Multi {
			break
		}
	}
	if e.Modify.Upsert && e.matched == 0 {
		e.upserted = 1
	}
	return nil
}

func (e *Effect) change(doc bsonx.Doc) error {
	if e.deletes() {
		return nil
	}
	_, changed, err := e.Modify.apply(doc)
	if changed {
		e.modified++
	}
	return err
}

func (e *Effect) deletes() bool { return e.Modify.Update == nil && e.Modify.Change == nil }

// returned is how many documents the command would return.
func (e *Effect) returned() int64 {
	switch {
	case !e.Returns:
		return 0
	case e.upserted > 0 && !e.ReturnsNew:
		return 0
	}
	return e.matched + e.upserted
}

// stages appends the stages of the write, with its figures if it was run.
func (e *Effect) stages(stage func(string, func()), b *bsonx.Builder, ran bool) {
	if !e.Projection.IsEmpty() {
		stage("PROJECTION_DEFAULT", func() { b.Doc("transformBy", e.Projection) })
	}
	name := "UPDATE"
	if e.deletes() {
		name = "DELETE"
	}
	stage(name, func() {
		switch {
		case !ran:
		case e.deletes():
			b.Int64("nWouldDelete", e.matched)
		default:
			b.Int64("nMatched", e.matched).Int64("nWouldModify", e.modified).Int64("nWouldUpsert", e.upserted)
		}
	})
}
