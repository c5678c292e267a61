package odm_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

type stock struct {
	odm.Doc[stock] `bson:"-"`

	ID    string    `bson:"_id"`
	Name  string    `bson:"name" odm:"required,lowercase"`
	Parts []string  `bson:"parts"`
	Count int       `bson:"count" odm:"min=0"`
	Saved time.Time `bson:"updatedAt"`
}

func stocks(t *testing.T, conn *odm.Connection, hooks ...func(*odm.Schema[stock])) *odm.Model[stock] {
	t.Helper()
	return model(t, conn, "Stock", odm.NewSchema[stock](odm.Timestamps()).Use(hooks...))
}

func isNew(docs ...*stock) []bool {
	out := make([]bool, len(docs))
	for i, d := range docs {
		out[i] = d.IsNew()
	}
	return out
}

func TestInsertMany(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		m := stocks(t, conn)
		var ve *odm.ValidationError
		var dup *odm.DuplicateKeyError

		// In order, an invalid document keeps all from being sent.
		docs := []*stock{{ID: "a", Name: "A"}, {ID: "b"}}
		res, err := m.InsertMany(t.Context(), docs)
		require.ErrorAs(t, err, &ve)
		require.Empty(t, res.Inserted)
		count(t.Context(), t, m, nil, 0)

		// In order, what is before a duplicate is stored, what is after it is not.
		docs = []*stock{{ID: "a", Name: "A"}, {ID: "a", Name: "A"}, {ID: "c", Name: "C"}}
		res, err = m.InsertMany(t.Context(), docs)
		require.ErrorAs(t, err, &dup)
		require.Equal(t, "Stock", dup.Model)
		require.Equal(t, docs[:1], res.Inserted)
		require.Equal(t, []bool{false, true, true}, isNew(docs...))

		// Unordered, the valid ones are stored, and the result says what became of the others.
		docs = []*stock{{ID: "b"}, {ID: "a", Name: "A"}, {ID: "d", Name: "D"}}
		res, err = m.InsertMany(t.Context(), docs, odm.Unordered())
		require.ErrorAs(t, err, &dup)
		require.ErrorAs(t, res.Errors[0], &ve)
		require.ErrorAs(t, res.Errors[1], &dup)
		require.Equal(t, docs[2:], res.Inserted)
		require.Equal(t, []bool{true, true, false}, isNew(docs...))

		// If only validation failed, the result alone says so.
		res, err = m.InsertMany(t.Context(), []*stock{{ID: "e"}, {ID: "f", Name: "F"}}, odm.Unordered())
		require.NoError(t, err)
		require.Len(t, res.Errors, 1)
		found, err := m.FindByID(t.Context(), "f")
		require.NoError(t, err)
		require.Equal(t, "f", found.Name)
		require.False(t, found.Saved.IsZero())
		res, err = m.InsertMany(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, res.Inserted)
	})
}

func TestBulkWrite(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		m := stocks(t, conn)
		byID := func(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }
		a, b, again := &stock{ID: "a", Name: "A"}, &stock{ID: "b", Name: "B"}, &stock{ID: "a", Name: "A"}
		res, err := m.BulkWrite(t.Context(), []odm.BulkOp[stock]{
			odm.InsertOp(a),
			odm.UpdateOneOp[stock](byID("a"), bson.D{{Key: "count", Value: "7"}}),
			odm.UpdateManyOp[stock](bson.D{}, bson.D{{Key: "name", Value: "ALL"}}),
			odm.UpdateOneOp[stock](byID("new"), bson.D{{Key: "name", Value: "N"}}, odm.Upsert()),
			odm.ReplaceOp(byID("new"), &stock{Name: "REPLACED"}),
			odm.InsertOp(&stock{ID: "x", Name: "X"}),
			odm.DeleteOp[stock](byID("x")),
			odm.DeleteManyOp[stock](bson.D{{Key: "count", Value: bson.D{{Key: "$gt", Value: "100"}}}}),
		})
		require.NoError(t, err)
		require.Empty(t, res.Errors)
		require.EqualValues(t, 2, res.InsertedCount)
		require.EqualValues(t, 1, res.UpsertedCount)
		require.EqualValues(t, 1, res.DeletedCount)
		require.False(t, a.IsNew())
		a.Name = "a2"
		require.NoError(t, a.Save(t.Context()))
		replaced, err := m.FindByID(t.Context(), "new")
		require.NoError(t, err)
		require.Equal(t, "replaced", replaced.Name)
		require.False(t, replaced.Saved.IsZero())

		var dup *odm.DuplicateKeyError
		var cast *odm.CastError
		var ve *odm.ValidationError
		writes := []odm.BulkOp[stock]{
			odm.InsertOp(again),
			odm.UpdateOneOp[stock](byID("a"), bson.D{{Key: "count", Value: "many"}}),
			odm.UpdateOneOp[stock](byID("a"), bson.D{{Key: "count", Value: -1}}, odm.RunValidators()),
			odm.InsertOp(b),
		}
		_, err = m.BulkWrite(t.Context(), writes)
		require.ErrorAs(t, err, &cast)
		require.Equal(t, "count", cast.Path)
		require.Equal(t, []bool{true, true}, isNew(again, b))
		res, err = m.BulkWrite(t.Context(), writes, odm.Unordered())
		require.ErrorAs(t, err, &dup)
		require.ErrorAs(t, res.Errors[0], &dup)
		require.ErrorAs(t, res.Errors[1], &cast)
		require.ErrorAs(t, res.Errors[2], &ve)
		require.Equal(t, []bool{true, false}, isNew(again, b))
		_, err = m.BulkWrite(t.Context(), writes[1:3], odm.Unordered())
		require.ErrorAs(t, err, &cast, "nothing was left to send")
	})
}

