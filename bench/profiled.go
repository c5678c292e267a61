package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"

	"github.com/tandemdb/tandem"
)

// serveProfiled serves an embedded database and profiles the process from start to end.
func serveProfiled(ctx context.Context, args []string, out io.Writer) (err error) {
	if len(args) != 2 {
		return errors.New("profiled needs a directory for the data and a file for the profile")
	}
	f, err := os.Create(args[1])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	db, err := tandem.Open(args[0], nil)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, db.Close())
	}
	fmt.Fprintln(out, l.Addr())
	stop := context.AfterFunc(ctx, func() { _ = db.Close() })
	defer stop()
	err = db.Serve(l)
	pprof.StopCPUProfile()
	return errors.Join(err, db.Close())
}
