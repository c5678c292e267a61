// Package crash_test kills servers and cuts the power of disks under load, and checks that what
// was acknowledged is there, and nothing by halves.
package crash_test

import (
	"bufio"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var rounds = flag.Int("crash.rounds", 0, "how often to kill the server; 0 means 100, or 10 with -short")

// server is a running server process.
type server struct {
	cmd  *exec.Cmd
	addr string
}

var readyLine = regexp.MustCompile(`mongodb://(127\.0\.0\.1:\d+)/`)

// start runs the server on a free port and waits until it is ready.
func start(t *testing.T, bin, dir string) *server {
	t.Helper()
	cmd := exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--log-level", "error")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if m := readyLine.FindStringSubmatch(line); m != nil {
			go func() { _, _ = io.Copy(io.Discard, r) }()
			return &server{cmd, m[1]}
		}
		if err != nil {
			_ = cmd.Wait()
			t.Fatalf("the server did not start: %v", err)
		}
	}
}

// kill ends the server without warning.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tandem")
	cmd := exec.Command("go", "build", "-o", bin, "github.com/tandemdb/tandem/cmd/tandem")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

func TestSurvivesKill(t *testing.T) {
	n := *rounds
	if n == 0 {
		n = 100
		if testing.Short() {
			n = 10
		}
	}
	bin, dir := build(t), filepath.Join(t.TempDir(), "data")
	l := newLedger()
	cs := newClients(l)
	for round := range n {
		s := start(t, bin, dir)
		if round == 0 {
			setUp(t, s.addr)
		}
		var wg sync.WaitGroup
		for _, c := range cs {
			wg.Go(func() { c.run(s.addr) })
		}
		time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond)
		s.kill()
		wg.Wait()
		snap := l.snapshot()
		s = start(t, bin, dir)
		check(t, s.addr, snap, snap, cs)
		s.kill()
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	snap := l.snapshot()
	t.Logf("%d rounds, %d transfers and %d inserts acknowledged", n, len(snap.acked), len(snap.inserts))
}
