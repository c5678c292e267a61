package main

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/tandemdb/tandem/odm"
)

func main() {
	uri := flag.String("uri", "mongodb://127.0.0.1:27017/?directConnection=true", "the database")
	listen := flag.String("listen", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := serve(*uri, *listen, log); err != nil {
		log.Error("bank", "error", err)
		os.Exit(1)
	}
}

const (
	readTimeout = 10 * time.Second
	stopTimeout = 5 * time.Second
)

func serve(uri, listen string, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conn, err := odm.CreateConnection(ctx, uri, &odm.ConnectionOptions{Database: "bank", RequireSession: true})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Disconnect(context.WithoutCancel(ctx)) }()
	bank, err := NewBank(ctx, conn, func(_ context.Context, e *Entry) {
		log.Info("transferred", "from", e.From.ID(), "to", e.To.ID(), "amount", e.Amount)
	})
	if err != nil {
		return err
	}
	srv := &http.Server{Addr: listen, Handler: bank.Handler(), ReadHeaderTimeout: readTimeout}
	context.AfterFunc(ctx, func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		_ = srv.Shutdown(limited)
	})
	if err := srv.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
