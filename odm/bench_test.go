package odm_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// benched has the size and the fields of an ordinary document.
type benched struct {
	odm.Doc[benched] `bson:"-"`

	ID      bson.ObjectID `bson:"_id"`
	Name    string        `bson:"name"`
	Email   string        `bson:"email"`
	Age     int           `bson:"age"`
	Balance int64         `bson:"balance"`
	Score   float64       `bson:"score"`
	Active  bool          `bson:"active"`
	Tags    []string      `bson:"tags"`
	Created time.Time     `bson:"created"`
	Home    nest          `bson:"home"`
}

// plain is the same for the bare driver.
type plain struct {
	ID      bson.ObjectID `bson:"_id"`
	Name    string        `bson:"name"`
	Email   string        `bson:"email"`
	Age     int           `bson:"age"`
	Balance int64         `bson:"balance"`
	Score   float64       `bson:"score"`
	Active  bool          `bson:"active"`
	Tags    []string      `bson:"tags"`
	Created time.Time     `bson:"created"`
	Home    nest          `bson:"home"`
}

// benchModel holds a hundred documents.
func benchModel(b *testing.B) *odm.Model[benched] {
	b.Helper()
	conn, rec := newConn(b, nil)
	m := model(b, conn, "Benched", odm.NewSchema[benched]())
	docs := make([]*benched, 100)
	for i := range docs {
		docs[i] = &benched{
			Name: fmt.Sprint("Person number ", i), Email: "somebody@example.com", Age: i, Balance: 1 << 40, Score: 1.5, Active: true,
			Tags: []string{"one", "two", "three"}, Created: time.Now(), Home: nest{A: 1, B: "somewhere"},
		}
	}
	_, err := m.InsertMany(b.Context(), docs)
	require.NoError(b, err)
	rec.off = true
	return m
}

// cpu reports the processor time of the whole process for each operation: that of the
// driver, the server and the ODM together.
func cpu(b *testing.B, fn func()) {
	b.Helper()
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		fn()
	}
	b.ReportMetric(float64((cpuTime(b)-start).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkFind100(b *testing.B) {
	m := benchModel(b)
	b.Run("driver", func(b *testing.B) {
		cpu(b, func() {
			cur, err := m.Collection().Find(b.Context(), bson.D{})
			require.NoError(b, err)
			var out []*plain
			require.NoError(b, cur.All(b.Context(), &out))
			require.Len(b, out, 100)
		})
	})
	// cursor.All reads each document through a buffer of its own; this is the driver at its best.
	b.Run("driver by Unmarshal", func(b *testing.B) {
		cpu(b, func() {
			cur, err := m.Collection().Find(b.Context(), bson.D{})
			require.NoError(b, err)
			var out []*plain
			for cur.Next(b.Context()) {
				v := new(plain)
				require.NoError(b, bson.Unmarshal(cur.Current, v))
				out = append(out, v)
			}
			require.NoError(b, cur.Err())
			require.Len(b, out, 100)
		})
	})
	b.Run("odm", func(b *testing.B) {
		cpu(b, func() {
			out, err := m.Find(b.Context(), nil)
			require.NoError(b, err)
			require.Len(b, out, 100)
		})
	})
}

func BenchmarkSave(b *testing.B) {
	m := benchModel(b)
	doc, err := m.FindOne(b.Context(), nil)
	require.NoError(b, err)
	b.Run("driver", func(b *testing.B) {
		n := int64(0)
		cpu(b, func() {
			n++
			res, err := m.Collection().UpdateOne(b.Context(), bson.D{{Key: "_id", Value: doc.ID}}, bson.D{{Key: "$set", Value: bson.D{{Key: "balance", Value: n}}}})
			require.NoError(b, err)
			require.EqualValues(b, 1, res.MatchedCount)
		})
	})
	b.Run("odm", func(b *testing.B) {
		cpu(b, func() {
			doc.Balance++
			require.NoError(b, doc.Save(b.Context()))
		})
	})
}

func BenchmarkInsert(b *testing.B) {
	m := benchModel(b)
	b.Run("driver", func(b *testing.B) {
		cpu(b, func() {
			_, err := m.Collection().InsertOne(b.Context(), &plain{ID: bson.NewObjectID(), Name: "new", Tags: []string{"a"}})
			require.NoError(b, err)
		})
	})
	b.Run("odm", func(b *testing.B) {
		cpu(b, func() {
			require.NoError(b, m.Create(b.Context(), &benched{Name: "new", Tags: []string{"a"}}))
		})
	})
}

func BenchmarkChanges(b *testing.B) {
	m := benchModel(b)
	doc, err := m.FindOne(b.Context(), nil)
	require.NoError(b, err)
	doc.Name, doc.Tags = "changed", append(doc.Tags, "four")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := doc.Changes(); err != nil {
			b.Fatal(err)
		}
	}
}
