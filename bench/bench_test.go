package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain makes the test binary do what the program does when it is started as a child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "canned" || os.Args[1] == "profiled") {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "cpu")
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{
		"-cpuprofile", profile, "-documents", "1000", "-time", "5ms", "-rounds", "2", "-targets", "tandem|canned|engine",
	}, &out))
	for _, wl := range workloads {
		require.Contains(t, out.String(), fmt.Sprintf("| %s | 16 | tandem |", wl.name))
	}
	require.Contains(t, out.String(), "| findOne by _id | 64 | engine |")
	require.Contains(t, out.String(), "| transfer: throughput at 16 clients, of the canned server's | ≥ 0.60 |")
	require.NotContains(t, out.String(), "PostgreSQL's")
	require.Equal(t, 1, strings.Count(out.String(), "| ping | 16 | tandem |"), "one line for both rounds")
	require.FileExists(t, profile)
}

func TestMeasurement(t *testing.T) {
	used := time.Duration(0)
	m := measurement{
		workers:  newWorkers(2, 100, nil),
		duration: time.Millisecond,
		op: func(_ context.Context, i int, w *worker) error {
			w.aborts++
			return nil
		},
		usage: func(context.Context) (usage, error) {
			used += time.Hour
			return usage{cpu: used, mallocs: -1}, nil
		},
	}
	r, err := m.run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, r.clients)
	require.Equal(t, time.Hour/time.Duration(r.ops), r.cpu)
	require.EqualValues(t, 1, r.aborts)
	require.LessOrEqual(t, r.p50, r.worst)
	require.Negative(t, r.mallocs)
}

func TestCompare(t *testing.T) {
	server := filepath.Join(t.TempDir(), "tandem")
	require.NoError(t, exec.Command("go", "build", "-o", server, "../cmd/tandem").Run())
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{
		"-server", server, "-base", server, "-documents", "1000", "-time", "5ms", "-rounds", "2",
	}, &out))
	for _, name := range abWorkloads {
		require.Contains(t, out.String(), "| "+name+" |")
	}
}

func TestNoWorse(t *testing.T) {
	for _, tc := range []struct {
		ratio, noise float64
		ok           bool
	}{{0.5, 1, true}, {1.05, 1, true}, {1.06, 1, false}, {1.06, 0.93, true}, {1.2, 1.1, false}} {
		require.Equal(t, tc.ok, noWorse(tc.ratio, tc.noise), "%v", tc)
	}
}

func TestMedians(t *testing.T) {
	round := func(target string, ops int, cpu, worst time.Duration) *result {
		return &result{workload: "ping", target: target, clients: 1, ops: ops, elapsed: time.Second, cpu: cpu, worst: worst}
	}
	rs := results{
		round(tandemTarget, 10, 5, 1), round(cannedTarget, 1, 1, 1),
		round(tandemTarget, 30, 4, 9), round(cannedTarget, 2, 2, 2),
		round(tandemTarget, 20, 6, 2), round(cannedTarget, 3, 3, 3),
	}.medians()
	require.Equal(t, results{round(tandemTarget, 20, 5, 9), round(cannedTarget, 2, 2, 3)}, rs)
}

func TestGoals(t *testing.T) {
	rs := results{
		{workload: "ping", target: tandemTarget, clients: 16, ops: 80, elapsed: time.Second, cpu: 9 * time.Microsecond},
		{workload: "ping", target: cannedTarget, clients: 16, ops: 100, elapsed: time.Second, cpu: 5 * time.Microsecond},
	}
	cs := goalPing(rs)
	require.Len(t, cs, 2)
	require.True(t, cs[0].met)
	require.Equal(t, "9.0 µs", cs[0].measured)
	require.False(t, cs[1].met)
	require.Empty(t, goalReads(rs))
}
