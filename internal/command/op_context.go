package command

import (
	"context"
	"sync"
)

// opContext is the context of a statement. Nearly no statement is stopped or waits for anything,
// so what can be cancelled on its own is made from the connection's context only when somebody
// asks for Done, or stops the statement.
type opContext struct {
	context.Context // the connection's

	state struct {
		sync.Mutex
		own    context.Context         // nil: none yet
		cancel context.CancelCauseFunc // of own, nil for ended
	}
}

// ended is the own context of a statement that has ended without needing one.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// derived returns the statement's own context, which it makes if need be.
func (c *opContext) derived() context.Context {
	c.state.Lock()
	defer c.state.Unlock()
	if c.state.own == nil {
		c.state.own, c.state.cancel = context.WithCancelCause(c.Context) //nolint:fatcontext // made once
	}
	return c.state.own
}

// current returns the statement's own context if it has one, else the connection's.
func (c *opContext) current() context.Context {
	c.state.Lock()
	defer c.state.Unlock()
	if c.state.own != nil {
		return c.state.own
	}
	return c.Context
}

func (c *opContext) Done() <-chan struct{} { return c.derived().Done() }
func (c *opContext) Err() error            { return c.current().Err() }
func (c *opContext) Value(key any) any     { return c.current().Value(key) }

// stop cancels the context with a cause.
func (c *opContext) stop(cause error) {
	c.derived()
	if c.state.cancel != nil {
		c.state.cancel(cause)
	}
}

// end cancels the context of a statement that is over.
func (c *opContext) end() {
	c.state.Lock()
	defer c.state.Unlock()
	if c.state.cancel != nil {
		c.state.cancel(nil)
	} else {
		c.state.own = ended
	}
}