// An insert of a BulkWrite is taken back by an abort like any other.
func TestBulkWriteInATransaction(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		m := stocks(t, conn)
		a := &stock{ID: "a", Name: "A"}
		require.Equal(t, errOops, conn.Transaction(t.Context(), func(ctx context.Context) error {
			_, err := m.BulkWrite(ctx, []odm.BulkOp[stock]{odm.InsertOp(a)})
			require.NoError(t, err)
			require.False(t, a.IsNew())
			require.NotNil(t, a.Session())
			return errOops
		}))
		require.True(t, a.IsNew())
		require.NoError(t, a.Save(t.Context()))
	})
}

func TestBulkSaveNamesWhatWasNotSaved(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		var saved []string
		m := stocks(t, conn, func(s *odm.Schema[stock]) {
			s.Post(odm.OnSave, func(_ context.Context, v *stock) error {
				saved = append(saved, v.ID)
				return nil
			})
		})
		docs := map[string]*stock{}
		for _, id := range []string{"gone", "changed", "fine", "same"} {
			v, err := m.CreateOne(t.Context(), &stock{ID: id, Name: id, Parts: []string{"p", "q"}})
			require.NoError(t, err)
			docs[id] = v
		}
		_, err := m.ByID("gone").DeleteOne(t.Context())
		require.NoError(t, err)
		other, err := m.FindByID(t.Context(), "changed")
		require.NoError(t, err)
		other.Parts = []string{"x"}
		require.NoError(t, other.Save(t.Context()))

		docs["gone"].Count, docs["fine"].Count = 1, 1
		docs["changed"].Parts = []string{"mine"}
		fresh := &stock{ID: "fresh", Name: "fresh"}
		saved = nil
		err = m.BulkSave(t.Context(), []*stock{docs["gone"], docs["fine"], docs["changed"], docs["same"], fresh})
		var bse *odm.BulkSaveError
		require.ErrorAs(t, err, &bse)
		require.Equal(t, []any{"gone", "changed"}, bse.IDs)
		require.ErrorIs(t, err, odm.ErrNotFound)
		var version *odm.VersionError
		require.ErrorAs(t, err, &version)
		require.Equal(t, "changed", version.ID)
		require.True(t, docs["changed"].IsModified("parts"))
		require.True(t, docs["gone"].IsModified("count"))
		require.False(t, docs["fine"].IsModified())
		require.False(t, fresh.IsNew())
		require.Equal(t, []string{"fine", "same", "fresh"}, saved, "unchanged documents have their hooks, as with Save")
	})
}

