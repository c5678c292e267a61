package isolation_test

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/test/isolation/history"
)

// The keys. Some lists and registers are in use at a time; after so many appends the oldest list
// is left alone and a new one begun, so that lists stay short.
const (
	activeLists    = 6
	appendsPerList = 40
	registers      = 4
	madeLists      = 2000 // more than a history uses
)

// A list is the field v of a document of lists or lists2. Either all documents are made before,
// or each by the first append. A register is a document of registers: v its value, n how often it
// was written.
var collections = []string{"lists", "lists2"}

func listKey(id int64) string { return fmt.Sprintf("%s/%d", listColl(id), id) }

func listColl(id int64) string { return collections[id%2] }

func registerKey(id int64) string { return fmt.Sprintf("registers/%d", id) }

// list picks a list.
func (c *client) list() int64 {
	oldest := min(c.appends.Load()/appendsPerList, madeLists-activeLists-2)
	return oldest + c.rng.Int64N(activeLists)
}

// statement is a command and how its reply becomes operations of the history.
type statement struct {
	cmd    bson.D
	writes bool
	parse  func(reply bson.Raw) ([]history.Op, error)
}

// statement makes a random one, for use in a transaction.
func (c *client) statement() statement {
	switch n := c.rng.IntN(100); {
	case n < 35:
		return c.readList()
	case n < 45:
		return c.readLists()
	case n < 70:
		return c.append(1)
	case n < 75:
		return c.append(2)
	case n < 83:
		return c.readRegister()
	case n < 90:
		return c.setRegister()
	default:
		return c.replaceRegister()
	}
}

func doc(pairs ...any) bson.D {
	d := make(bson.D, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return d
}

// readList reads one list: by _id, by an index, or by an aggregation.
func (c *client) readList() statement {
	id := c.list()
	coll := listColl(id)
	cmd := doc("find", coll, "filter", doc("_id", id))
	switch c.rng.IntN(3) {
	case 0:
		cmd = doc("find", coll, "filter", doc("k", id))
	case 1:
		cmd = doc("aggregate", coll, "pipeline", bson.A{doc("$match", doc("_id", id))}, "cursor", doc())
	}
	return statement{cmd: cmd, parse: func(reply bson.Raw) ([]history.Op, error) { return lists(reply, id) }}
}

// readLists reads two lists of one collection in one statement.
func (c *client) readLists() statement {
	a := c.list()
	b := a + 2
	cmd := doc("find", listColl(a), "filter", doc("_id", doc("$in", bson.A{a, b})))
	if c.rng.IntN(2) == 0 {
		cmd = doc("find", listColl(a), "filter", doc("k", doc("$gte", a, "$lte", b)))
	}
	return statement{cmd: cmd, parse: func(reply bson.Raw) ([]history.Op, error) { return lists(reply, a, b) }}
}

// lists returns the reads of lists that a cursor's first batch holds; those that it does not hold
// do not exist.
func lists(reply bson.Raw, ids ...int64) ([]history.Op, error) {
	found := make(map[int64][]int64, len(ids))
	vals, err := reply.Lookup("cursor", "firstBatch").Array().Values()
	if err != nil {
		return nil, err
	}
	for _, v := range vals {
		id, seen, err := list(v.Document())
		if err != nil {
			return nil, err
		}
		if _, twice := found[id]; twice {
			return nil, fmt.Errorf("list %d is there twice: %s", id, reply)
		}
		found[id] = seen
	}
	ops := make([]history.Op, 0, len(ids))
	for _, id := range ids {
		ops = append(ops, history.ReadList(listKey(id), found[id]))
	}
	return ops, nil
}

func list(d bson.Raw) (id int64, seen []int64, err error) {
	vals, err := d.Lookup("v").Array().Values()
	for _, v := range vals {
		seen = append(seen, v.AsInt64())
	}
	return d.Lookup("_id").AsInt64(), seen, err
}

// append appends to lists of one collection, in one command.
func (c *client) append(n int) statement {
	id := c.list()
	var updates bson.A
	var ops []history.Op
	for i := range int64(n) {
		key, value := id+2*i, c.next()
		updates = append(updates, doc("q", doc("_id", key), "u", doc(
			"$push", doc("v", value), "$set", doc("k", key)), "upsert", !c.made))
		ops = append(ops, history.Write(listKey(key), value))
	}
	c.appends.Add(int64(n))
	return statement{
		cmd: doc("update", listColl(id), "updates", updates), writes: true,
		parse: func(reply bson.Raw) ([]history.Op, error) { return ops, matched(reply, n) },
	}
}

func matched(reply bson.Raw, want int) error {
	if n := reply.Lookup("n").AsInt64(); n != int64(want) {
		return fmt.Errorf("%d documents instead of %d: %s", n, want, reply)
	}
	return nil
}

func (c *client) readRegister() statement {
	id := c.rng.Int64N(registers)
	return statement{
		cmd: doc("find", "registers", "filter", doc("_id", id)),
		parse: func(reply bson.Raw) ([]history.Op, error) {
			d, ok := reply.Lookup("cursor", "firstBatch", "0").DocumentOK()
			if !ok {
				return nil, fmt.Errorf("no register %d: %s", id, reply)
			}
			return []history.Op{register(id, d)}, nil
		},
	}
}

func register(id int64, d bson.Raw) history.Op {
	return history.ReadRegister(registerKey(id), int(d.Lookup("n").AsInt64()), d.Lookup("v").AsInt64())
}

func registerUpdate(value int64) bson.D { return doc("$set", doc("v", value), "$inc", doc("n", 1)) }

// setRegister writes a register without looking.
func (c *client) setRegister() statement {
	id, value := c.rng.Int64N(registers), c.next()
	return statement{
		cmd:    doc("update", "registers", "updates", bson.A{doc("q", doc("_id", id), "u", registerUpdate(value))}),
		writes: true,
		parse: func(reply bson.Raw) ([]history.Op, error) {
			return []history.Op{history.Write(registerKey(id), value)}, matched(reply, 1)
		},
	}
}

// replaceRegister reads and writes a register in one step.
func (c *client) replaceRegister() statement {
	id, value := c.rng.Int64N(registers), c.next()
	return statement{
		cmd:    doc("findAndModify", "registers", "query", doc("_id", id), "update", registerUpdate(value)),
		writes: true,
		parse: func(reply bson.Raw) ([]history.Op, error) {
			d, ok := reply.Lookup("value").DocumentOK()
			if !ok {
				return nil, fmt.Errorf("no register %d: %s", id, reply)
			}
			return []history.Op{register(id, d), history.Write(registerKey(id), value)}, nil
		},
	}
}
