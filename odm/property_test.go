package odm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// randomThing fills a document with small values, so that parts of two are often equal.
func randomThing(rnd *rand.Rand) *thing {
	v := &thing{ID: "t", Name: word(rnd), Age: rnd.IntN(3), M: map[string]int{}}
	for range rnd.IntN(4) {
		v.Tags = append(v.Tags, word(rnd))
		v.Nums = append(v.Nums, rnd.IntN(3))
		v.M[word(rnd)] = rnd.IntN(3)
	}
	for range rnd.IntN(3) {
		v.Subs = append(v.Subs, sub{ID: subIDs[rnd.IntN(3)], N: rnd.IntN(2), S: word(rnd)})
	}
	if rnd.IntN(2) == 0 {
		s := word(rnd)
		v.Opt, v.Null = &s, &s
	}
	v.Nest.A = rnd.IntN(2)
	v.Mixed = []any{nil, int32(1), bson.D{{Key: "deep", Value: int32(rnd.IntN(2))}}, bson.A{"x"}}[rnd.IntN(4)]
	return v
}

func word(rnd *rand.Rand) string { return string(rune('a' + rnd.IntN(4))) }

func object(t *testing.T, v *thing) string {
	t.Helper()
	o, err := v.ToObject(odm.NoVersionKey())
	require.NoError(t, err)
	out, err := bson.MarshalExtJSON(o, true, false)
	require.NoError(t, err)
	return string(out)
}

// The update that Save sends makes the one document of the other.
func TestRandomChangesArriveOnTheServer(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	conn, _ := newConn(t, nil)
	things := model(t, conn, "Thing", odm.NewSchema[thing]())
	require.NoError(t, things.Create(t.Context(), randomThing(rnd)))
	for i := range 300 {
		v, err := things.FindByID(t.Context(), "t")
		require.NoError(t, err)
		before := object(t, v)
		require.NoError(t, v.Overwrite(t.Context(), randomThing(rnd)))
		want, update := object(t, v), "nothing"
		if ch, err := v.Changes(); err == nil {
			update = ch.String()
		}
		require.NoError(t, v.Save(t.Context()), "seed %d step %d: %s", seed, i, update)
		stored, err := things.FindByID(t.Context(), "t")
		require.NoError(t, err)
		require.Equal(t, want, object(t, stored), "seed %d step %d\nbefore %s\nupdate %s", seed, i, before, update)
		require.False(t, v.IsModified())
		require.Equal(t, stored.Raw().Lookup("__v"), v.Raw().Lookup("__v"))
	}
}

// dump is all that can be seen of a document's state.
func dump(t *testing.T, v *thing) string {
	t.Helper()
	version, ok := v.Version()
	changes, err := v.Changes()
	require.NoError(t, err)
	return fmt.Sprint(v.IsNew(), v.IsDeleted(), version, ok, v.Session(), changes, v.Raw())
}

