package tandem

import (
	"context"
	"net"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/tandemdb/tandem/internal/server"
)

// Client returns the official driver's client for the database. Its connections stay
// inside the process: no port is opened and no authentication is needed.
// Disconnect it when it is not used any more, before DB.Close.
func (db *DB) Client(ctx context.Context) (*mongo.Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if db.closed.Load() {
		return nil, ErrClosed
	}
	return mongo.Connect(db.ClientOptions())
}

// ClientOptions returns the options that Client connects with, for those who need to
// add some, such as a registry or a command monitor.
func (db *DB) ClientOptions() *options.ClientOptions {
	return options.Client().
		ApplyURI("mongodb://" + server.PipeAddress + "/?directConnection=true").
		// The server is always there, so watching it by two more connections that
		// stream its state would be wasted.
		SetServerMonitoringMode(options.ServerMonitoringModePoll).
		SetDialer(pipeDialer{db})
}

// pipeDialer makes in-process connections, whatever the address.
type pipeDialer struct{ db *DB }

func (d pipeDialer) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	nc, err := d.db.server.Pipe()
	if err != nil {
		return nil, ErrClosed
	}
	return nc, nil
}
