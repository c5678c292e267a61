package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/tandemdb/tandem"

// layers lists the packages from the top to the bottom: a package imports only what
// comes after it, or belongs to the same entry. An entry stands for the packages below
// it, too.
var layers = []string{
	"cmd",
	"tandemtest",
	".", // the root package
	"internal/server",
	"internal/command",
	"internal/session",
	"internal/query/exec",
	"internal/query/plan",
	"internal/query/update",
	"internal/query/agg",
	"internal/query/project",
	"internal/query/match",
	"internal/query/sortkey",
	"internal/query/expr",
	"internal/query",
	"internal/datetime",
	"internal/regex",
	"internal/txn",
	"internal/catalog",
	"internal/layout",
	"internal/auth",
	"internal/wire",
	"internal/storage/pebblekv",
	"internal/storage/tikvkv",
	"internal/storage/storagetest",
	"internal/storage",
	"internal/keyenc",
	"internal/collation",
	"internal/mongoerr",
	"internal/bsonx",
	"internal/clock",
	"internal/invariants",
	"internal/testutil",
	"internal/lint",
}

// free are directories of programs and suites that may import anything.
var free = []string{"bench", "examples", "test"}

// engines may be imported by the root package and by tests only.
var engines = []string{"internal/storage/pebblekv", "internal/storage/tikvkv", "github.com/cockroachdb/pebble"}

// bannedNames say nothing about what a package provides.
var bannedNames = []string{"common", "util", "utils", "helper", "helpers", "types", "misc", "base"}

// maxLines is the length of a file from which it must be split.
const maxLines = 1200

// pkg is a directory with Go files.
type pkg struct {
	dir     string // relative to the root, "." for it
	files   map[string]*ast.File
	lines   map[string]int
	imports map[string]string // of files that are not tests: path -> file
}

func packages(t *testing.T) []*pkg {
	t.Helper()
	root := filepath.Join("..", "..")
	byDir := make(map[string]*pkg)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); p != root && (strings.HasPrefix(name, ".") && name != ".." || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		return addFile(byDir, root, p)
	})
	require.NoError(t, err)
	var all []*pkg
	for _, p := range byDir {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pkg) int { return strings.Compare(a.dir, b.dir) })
	return all
}

func addFile(byDir map[string]*pkg, root, name string) error {
	src, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	dir, err := filepath.Rel(root, filepath.Dir(name))
	if err != nil {
		return err
	}
	dir = filepath.ToSlash(dir)
	p := byDir[dir]
	if p == nil {
		p = &pkg{dir: dir, files: map[string]*ast.File{}, lines: map[string]int{}, imports: map[string]string{}}
		byDir[dir] = p
	}
	base := filepath.Base(name)
	p.files[base], p.lines[base] = f, strings.Count(string(src), "\n")
	if strings.HasSuffix(base, "_test.go") {
		return nil
	}
	for _, imp := range f.Imports {
		target, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			return err
		}
		p.imports[target] = base
	}
	return nil
}

// layer returns the index of the entry of layers that dir belongs to, the most specific
// one; -1 if there is none.
func layer(dir string) int {
	best := -1
	for i, l := range layers {
		if within(dir, l) && (best < 0 || len(l) > len(layers[best])) {
			best = i
		}
	}
	return best
}

func within(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

func isFree(dir string) bool {
	return slices.ContainsFunc(free, func(top string) bool { return within(dir, top) })
}

func TestDependenciesGoDown(t *testing.T) {
	for _, p := range packages(t) {
		if isFree(p.dir) || within(p.dir, "odm") {
			continue
		}
		from := layer(p.dir)
		require.GreaterOrEqual(t, from, 0, "package %s has no place in the list of layers", p.dir)
		for target, file := range p.imports {
			if target != module && !strings.HasPrefix(target, module+"/") {
				continue
			}
			dir := path.Clean("." + strings.TrimPrefix(target, module))
			to := layer(dir)
			require.GreaterOrEqual(t, to, from, "%s/%s imports %s, which is above it", p.dir, file, dir)
		}
	}
}

func TestOnlyTheRootKnowsEngines(t *testing.T) {
	for _, p := range packages(t) {
		if isFree(p.dir) || p.dir == "." || within(p.dir, "internal/storage") {
			continue
		}
		for target, file := range p.imports {
			dir := strings.TrimPrefix(target, module+"/")
			for _, e := range engines {
				require.False(t, within(dir, e), "%s/%s imports the engine %s", p.dir, file, target)
			}
		}
	}
}

func TestPublicPackagesStandAlone(t *testing.T) {
	for _, p := range packages(t) {
		for target, file := range p.imports {
			internal := strings.HasPrefix(target, module+"/internal/")
			switch {
			case within(p.dir, "odm"):
				require.False(t, internal || target == module, "%s/%s imports %s: the ODM must work with every server", p.dir, file, target)
			case within(p.dir, "cmd"):
				require.False(t, internal, "%s/%s imports %s: commands use the root package only", p.dir, file, target)
			}
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	for _, p := range packages(t) {
		var comments []string
		code := false
		for name, f := range p.files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			code = true
			if f.Doc != nil {
				comments = append(comments, f.Doc.Text())
			}
			require.NotContains(t, bannedNames, f.Name.Name, "package %s says nothing by its name", p.dir)
		}
		if !code {
			continue
		}
		require.Len(t, comments, 1, "package %s must have one package comment", p.dir)
		first := "Package "
		if within(p.dir, "cmd") || p.files["main.go"] != nil {
			first = "Command "
		}
		require.True(t, strings.HasPrefix(comments[0], first), "the comment of package %s must begin with %q", p.dir, first)
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, p := range packages(t) {
		for name, n := range p.lines {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			require.LessOrEqual(t, n, maxLines, "%s/%s must be split", p.dir, name)
		}
	}
}
