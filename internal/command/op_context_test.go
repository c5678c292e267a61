package command

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpContext(t *testing.T) {
	stopped, gone := errors.New("stopped"), errors.New("client gone")
	for _, tc := range []struct {
		name string
		do   func(c *opContext, parent context.CancelCauseFunc)
		want error // the cause
	}{
		{"runs", func(*opContext, context.CancelCauseFunc) {}, nil},
		{"stopped", func(c *opContext, _ context.CancelCauseFunc) { c.stop(stopped) }, stopped},
		{"client gone", func(_ *opContext, parent context.CancelCauseFunc) { parent(gone) }, gone},
		{"stopped, then client gone", func(c *opContext, parent context.CancelCauseFunc) { c.stop(stopped); parent(gone) }, stopped},
		{"ended", func(c *opContext, _ context.CancelCauseFunc) { c.end() }, context.Canceled},
		{"stopped after its end", func(c *opContext, _ context.CancelCauseFunc) { c.end(); c.stop(stopped) }, context.Canceled},
	} {
		for _, waited := range []bool{false, true} {
			t.Run(tc.name, func(t *testing.T) {
				parent, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				c := &opContext{Context: parent}
				var below context.Context
				if waited {
					var stop context.CancelFunc
					below, stop = context.WithCancel(context.Context(c))
					defer stop()
				}
				tc.do(c, cancel)
				require.Equal(t, tc.want, context.Cause(c))
				c.end()
				<-c.Done()
				require.ErrorIs(t, c.Err(), context.Canceled)
				if waited {
					<-below.Done()
				}
			})
		}
	}
}

// A statement is stopped while others ask for its context.
func TestOpContextConcurrently(t *testing.T) {
	stopped := errors.New("stopped")
	for range 100 {
		c := &opContext{Context: t.Context()}
		waiting := make(chan error)
		for range 4 {
			go func() {
				<-c.Done()
				waiting <- context.Cause(c)
			}()
		}
		go c.stop(stopped)
		for range 4 {
			require.Equal(t, stopped, <-waiting)
		}
		c.end()
	}
}
