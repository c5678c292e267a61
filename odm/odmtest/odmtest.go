// Package odmtest helps to test code that uses odm: a connection to a database of the
// test's own, on which every transaction is rehearsed, and a recorder of what is sent.
package odmtest

import (
	"context"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/tandemdb/tandem/odm"
	"github.com/tandemdb/tandem/tandemtest"
)

// Connect returns a connection to a new, empty database that is gone with the test. With
// nil options every transaction is rehearsed: aborted once at its end and run again.
func Connect(t testing.TB, opts *odm.ConnectionOptions) (*odm.Connection, *Recorder) {
	t.Helper()
	if opts == nil {
		opts = &odm.ConnectionOptions{Rehearse: true}
	}
	rec := &Recorder{}
	client, err := mongo.Connect(tandemtest.New(t).Embedded().ClientOptions().SetMonitor(rec.Monitor()))
	if err != nil {
		t.Fatalf("odmtest: connect: %v", err)
	}
	t.Cleanup(func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Errorf("odmtest: disconnect: %v", err)
		}
	})
	return odm.Use(client, "test", opts), rec
}

// Recorder keeps the commands that a client sends. It is safe for concurrent use.
type Recorder struct {
	mu   sync.Mutex
	cmds []bson.Raw
}

// Monitor returns what the client's options need.
func (r *Recorder) Monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.cmds = append(r.cmds, append(bson.Raw(nil), e.Command...))
	}}
}

// Take returns the commands of a name that were sent since the last call, all if the name
// is empty, and forgets the rest.
func (r *Recorder) Take(name string) []bson.Raw {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []bson.Raw
	for _, c := range r.cmds {
		els, err := c.Elements()
		if name == "" || (err == nil && len(els) > 0 && els[0].Key() == name) {
			out = append(out, c)
		}
	}
	r.cmds = nil
	return out
}
