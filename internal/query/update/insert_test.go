package update_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/update"
)

func TestPrepareInsert(t *testing.T) {
	cases := []struct {
		doc, want string
		code      mongoerr.Code
	}{
		{doc: `{"_id":1,"a":2}`, want: `{"_id":1,"a":2}`},
		{doc: `{"a":2}`, want: `{"_id":"new","a":2}`},
		{doc: `{"a":2,"_id":1,"b":3}`, want: `{"_id":1,"a":2,"b":3}`},
		{doc: `{"_id":null}`, want: `{"_id":null}`},
		{doc: `{"_id":[1]}`, code: 53},
		{doc: `{"_id":{"$regularExpression":{"pattern":"x","options":""}}}`, code: 53},
		{doc: `{"_id":{"a":{"$b":1}}}`, code: 52},
		{doc: `{"_id":1,"$a":{"b.c":1}}`, want: `{"_id":1,"$a":{"b.c":1}}`},
		{
			doc:  `{"_id":1,"t":{"$timestamp":{"t":0,"i":0}},"n":{"t":{"$timestamp":{"t":0,"i":0}}}}`,
			want: `{"_id":1,"t":{"$timestamp":{"t":7,"i":1}},"n":{"t":{"$timestamp":{"t":0,"i":0}}}}`,
		},
		{doc: `{"_id":{"$timestamp":{"t":0,"i":0}}}`, want: `{"_id":{"$timestamp":{"t":0,"i":0}}}`},
	}
	for _, c := range cases {
		t.Run(c.doc, func(t *testing.T) {
			out, err := update.PrepareInsert(nil, doc(t, c.doc), newID, 7<<32|1)
			requireCode(t, c.code, err)
			if c.code == 0 {
				require.Equal(t, extJSON(t, doc(t, c.want)), extJSON(t, out))
			}
		})
	}
}

func newID() bsonx.Value { return bsonx.String("new") }

func TestPrepareInsertTwoIDs(t *testing.T) {
	d := bsonx.NewBuilder(nil).Int32("_id", 1).Int32("_id", 2).Build()
	_, err := update.PrepareInsert(nil, d, newID, 1)
	requireCode(t, mongoerr.BadValue, err)
}

func TestPrepareInsertLimits(t *testing.T) {
	sized := func(n int) bsonx.Doc {
		empty := bsonx.NewBuilder(nil).Int32("_id", 1).String("s", "").Build()
		return bsonx.NewBuilder(nil).Int32("_id", 1).String("s", strings.Repeat("x", n-len(empty))).Build()
	}
	for _, c := range []struct {
		doc  bsonx.Doc
		code mongoerr.Code
	}{
		{sized(16 << 20), 0},
		{sized(16<<20 + 1), mongoerr.BadValue},
		{sized(16<<20 + 16<<10 + 1), mongoerr.BSONObjectTooLarge},
		{nested(180), 0},
		{nested(181), mongoerr.Overflow},
	} {
		_, err := update.PrepareInsert(nil, c.doc, newID, 1)
		requireCode(t, c.code, err)
	}
}

// nested returns a document with that many levels.
func nested(levels int) bsonx.Doc {
	d := bsonx.NewBuilder(nil).Int32("_id", 1).Build()
	for range levels - 1 {
		d = bsonx.NewBuilder(nil).Int32("_id", 1).Doc("d", d).Build()
	}
	return d
}
