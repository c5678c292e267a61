// Package crash_test kills servers and cuts the power of disks under load, and checks that what
// was acknowledged is there, and nothing by halves.
package crash_test

import (
	"flag"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/testutil"
)

var rounds = flag.Int("crash.rounds", 0, "how often to kill the server; 0 means 100, or 10 with -short")

func TestSurvivesKill(t *testing.T) {
	n := *rounds
	if n == 0 {
		n = 100
		if testing.Short() {
			n = 10
		}
	}
	bin, dir := testutil.BuildServer(t), filepath.Join(t.TempDir(), "data")
	l := newLedger()
	cs := newClients(l)
	for round := range n {
		s := testutil.StartProcess(t, bin, dir)
		if round == 0 {
			setUp(t, s.Addr)
		}
		var wg sync.WaitGroup
		for _, c := range cs {
			wg.Go(func() { c.run(s.Addr) })
		}
		time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond)
		s.Kill()
		wg.Wait()
		snap := l.snapshot()
		s = testutil.StartProcess(t, bin, dir)
		check(t, s.Addr, snap, snap, cs)
		s.Kill()
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	snap := l.snapshot()
	t.Logf("%d rounds, %d transfers and %d inserts acknowledged", n, len(snap.acked), len(snap.inserts))
}
