package update_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/update"
)

// arguments has a valid argument for each operator.
var arguments = map[string]string{
	"$addToSet": `1`, "$bit": `{"or":1}`, "$currentDate": `true`, "$inc": `1`, "$max": `1`, "$min": `1`,
	"$mul": `2`, "$pop": `1`, "$pull": `1`, "$pullAll": `[1]`, "$push": `1`, "$rename": `"to"`,
	"$set": `1`, "$setOnInsert": `1`, "$unset": `""`,
}

func TestArgumentsCoverOperators(t *testing.T) {
	require.Len(t, arguments, len(update.Operators()))
	for _, op := range update.Operators() {
		require.Contains(t, arguments, op)
	}
}

// relations are pairs of paths, and where they conflict: empty if they do not.
var relations = []struct{ first, second, at string }{
	{"a", "a", "a"},
	{"a.b", "a.b", "a.b"},
	{"a", "a.b", "a"},
	{"a.b", "a", "a"},
	{"a.b.c", "a.b", "a.b"},
	{"a.0", "a", "a"},
	{"a.$[]", "a.0", "a"},
	{"a.0", "a.$[]", "a"},
	{"a.$", "a.$", "a.$"},
	{"a.$.b", "a.$", "a.$"},
	{"a.$[]", "a", "a"},
	{"a.b", "a.c", ""},
	{"a", "ab", ""},
	{"a.b", "ab", ""},
	{"a.0", "a.1", ""},
	{"a.b", "b.a", ""},
}

// TestConflicts tries every pair of operators on every relation of paths.
func TestConflicts(t *testing.T) {
	for _, rel := range relations {
		for _, op1 := range update.Operators() {
			for _, op2 := range update.Operators() {
				requireConflict(t, op1, rel.first, op2, rel.second, rel.at)
			}
		}
	}
}

func requireConflict(t *testing.T, op1, path1, op2, path2, at string) {
	t.Helper()
	spec := fmt.Sprintf(`{%q:{%q:%s},%q:{%q:%s}}`, op1, path1, argument(op1, "x"), op2, path2, argument(op2, "y"))
	if op1 == op2 {
		spec = fmt.Sprintf(`{%q:{%q:%s,%q:%s}}`, op1, path1, argument(op1, "x"), path2, argument(op2, "y"))
		if path1 == path2 {
			return // not a document that a client could mean
		}
	}
	_, err := update.Parse(value(t, spec), &update.Options{})
	dynamic := func(op, path string) bool { return op == "$rename" && strings.Contains(path, "$") }
	switch {
	case dynamic(op1, path1) || dynamic(op2, path2):
		requireCode(t, mongoerr.BadValue, err)
	case at == "":
		require.NoError(t, err, spec)
	default:
		requireCode(t, mongoerr.ConflictingUpdateOperators, err)
		require.Contains(t, err.Error(), fmt.Sprintf("Updating the path '%s' would create a conflict at '%s'", path2, at), spec)
	}
}

// argument is the operator's valid argument; renames go to a field of their own.
func argument(op, target string) string {
	if op == "$rename" {
		return fmt.Sprintf("%q", target)
	}
	return arguments[op]
}

func TestRenameTargetsConflict(t *testing.T) {
	for _, spec := range []string{
		`{"$rename":{"a":"b","c":"b"}}`,
		`{"$rename":{"a":"b","b":"c"}}`,
		`{"$rename":{"a":"b.c","d":"b"}}`,
		`{"$rename":{"a":"b"},"$set":{"b":1}}`,
		`{"$rename":{"a":"b"},"$unset":{"a":1}}`,
	} {
		_, err := update.Parse(value(t, spec), &update.Options{})
		requireCode(t, mongoerr.ConflictingUpdateOperators, err)
	}
}
