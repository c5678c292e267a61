package torture_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// d builds a document of names and values.
func d(pairs ...any) bson.D {
	out := bson.D{}
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return out
}

// tame are the commands that are meant to disturb others.
var tame = map[string]bool{
	"shutdown": true, "configureFailPoint": true, "setParameter": true, "killOp": true, "killAllSessions": true,
	"killAllSessionsByPattern": true, "killSessions": true, "setFeatureCompatibilityVersion": true, "fsync": true,
}

// valid are commands to begin with.
var valid = []bson.D{
	d("find", "c", "filter", d("a", d("$gt", 1)), "sort", d("a", 1), "projection", d("a", 1), "limit", 1, "batchSize", 2),
	d("find", "c", "filter", d("$expr", d("$eq", bson.A{"$a", d("$add", bson.A{1, "$b"})})), "min", d("a", 1), "hint", "a_1"),
	d("aggregate", "c", "pipeline", bson.A{
		d("$match", d("a", d("$in", bson.A{1, 2}))), d("$group", d("_id", "$a", "n", d("$sum", 1))),
		d("$lookup", d("from", "c", "localField", "a", "foreignField", "a", "as", "x")), d("$unwind", "$x"), d("$sort", d("a", -1)),
		d("$facet", d("f", bson.A{d("$count", "n")})),
	}, "cursor", d("batchSize", 1)),
	d("insert", "c", "documents", bson.A{d("a", bson.A{1, "x", d("b", 1)}), d("_id", 1)}, "ordered", false),
	d("update", "c", "updates", bson.A{d("q", d("a", 1), "u", d("$inc", d("a.$[i]", 1), "$push", d("b", d("$each", bson.A{1}))),
		"multi", true, "upsert", true, "arrayFilters", bson.A{d("i", 1)})}),
	d("update", "c", "updates", bson.A{d("q", d("_id", 1), "u", bson.A{d("$set", d("b", d("$concat", bson.A{"$a", "x"})))})}),
	d("delete", "c", "deletes", bson.A{d("q", d("a", 1), "limit", 1)}),
	d("findAndModify", "c", "query", d("a", 1), "sort", d("a", 1), "update", d("$set", d("x", 1)), "new", true),
	d("createIndexes", "c", "indexes", bson.A{d("key", d("a", 1), "name", "a_1", "unique", false)}),
	d("bulkWrite", 1, "ops", bson.A{d("insert", 0, "document", d("a", 1))}, "nsInfo", bson.A{d("ns", "junk.c")}),
	d("distinct", "c", "key", "a", "query", d("a", d("$regex", "x", "$options", "i"))),
	d("find", "c", "lsid", d("id", bson.Binary{Subtype: 4, Data: make([]byte, 16)}), "txnNumber", int64(1), "autocommit", false, "startTransaction", true),
	d("getMore", int64(1), "collection", "c"), d("explain", d("find", "c"), "verbosity", "executionStats"),
}

// odd are values that nobody expects.
var odd = []any{
	nil, true, int32(-1), int32(math.MaxInt32), int64(math.MinInt64), math.NaN(), math.Inf(-1), "", "$a", "a.b", "a..b", "$$ROOT", "c\x00", "c",
	d(),
	bson.A{},
	bson.A{nil, 1, d()},
	d("$x", 1), d("", 1), d("$gt", nil), d("a", d("$elemMatch", 1)),
	bson.Regex{Pattern: "(", Options: "x"},
	bson.Timestamp{T: 1},
	bson.Binary{Subtype: 4, Data: []byte{1}},
	bson.MinKey{},
	bson.MaxKey{},
	bson.Undefined{},
	bson.JavaScript("x"), bson.Symbol("s"), bson.DateTime(math.MinInt64),
	bson.ObjectID{},
	bson.NewDecimal128(1<<63, 1),
}

// frame returns a message, and whether it is one by its length.
func (b *bully) frame() (msg []byte, intact bool) {
	cmd := b.mutate(valid[b.r.IntN(len(valid))], true).(bson.D)
	if b.r.IntN(3) == 0 { // any command, with the fields of another
		cmd = append(bson.D{{Key: b.names[b.r.IntN(len(b.names))], Value: b.odd()}}, cmd[min(1, len(cmd)):]...)
	}
	cmd = append(cmd, d("$db", []string{"junk", "junk", "admin"}[b.r.IntN(3)], "maxTimeMS", 1000)...)
	body, err := bson.Marshal(cmd)
	if err != nil {
		return b.frame() // a name that cannot be written
	}
	msg = binary.LittleEndian.AppendUint32(nil, uint32(21+len(body)))
	msg = append(msg, 1, 0, 0, 0, 0, 0, 0, 0, 0xdd, 7, 0, 0, 0, 0, 0, 0, 0)
	msg = append(msg, body...)
	if b.r.IntN(3) > 0 {
		return msg, true
	}
	for range 1 + b.r.IntN(3) {
		from := 16 // the flags
		if b.r.IntN(10) == 0 {
			from = 0
		}
		msg[from+b.r.IntN(len(msg)-from)] = byte(b.r.IntN(256))
	}
	if b.r.IntN(10) == 0 {
		msg = msg[:b.r.IntN(len(msg))]
	}
	return msg, false
}

func (b *bully) odd() any { return odd[b.r.IntN(len(odd))] }

// mutate returns v with some changes.
func (b *bully) mutate(v any, top bool) any {
	if !top && b.r.IntN(12) == 0 {
		return b.odd()
	}
	switch v := v.(type) {
	case bson.D:
		out := bson.D{}
		for i, e := range v {
			if i > 0 || !top {
				switch b.r.IntN(20) {
				case 0:
					continue
				case 1:
					e.Key = "$" + e.Key
				case 2:
					e.Key = v[b.r.IntN(len(v))].Key
				}
			}
			out = append(out, bson.E{Key: e.Key, Value: b.mutate(e.Value, false)})
		}
		return out
	case bson.A:
		out := bson.A{}
		for _, e := range v {
			for range b.r.IntN(8)/7 + 1 {
				out = append(out, b.mutate(e, false))
			}
		}
		return out
	}
	return v
}

// readReply reads one message and returns its document.
func readReply(c net.Conn) (bson.Raw, error) {
	var head [21]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.LittleEndian.Uint32(head[:])) - len(head)
	if n < 5 || n > 48_000_000 {
		return nil, fmt.Errorf("reply of %d bytes", n)
	}
	reply := make(bson.Raw, n)
	if _, err := io.ReadFull(c, reply); err != nil {
		return nil, err
	}
	return reply, reply.Validate()
}
