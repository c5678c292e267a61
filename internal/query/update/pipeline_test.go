package update_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/update"
)

func jsonDoc(t testing.TB, s string) bsonx.Doc {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(s), false, &d), s)
	b, err := bson.Marshal(d)
	require.NoError(t, err)
	return b
}

func TestPipelineUpdate(t *testing.T) {
	for _, tc := range []struct {
		doc, pipeline, want string
		code                mongoerr.Code
	}{
		{doc: `{"_id": 1, "a": 2}`, pipeline: `[{"$set": {"b": {"$add": ["$a", 1]}}}]`, want: `{"_id": 1, "a": 2, "b": 3}`},
		{doc: `{"_id": 1, "a": 2}`, pipeline: `[{"$unset": "a"}, {"$set": {"c": 1}}]`, want: `{"_id": 1, "c": 1}`},
		{doc: `{"_id": 1, "a": {"x": 2}}`, pipeline: `[{"$replaceWith": "$a"}]`, want: `{"_id": 1, "x": 2}`},
		{doc: `{"_id": 1, "a": 2}`, pipeline: `[{"$project": {"_id": 0, "a": 1}}]`, want: `{"_id": 1, "a": 2}`},
		{doc: `{"_id": 1}`, pipeline: `[{"$set": {"_id": 2}}]`, code: mongoerr.ImmutableField},
		{doc: `{"_id": 1}`, pipeline: `[{"$match": {}}]`, code: mongoerr.InvalidOptions},
	} {
		t.Run(tc.pipeline, func(t *testing.T) {
			p := jsonDoc(t, `{"p": `+tc.pipeline+`}`).Lookup("p")
			var out bsonx.Doc
			u, err := update.Parse(p, &update.Options{})
			if err == nil {
				require.True(t, u.IsPipeline())
				out, _, err = u.Apply(nil, jsonDoc(t, tc.doc), expr.NewScope(nil).NewContext(), -1)
			}
			if tc.code != 0 {
				require.True(t, mongoerr.Is(err, tc.code), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, jsonDoc(t, tc.want).String(), out.String())
		})
	}
}

func TestPipelineUpsert(t *testing.T) {
	p := jsonDoc(t, `{"p": [{"$set": {"b": {"$add": ["$a", 1]}}}]}`).Lookup("p")
	u, err := update.Parse(p, &update.Options{Upsert: true, Filter: jsonDoc(t, `{"a": 5}`)})
	require.NoError(t, err)
	out, err := u.Insert(nil, expr.NewScope(nil).NewContext(), func() bsonx.Value { return bsonx.Int32(7) })
	require.NoError(t, err)
	require.Equal(t, jsonDoc(t, `{"_id": 7, "a": 5, "b": 6}`).String(), out.String())
}
