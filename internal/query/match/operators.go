package match

import (
	"maps"
	"slices"
)

// Operators returns the names of all operators, ordered, for documentation. Those that are only
// there to be refused properly are not among them.
func Operators() []string {
	var names []string
	for _, table := range [][]string{slices.Collect(maps.Keys(topOperators)), slices.Collect(maps.Keys(fieldOperators))} {
		for _, name := range table {
			if !refusedOperators[name] {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// refusedOperators are known and not supported.
var refusedOperators = map[string]bool{
	"$geoIntersects": true, "$geoWithin": true, "$near": true, "$nearSphere": true, "$text": true, "$where": true,
}

// SchemaKeywords returns the names of all keywords of $jsonSchema, ordered.
func SchemaKeywords() []string { return slices.Sorted(maps.Keys(schemaKeywords)) }
