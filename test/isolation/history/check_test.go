package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/test/isolation/history"
)

// parse reads a history, a transaction a line:
//
//	client start-end outcome: op, op, ...
//
// An op is "w key value", "r key values...", or "g key n value" for the nth value of a register.
// The snapshot is taken one unit after the start, the commit sent one before the end.
func parse(t *testing.T, text string) []*history.Txn {
	t.Helper()
	var txns []*history.Txn
	for line := range strings.Lines(strings.TrimSpace(text)) {
		head, tail, ok := strings.Cut(line, ":")
		require.True(t, ok, line)
		var client string
		var start, end int
		var outcome string
		_, err := fmt.Sscanf(strings.TrimSpace(head), "%s %d-%d %s", &client, &start, &end, &outcome)
		require.NoError(t, err, line)
		txn := &history.Txn{
			Client: int(client[0]), Start: at(start), Snapshot: at(start) + 1, CommitsAt: at(end) - 1,
			Outcome:     map[string]history.Outcome{"ok": history.Committed, "aborted": history.Aborted, "unknown": history.Unknown, "lost": history.Aborted}[outcome],
			Unconfirmed: outcome == "lost",
		}
		if outcome == "ok" {
			txn.End = at(end)
		}
		for op := range strings.SplitSeq(tail, ",") {
			txn.Ops = append(txn.Ops, parseOp(t, strings.Fields(op)))
		}
		txns = append(txns, txn)
	}
	return txns
}

func at(n int) time.Duration { return time.Duration(n) * 10 }

func parseOp(t *testing.T, f []string) history.Op {
	t.Helper()
	var ns []int64
	for _, s := range f[2:] {
		n, err := strconv.ParseInt(s, 10, 64)
		require.NoError(t, err)
		ns = append(ns, n)
	}
	switch f[0] {
	case "w":
		return history.Write(f[1], ns[0])
	case "g":
		return history.ReadRegister(f[1], int(ns[0]), ns[1])
	}
	return history.ReadList(f[1], ns)
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name, history string
		want          []string
	}{
		{"serial", `
			a 1-2 ok: w x 1, r x 1
			b 3-4 ok: r x 1, w x 2, w x 3
			a 5-6 ok: r x 1 2 3`, nil},
		{"write skew is allowed", `
			a 1-5 ok: r x, r y, w x 1
			b 1-5 ok: r x, r y, w y 1
			a 6-7 ok: r x 1, r y 1`, nil},
		{"concurrent blind writes", `
			a 1-5 ok: w x 1
			b 1-5 ok: w x 2
			a 6-7 ok: r x 2 1`, nil},
		{"unknown, and it happened", `
			a 1-2 unknown: w x 1
			b 3-4 ok: r x 1`, nil},
		{"unknown, and it did not happen", `
			a 1-2 unknown: w x 1
			b 3-4 ok: r x`, nil},
		{"a crash takes back what was read, but not confirmed", `
			a 1-9 unknown: w x 1
			b 1-3 lost: r x 1
			c 4-5 ok: r x, w x 2`, nil},
		{"register", `
			a 1-2 ok: w r 7
			b 3-4 ok: g r 1 7, w r 8, g r 2 8
			a 5-6 ok: g r 2 8`, nil},
		{"G0", `
			a 1-5 ok: w x 1, w y 1
			b 1-5 ok: w x 2, w y 2
			c 6-7 ok: r x 1 2, r y 2 1`, []string{history.WriteCycle}},
		{"G1a", `
			a 1-9 aborted: w x 1
			b 2-3 ok: r x 1`, []string{history.DirtyRead}},
		{"G1a by one that aborts", `
			a 1-9 aborted: w x 1
			b 2-3 aborted: r x 1`, []string{history.DirtyRead}},
		{"G1b", `
			a 1-2 ok: w x 1, w x 2
			b 1-3 ok: r x 1`, []string{history.IntermediateRead}},
		{"G1c", `
			a 1-5 ok: w x 1, r y 2
			b 1-5 ok: w y 2, r x 1`, []string{history.InfoCycle}},
		{"read skew", `
			a 1-9 ok: r x, r y 1
			b 1-5 ok: w x 1, w y 1
			c 10-11 ok: r x 1, r y 1`, []string{history.ReadSkew}},
		{"lost update of a list", `
			a 1-5 ok: r x, w x 1
			b 1-5 ok: r x, w x 2
			c 6-7 ok: r x 2`, []string{history.LostUpdate, history.MissingWrite}},
		{"overtaken between read and write", `
			a 1-5 ok: r x, w x 1
			b 1-5 ok: w x 2
			c 6-7 ok: r x 2 1`, []string{history.LostUpdate}},
		{"lost update of a register", `
			a 1-2 ok: w r 1
			b 3-5 ok: g r 1 1, w r 2
			c 3-5 ok: g r 1 1, w r 3`, []string{history.LostUpdate}},
		{"lost blind write of a register", `
			a 1-5 ok: w r 1
			b 1-5 ok: w r 2
			c 6-7 ok: g r 1 2`, []string{history.MissingWrite}},
		{"long fork", `
			a 1-5 ok: w x 1
			b 1-5 ok: w y 1
			c 5-9 ok: r x 1, r y
			d 5-9 ok: r x, r y 1`, []string{history.Nonadjacent}},
		{"stale", `
			a 1-2 ok: w x 1
			b 3-4 ok: r x
			c 5-6 ok: r x 1`, []string{history.MissingWrite, history.ReadSkew + "-realtime"}},
		{"own session's write", `
			a 1-2 ok: w x 1
			a 3-4 ok: r x
			c 5-6 ok: r x 1`, []string{history.MissingWrite, history.ReadSkew + "-session"}},
		{"written before, acknowledged later", `
			a 1-2 ok: w x 1
			b 3-4 ok: w x 2
			c 5-6 ok: r x 2 1`, []string{history.InfoCycle + "-realtime"}},
		{"from the future", `
			a 1-9 ok: r x 1
			b 5-6 ok: w x 1`, []string{history.FutureRead}},
		{"unrepeatable", `
			a 1-9 ok: r x, r x 1
			b 1-6 ok: w x 1`, []string{history.Unrepeatable}},
		{"own write not seen", `
			a 1-9 ok: w x 1, r x`, []string{history.OwnWrites}},
		{"another's write in the middle of the own", `
			a 1-9 ok: w x 1, w x 2, r x 1 3 2
			b 1-9 ok: w x 3`, []string{history.OwnWrites}},
		{"out of nowhere", `
			a 1-2 ok: r x 1`, []string{history.Garbage}},
		{"twice", `
			a 1-2 ok: w x 1
			b 3-4 ok: r x 1 1`, []string{history.RepeatedWrite}},
		{"counted twice", `
			a 1-2 ok: w r 1
			b 3-4 ok: g r 2 1`, []string{history.RepeatedWrite}},
		{"in two orders", `
			a 1-5 ok: w x 1
			b 1-5 ok: w x 2
			c 3-6 ok: r x 1
			d 3-6 ok: r x 2`, []string{history.Incompatible}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var kinds []string
			found := history.Check(parse(t, tc.history))
			for _, a := range found {
				kinds = append(kinds, a.Kind)
			}
			slices.Sort(kinds)
			kinds = slices.Compact(kinds)
			for _, k := range tc.want {
				require.Contains(t, kinds, k, "%v", found)
			}
			if tc.want == nil {
				require.Empty(t, found)
			}
		})
	}
}

