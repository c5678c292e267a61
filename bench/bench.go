package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// The targets.
const (
	tandemTarget   = "tandem"
	cannedTarget   = "canned"
	engineTarget   = "engine"
	postgresTarget = "postgres"
)

// bench is everything that runs while workloads are measured.
type bench struct {
	cfg     *config
	tandem  *mongoDB
	canned  *mongoDB // nil if not wanted, as all below
	engine  *engineDB
	pg      *postgres
	ids     atomic.Int64
	results results
}

// setUp starts the targets and loads them.
func setUp(ctx context.Context, cfg *config) (_ *bench, err error) {
	b := &bench{cfg: cfg}
	b.ids.Store(int64(cfg.documents))
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	server, err := startTandem(cfg)
	if err != nil {
		return nil, err
	}
	if b.tandem, err = connect(ctx, server); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := b.tandem.load(ctx, cfg.documents); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "loaded tandem in %v\n", time.Since(start).Round(time.Millisecond))
	return b, b.startFloors(ctx)
}

func (b *bench) wants(target string) bool { return b.cfg.targets.MatchString(target) }

func (b *bench) startFloors(ctx context.Context) error {
	if b.wants(cannedTarget) {
		p, err := startServer(os.Args[0], "canned", b.tandem.process.addr)
		if err != nil {
			return err
		}
		if b.canned, err = connect(ctx, p); err != nil {
			return err
		}
	}
	if b.wants(engineTarget) {
		var err error
		if b.engine, err = openEngine(b.cfg.dir); err != nil {
			return err
		}
		if err := b.engine.load(ctx, b.cfg.documents); err != nil {
			return err
		}
	}
	if b.wants(postgresTarget) {
		var err error
		if b.pg, err = startPostgres(ctx, b.cfg.postgres); err != nil {
			return fmt.Errorf("postgres (leave it out with -targets): %w", err)
		}
		start := time.Now()
		if err := b.pg.load(ctx, b.cfg.documents); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "loaded postgres in %v\n", time.Since(start).Round(time.Millisecond))
	}
	return nil
}

// startTandem starts the server under test.
func startTandem(cfg *config) (*process, error) {
	data := filepath.Join(cfg.dir, "data")
	if cfg.cpuProfile != "" {
		return startServer(os.Args[0], "profiled", data, cfg.cpuProfile)
	}
	return startServer(cfg.server, "serve", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "error")
}

func (b *bench) close() {
	for _, m := range []*mongoDB{b.canned, b.tandem} {
		if m != nil {
			m.close()
			m.process.stop(syscall.SIGINT)
		}
	}
	if b.engine != nil {
		_ = b.engine.kv.Close()
	}
	if b.pg != nil {
		b.pg.close()
	}
}

// runAll measures all workloads, in rounds in which the targets take turns, so that whatever else
// the machine does hits all of them. Those that write come when all that read are done.
func (b *bench) runAll(ctx context.Context) error {
	for _, writes := range []bool{false, true} {
		for range b.cfg.rounds {
			if err := b.runRound(ctx, writes); err != nil {
				return err
			}
		}
	}
	return b.tandem.checkTotals(ctx)
}

func (b *bench) runRound(ctx context.Context, writes bool) error {
	for i := range workloads {
		wl := &workloads[i]
		if wl.writes != writes || !b.cfg.only.MatchString(wl.name) {
			continue
		}
		counts := wl.clients
		if counts == nil {
			counts = clientCounts
		}
		for _, n := range counts {
			if b.cfg.clients != 0 && b.cfg.clients != n {
				continue
			}
			if err := b.runWith(ctx, wl, n); err != nil {
				return fmt.Errorf("%s, %d clients: %w", wl.name, n, err)
			}
		}
	}
	return nil
}

// runWith measures one workload with some clients on all targets.
func (b *bench) runWith(ctx context.Context, wl *workload, clients int) error {
	var errs []error
	run := func(target string, m measurement) {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			return
		}
		m.duration, m.workers = b.cfg.duration, newWorkers(clients, b.cfg.documents, &b.ids)
		r, err := m.run(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", target, err))
			return
		}
		r.workload, r.target = wl.name, target
		fmt.Fprintf(os.Stderr, "%-26s %-9s %3d clients %9.0f/s  p50 %9v  cpu %9v  mallocs %.0f\n",
			wl.name, target, clients, r.rate(), r.p50.Round(time.Microsecond), r.cpu, r.mallocs)
		b.results = append(b.results, r)
	}
	if b.wants(tandemTarget) || b.canned != nil {
		run(tandemTarget, measurement{op: mongoOp(b.tandem, wl), usage: b.tandem.usage})
	}
	if b.canned != nil && !wl.uncanned {
		run(cannedTarget, measurement{op: mongoOp(b.canned, wl), usage: b.canned.cannedUsage})
	}
	if b.engine != nil && wl.engine != nil && slices.Contains(clientCounts, clients) {
		run(engineTarget, measurement{usage: b.engine.usage, op: func(ctx context.Context, _ int, w *worker) error {
			return wl.engine(b.engine, ctx, w)
		}})
	}
	if b.pg != nil && wl.postgres != nil && clients == postgresClients {
		run(postgresTarget, measurement{usage: b.pg.usage, op: pgOp(b.pg.conns, wl)})
	}
	return errors.Join(errs...)
}

func mongoOp(m *mongoDB, wl *workload) func(context.Context, int, *worker) error {
	return func(ctx context.Context, _ int, w *worker) error { return wl.mongo(m, ctx, w) }
}

func pgOp(conns []*pgx.Conn, wl *workload) func(context.Context, int, *worker) error {
	return func(ctx context.Context, i int, w *worker) error { return wl.postgres(ctx, conns[i], w) }
}
