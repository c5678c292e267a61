package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// warmUp precedes each measurement, unless that is shorter.
const warmUp = 150 * time.Millisecond

// zipfSkew is how much more often some documents are asked for than others.
const zipfSkew = 1.1

// worker is one client of a measurement.
type worker struct {
	rng    *rand.Rand
	zipf   *rand.Zipf
	n      int // documents that there are
	ids    *atomic.Int64
	aborts int

	latencies []time.Duration
}

func newWorkers(clients, n int, ids *atomic.Int64) []*worker {
	ws := make([]*worker, clients)
	for i := range ws {
		rng := rand.New(rand.NewPCG(uint64(i), uint64(clients)))
		ws[i] = &worker{rng: rng, zipf: rand.NewZipf(rng, zipfSkew, 1, uint64(n-1)), n: n, ids: ids}
	}
	return ws
}

// any returns the number of some document.
func (w *worker) any() int32 { return int32(w.rng.IntN(w.n)) }

// popular returns the number of a document, of some much more often than of others. Popular
// ones are not neighbours.
func (w *worker) popular() int32 { return int32(int(w.zipf.Uint64()) * scatter % w.n) }

// rangeStart returns where a range of documents can start.
func (w *worker) rangeStart() int32 { return int32(w.rng.IntN(w.n - rangeSize)) }

// fresh returns a number that no document has.
func (w *worker) fresh() int32 { return int32(w.ids.Add(1)) }

// usage is what a server has used since it was started.
type usage struct {
	cpu     time.Duration
	mallocs int64 // -1 if unknown
}

// result is what one measurement has given.
type result struct {
	workload, target string
	clients          int
	documents        int // that there are to read
	ops              int
	elapsed          time.Duration
	p50, p95, p99    time.Duration
	worst            time.Duration
	cpu              time.Duration // of the server, for each operation
	mallocs          float64       // in the server, for each operation; -1 if unknown
	aborts           float64       // for each operation
}

func (r *result) rate() float64 { return float64(r.ops) / r.elapsed.Seconds() }

// measurement is one workload on one target with some clients.
type measurement struct {
	workers  []*worker
	duration time.Duration
	op       func(ctx context.Context, i int, w *worker) error
	usage    func(ctx context.Context) (usage, error)
}

// run runs the operations of all workers for the duration, after a warm-up.
func (m *measurement) run(ctx context.Context) (*result, error) {
	if err := m.repeat(ctx, min(warmUp, m.duration)); err != nil {
		return nil, err
	}
	for _, w := range m.workers {
		w.latencies, w.aborts = w.latencies[:0], 0
	}
	before, err := m.usage(ctx)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := m.repeat(ctx, m.duration); err != nil {
		return nil, err
	}
	elapsed := time.Since(start)
	after, err := m.usage(ctx)
	if err != nil {
		return nil, err
	}
	return m.summarize(elapsed, before, after)
}

// repeat runs operations until d is over, at least one by each worker.
func (m *measurement) repeat(ctx context.Context, d time.Duration) error {
	var wg sync.WaitGroup
	errs := make(chan error, len(m.workers))
	end := time.Now().Add(d)
	for i, w := range m.workers {
		wg.Go(func() {
			for now := time.Now(); ; {
				if err := m.op(ctx, i, w); err != nil {
					errs <- err
					return
				}
				done := time.Now()
				w.latencies = append(w.latencies, done.Sub(now))
				if now = done; done.After(end) {
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func (m *measurement) summarize(elapsed time.Duration, before, after usage) (*result, error) {
	var all []time.Duration
	aborts := 0
	for _, w := range m.workers {
		all = append(all, w.latencies...)
		aborts += w.aborts
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing was measured")
	}
	slices.Sort(all)
	percentile := func(p int) time.Duration { return all[min(len(all)*p/100, len(all)-1)] }
	n := len(all)
	r := &result{
		clients: len(m.workers), documents: m.workers[0].n, ops: n, elapsed: elapsed,
		p50: percentile(50), p95: percentile(95), p99: percentile(99), worst: all[n-1],
		cpu: (after.cpu - before.cpu) / time.Duration(n), mallocs: -1, aborts: float64(aborts) / float64(n),
	}
	if after.mallocs >= 0 {
		r.mallocs = float64(after.mallocs-before.mallocs) / float64(n)
	}
	return r, nil
}
