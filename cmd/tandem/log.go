package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// newLogger returns the logger of the process and the memory of its newest lines.
func newLogger(w io.Writer, level, format string) (*slog.Logger, *recentLines, error) {
	var opts slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, fmt.Errorf("--log-level is %q, not debug, info, warn or error", level)
	}
	opts.Level = l
	recent := &recentLines{}
	out := io.MultiWriter(w, recent)
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(out, &opts)), recent, nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, &opts)), recent, nil
	}
	return nil, nil, fmt.Errorf("--log-format is %q, not text or json", format)
}

// recentMax is how many lines are kept, as many as MongoDB keeps.
const recentMax = 1024

// recentLines keeps the newest lines that were written to it, for the getLog command.
type recentLines struct {
	mu    sync.Mutex
	lines []string // a ring once it is full
	next  int
}

// Write takes one line, as log handlers write them.
func (r *recentLines) Write(p []byte) (int, error) {
	line := string(bytes.TrimRight(p, "\n"))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) < recentMax {
		r.lines = append(r.lines, line)
	} else {
		r.lines[r.next] = line
		r.next = (r.next + 1) % recentMax
	}
	return len(p), nil
}

// Lines returns the lines, the oldest first.
func (r *recentLines) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(append([]string(nil), r.lines[r.next:]...), r.lines[:r.next]...)
}

// Clear forgets the lines.
func (r *recentLines) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines, r.next = nil, 0
}
