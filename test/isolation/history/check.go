package history

import (
	"fmt"
	"slices"
	"time"
)

// The anomalies that one transaction shows, or one key. Those of cycles are in cycle.go.
const (
	DirtyRead        = "G1a"                // a read of what was aborted
	IntermediateRead = "G1b"                // a read of what its writer replaced in the same transaction
	LostUpdate       = "lost update"        // two writes of the same version, or one that was overtaken
	MissingWrite     = "missing write"      // an acknowledged write that a later transaction does not see
	RepeatedWrite    = "repeated write"     // a write that happened more often than it was sent
	Garbage          = "garbage"            // a value that nobody wrote
	Incompatible     = "incompatible order" // reads that disagree about a version
	OwnWrites        = "own writes"         // a transaction that does not see what it wrote
	Unrepeatable     = "unrepeatable read"  // two versions of a key in one transaction
	FutureRead       = "future read"        // a read of what was committed after the snapshot
)

// reportsPerKind bounds what is reported of each kind: one bug shows itself a thousand times.
const reportsPerKind = 3

// write is one write of the history.
type write struct {
	txn  int
	nth  int  // of the transaction's writes of this key, from 0
	last bool // the transaction's last one of this key
	seen bool
}

// view is what one transaction has to do with one key.
type view struct {
	key  string
	base int     // the version that it read, not counting its own; -1 if it read none
	own  []int64 // what it wrote
}

// checker is the state of one Check.
type checker struct {
	txns    []*Txn
	writes  map[string]map[int64]*write // by key and value
	views   [][]view                    // by transaction
	slots   map[string]map[int]int64    // by key and version: its value
	found   []Anomaly
	reports map[string]int
}

// Check returns the anomalies of a history. The order of a client's transactions is that of txns.
// Of transactions whose outcome is Unknown, those that somebody has read of become Committed.
func Check(txns []*Txn) []Anomaly {
	c := &checker{
		txns: txns, views: make([][]view, len(txns)), reports: make(map[string]int),
		writes: make(map[string]map[int64]*write), slots: make(map[string]map[int]int64),
	}
	c.collectWrites()
	for i, t := range txns {
		c.views[i] = c.readThrough(i, t)
	}
	c.claimVersions()
	c.checkMissing()
	c.checkCounts()
	c.checkCycles()
	return c.found
}