// program runs random operations on the documents.
func program(ctx context.Context, rnd *rand.Rand, things *odm.Model[thing], docs []*thing) error {
	for range 1 + rnd.IntN(8) {
		v := docs[rnd.IntN(len(docs))]
		var err error
		switch rnd.IntN(17) {
		case 0:
			v.Name += word(rnd)
		case 1:
			v.Tags = append(v.Tags, word(rnd))
		case 2:
			if len(v.Tags) > 0 {
				v.Tags = v.Tags[1:]
			}
		case 3:
			v.Age -= 10
		case 8:
			if v.M == nil {
				v.M = map[string]int{}
			}
			v.M[word(rnd)] = rnd.IntN(3)
		case 9:
			delete(v.M, word(rnd))
		case 10:
			v.Subs = append(v.Subs, sub{ID: subIDs[rnd.IntN(3)], N: rnd.IntN(2), S: word(rnd)})
		case 11:
			if len(v.Subs) > 0 {
				v.Subs[0].N++
			}
		case 12:
			v.Opt, v.Mixed = nil, bson.D{{Key: "deep", Value: int32(rnd.IntN(2))}}
		case 14:
			err = v.Inc("age", 2)
		case 15:
			err = v.AddToSet("tags", word(rnd))
		case 16:
			other := randomThing(rnd)
			other.ID = v.ID
			err = v.Overwrite(ctx, other)
		case 13:
			if !v.IsNew() && !v.IsDeleted() {
				err = v.Update(ctx, bson.D{{Key: "$push", Value: bson.D{{Key: "nums", Value: rnd.IntN(3)}}}})
			}
		case 4:
			err = things.BulkSave(ctx, []*thing{v})
			if v.IsDeleted() {
				err = nil
			}
		case 5:
			if !v.IsNew() && rnd.IntN(3) == 0 {
				err = v.Delete(ctx)
			}
		default:
			if !v.IsDeleted() {
				err = v.Save(ctx)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func TestRandomTransactionsAreTakenBack(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	conn, rec := newConn(t, nil)
	schema := odm.NewSchema[thing](odm.Timestamps()).Pre(odm.OnSave, func(_ context.Context, v *thing) error {
		v.Nest.B += "!"
		return nil
	})
	things := model(t, conn, "Thing", schema)
	require.NoError(t, things.Collection().Database().CreateCollection(t.Context(), "things"))
	setUp := func(rnd *rand.Rand) []*thing {
		_, err := things.Query().DeleteMany(t.Context())
		require.NoError(t, err)
		a, b, c := randomThing(rnd), randomThing(rnd), randomThing(rnd)
		a.ID, b.ID, c.ID = "a", "b", "c"
		require.NoError(t, things.Create(t.Context(), a, b))
		b.Name = "changed before"
		return []*thing{a, b, things.New(c)}
	}
	for i := range uint64(60) {
		where := fmt.Sprintf("seed %d round %d", seed, i)
		rnd := func() *rand.Rand { return rand.New(rand.NewPCG(seed, i)) }
		r := rnd()
		docs := setUp(r)
		var before, values []string
		for _, v := range docs {
			before, values = append(before, dump(t, v)), append(values, object(t, v))
		}
		err := conn.Transaction(t.Context(), func(ctx context.Context) error {
			if err := program(ctx, r, things, docs); err != nil {
				return err
			}
			return errOops
		}, odm.RestoreValues(), odm.Enlist(docs[0], docs[1], docs[2]))
		require.Equal(t, errOops, err, where)
		for k, v := range docs {
			require.Equal(t, before[k], dump(t, v), where)
			require.Equal(t, values[k], object(t, v), where)
		}

		// A retry sends what an undisturbed run would have sent.
		var runs [2][]string
		for k, attempts := range []int{1, 3} {
			r := rnd()
			docs := setUp(r)
			progSeed := r.Uint64()
			n := 0
			require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
				n++
				rec.take("")
				if err := program(ctx, rand.New(rand.NewPCG(progSeed, 0)), things, docs); err != nil {
					return err
				}
				for _, c := range rec.cmds {
					runs[k] = append(runs[k], sent(t, c))
				}
				if n < attempts {
					runs[k] = nil
					return transient()
				}
				return nil
			}, odm.Enlist(docs[0], docs[1], docs[2])), where)
		}
		require.Equal(t, runs[0], runs[1], where)
	}
}

// Whichever statement of a transaction fails transiently, the commit included, the retry sends what
// an undisturbed run would have sent.
func TestRandomFaultsAreRetried(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	conn, rec := newConn(t, nil)
	things := model(t, conn, "Thing", odm.NewSchema[thing](odm.Timestamps()))
	require.NoError(t, things.Collection().Database().CreateCollection(t.Context(), "things"))
	// run runs the program of a round, and has statement number fault fail, if it is not negative.
	run := func(round uint64, fault int) (sentLast []string, documents string, attempts int) {
		rnd := rand.New(rand.NewPCG(seed, round))
		_, err := things.Query().DeleteMany(t.Context())
		require.NoError(t, err)
		a, b, c := randomThing(rnd), randomThing(rnd), randomThing(rnd)
		a.ID, b.ID, c.ID = "a", "b", "c"
		require.NoError(t, things.Create(t.Context(), a, b))
		docs := []*thing{a, b, things.New(c)}
		program1 := rnd.Uint64()
		if fault >= 0 {
			failStatement(t, conn, bson.D{{Key: "skip", Value: fault}})
		}
		require.NoError(t, conn.Transaction(t.Context(), func(ctx context.Context) error {
			if attempts++; attempts == 2 {
				failStatement(t, conn, "off")
			}
			rec.take("")
			return program(ctx, rand.New(rand.NewPCG(program1, 0)), things, docs)
		}, odm.Enlist(docs[0], docs[1], docs[2])), "seed %d round %d fault %d", seed, round, fault)
		failStatement(t, conn, "off")
		for _, cmd := range rec.cmds {
			if el, err := cmd.IndexErr(0); err == nil && el.Key() != "configureFailPoint" {
				sentLast = append(sentLast, sent(t, cmd))
			}
		}
		for _, v := range docs {
			documents += dump(t, v) + object(t, v)
		}
		return sentLast, clockless.ReplaceAllString(documents, ""), attempts
	}
	for round := range uint64(15) {
		want, documents, _ := run(round, -1)
		for fault := range len(want) {
			got, after, attempts := run(round, fault)
			require.Equal(t, 2, attempts, "seed %d round %d fault %d", seed, round, fault)
			require.Equal(t, want, got, "seed %d round %d fault %d", seed, round, fault)
			require.Equal(t, documents, after, "seed %d round %d fault %d", seed, round, fault)
		}
	}
}

// failStatement makes the statements of transactions fail transiently in a mode of failCommand.
func failStatement(t *testing.T, conn *odm.Connection, mode any) {
	t.Helper()
	require.NoError(t, conn.Client().Database("admin").RunCommand(t.Context(), bson.D{
		{Key: "configureFailPoint", Value: "failCommand"},
		{Key: "mode", Value: mode},
		{Key: "data", Value: bson.D{
			{Key: "failCommands", Value: bson.A{"insert", "update", "delete", "find", "bulkWrite", "findAndModify", "commitTransaction"}},
			{Key: "errorCode", Value: 251},
			{Key: "errorLabels", Value: bson.A{"TransientTransactionError"}},
		}},
	}).Err())
}

// sent is a command without what differs from one time to the next.
func sent(t *testing.T, cmd bson.Raw) string {
	t.Helper()
	els, err := cmd.Elements()
	require.NoError(t, err)
	var parts []string
	for _, e := range els {
		switch e.Key() {
		case "lsid", "txnNumber", "$clusterTime", "startTransaction", "readConcern":
			continue
		}
		parts = append(parts, e.String())
	}
	return clockless.ReplaceAllString(strings.Join(parts, " "), "")
}
