package history

import (
	"fmt"
	"strings"
)

// The kinds of cycles. Where a cycle needs the order of time, its kind ends in "-session" or
// "-realtime". Cycles in which two rw follow each other, as in write skew, are allowed.
const (
	WriteCycle  = "G0"       // ww only
	InfoCycle   = "G1c"      // ww and wr
	ReadSkew    = "G-single" // and one rw
	Nonadjacent = "G-nonadjacent"
)

// A cycle is forbidden where no two rw follow each other. So each node is doubled: in the second
// half are those that were just entered by an rw, which no rw leaves. A transaction in a cycle of
// the doubled graph is in a forbidden one, and the other way round.
type doubled struct{ *graph }

func (g doubled) nodes() int { return 2 * len(g.out) }

// each calls fn for the successors of a node.
func (g doubled) each(node int, fn func(to int)) {
	n := len(g.out)
	for _, e := range g.out[node%n] {
		switch {
		case e.kind != rw:
			fn(e.to)
		case node < n:
			fn(e.to + n)
		}
	}
}

// components returns the strongly connected components of more than one node, after Tarjan. It
// keeps its own stack: histories are longer than goroutines' stacks should be.
func (g doubled) components() [][]int {
	type frame struct {
		node int
		next []int
	}
	n := g.nodes()
	index, low, onStack := make([]int, n), make([]int, n), make([]bool, n)
	var stack []int
	var frames []frame
	var found [][]int
	count := 0
	enter := func(node int) {
		count++
		index[node], low[node], onStack[node] = count, count, true
		stack = append(stack, node)
		f := frame{node: node}
		g.each(node, func(to int) { f.next = append(f.next, to) })
		frames = append(frames, f)
	}
	for root := range n {
		if index[root] == 0 {
			enter(root)
		}
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			if len(f.next) > 0 {
				to := f.next[0]
				f.next = f.next[1:]
				switch {
				case index[to] == 0:
					enter(to)
				case onStack[to]:
					low[f.node] = min(low[f.node], index[to])
				}
				continue
			}
			node := f.node
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				parent := frames[len(frames)-1].node
				low[parent] = min(low[parent], low[node])
			}
			if low[node] != index[node] {
				continue
			}
			at := len(stack) - 1
			for stack[at] != node {
				at--
			}
			for _, m := range stack[at:] {
				onStack[m] = false
			}
			if len(stack)-at > 1 {
				found = append(found, append([]int(nil), stack[at:]...))
			}
			stack = stack[:at]
		}
	}
	return found
}

// step is an edge with where it starts.
type step struct {
	from int
	edge
}

func (c *checker) checkCycles() {
	g := c.graph()
	for _, comp := range (doubled{g}).components() {
		in := make(map[int]bool, len(comp))
		for _, node := range comp {
			in[node%len(g.out)] = true
		}
		c.classify(g, in)
	}
}

// searches are the kinds of cycles in the order in which they are looked for: the first that is
// found is the one that needs the least to be believed.
var searches = []struct {
	kind  string
	upTo  dependency
	oneRW bool
}{
	{WriteCycle, ww, false},
	{InfoCycle, wr, false},
	{ReadSkew, wr, true},
	{InfoCycle + "-session", session, false},
	{ReadSkew + "-session", session, true},
	{InfoCycle + "-realtime", realTime, false},
	{ReadSkew + "-realtime", realTime, true},
}

// classify reports the simplest cycle among the nodes of one component.
func (c *checker) classify(g *graph, in map[int]bool) {
	for _, s := range searches {
		cycle := g.cycle(in, s.upTo, s.oneRW)
		if cycle == nil {
			continue
		}
		kind := s.kind
		if isLostUpdate(cycle) {
			kind = LostUpdate
		}
		c.reportCycle(kind, cycle)
		return
	}
	text := new(strings.Builder)
	shown := 0
	for i, t := range c.txns {
		if in[i] && shown < 10 {
			shown++
			fmt.Fprintf(text, "\n  T%d = %v", i, t)
		}
	}
	c.report(Nonadjacent, "among %d transactions%s", len(in), text)
}

// cycle returns a short cycle of edges up to a kind, and one rw if there has to be one; nil if
// there is none.
func (g *graph) cycle(in map[int]bool, upTo dependency, oneRW bool) []step {
	var best []step
	for from := range in {
		for _, e := range g.out[from] {
			if !in[e.to] || oneRW != (e.kind == rw) || e.kind != rw && e.kind > upTo {
				continue
			}
			back := g.path(in, e.to, from, upTo)
			if back != nil && (best == nil || len(back)+1 < len(best)) {
				best = append([]step{{from, e}}, back...)
			}
			if len(best) == 2 {
				return best
			}
		}
	}
	return best
}

// path returns a shortest path of edges up to a kind, nil if there is none.
func (g *graph) path(in map[int]bool, from, to int, upTo dependency) []step {
	came := map[int]step{from: {from: -1}}
	queue := []int{from}
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		for _, e := range g.out[node] {
			if _, seen := came[e.to]; seen || !in[e.to] || e.kind > upTo {
				continue
			}
			came[e.to] = step{node, e}
			if e.to != to {
				queue = append(queue, e.to)
				continue
			}
			var back []step
			for at := to; at != from; at = came[at].from {
				back = append([]step{came[at]}, back...)
			}
			return back
		}
	}
	return nil
}

// isLostUpdate reports whether a cycle says that somebody wrote a key between another's read and
// write of it.
func isLostUpdate(cycle []step) bool {
	if cycle[0].kind != rw {
		return false
	}
	for _, s := range cycle[1:] {
		if s.kind != ww || s.key != cycle[0].key {
			return false
		}
	}
	return true
}

func (c *checker) reportCycle(kind string, cycle []step) {
	var path, txns strings.Builder
	for _, s := range cycle {
		if s.from < len(c.txns) {
			fmt.Fprintf(&path, "T%d ", s.from)
			fmt.Fprintf(&txns, "\n  T%d = %v", s.from, c.txns[s.from])
		}
		// The nodes of the clock are left out: their edges are one.
		if s.to < len(c.txns) {
			fmt.Fprintf(&path, "-%v", s.kind)
			if s.key != "" {
				fmt.Fprintf(&path, "(%s)", s.key)
			}
			path.WriteString("-> ")
		}
	}
	first := cycle[0].from
	if first >= len(c.txns) {
		path.WriteString("and again")
	} else {
		fmt.Fprintf(&path, "T%d", first)
	}
	c.report(kind, "%s%s", &path, &txns)
}
