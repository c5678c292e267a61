package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tandemdb/tandem"
)

const (
	// memoryReserve is what the process may use beside cache and memtables before the
	// garbage collector works harder.
	memoryReserve = 200 * mega
	// closeLimit ends a process whose database does not close.
	closeLimit = 5 * time.Second
)

func newServeCommand() *cli.Command {
	var s settings
	flags := s.flags()
	return &cli.Command{
		Name:  "serve",
		Usage: "run the server",
		Description: "Every flag can also be set in the environment, as TANDEM_ and its name in capitals,\n" +
			"such as TANDEM_ROOT_PASSWORD, and in the configuration file. The command line comes\n" +
			"before the environment, and that before the file. Sizes are in bytes or have a unit:\n" +
			"KB, MB or GB, of 1024.",
		Flags:        flags,
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return usageError(ctx, cmd, fmt.Errorf("unexpected argument %q", cmd.Args().First()), true)
			}
			if err := s.config.check(flags); err != nil {
				return err
			}
			return s.serve(ctx, cmd.Root().Writer)
		},
	}
}

// serve runs the server until a signal or the shutdown command ends it.
func (s *settings) serve(ctx context.Context, out io.Writer) error {
	log, recent, err := newLogger(os.Stderr, s.logLevel, s.logFormat)
	if err != nil {
		return err
	}
	tlsConfig, err := s.tlsConfig()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, shutdown := context.WithCancel(ctx)
	defer shutdown()

	// The port comes first: a second server on the same one is the most common mistake,
	// and should not need the directory to be told.
	listeners, err := s.openListeners()
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(s.cache) + int64(s.memTable) + memoryReserve)
	}
	db, err := tandem.Open(s.data, &tandem.Options{
		CacheBytes:     int64(s.cache),
		MemTableBytes:  int64(s.memTable),
		TxnMemoryBytes: int64(s.txn),
		MaxConnections: int(s.maxConnections),
		Advertise:      s.advertise,
		TLS:            tlsConfig,
		Auth:           s.auth,
		RootUser:       s.rootUser,
		RootPassword:   s.rootPassword,
		Logger:         log,
		Shutdown:       shutdown,
		Argv:           s.visibleArgs(os.Args),
		LogLines:       recent.Lines,
		ClearLog:       recent.Clear,
	})
	if err != nil {
		return s.explainOpen(err)
	}
	s.greet(out, listeners)
	log.Info("ready", "version", tandem.Version, "data", s.data, "listen", addresses(listeners), "auth", s.auth, "tls", tlsConfig != nil)
	err = run(ctx, db, listeners)
	stop() // a second signal ends the process at once
	log.Info("shutting down")
	return errors.Join(err, closeInTime(db, log))
}

// run serves all listeners until ctx ends or one of them fails.
func run(ctx context.Context, db *tandem.DB, listeners []net.Listener) error {
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- db.Serve(l) }()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// closeInTime closes the database and ends the process if that takes too long.
func closeInTime(db *tandem.DB, log *slog.Logger) error {
	watchdog := time.AfterFunc(closeLimit, func() {
		log.Error("the database did not close in time; it will recover at the next start")
		os.Exit(1)
	})
	defer watchdog.Stop()
	err := db.Close()
	if err == nil {
		log.Info("closed")
	}
	return err
}

// openListeners listens on all addresses. Unless clients must authenticate, or the
// operator has said that they need not, only loopback addresses are allowed.
func (s *settings) openListeners() ([]net.Listener, error) {
	var all []net.Listener
	for _, addr := range s.listen {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			closeAll(all)
			return nil, explainListen(addr, err)
		}
		all = append(all, l)
		if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() && !s.auth && !s.noAuth {
			closeAll(all)
			return nil, fmt.Errorf("listening on %s, which is not a loopback address, needs --auth, or --insecure-no-auth to let everybody in", addr)
		}
	}
	return all, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

func explainListen(addr string, err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot listen on %s: the port is used by another program", addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("cannot listen on %s: permission denied", addr)
	case errors.As(err, &op):
		err = op.Err
	}
	return fmt.Errorf("cannot listen on %s: %w", addr, err)
}

// explainOpen says what to do about the errors that users meet.
func (s *settings) explainOpen(err error) error {
	switch {
	case errors.Is(err, tandem.ErrLocked):
		return fmt.Errorf("the data directory %s is used by another process", s.data)
	case errors.Is(err, tandem.ErrNoUsers):
		return errors.New("--auth needs --root-user and --root-password, since the store has no users yet")
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the data directory %s is not writable: permission denied", s.data)
	}
	for _, errno := range []syscall.Errno{syscall.EROFS, syscall.ENOSPC, syscall.ENOTDIR, syscall.EEXIST} {
		if errors.Is(err, errno) {
			return fmt.Errorf("the data directory %s is not writable: %w", s.data, errno)
		}
	}
	return fmt.Errorf("cannot open the data directory %s: %s", s.data, oneLine(err))
}

// oneLine drops the prefix that main prints and line breaks.
func oneLine(err error) string {
	return strings.ReplaceAll(strings.TrimPrefix(err.Error(), "tandem: "), "\n", "; ")
}

func (s *settings) tlsConfig() (*tls.Config, error) {
	if s.tlsCert == "" && s.tlsKey == "" {
		return nil, nil
	}
	if s.tlsCert == "" || s.tlsKey == "" {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	cert, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("cannot load the TLS certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// greet tells how to connect.
func (s *settings) greet(out io.Writer, listeners []net.Listener) {
	uri := s.connectionString(listeners[0])
	fmt.Fprintf(out, "Tandem %s is ready: %s\nTry it: mongosh %q --eval 'db.test.insertOne({hello: \"world\"})'\n",
		tandem.Version, uri, uri)
}

// connectionString returns the URI of a client on this machine, without the password.
func (s *settings) connectionString(l net.Listener) string {
	host := s.advertise
	if host == "" {
		addr := *l.Addr().(*net.TCPAddr)
		if addr.IP.IsUnspecified() {
			addr.IP = net.IPv4(127, 0, 0, 1)
		}
		host = addr.String()
	}
	var user, query string
	if s.auth && s.rootUser != "" {
		user = s.rootUser + "@"
	}
	if s.tlsCert != "" {
		query = "?tls=true"
	}
	return "mongodb://" + user + host + "/" + query
}

func addresses(listeners []net.Listener) []string {
	var all []string
	for _, l := range listeners {
		all = append(all, l.Addr().String())
	}
	return all
}

// visibleArgs returns the command line without the password, since clients can ask for it.
func (s *settings) visibleArgs(args []string) []string {
	visible := make([]string, len(args))
	for i, a := range args {
		if s.rootPassword != "" {
			a = strings.ReplaceAll(a, s.rootPassword, "<password>")
		}
		visible[i] = a
	}
	return visible
}