func TestBulkSaveStopsAtAnError(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		m := stocks(t, conn)
		require.NoError(t, m.Create(t.Context(), &stock{ID: "taken", Name: "t"}))
		docs := []*stock{{ID: "a", Name: "a"}, {ID: "taken", Name: "b"}, {ID: "c", Name: "c"}}
		var dup *odm.DuplicateKeyError
		require.ErrorAs(t, m.BulkSave(t.Context(), docs), &dup)
		require.Equal(t, []bool{false, true, true}, isNew(docs...))
		require.ErrorAs(t, m.BulkSave(t.Context(), docs, odm.Unordered()), &dup)
		require.Equal(t, []bool{false, true, false}, isNew(docs...))
		require.ErrorIs(t, m.BulkSave(t.Context(), []*stock{docs[0], docs[0]}), odm.ErrParallelSave)
	})
}

func TestHooksOfSaveRunForUnchangedDocuments(t *testing.T) {
	everywhere(t, func(t *testing.T, conn *odm.Connection) {
		var log []string
		note := func(what string) func(context.Context, *stock) error {
			return func(context.Context, *stock) error { log = append(log, what); return nil }
		}
		m := stocks(t, conn, func(s *odm.Schema[stock]) {
			s.Pre(odm.OnSave, note("pre")).Post(odm.OnSave, note("post"))
		})
		a, err := m.CreateOne(t.Context(), &stock{ID: "a", Name: "a"})
		require.NoError(t, err)
		log = nil
		require.NoError(t, a.Save(t.Context()))
		require.Equal(t, []string{"pre", "post"}, log)
	})
}

func TestUpdateValidators(t *testing.T) {
	type sub struct {
		N int `bson:"n" odm:"min=1"`
	}
	type checked struct {
		odm.Doc[checked] `bson:"-"`

		ID   string   `bson:"_id"`
		Name string   `bson:"name" odm:"required,maxlength=3"`
		Tags []string `bson:"tags" odm:"enum=a|b"`
		Subs []sub    `bson:"subs"`
		N    int      `bson:"n" odm:"max=5"`
	}
	conn, _ := newConn(t, nil)
	m := model(t, conn, "Checked", odm.NewSchema[checked]())
	for _, tc := range []struct{ update, path, kind string }{
		{`{"name": "long"}`, "name", "maxlength"},
		{`{"name": null}`, "name", "required"},
		{`{"$unset": {"name": 1}}`, "name", "required"},
		{`{"$setOnInsert": {"n": 6}}`, "n", "max"},
		{`{"$set": {"tags": ["a", "c"]}}`, "tags.1", "enum"},
		{`{"$push": {"tags": "c"}}`, "tags", "enum"},
		{`{"$push": {"tags": {"$each": ["a", "c"]}}}`, "tags", "enum"},
		{`{"$addToSet": {"tags": "c"}}`, "tags", "enum"},
		{`{"$push": {"subs": {"n": 0}}}`, "subs.n", "min"},
		{`{"$addToSet": {"subs": {"$each": [{"n": 1}, {"n": 0}]}}}`, "subs.n", "min"},
		{`{"$set": {"subs.1.n": 0}}`, "subs.1.n", "min"},
		{`{"$pull": {"subs": {"n": 0}}}`, "subs.n", "min"},
		{`{"$pull": {"subs": {"n": {"$in": [1, 0]}}}}`, "subs.n.$in.1", "min"},
		{`{"$pull": {"tags": "c"}}`, "", ""},
		{`{"$pullAll": {"tags": ["c"]}}`, "", ""},
		{`{"$inc": {"n": 100}}`, "", ""},
		{`{"$push": {"tags": "b"}, "$set": {"name": "ok"}}`, "", ""},
	} {
		var u bson.D
		require.NoError(t, bson.UnmarshalExtJSON([]byte(tc.update), false, &u))
		_, err := m.Query().UpdateMany(t.Context(), u, odm.RunValidators())
		if tc.path == "" {
			require.NoError(t, err, tc.update)
			continue
		}
		var ve *odm.ValidationError
		require.ErrorAs(t, err, &ve, tc.update)
		require.Len(t, ve.Fields, 1, tc.update)
		require.Equal(t, []string{tc.path, tc.kind}, []string{ve.Fields[0].Path, ve.Fields[0].Kind}, tc.update)
	}
	var ve *odm.ValidationError
	_, err := m.ByID("x").ReplaceOne(t.Context(), &checked{}, odm.RunValidators())
	require.ErrorAs(t, err, &ve)
	_, err = m.ByID("x").FindOneAndReplace(t.Context(), &checked{}, odm.RunValidators())
	require.ErrorAs(t, err, &ve)
}
