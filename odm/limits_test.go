package odm_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// Hydrate makes the struct and its state in few allocations, the stored bytes among them.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates")
		return
	}
	conn, _ := newConn(t, nil)
	people := model(t, conn, "Person", odm.NewSchema[person]())
	p, err := people.CreateOne(t.Context(), &person{Name: "a", Rank: "b"})
	require.NoError(t, err)
	raw := p.Raw()
	bare := testing.AllocsPerRun(100, func() {
		v := new(struct {
			ID   bson.ObjectID `bson:"_id"`
			Name string        `bson:"name"`
			Rank string        `bson:"rank"`
		})
		_ = bson.Unmarshal(raw, v)
	})
	hydrate := testing.AllocsPerRun(100, func() { _, _ = people.Hydrate(t.Context(), raw) })
	require.LessOrEqual(t, hydrate, bare+1)
	p.Name = "c"
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = p.Changes() }), 25.0)
}

func TestParallelSaveOfOneDocumentIsRefused(t *testing.T) {
	conn, _ := newConn(t, nil)
	inside, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	schema := odm.NewSchema[person]().Pre(odm.OnSave, func(context.Context, *person) error {
		once.Do(func() { close(inside); <-leave })
		return nil
	})
	people := model(t, conn, "Person", schema)
	p := people.New(&person{Name: "a"})
	saved := make(chan error)
	go func() { saved <- p.Save(context.Background()) }()
	<-inside
	require.ErrorIs(t, p.Save(t.Context()), odm.ErrParallelSave)
	require.ErrorIs(t, p.Validate(t.Context()), odm.ErrParallelSave)
	close(leave)
	require.NoError(t, <-saved)
}

// seedDocuments are documents as BSON, the form that the fuzzers change.
func seedDocuments(f *testing.F, texts ...string) [][]byte {
	f.Helper()
	var out [][]byte
	for _, text := range texts {
		var doc bson.D
		require.NoError(f, bson.UnmarshalExtJSON([]byte(text), false, &doc))
		raw, err := bson.Marshal(doc)
		require.NoError(f, err)
		out = append(out, raw)
	}
	return out
}

func FuzzDiff(f *testing.F) {
	docs := seedDocuments(f, `{"name": "a"}`, `{"tags": ["x"], "m": {"a.b": 1}}`, `{"subs": [{"n": 1}], "mixed": {"$x": 1}}`, `{"name": "b", "tags": ["x", "y"]}`)
	for i := range docs {
		f.Add(docs[i], docs[(i+1)%len(docs)])
	}
	conn := odm.NewConnection(nil)
	things := odm.MustModel[thing](conn, "Thing", odm.NewSchema[thing]())
	f.Fuzz(func(t *testing.T, stored, now []byte) {
		var b thing
		if bson.Raw(stored).Validate() != nil || bson.Raw(now).Validate() != nil || bson.Unmarshal(now, &b) != nil {
			return
		}
		v, err := things.Hydrate(t.Context(), stored)
		if err != nil {
			return
		}
		require.False(t, v.IsModified())
		v.Name, v.Age, v.Tags, v.Nums, v.Subs, v.Nest, v.M, v.Mixed = b.Name, b.Age, b.Tags, b.Nums, b.Subs, b.Nest, b.M, b.Mixed
		ch, err := v.Changes()
		require.NoError(t, err)
		require.Equal(t, len(ch.Paths) > 0, ch.Update != nil)
		if ch.Update != nil {
			require.NoError(t, ch.Update.Validate())
		}
	})
}

func FuzzFilterCast(f *testing.F) {
	for _, doc := range seedDocuments(f, `{"age": "5"}`, `{"$or": [{"age": {"$in": ["1", 2]}}]}`, `{"$or": "no list"}`,
		`{"subs": {"$elemMatch": {"n": "3"}}}`, `{"nums": {"$not": {"$gt": "x"}}}`) {
		f.Add(doc)
	}
	conn, _ := newConn(f, nil)
	things := odm.MustModel[thing](conn, "Thing", odm.NewSchema[thing]())
	f.Fuzz(func(t *testing.T, filter []byte) {
		if bson.Raw(filter).Validate() != nil {
			return
		}
		_, err := things.Find(t.Context(), bson.Raw(filter))
		var cast *odm.CastError
		var refused *odm.OpError // by the server
		require.True(t, err == nil || errors.As(err, &cast) || errors.As(err, &refused), "%v", err)
	})
}
