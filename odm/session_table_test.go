package odm_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

// call is a use of one method in a transaction. Reads have to see what the transaction
// wrote; writes must not be there after its abort.
type sessionCall func(ctx context.Context, t *testing.T, things *odm.Model[thing], doc *thing)

var takesContext = map[string]sessionCall{
	"Model.Find": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		all, err := m.Find(ctx, nil)
		require.NoError(t, err)
		require.Len(t, all, 2)
	},
	"Model.FindOne": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		_, err := m.FindOne(ctx, bson.D{{Key: "_id", Value: "inside"}})
		require.NoError(t, err)
	},
	"Model.FindByID": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		v, err := m.FindByID(ctx, "inside")
		require.NoError(t, err)
		require.NotNil(t, v.Session())
	},
	"Model.Count": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) { count(ctx, t, m, nil, 2) },
	"Model.Exists": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		ok, err := m.Exists(ctx, bson.D{{Key: "_id", Value: "inside"}})
		require.NoError(t, err)
		require.True(t, ok)
	},
	"Model.Create": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		require.NoError(t, m.Create(ctx, &thing{ID: "created"}))
	},
	"Model.CreateOne": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		_, err := m.CreateOne(ctx, &thing{ID: "created"})
		require.NoError(t, err)
	},
	"Model.InsertMany": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		_, err := m.InsertMany(ctx, []*thing{{ID: "many"}})
		require.NoError(t, err)
	},
	"Model.BulkWrite": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		_, err := m.BulkWrite(ctx, []odm.BulkOp[thing]{odm.InsertOp(&thing{ID: "bulk"}), odm.DeleteOp[thing](bson.D{{Key: "_id", Value: "t"}})})
		require.NoError(t, err)
	},
	"Model.BulkSave": func(ctx context.Context, t *testing.T, m *odm.Model[thing], doc *thing) {
		doc.Age = 77
		require.NoError(t, m.BulkSave(ctx, []*thing{doc, {ID: "bulk"}}))
	},
	"Model.Hydrate": func(ctx context.Context, t *testing.T, m *odm.Model[thing], doc *thing) {
		_, err := m.Hydrate(ctx, doc.Raw())
		require.NoError(t, err)
	},
	"Doc.Save": func(ctx context.Context, t *testing.T, _ *odm.Model[thing], doc *thing) {
		doc.Age = 5
		require.NoError(t, doc.Save(ctx))
	},
	"Doc.Validate": func(ctx context.Context, t *testing.T, _ *odm.Model[thing], doc *thing) {
		require.NoError(t, doc.Validate(ctx))
	},
	"Doc.Delete": func(ctx context.Context, t *testing.T, _ *odm.Model[thing], doc *thing) {
		require.NoError(t, doc.Delete(ctx))
	},
	"Doc.Reload": func(ctx context.Context, t *testing.T, _ *odm.Model[thing], doc *thing) {
		require.NoError(t, doc.Reload(ctx))
	},
	"Doc.Update": func(ctx context.Context, t *testing.T, _ *odm.Model[thing], doc *thing) {
		require.NoError(t, doc.Update(ctx, bson.D{{Key: "age", Value: 9}}))
	},
	"Doc.Overwrite": func(ctx context.Context, t *testing.T, _ *odm.Model[thing], doc *thing) {
		require.NoError(t, doc.Overwrite(ctx, &thing{Name: "over"}))
		require.NoError(t, doc.Save(ctx))
	},
	"Doc.Populate": func(ctx context.Context, t *testing.T, _ *odm.Model[thing], doc *thing) {
		require.Error(t, doc.Populate(ctx, "name")) // TestPopulate runs one in a transaction
	},
	"Query.One": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		_, err := m.ByID("inside").One(ctx)
		require.NoError(t, err)
	},
	"Query.OneOrNil": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		v, err := m.ByID("inside").OneOrNil(ctx)
		require.NoError(t, err)
		require.NotNil(t, v)
	},
	"Query.All": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		all, err := m.Query().All(ctx)
		require.NoError(t, err)
		require.Len(t, all, 2)
	},
	"Query.Each": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		n := 0
		for v, err := range m.Query().BatchSize(1).Each(ctx) {
			require.NoError(t, err)
			require.NotNil(t, v.Session())
			n++
		}
		require.Equal(t, 2, n)
	},
	"Query.Lean": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		all, err := m.Query().Lean(ctx)
		require.NoError(t, err)
		require.Len(t, all, 2)
	},
	"Query.Count": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		n, err := m.Query().Count(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
	},
	"Query.Exists": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		ok, err := m.ByID("inside").Exists(ctx)
		require.NoError(t, err)
		require.True(t, ok)
	},
	"Query.Distinct": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		values, err := m.Query().Distinct(ctx, "_id")
		require.NoError(t, err)
		require.Len(t, values, 2)
	},
	"Query.UpdateOne": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		res, err := m.ByID("inside").UpdateOne(ctx, bson.D{{Key: "age", Value: 4}})
		require.NoError(t, err)
		require.EqualValues(t, 1, res.MatchedCount)
	},
	"Query.UpdateMany": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		res, err := m.Query().UpdateMany(ctx, bson.D{{Key: "age", Value: 4}})
		require.NoError(t, err)
		require.EqualValues(t, 2, res.MatchedCount)
	},
	"Query.ReplaceOne": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		res, err := m.ByID("t").ReplaceOne(ctx, &thing{Name: "replaced"})
		require.NoError(t, err)
		require.EqualValues(t, 1, res.MatchedCount)
	},
	"Query.DeleteOne": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		n, err := m.ByID("t").DeleteOne(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	},
	"Query.DeleteMany": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		n, err := m.Query().DeleteMany(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
	},
	"Query.FindOneAndUpdate": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		_, err := m.ByID("t").FindOneAndUpdate(ctx, bson.D{{Key: "age", Value: 3}})
		require.NoError(t, err)
	},
	"Query.FindOneAndReplace": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		_, err := m.ByID("t").FindOneAndReplace(ctx, &thing{Name: "replaced"})
		require.NoError(t, err)
	},
	"Query.FindOneAndDelete": func(ctx context.Context, t *testing.T, m *odm.Model[thing], _ *thing) {
		_, err := m.ByID("t").FindOneAndDelete(ctx)
		require.NoError(t, err)
	},

	// These run outside of transactions by their nature.
	"Model.Init": nil, "Model.CreateCollection": nil, "Model.EnsureIndexes": nil, "Model.DiffIndexes": nil, "Model.SyncIndexes": nil,
	"Model.StartSession": nil, "Model.Watch": nil, "Model.EstimatedCount": nil, "Query.Explain": nil,
}

