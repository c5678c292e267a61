package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// row is one expression on one document. All are extended JSON; want "" is a missing
// value, "! 16554" an error with that code, "! 16554 text" one whose message has the text.
type row struct{ expr, doc, want string }

// value parses extended JSON.
func value(t testing.TB, json string) bsonx.Value {
	t.Helper()
	var raw bson.Raw
	require.NoError(t, bson.UnmarshalExtJSON([]byte(`{"v":`+json+`}`), false, &raw), json)
	return bsonx.Doc(raw).Lookup("v")
}

func document(t testing.TB, json string) bsonx.Doc {
	t.Helper()
	if json == "" {
		return bsonx.Empty
	}
	return value(t, json).Doc()
}

// testEnv is what the system variables of all tests are made from.
var testEnv = &expr.Env{Now: 1700000000123, ClusterTime: 1700000000<<32 | 7}

// eval parses e in a new scope and evaluates it, twice, on doc.
func eval(t testing.TB, e bsonx.Value, doc bsonx.Doc) (bsonx.Value, error) {
	t.Helper()
	scope := expr.NewScope(testEnv)
	parsed, err := expr.Parse(e, scope)
	if err != nil {
		return bsonx.Value{}, err
	}
	c := scope.NewContext()
	c.Reset(doc)
	first, err := parsed.Eval(c)
	if err != nil {
		return first, err
	}
	first = first.Clone()
	c.Reset(doc)
	again, err := parsed.Eval(c)
	require.NoError(t, err)
	require.Equal(t, first.Type, again.Type)
	return first, nil
}

func runTable(t *testing.T, rows []row) {
	t.Helper()
	for i, r := range rows {
		name := fmt.Sprintf("row %d: %s on %s", i, r.expr, r.doc)
		got, err := eval(t, value(t, r.expr), document(t, r.doc))
		if want, isErr := strings.CutPrefix(r.want, "! "); isErr {
			code, text, _ := strings.Cut(want, " ")
			require.Error(t, err, name)
			e := mongoerr.From(err)
			require.Equal(t, code, fmt.Sprint(int(e.Code)), "%s: %v", name, err)
			require.Contains(t, e.Message, text, name)
			continue
		}
		require.NoError(t, err, name)
		want := bsonx.Value{}
		if r.want != "" {
			want = value(t, r.want)
		}
		requireIdentical(t, want, got, name)
	}
}
