package update

import (
	"cmp"
	"strings"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// maxPadding is how many nulls one update may append to an array to reach an index.
const maxPadding = 1_500_000

// splitPath splits and checks the path of one modifier.
func splitPath(path string) ([]string, error) {
	if path == "" {
		return nil, mongoerr.New(mongoerr.EmptyFieldName, "An empty update path is not valid.")
	}
	parts := strings.Split(path, ".")
	positional := 0
	for i, p := range parts {
		if p == "" {
			return nil, mongoerr.New(mongoerr.EmptyFieldName,
				"The update path '%s' contains an empty field name, which is not allowed.", path)
		}
		if isPositional(p) {
			positional++
		}
		if i > 0 {
			continue
		}
		switch {
		case isPositional(p):
			return nil, mongoerr.New(mongoerr.BadValue,
				"Cannot have positional (i.e. '$') element in the first position in path '%s'", path)
		case isArrayFilter(p):
			return nil, mongoerr.New(mongoerr.BadValue,
				"Cannot have array filter identifier (i.e. '$[<id>]') element in the first position in path '%s'", path)
		}
	}
	if positional > 1 {
		return nil, mongoerr.New(mongoerr.BadValue,
			"Too many positional (i.e. '$') elements found in path '%s'", path)
	}
	return parts, nil
}

// isPositional reports whether a path component is "$".
func isPositional(part string) bool { return part == "$" }

// isArrayFilter reports whether a path component is "$[]" or "$[id]".
func isArrayFilter(part string) bool {
	return strings.HasPrefix(part, "$[") && strings.HasSuffix(part, "]")
}

// filterName returns the identifier in "$[id]", empty for "$[]".
func filterName(part string) string { return part[2 : len(part)-1] }

// arrayIndex returns the array index that a path component denotes, -1 if it is none: only
// decimal digits without leading zeros are.
func arrayIndex(part string) int {
	if part == "" || len(part) > 9 || part[0] == '0' && len(part) > 1 {
		return -1
	}
	n := 0
	for i := range len(part) {
		c := part[i]
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// compareParts is the order in which new fields are appended: numeric names first, by
// number, then the others by bytes.
func compareParts(a, b string) int {
	ia, ib := arrayIndex(a), arrayIndex(b)
	switch {
	case ia >= 0 && ib >= 0:
		return cmp.Compare(ia, ib)
	case ia >= 0:
		return -1
	case ib >= 0:
		return 1
	}
	return strings.Compare(a, b)
}
