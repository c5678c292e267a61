// Package history checks what clients of a database have seen against snapshot isolation.
//
// A history is a list of transactions: what each read and wrote, when it was sent and when it
// was acknowledged. Every read says which version of its key it is, and which values the versions
// have: a list that only grows is its own past, and a register carries the number of its writes.
// So the order of versions is known, not searched for, and with it who wrote before, read from
// and was overtaken by whom. Check looks for what no history of snapshot isolation contains:
// single reads that are wrong by themselves (check.go), and cycles (graph.go, cycle.go).
//
// The names of anomalies are those of Adya's thesis. Elle (Kingsbury and Alvaro, 2020) is the
// model of the method, Cerone and Gotsman (2018) that of the test for cycles.
package history

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome says how a transaction has ended, as far as its client knows.
type Outcome uint8

// The outcomes. What is Unknown counts as committed once somebody has read of it.
const (
	Unknown Outcome = iota
	Committed
	Aborted
)

func (o Outcome) String() string { return [...]string{"unknown", "committed", "aborted"}[o] }

// Op is one read or write of a key.
type Op struct {
	Key   string
	Write bool
	Value int64   // of a write: not written to the key by anybody else
	First int     // of a read: the version that Seen begins with, counted from 1
	Seen  []int64 // of a read: values of successive versions up to the one read; none: no version
}

// Write is a write of the next version of a key.
func Write(key string, value int64) Op { return Op{Key: key, Write: true, Value: value} }

// ReadList is a read of all values that a key ever had.
func ReadList(key string, seen []int64) Op { return Op{Key: key, First: 1, Seen: seen} }

// ReadRegister is a read of a key's newest value, which is its nth; n is 0 where there is none.
func ReadRegister(key string, n int, value int64) Op {
	if n == 0 {
		return Op{Key: key, First: 1}
	}
	return Op{Key: key, First: n, Seen: []int64{value}}
}

// version is the number of the version that a read has returned.
func (op *Op) version() int { return op.First + len(op.Seen) - 1 }

func (op *Op) String() string {
	switch {
	case op.Write:
		return fmt.Sprintf("write %s %d", op.Key, op.Value)
	case len(op.Seen) > 8:
		return fmt.Sprintf("read %s #%d ...%v", op.Key, op.version(), op.Seen[len(op.Seen)-8:])
	}
	return fmt.Sprintf("read %s #%d %v", op.Key, op.version(), op.Seen)
}

// Txn is a transaction, or a statement outside of one. Times are those of one clock, read at the
// client, and greater than zero; a time that is not known is zero.
type Txn struct {
	Client  int // one after the other, a client's transactions are a session
	Outcome Outcome
	Ops     []Op

	Start     time.Duration // before the first statement was sent
	Snapshot  time.Duration // after the first statement was answered
	CommitsAt time.Duration // before the commit was sent first
	End       time.Duration // after the commit was acknowledged

	// Unconfirmed says that the transaction may have read what a crash took back later: it did
	// not commit, so nobody has promised that what it read is durable.
	Unconfirmed bool
}

// Writes reports whether the transaction has written anything.
func (t *Txn) Writes() bool {
	return slices.ContainsFunc(t.Ops, func(op Op) bool { return op.Write })
}

func (t *Txn) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "client %d, %v, start %v, snapshot %v, commit %v, end %v:", t.Client, t.Outcome, t.Start, t.Snapshot, t.CommitsAt, t.End)
	for i := range t.Ops {
		fmt.Fprintf(&b, " %v;", &t.Ops[i])
	}
	return b.String()
}

// Anomaly is something that must not happen.
type Anomaly struct {
	Kind string
	Text string
}

func (a Anomaly) String() string { return a.Kind + ": " + a.Text }
