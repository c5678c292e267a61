package odm

import (
	"context"
	"reflect"
	"sync"
)

// guardSet knows the contexts that transactions were opened with.
type guardSet struct {
	mu   sync.Mutex
	ctxs map[context.Context]int
}

// guardCell counts the transactions that are open below the context it is in.
type guardCell struct {
	mu   sync.Mutex
	open map[*Connection]int
}

type guardKey struct{}

// Guard returns a context for a call tree, such as a request, in which RequireSession
// finds calls outside the open transaction by derived contexts, too.
func Guard(ctx context.Context) context.Context {
	return context.WithValue(ctx, guardKey{}, &guardCell{open: map[*Connection]int{}})
}

// identifiable tells whether a context belongs to one call tree.
func identifiable(ctx context.Context) bool {
	return ctx != context.Background() && ctx != context.TODO() && reflect.TypeOf(ctx).Comparable()
}

// opened notes that a transaction was opened with ctx; the function it returns ends that.
func (g *guardSet) opened(ctx context.Context, c *Connection) func() {
	if !c.opts.RequireSession {
		return func() {}
	}
	g.add(ctx, 1)
	cell, _ := ctx.Value(guardKey{}).(*guardCell)
	cell.add(c, 1)
	return func() {
		g.add(ctx, -1)
		cell.add(c, -1)
	}
}

func (g *guardSet) add(ctx context.Context, n int) {
	if !identifiable(ctx) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctxs == nil {
		g.ctxs = map[context.Context]int{}
	}
	if g.ctxs[ctx] += n; g.ctxs[ctx] == 0 {
		delete(g.ctxs, ctx)
	}
}

func (cell *guardCell) add(c *Connection, n int) {
	if cell == nil {
		return
	}
	cell.mu.Lock()
	defer cell.mu.Unlock()
	cell.open[c] += n
}

// check refuses a call without a session where a transaction is open.
func (g *guardSet) check(ctx context.Context, c *Connection) error {
	if !c.opts.RequireSession {
		return nil
	}
	if cell, _ := ctx.Value(guardKey{}).(*guardCell); cell != nil {
		cell.mu.Lock()
		open := cell.open[c] > 0
		cell.mu.Unlock()
		if open {
			return ErrNoSession
		}
	}
	if !identifiable(ctx) {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctxs[ctx] > 0 {
		return ErrNoSession
	}
	return nil
}
