package command_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/command"
)

var rewrite = flag.Bool("rewrite", false, "write what is generated into the documents")

// The tables in the document are those of the code.
func TestCompatibilityDocument(t *testing.T) {
	const path = "../../docs/compatibility.md"
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	doc := string(old)
	for name, table := range map[string]string{"commands": command.CommandTable(), "parameters": command.ParameterTable()} {
		begin, end := "<!-- "+name+": generated -->\n", "<!-- "+name+": end -->"
		before, rest, ok := strings.Cut(doc, begin)
		require.True(t, ok, name)
		_, after, ok := strings.Cut(rest, end)
		require.True(t, ok, name)
		doc = before + begin + table + end + after
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(doc), 0o644))
		return
	}
	require.Equal(t, doc, string(old), "run go generate ./internal/command")
}

func TestCommandTableIsOrdered(t *testing.T) {
	names := make(map[string]bool)
	for _, s := range command.Commands() {
		require.NotEmpty(t, s.Help, s.Name)
		for _, n := range append([]string{s.Name}, s.Aliases...) {
			require.False(t, names[n], n)
			names[n] = true
		}
		seen := make(map[string]bool)
		for _, a := range s.Args {
			require.False(t, seen[a.Name], "%s.%s", s.Name, a.Name)
			seen[a.Name] = true
		}
		require.LessOrEqual(t, len(s.Args), 64, s.Name)
		for _, q := range s.Sequences {
			require.True(t, seen[q], "%s.%s", s.Name, q)
		}
	}
}