// simulate returns a history of snapshot isolation, made by a store that has it. With a flaw,
// some transactions read what is newest.
func simulate(rng *rand.Rand, n int, flawed bool) []*history.Txn {
	type open struct {
		*history.Txn
		snap map[string][]int64
		left int
	}
	store := map[string][]int64{}
	clock, value := time.Duration(0), int64(0)
	tick := func() time.Duration { clock++; return clock }
	snapshot := func() map[string][]int64 {
		m := make(map[string][]int64, len(store))
		for k, v := range store {
			m[k] = slices.Clip(v)
		}
		return m
	}
	var all []*history.Txn
	var running [6]*open
	for len(all) < n {
		client := rng.IntN(len(running))
		o := running[client]
		if o == nil {
			o = &open{Txn: &history.Txn{Client: client, Start: tick()}, snap: snapshot(), left: 1 + rng.IntN(5)}
			o.Snapshot = tick()
			running[client] = o
			continue
		}
		if o.left--; o.left >= 0 {
			key := string(rune('a' + rng.IntN(4)))
			own := 0
			for _, op := range o.Ops {
				if op.Write && op.Key == key {
					own++
				}
			}
			if rng.IntN(2) == 0 {
				value++
				o.Ops = append(o.Ops, history.Write(key, value))
				o.snap[key] = append(o.snap[key], value)
			} else {
				seen := o.snap[key]
				if flawed && own == 0 {
					seen = store[key]
				}
				o.Ops = append(o.Ops, history.ReadList(key, slices.Clone(seen)))
			}
			continue
		}
		running[client] = nil
		o.CommitsAt = tick()
		o.Outcome = history.Committed
		writes := make(map[string][]int64)
		for _, op := range o.Ops {
			if op.Write {
				writes[op.Key] = append(writes[op.Key], op.Value)
			}
		}
		for key, own := range writes {
			if len(store[key])+len(own) != len(o.snap[key]) {
				o.Outcome = history.Aborted // somebody was first
			}
		}
		if o.Outcome == history.Committed {
			for key := range writes {
				store[key] = slices.Clone(o.snap[key])
			}
			o.End = tick()
		}
		all = append(all, o.Txn)
	}
	last := &history.Txn{Client: -1, Outcome: history.Committed, Start: tick(), Snapshot: tick(), CommitsAt: tick(), End: tick()}
	for key, seen := range store {
		last.Ops = append(last.Ops, history.ReadList(key, seen))
	}
	return append(all, last)
}

func TestSimulatedHistories(t *testing.T) {
	for seed := range uint64(50) {
		require.Empty(t, history.Check(simulate(rand.New(rand.NewPCG(seed, 1)), 300, false)), "seed %d", seed)
		require.NotEmpty(t, history.Check(simulate(rand.New(rand.NewPCG(seed, 1)), 300, true)), "seed %d", seed)
	}
}
