package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// results are all measurements of a run.
type results []*result

// find returns a measurement, nil if it was not made.
func (rs results) find(workload, target string, clients int) *result {
	for _, r := range rs {
		if r.is(workload, target, clients) {
			return r
		}
	}
	return nil
}

func (r *result) is(workload, target string, clients int) bool {
	return r.workload == workload && r.target == target && r.clients == clients
}

// medians returns one result for all rounds of a measurement: the median of each figure, and the
// worst latency.
func (rs results) medians() results {
	var out results
	for _, r := range rs {
		if out.find(r.workload, r.target, r.clients) != nil {
			continue
		}
		var rounds results
		for _, other := range rs {
			if other.is(r.workload, r.target, r.clients) {
				rounds = append(rounds, other)
			}
		}
		out = append(out, rounds.median())
	}
	return out
}

// median sums up the rounds of one measurement.
func (rs results) median() *result {
	m := *rs[0]
	slices.SortFunc(rs, func(a, b *result) int { return cmp.Compare(a.rate(), b.rate()) })
	m.ops, m.elapsed = rs[len(rs)/2].ops, rs[len(rs)/2].elapsed
	m.p50 = middle(rs, func(r *result) time.Duration { return r.p50 })
	m.p95 = middle(rs, func(r *result) time.Duration { return r.p95 })
	m.p99 = middle(rs, func(r *result) time.Duration { return r.p99 })
	m.cpu = middle(rs, func(r *result) time.Duration { return r.cpu })
	m.mallocs = middle(rs, func(r *result) float64 { return r.mallocs })
	m.aborts = middle(rs, func(r *result) float64 { return r.aborts })
	for _, r := range rs {
		m.worst = max(m.worst, r.worst)
	}
	return &m
}

// middle returns the median of a figure.
func middle[T cmp.Ordered](rs results, figure func(*result) T) T {
	all := make([]T, len(rs))
	for i, r := range rs {
		all[i] = figure(r)
	}
	slices.Sort(all)
	return all[len(all)/2]
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
