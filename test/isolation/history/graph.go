package history

import (
	"cmp"
	"slices"
	"time"
)

// dependency says why one transaction comes before another.
type dependency uint8

// The dependencies. All but rw put the commit of the first before the snapshot of the second, or
// before its commit; rw says only that the snapshot of the first is older than the commit of the
// second.
const (
	ww       dependency = iota // the second has written the version after the first's
	wr                         // the second has read what the first wrote
	session                    // the second follows the first at the same client
	realTime                   // the first was acknowledged before the second was sent
	rw                         // the second has written the version after the one that the first read
)

func (d dependency) String() string { return [...]string{"ww", "wr", "session", "rt", "rw"}[d] }

type edge struct {
	to   int
	kind dependency
	key  string
}

// graph has a node for each transaction, and behind them one for each acknowledgement in the
// order of time: who started later depends on the newest one, and so on all before it.
type graph struct {
	out  [][]edge
	txns int
}

func (g *graph) add(from, to int, kind dependency, key string) {
	if from != to {
		g.out[from] = append(g.out[from], edge{to, kind, key})
	}
}

// graph makes the graph of the transactions that have committed or at least read.
func (c *checker) graph() *graph {
	g := &graph{out: make([][]edge, len(c.txns)), txns: len(c.txns)}
	writers := make(map[string][]int) // by key: the writers of its known versions in their order
	for key, slots := range c.slots {
		top := 0
		for version := range slots {
			top = max(top, version)
		}
		at := make([]int, top+1)
		for version := range at {
			at[version] = -1
			if value, ok := slots[version]; ok {
				if w := c.writes[key][value]; w != nil {
					at[version] = w.txn
				}
			}
		}
		writers[key] = at
		c.addWrites(g, key, at)
	}
	for i := range c.txns {
		for _, v := range c.views[i] {
			if v.base >= 0 {
				addRead(g, i, v, writers[v.key])
			}
		}
	}
	c.addTime(g)
	return g
}

func (c *checker) addWrites(g *graph, key string, at []int) {
	before := -1
	for _, w := range at {
		if w < 0 {
			continue
		}
		if before >= 0 {
			g.add(before, w, ww, key)
		}
		before = w
	}
}

func addRead(g *graph, i int, v view, at []int) {
	if v.base > 0 && v.base < len(at) && at[v.base] >= 0 {
		g.add(at[v.base], i, wr, v.key)
	}
	for version := v.base + 1; version < len(at); version++ {
		if at[version] >= 0 && at[version] != i {
			g.add(i, at[version], rw, v.key)
			return
		}
	}
}

// addTime adds the order within sessions and that of the clock.
func (c *checker) addTime(g *graph) {
	type ack struct {
		at  time.Duration
		txn int
	}
	var acks []ack
	newest := make(map[int]int) // by client: its newest acknowledged transaction
	for i, t := range c.txns {
		if before, ok := newest[t.Client]; ok {
			g.add(before, i, session, "")
		}
		if t.Outcome == Committed && t.End > 0 {
			newest[t.Client] = i
			acks = append(acks, ack{t.End, i})
		}
	}
	slices.SortFunc(acks, func(a, b ack) int { return cmp.Compare(a.at, b.at) })
	first := len(g.out)
	g.out = append(g.out, make([][]edge, len(acks))...)
	for n, a := range acks {
		g.add(a.txn, first+n, realTime, "")
		if n > 0 {
			g.add(first+n-1, first+n, realTime, "")
		}
	}
	for i, t := range c.txns {
		n, _ := slices.BinarySearchFunc(acks, t.Start, func(a ack, start time.Duration) int { return cmp.Compare(a.at, start) })
		if n > 0 {
			g.add(first+n-1, i, realTime, "")
		}
	}
}
