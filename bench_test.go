package tandem_test

import (
	"net"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/wire"
)

// BenchmarkRoundTrip is one command over TCP without a driver: what the server itself
// costs.
func BenchmarkRoundTrip(b *testing.B) {
	db, err := tandem.Open(":memory:", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = db.Serve(l) }()
	lsid := bson.D{{Key: "id", Value: bson.Binary{Subtype: 4, Data: make([]byte, 16)}}}
	for _, bm := range []struct {
		name string
		cmd  bson.D
	}{
		{"ping", bson.D{{Key: "ping", Value: 1}, {Key: "lsid", Value: lsid}, {Key: "$db", Value: "admin"}}},
		{"hello", bson.D{{Key: "hello", Value: 1}, {Key: "$db", Value: "admin"}}},
		{"findOne", bson.D{{Key: "find", Value: "c"}, {Key: "filter", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "limit", Value: 1}, {Key: "singleBatch", Value: true}, {Key: "lsid", Value: lsid}, {Key: "$db", Value: "x"}}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			body, err := bson.Marshal(bm.cmd)
			if err != nil {
				b.Fatal(err)
			}
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer nc.Close()
			msg, r := wire.AppendMsg(nil, 1, 0, 0, body), wire.NewReader(nc, 0)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := nc.Write(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := r.Read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