func (c *checker) report(kind, format string, args ...any) {
	if c.reports[kind]++; c.reports[kind] <= reportsPerKind {
		c.found = append(c.found, Anomaly{kind, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) collectWrites() {
	for i, t := range c.txns {
		newest := make(map[string]*write)
		for _, op := range t.Ops {
			if !op.Write {
				continue
			}
			w := &write{txn: i, last: true}
			if old := newest[op.Key]; old != nil {
				old.last = false
				w.nth = old.nth + 1
			}
			newest[op.Key] = w
			if c.writes[op.Key] == nil {
				c.writes[op.Key] = make(map[int64]*write)
			}
			c.writes[op.Key][op.Value] = w
		}
	}
}

// readThrough checks the reads of one transaction by themselves.
func (c *checker) readThrough(i int, t *Txn) []view {
	var views []view
	find := func(key string) *view {
		for v := range views {
			if views[v].key == key {
				return &views[v]
			}
		}
		views = append(views, view{key: key, base: -1})
		return &views[len(views)-1]
	}
	for n := range t.Ops {
		op := &t.Ops[n]
		v := find(op.Key)
		switch {
		case op.Write:
			v.own = append(v.own, op.Value)
		case !t.Unconfirmed:
			c.read(i, op, v)
		}
	}
	return views
}

// read checks one read of a transaction that knows v of the key already.
func (c *checker) read(i int, op *Op, v *view) {
	t := c.txns[i]
	base := op.version() - len(v.own)
	for k, own := range v.own {
		if at := base + k + 1 - op.First; base < 0 || at >= 0 && op.Seen[at] != own {
			c.report(OwnWrites, "%v: %v", op, t)
			return
		}
	}
	if v.base >= 0 && v.base != base {
		c.report(Unrepeatable, "%v, after version %d: %v", op, v.base, t)
	}
	v.base = base
	for k := op.First; k <= base; k++ {
		c.see(i, op, k, op.Seen[k-op.First], k == base)
	}
}

// see notes that a read of transaction i has found a value of another one at a version.
func (c *checker) see(i int, op *Op, version int, value int64, newest bool) {
	t := c.txns[i]
	w := c.writes[op.Key][value]
	if w == nil {
		c.report(Garbage, "nobody wrote %d: %v: %v", value, op, t)
		return
	}
	from := c.txns[w.txn]
	if !w.seen {
		w.seen = true
		if from.Outcome == Unknown {
			from.Outcome = Committed
		}
	}
	switch {
	case from.Outcome == Aborted:
		c.report(DirtyRead, "%v: %v; written by %v", op, t, from)
	case newest && !w.last:
		c.report(IntermediateRead, "%v: %v; written by %v", op, t, from)
	case from.CommitsAt > t.Snapshot && t.Snapshot > 0:
		c.report(FutureRead, "%v: %v; written by %v", op, t, from)
	}
	c.place(op.Key, version, value, Incompatible)
}

// place notes the value of a version, which may be known already.
func (c *checker) place(key string, version int, value int64, otherwise string) {
	slots := c.slots[key]
	if slots == nil {
		slots = make(map[int]int64)
		c.slots[key] = slots
	}
	old, ok := slots[version]
	if !ok {
		slots[version] = value
		return
	}
	if old != value {
		c.report(otherwise, "version %d of %s is both %d, of %v, and %d, of %v", version, key,
			old, c.writer(key, old), value, c.writer(key, value))
	}
}

func (c *checker) writer(key string, value int64) *Txn {
	if w := c.writes[key][value]; w != nil {
		return c.txns[w.txn]
	}
	return nil
}

// claimVersions notes the versions that transactions made of keys they had read: the ones after
// what they read, for nobody may have come between.
func (c *checker) claimVersions() {
	for i, t := range c.txns {
		if t.Outcome != Committed {
			continue
		}
		for _, v := range c.views[i] {
			if v.base < 0 {
				continue
			}
			for k, value := range v.own {
				c.place(v.key, v.base+k+1, value, LostUpdate)
			}
		}
	}
}

// checkMissing compares each version that was read with the number of writes that had been
// acknowledged before the reader started.
func (c *checker) checkMissing() {
	ends := make(map[string][]time.Duration)
	for i, t := range c.txns {
		if t.Outcome != Committed || t.End == 0 {
			continue
		}
		for _, v := range c.views[i] {
			for range v.own {
				ends[v.key] = append(ends[v.key], t.End)
			}
		}
	}
	for _, e := range ends {
		slices.Sort(e)
	}
	for i, t := range c.txns {
		for _, v := range c.views[i] {
			if v.base < 0 {
				continue
			}
			if n, _ := slices.BinarySearch(ends[v.key], t.Start); v.base < n {
				c.report(MissingWrite, "%d writes of %s had been acknowledged: %v", n, v.key, t)
			}
		}
	}
}

// checkCounts compares the number of versions with the number of writes.
func (c *checker) checkCounts() {
	sent := make(map[string]int)
	for i, t := range c.txns {
		if t.Outcome == Aborted {
			continue
		}
		for _, v := range c.views[i] {
			sent[v.key] += len(v.own)
		}
	}
	for key, slots := range c.slots {
		versions := make(map[int64]int)
		for version, value := range slots {
			if other, ok := versions[value]; ok {
				c.report(RepeatedWrite, "%d is version %d and version %d of %s", value, other, version, key)
			}
			versions[value] = version
			if version > sent[key] {
				c.report(RepeatedWrite, "version %d of %s, which was written %d times", version, key, sent[key])
			}
		}
	}
}
