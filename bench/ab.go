package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The servers of a comparison. Two are of the base, so that what they differ by tells what is noise.
const (
	abBase  = "base"
	abAgain = "base again"
	abNew   = "new"
)

// abTolerance is by how much the new server may be worse where the bases agree better than that.
const abTolerance = 0.05

// abWorkloads are what is compared.
var abWorkloads = []string{
	"ping", "findOne by _id", "findOne by indexed field", "range of 100, index order",
	"updateOne", "findOneAndUpdate", "transfer", "insertOne",
}

// compare measures server CPU and allocations per operation of two binaries, in rounds in which
// they take turns, and reports the ratio of the medians beside that of the base and the base.
func compare(ctx context.Context, cfg *config, out io.Writer) (err error) {
	names := []string{abBase, abNew, abAgain}
	servers := make(map[string]*bench)
	defer func() {
		for _, b := range servers {
			b.close()
		}
	}()
	for i, name := range names {
		c := *cfg
		c.dir = filepath.Join(cfg.dir, fmt.Sprint(i))
		if name != abNew {
			c.server = cfg.base
		}
		if servers[name], err = setUpOnly(ctx, &c); err != nil {
			return err
		}
	}
	var rs results
	for round := range cfg.rounds {
		for _, name := range abWorkloads {
			if !cfg.only.MatchString(name) {
				continue
			}
			for i := range names { // another one begins each round
				target := names[(round+i)%len(names)]
				r, err := servers[target].measure(ctx, workloadNamed(name), goalClients)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", name, target, err)
				}
				r.target = target
				rs = append(rs, r)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, cfg.rounds)
	}
	for _, b := range servers {
		if err := b.tandem.checkTotals(ctx); err != nil {
			return err
		}
	}
	return rs.medians().writeComparison(out)
}

// setUpOnly starts and loads a server without the floors.
func setUpOnly(ctx context.Context, cfg *config) (*bench, error) {
	if err := os.MkdirAll(cfg.dir, 0o755); err != nil {
		return nil, err
	}
	p, err := startTandem(cfg)
	if err != nil {
		return nil, err
	}
	b := &bench{cfg: cfg}
	b.ids.Store(int64(cfg.documents))
	if b.tandem, err = connect(ctx, p); err != nil {
		p.stop(syscall.SIGINT)
		return nil, err
	}
	if err := b.tandem.load(ctx, cfg.documents); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// measure runs one workload on the server.
func (b *bench) measure(ctx context.Context, wl *workload, clients int) (*result, error) {
	m := measurement{
		op: mongoOp(b.tandem, wl), usage: b.tandem.usage,
		duration: b.cfg.duration, workers: newWorkers(clients, b.cfg.documents, &b.ids),
	}
	r, err := m.run(ctx)
	if err == nil {
		r.workload = wl.name
	}
	return r, err
}

func workloadNamed(name string) *workload {
	for i := range workloads {
		if workloads[i].name == name {
			return &workloads[i]
		}
	}
	panic("bench: no workload " + name)
}

// writeComparison prints the table of a comparison in Markdown.
func (rs results) writeComparison(out io.Writer) error {
	var b strings.Builder
	b.WriteString("| workload | CPU, base | new | ratio | base to base | allocations, base | new | ratio | no worse |\n")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, name := range abWorkloads {
		base, again, now := rs.find(name, abBase, goalClients), rs.find(name, abAgain, goalClients), rs.find(name, abNew, goalClients)
		if !all(base, again, now) {
			continue
		}
		cpu, noise := float64(now.cpu)/float64(base.cpu), float64(again.cpu)/float64(base.cpu)
		mallocs, mnoise := now.mallocs/base.mallocs, again.mallocs/base.mallocs
		fmt.Fprintf(&b, "| %s | %s | %s | %.2f | %.2f | %.1f | %.1f | %.2f | %s |\n", name,
			micros(base.cpu), micros(now.cpu), cpu, noise, base.mallocs, now.mallocs, mallocs,
			map[bool]string{true: "yes", false: "**no**"}[noWorse(cpu, noise) && noWorse(mallocs, mnoise)])
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// noWorse reports whether a ratio is within the tolerance, or within what the bases differ by.
func noWorse(ratio, noise float64) bool { return ratio <= 1+max(abTolerance, math.Abs(noise-1)) }
