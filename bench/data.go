package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Documents have the fields seq, by which they are in the order in which they were inserted, and
// scat, by which they are not; both have an index. The fields amount and group have none.
const (
	scatter     = 48271 // has no factor in common with the number of documents
	groups      = 50
	amounts     = 1000
	rangeSize   = 100
	accounts    = 10_000
	hotAccounts = 10
	balance     = 1000
	batchSize   = 1000
)

// paddingSize brings a document to 1 KB.
const paddingSize = 928

// noise is text that does not compress, the same in each run.
var noise = func() string {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 3<<18)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b)
}()

// padding fills up the document of an id. Neighbours have nothing in common.
func padding(id int32) string {
	const step = 7919
	start := int(id) * step % (len(noise) - paddingSize)
	return noise[start : start+paddingSize]
}

// item is what a document says, for those that write it as BSON and those that write it as JSON.
type item struct {
	id, seq, scat, amount int32
	group                 string
}

func makeItem(id, n int) item {
	scat := id * scatter % n
	return item{
		id: int32(id), seq: int32(id), scat: int32(scat),
		amount: int32(scat % amounts), group: groupName(id * 7 % groups),
	}
}

func groupName(i int) string { return fmt.Sprintf("g%02d", i) }

func (it item) document() bson.D {
	return bson.D{
		{Key: "_id", Value: it.id},
		{Key: "seq", Value: it.seq},
		{Key: "scat", Value: it.scat},
		{Key: "amount", Value: it.amount},
		{Key: "group", Value: it.group},
		{Key: "n", Value: int32(0)},
		{Key: "pad", Value: padding(it.id)},
	}
}

func (it item) json() string {
	return fmt.Sprintf(`{"_id":%d,"seq":%d,"scat":%d,"amount":%d,"group":%q,"n":0,"pad":%q}`,
		it.id, it.seq, it.scat, it.amount, it.group, padding(it.id))
}
