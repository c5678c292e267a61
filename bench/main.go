package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"
)

// config is what the flags say.
type config struct {
	server     string
	base       string
	cpuProfile string
	postgres   string
	only       *regexp.Regexp
	targets    *regexp.Regexp
	duration   time.Duration
	rounds     int
	documents  int
	clients    int
	footprint  bool
	dir        string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the program. Children of it are started with the name of what they serve as their
// first argument.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "canned":
			return serveCanned(ctx, args[1:], out)
		case "profiled":
			return serveProfiled(ctx, args[1:], out)
		}
	}
	cfg, err := parseFlags(args)
	if err != nil {
		return err
	}
	if cfg.dir, err = os.MkdirTemp("", "tandem-bench"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(cfg.dir) }()
	if cfg.footprint {
		return measureFootprint(ctx, cfg, out)
	}
	if cfg.base != "" {
		return compare(ctx, cfg, out)
	}
	b, err := setUp(ctx, cfg)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.runAll(ctx); err != nil {
		return err
	}
	return b.results.medians().write(out)
}

func parseFlags(args []string) (*config, error) {
	var cfg config
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&cfg.server, "server", filepath.Join("bin", "tandem"), "the server's `binary`")
	fs.StringVar(&cfg.base, "base", "", "compare the server with this older `binary`, nothing else")
	fs.StringVar(&cfg.cpuProfile, "cpuprofile", "", "run the server of this source tree instead, and write its CPU profile to `file`")
	fs.StringVar(&cfg.postgres, "postgres", "/usr/lib/postgresql/15/bin", "`directory` of PostgreSQL's programs")
	fs.DurationVar(&cfg.duration, "time", 500*time.Millisecond, "how long each measurement takes")
	fs.IntVar(&cfg.rounds, "rounds", 5, "measure everything this `number` of times, in turn, and report medians")
	fs.IntVar(&cfg.documents, "documents", 100_000, "`number` of documents of 1 KB that are read")
	fs.IntVar(&cfg.clients, "clients", 0, "measure with this `number` of clients only, of those with which a workload is measured")
	fs.BoolVar(&cfg.footprint, "footprint", false, "measure memory and disk of a server with 1 GB of documents, nothing else")
	only := fs.String("only", "", "run the workloads that match this `regexp`")
	targets := fs.String("targets", "", "measure the targets that match this `regexp`: tandem, canned, engine, postgres")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if cfg.only, err = regexp.Compile(*only); err != nil {
		return nil, err
	}
	cfg.targets, err = regexp.Compile(*targets)
	return &cfg, err
}
