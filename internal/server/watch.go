package server

import (
	"errors"
	"os"
	"time"

	"github.com/tandemdb/tandem/internal/wire"
)

// begin marks the connection busy. It reports false if the server is shutting
// down and takes no more statements.
func (c *conn) begin(m *wire.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.draining {
		return false
	}
	c.mu.busy = true
	c.srv.stats.active.Add(1)
	// A client that waits for no answer may close before its statement has run.
	if m.Flags&wire.MoreToCome == 0 {
		c.timer.Reset(c.srv.opts.WatchAfter)
	}
	return true
}

// end marks the connection idle and takes the socket back from the watcher. It
// reports whether another statement may come.
func (c *conn) end() bool {
	c.timer.Stop()
	c.srv.stats.active.Add(-1)
	c.mu.Lock()
	c.mu.busy = false
	watcher, draining := c.mu.watcher, c.mu.draining
	if watcher == nil {
		c.mu.Unlock()
		return !draining
	}
	c.mu.stopping = true
	err := c.nc.SetReadDeadline(time.Unix(1, 0))
	c.mu.Unlock()

	<-watcher
	c.mu.Lock()
	c.mu.watcher, c.mu.stopping = nil, false
	draining = c.mu.draining
	if err == nil && !draining {
		err = c.nc.SetReadDeadline(time.Time{})
	}
	c.mu.Unlock()
	return err == nil && !draining && c.ctx.Err() == nil
}

// watch runs when a statement has taken longer than a moment: it reads from the
// socket until the statement has ended, and cancels the statement if the client
// goes. A client that has sent more requests is taken to be there.
func (c *conn) watch() {
	c.mu.Lock()
	// The timer may fire just when its statement has ended and the next one has
	// begun; that one is watched a little early, then.
	if !c.mu.busy || c.mu.watcher != nil {
		c.mu.Unlock()
		return
	}
	done := make(chan struct{})
	c.mu.watcher = done
	c.mu.Unlock()
	defer close(done)

	for c.reader.Buffered() < readAheadMax {
		err := c.reader.ReadAhead()
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) && c.reader.Buffered() == 0 {
			c.cancel(errClientGone)
		}
		return
	}
}

// drain closes the connection, at once if it is idle, else when its statement has
// ended.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.draining = true
	if !c.mu.busy {
		_ = c.nc.Close()
	}
}
