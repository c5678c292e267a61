package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// results are all measurements of a run.
type results []*result

// find returns a measurement, nil if it was not made.
func (rs results) find(workload, target string, clients int) *result {
	for _, r := range rs {
		if r.workload == workload && r.target == target && r.clients == clients {
			return r
		}
	}
	return nil
}

// write prints the tables in Markdown.
func (rs results) write(out io.Writer) error {
	var b strings.Builder
	b.WriteString("| workload | clients | server | ops/s | p50 | p95 | p99 | worst | server CPU/op | allocs/op | aborts/op | of canned | of PostgreSQL |\n")
	b.WriteString("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, r := range rs {
		fmt.Fprintf(&b, "| %s | %d | %s | %.0f | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
			r.workload, r.clients, r.target, r.rate(), micros(r.p50), micros(r.p95), micros(r.p99), micros(r.worst), micros(r.cpu),
			optional("%.0f", r.mallocs, r.mallocs >= 0), optional("%.2f", r.aborts, r.aborts > 0),
			rs.ratio(r, cannedTarget), rs.ratio(r, postgresTarget))
	}
	b.WriteString("\n| target | limit | measured | met |\n| --- | ---: | ---: | --- |\n")
	for _, g := range goals {
		for _, c := range g(rs) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.name, c.limit, c.measured, map[bool]string{true: "yes", false: "**no**"}[c.met])
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// ratio returns the throughput of Tandem divided by that of another target in the same place.
func (rs results) ratio(r *result, target string) string {
	other := rs.find(r.workload, target, r.clients)
	if r.target != tandemTarget || other == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", r.rate()/other.rate())
}

func micros(d time.Duration) string {
	if d >= 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

func optional(format string, v float64, ok bool) string {
	if !ok {
		return ""
	}
	return fmt.Sprintf(format, v)
}
