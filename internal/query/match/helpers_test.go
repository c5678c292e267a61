package match_test

import (
	"testing"

	"github.com/dlclark/regexp2/v2"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { regexp2.StopTimeoutClock() }))
}

// doc reads extended JSON.
func doc(t testing.TB, json string) bsonx.Doc {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(json), false, &d), json)
	b, err := bson.Marshal(d)
	require.NoError(t, err)
	return b
}

func compile(t testing.TB, filter string) *match.Filter {
	t.Helper()
	f, err := match.Compile(doc(t, filter), nil)
	require.NoError(t, err, filter)
	return f
}

func matches(t testing.TB, f *match.Filter, d string) bool {
	t.Helper()
	ok, err := f.Match(doc(t, d), expr.NewScope(nil).NewContext())
	require.NoError(t, err)
	return ok
}

func requireCode(t testing.TB, err error, code mongoerr.Code, text string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code, mongoerr.From(err).Code, err.Error())
	require.Contains(t, err.Error(), text)
}
