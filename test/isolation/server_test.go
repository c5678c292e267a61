package isolation_test

import (
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testutil"
)

// serve serves a database in memory.
func serve(t *testing.T) string {
	t.Helper()
	db, err := tandem.Open("", &tandem.Options{InMemory: true, CacheBytes: 32 << 20, MemTableBytes: 8 << 20})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- db.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, db.Close())
		<-done
	})
	return l.Addr().String()
}

// node is a server process that is killed and started again.
type node struct {
	*testutil.Process
	c        *cluster
	bin, dir string
}

func newNode(c *cluster, bin, dir string) *node {
	c.crashes = true
	n := &node{c: c, bin: bin, dir: dir}
	n.start()
	c.t.Cleanup(func() { n.Kill() })
	return n
}

func (n *node) start() {
	n.Process = testutil.StartProcess(n.c.t, n.bin, n.dir)
	n.c.moveTo(n.Addr)
}

// killAgain kills the node a number of times, and starts it each time.
func (n *node) killAgain(rng *rand.Rand, times int) {
	for range times {
		time.Sleep(time.Duration(50+rng.IntN(250)) * time.Millisecond)
		n.Kill()
		n.start()
	}
	time.Sleep(100 * time.Millisecond)
}
