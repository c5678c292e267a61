package tandemtest

import (
	"sync"
	"time"
)

// Clock is a clock that moves when the test says so. Its Now goes into tandem.Options.
// It drives what the database calls the time: $$NOW, expiry by TTL indexes, timestamps,
// the age of sessions. How long statements wait for each other, the real clock tells.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows start.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
