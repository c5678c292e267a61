package command

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/query/exec"
	"github.com/tandemdb/tandem/internal/session"
)

// The waiting of an awaitData cursor: how long by default, and how often it looks.
const (
	awaitDefault = time.Second
	awaitPoll    = 10 * time.Millisecond
)

func openTailing(ctx context.Context, coll *catalog.Collection, q *exec.Compiled, st *exec.State) (*query, error) {
	tail, err := q.OpenTail(ctx, st, coll)
	if err != nil {
		return nil, err
	}
	return &query{tail, st}, nil
}

// tailOf returns the tail that a cursor follows, nil for other cursors.
func tailOf(src session.Source) *exec.Tail {
	if q, ok := src.(*query); ok {
		if t, ok := q.Iterator.(*exec.Tail); ok {
			return t
		}
	}
	return nil
}

// awaitData gives a tailable cursor at its end the chance to find more: it waits for a document
// that the reply can still take, as long as the client allows.
func (c *Call) awaitData(ctx context.Context, cur *session.Cursor) error {
	tail := tailOf(cur.Source)
	if tail == nil || !cur.AwaitData {
		return nil
	}
	wait := awaitDefault
	if m := c.MaxTime(); m > 0 {
		wait = m
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(awaitPoll)
	defer tick.Stop()
	for {
		if found, err := tail.Peek(ctx); err != nil || found {
			return err
		}
		cur.Source.(*query).state.Pause()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.Stopping():
			return nil
		case <-deadline.C:
			return nil
		case <-tick.C:
		}
	}
}
