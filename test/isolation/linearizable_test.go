package isolation_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/testutil"
)

// registerOp is what a client wants of a register.
type registerOp struct {
	key      int64
	kind     byte // 'r'ead, 'w'rite or 'c'ompare and set
	old, new int64
}

// registerResult is what the client got: a value for a read, whether it happened for the others.
type registerResult struct {
	value int64
	done  bool
	tries int // how often it was sent
}

// registerModel is what single documents promise to plain statements: one value at a time.
var registerModel = porcupine.Model{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		parts := make([][]porcupine.Operation, registers)
		for _, op := range all {
			key := op.Input.(registerOp).key
			parts[key] = append(parts[key], op)
		}
		return parts
	},
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		op, res, value := input.(registerOp), output.(registerResult), state.(int64)
		switch op.kind {
		case 'r':
			return res.value == value, value
		case 'w':
			return res.done, op.new
		}
		if res.done != (value == op.old) {
			return false, value
		}
		if res.done {
			value = op.new
		}
		return true, value
	},
	DescribeOperation: func(input, output any) string {
		op := input.(registerOp)
		return fmt.Sprintf("%c, old %d, new %d: %+v", op.kind, op.old, op.new, output)
	},
}

// useRegisters runs plain statements on single registers and returns them.
func (c *client) useRegisters() []porcupine.Operation {
	defer c.hangUp()
	var ops []porcupine.Operation
	var last [registers]int64 // that the client knows of
	for !c.stop.Load() {
		op := registerOp{key: c.rng.Int64N(registers), kind: "rrwc"[c.rng.IntN(4)], new: c.next()}
		op.old = last[op.key]
		call := c.now()
		res, ok := c.useRegister(op)
		if !ok {
			break
		}
		ops = append(ops, porcupine.Operation{ClientId: c.id, Input: op, Output: res, Call: int64(call), Return: int64(c.now())})
		switch {
		case op.kind == 'r':
			last[op.key] = res.value
		case res.done:
			last[op.key] = op.new
		}
	}
	return ops
}

func (c *client) useRegister(op registerOp) (res registerResult, ok bool) {
	set := doc("$set", doc("v", op.new))
	var cmd bson.D
	switch op.kind {
	case 'r':
		level := []string{"majority", "linearizable"}[c.rng.IntN(2)]
		cmd = doc("find", "registers", "filter", doc("_id", op.key), "readConcern", doc("level", level))
	case 'w':
		cmd = doc("update", "registers", "updates", bson.A{doc("q", doc("_id", op.key), "u", set)})
	default:
		cmd = doc("findAndModify", "registers", "query", doc("_id", op.key, "v", op.old), "update", set)
	}
	if op.kind != 'r' {
		c.number++
		cmd = append(cmd, doc("lsid", c.lsid, "txnNumber", c.number, majority.Key, majority.Value)...)
	}
	reply, err := c.insist(database, cmd)
	res.tries = c.tries
	if err != nil || testutil.Code(reply) != 0 {
		c.fail("%v: %s, %v", op, reply, err)
		return res, false
	}
	switch op.kind {
	case 'r':
		res.value = reply.Lookup("cursor", "firstBatch", "0", "v").AsInt64()
	case 'w':
		res.done = reply.Lookup("n").AsInt64() == 1
	default:
		res.done = reply.Lookup("value").Type == bson.TypeEmbeddedDocument
	}
	return res, true
}

// linearize lets clients use registers while during runs, and checks what they saw.
func (c *cluster) linearize(seed uint64, during func()) {
	c.setUp()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []porcupine.Operation
	for id := range clients / 2 {
		cl := c.newClient(id, seed)
		wg.Go(func() {
			ops := cl.useRegisters()
			mu.Lock()
			defer mu.Unlock()
			all = append(all, ops...)
		})
	}
	during()
	c.stop.Store(true)
	wg.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
	c.t.Logf("%d operations", len(all))
	result, info := porcupine.CheckOperationsVerbose(registerModel, all, time.Minute)
	require.Equal(c.t, porcupine.Ok, result, "%s", stuck(all, &info))
}

// stuck describes where the order of a history ends: the last operations that have a place in it,
// and the first that have none.
func stuck(all []porcupine.Operation, info *porcupine.LinearizationInfo) string {
	var b strings.Builder
	parts := registerModel.Partition(all)
	for key, partials := range info.PartialLinearizationsOperations() {
		var best []porcupine.Operation
		for _, p := range partials {
			if len(p) > len(best) {
				best = p
			}
		}
		if len(best) == len(parts[key]) {
			continue
		}
		placed := make(map[int64]bool)
		for _, op := range best {
			placed[op.Call] = true
		}
		fmt.Fprintf(&b, "register %d, in this order:\n", key)
		for _, op := range best[max(0, len(best)-10):] {
			describe(&b, op)
		}
		b.WriteString("and then none of\n")
		left := slices.DeleteFunc(slices.Clone(parts[key]), func(op porcupine.Operation) bool { return placed[op.Call] })
		slices.SortFunc(left, func(x, y porcupine.Operation) int { return cmp.Compare(x.Call, y.Call) })
		for _, op := range left[:min(len(left), 10)] {
			describe(&b, op)
		}
	}
	return b.String()
}

func describe(b *strings.Builder, op porcupine.Operation) {
	fmt.Fprintf(b, "  client %d, %v to %v: %s\n", op.ClientId, time.Duration(op.Call), time.Duration(op.Return),
		registerModel.DescribeOperation(op.Input, op.Output))
}

func TestPlainStatementsAreLinearizable(t *testing.T) {
	for range rounds(1, 20) {
		c := newCluster(t)
		c.moveTo(serve(t))
		c.linearize(newSeed(t), func() { time.Sleep(time.Second) })
	}
}

func TestPlainStatementsAreLinearizableAcrossKills(t *testing.T) {
	bin := testutil.BuildServer(t)
	for range rounds(1, 10) {
		c, seed := newCluster(t), newSeed(t)
		n := newNode(c, bin, filepath.Join(t.TempDir(), "data"))
		c.linearize(seed, func() { n.killAgain(rand.New(rand.NewPCG(seed, clients)), 6) })
	}
}

// The model itself refuses what is not linearizable.
func TestRegisterModel(t *testing.T) {
	op := func(call, ret int64, in registerOp, out registerResult) porcupine.Operation {
		return porcupine.Operation{Call: call, Return: ret, Input: in, Output: out}
	}
	write, done := registerOp{kind: 'w', new: 1}, registerResult{done: true}
	for _, tc := range []struct {
		name string
		ops  []porcupine.Operation
		want porcupine.CheckResult
	}{
		{"read after write", []porcupine.Operation{op(1, 2, write, done), op(3, 4, registerOp{kind: 'r'}, registerResult{value: 1})}, porcupine.Ok},
		{"stale read", []porcupine.Operation{op(1, 2, write, done), op(3, 4, registerOp{kind: 'r'}, registerResult{value: 0})}, porcupine.Illegal},
		{"either, while it is written", []porcupine.Operation{op(1, 4, write, done), op(2, 3, registerOp{kind: 'r'}, registerResult{value: 0})}, porcupine.Ok},
		{"set by two", []porcupine.Operation{
			op(1, 4, registerOp{kind: 'c', old: 0, new: 1}, done), op(1, 4, registerOp{kind: 'c', old: 0, new: 2}, done),
		}, porcupine.Illegal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, porcupine.CheckOperationsTimeout(registerModel, tc.ops, time.Minute))
		})
	}
}
