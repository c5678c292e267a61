package server

import (
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/command"
)

// stats are the counters behind Stats.
type stats struct {
	current  atomic.Int64
	total    atomic.Int64
	active   atomic.Int64
	bytesIn  atomic.Int64
	bytesOut atomic.Int64
	requests atomic.Int64
}

// Stats returns the current counters.
func (s *Server) Stats() command.NetStats {
	current := s.stats.current.Load()
	return command.NetStats{
		Current:   current,
		Available: max(int64(s.opts.MaxConnections)-current, 0),
		Total:     s.stats.total.Load(),
		Active:    s.stats.active.Load(),
		BytesIn:   s.stats.bytesIn.Load(),
		BytesOut:  s.stats.bytesOut.Load(),
		Requests:  s.stats.requests.Load(),
	}
}
