package command

import (
	"log/slog"
	"sync/atomic"
	"time"
)

const defaultSlowMS = 100

// profiler decides which commands are slow enough to be logged.
type profiler struct {
	slowMS atomic.Int64
}

// asserts counts what serverStatus.asserts shows.
type asserts struct {
	user, internal atomic.Int64
}

// logSlow writes the log line of a slow command.
func (s *Service) logSlow(c *Call, d time.Duration) {
	if c.Spec.Has(Endless) {
		return
	}
	attrs := []any{
		slog.String("command", c.Spec.Name), slog.String("ns", c.ns), slog.Duration("duration", d),
		slog.Int64("connection", c.Conn.ID), slog.String("appName", c.Conn.AppName()),
	}
	if c.kind.InTransaction() {
		attrs = append(attrs, slog.String("lsid", c.gen.session.UUIDString()), slog.Int64("txnNumber", c.gen.txnNumber))
	}
	s.logger.Info("slow operation", attrs...)
}