// Every method that takes a context has an entry in the table.
func TestEveryCallTakesPartInTransactions(t *testing.T) {
	ctxType := reflect.TypeFor[context.Context]()
	for prefix, typ := range map[string]reflect.Type{
		"Model.": reflect.TypeFor[*odm.Model[thing]](), "Query.": reflect.TypeFor[*odm.Query[thing]](), "Doc.": reflect.TypeFor[*odm.Doc[thing]](),
	} {
		for m := range typ.Methods() {
			if m.Type.NumIn() > 1 && m.Type.In(1) == ctxType {
				require.Contains(t, takesContext, prefix+m.Name)
			}
		}
	}
	conn, _ := newConn(t, nil)
	things := model(t, conn, "Thing", odm.NewSchema[thing]())
	content := func() string {
		all, err := things.Query().Sort("_id").Lean(t.Context())
		require.NoError(t, err)
		s := ""
		for _, d := range all {
			s += d.String()
		}
		return s
	}
	for name, use := range takesContext {
		if use == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			doc := load(t, things, storedThing)
			before := content()
			require.Equal(t, errOops, conn.Transaction(t.Context(), func(ctx context.Context) error {
				require.NoError(t, things.Create(ctx, &thing{ID: "inside"}))
				use(ctx, t, things, doc)
				require.Equal(t, before, content())
				return errOops
			}))
			require.Equal(t, before, content())
		})
	}
}
