package isolation_test

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/testutil"
	"github.com/tandemdb/tandem/test/isolation/history"
)

var majority = bson.E{Key: "writeConcern", Value: doc("w", "majority")}

// Codes of errors that have a place here.
const (
	codeWriteConflict     = 112
	codeDuplicateKey      = 11000
	codeNoSuchTransaction = 251
)

const transient = "TransientTransactionError"

func (c *client) txnFields() bson.D {
	return doc("lsid", c.lsid, "txnNumber", c.number, "autocommit", false)
}

// transaction runs one multi-document transaction.
func (c *client) transaction() {
	t := c.begin()
	c.number++
	pause := c.pause()
	for n := range 1 + c.rng.IntN(5) {
		time.Sleep(pause)
		st := c.statement()
		cmd := append(st.cmd, c.txnFields()...)
		if n == 0 {
			cmd = append(cmd, bson.E{Key: "startTransaction", Value: true})
			cmd = append(cmd, c.txnReadConcern()...)
		}
		reply, err := c.try(database, cmd)
		if n == 0 {
			t.Snapshot = c.now()
		}
		if err == nil && testutil.Code(reply) != 0 && !labelled(reply, transient) && !c.cutOff(reply) {
			c.fail("%v: %s", st.cmd, reply)
		}
		if err != nil || testutil.Code(reply) != 0 {
			c.abort(t)
			return
		}
		ops, err := st.parse(reply)
		if err != nil {
			c.fail("%v", err)
			c.abort(t)
			return
		}
		t.Ops = append(t.Ops, ops...)
	}
	if c.rng.IntN(10) == 0 {
		c.abort(t)
		return
	}
	c.commit(t)
}

// pause is the time between the statements of a transaction: most have none, few are so slow that
// many others begin and end meanwhile.
func (c *client) pause() time.Duration {
	switch n := c.rng.IntN(20); {
	case n == 0:
		return 5 * time.Millisecond
	case n < 5:
		return time.Duration(c.rng.IntN(1000)) * time.Microsecond
	}
	return 0
}

func (c *client) txnReadConcern() bson.D {
	level := []string{"", "local", "majority", "snapshot"}[c.rng.IntN(4)]
	if level == "" {
		return nil
	}
	return doc("readConcern", doc("level", level))
}

// cutOff reports whether a transaction is gone because of a crash.
func (c *client) cutOff(reply bson.Raw) bool {
	return c.crashes && testutil.Code(reply) == codeNoSuchTransaction
}

// abort ends a transaction that may have ended already.
func (c *client) abort(t *history.Txn) {
	reply, err := c.insist("admin", append(doc("abortTransaction", 1), c.txnFields()...))
	if err != nil {
		c.fail("%v", err)
	} else if code := testutil.Code(reply); code != 0 && code != codeNoSuchTransaction {
		c.fail("abort: %s", reply)
	}
	c.end(t, "transaction", history.Aborted)
}

// commit sends the commit until it is answered, and sometimes once more.
func (c *client) commit(t *history.Txn) {
	cmd := append(append(doc("commitTransaction", 1), c.txnFields()...), majority)
	t.CommitsAt = c.now()
	reply, err := c.insist("admin", cmd)
	switch {
	case err != nil:
		c.fail("%v", err)
		c.end(t, "transaction", history.Unknown)
		return
	case testutil.Code(reply) == 0:
		c.end(t, "transaction", history.Committed)
	case labelled(reply, transient):
		c.end(t, "transaction", history.Aborted)
	default:
		c.fail("commit: %s", reply)
		return
	}
	if c.rng.IntN(10) > 0 {
		return
	}
	again, err := c.insist("admin", cmd)
	switch {
	case err != nil:
		c.fail("%v", err)
	case (testutil.Code(again) == 0) == (t.Outcome == history.Committed):
	case c.cutOff(again) && !t.Writes():
		// A commit that wrote nothing leaves no record behind.
	default:
		c.fail("commit, then again: %s, %s, %v", reply, again, t)
	}
}

// plainRead runs a statement outside of transactions.
func (c *client) plainRead() {
	st := c.statement()
	for st.writes {
		st = c.statement()
	}
	levels := []string{"majority", "snapshot", "linearizable", "local"}
	if c.crashes {
		levels = levels[:3] // others may read what a crash takes back
	}
	st.cmd = append(st.cmd, doc("lsid", c.lsid, "readConcern", doc("level", levels[c.rng.IntN(len(levels))]))...)
	t := c.begin()
	reply, err := c.try(database, st.cmd)
	if err != nil {
		return // has seen nothing
	}
	t.Snapshot = c.now()
	c.endPlain(t, st, reply)
}

// plainWrite runs a retryable write.
func (c *client) plainWrite() {
	st := []func() statement{c.appendOne, c.setRegister, c.replaceRegister}[c.rng.IntN(3)]()
	c.number++
	cmd := append(st.cmd, doc("lsid", c.lsid, "txnNumber", c.number)...)
	t := c.begin()
	t.CommitsAt = t.Start
	reply, err := c.insist(database, append(cmd, majority))
	if err != nil {
		c.fail("%v", err)
		return
	}
	t.Snapshot = c.now()
	c.endPlain(t, st, reply)
}

func (c *client) appendOne() statement { return c.append(1) }

func (c *client) endPlain(t *history.Txn, st statement, reply bson.Raw) {
	switch code := testutil.Code(reply); code {
	case 0:
	case codeDuplicateKey: // another's upsert was first
		c.end(t, st.cmd[0].Key, history.Aborted)
		return
	default:
		c.fail("%v: %s", st.cmd, reply)
		return
	}
	ops, err := st.parse(reply)
	if err != nil {
		c.fail("%v", err)
		return
	}
	t.Ops = ops
	if t.CommitsAt == 0 {
		t.CommitsAt = t.Snapshot
	}
	c.end(t, st.cmd[0].Key, history.Committed)
}
