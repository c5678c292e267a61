package agg

import (
	"maps"
	"slices"
)

// The names in the tables of this package, in order, for documentation.

// Stages returns the names of the stages that can be parsed.
func Stages() []string {
	var names []string
	for _, s := range stageTable() {
		if !s.refused {
			names = append(names, s.name)
		}
	}
	slices.Sort(names)
	return names
}

// Accumulators returns the names of the accumulators of $group.
func Accumulators() []string { return slices.Sorted(maps.Keys(accumulators)) }

// WindowFunctions returns the names of the functions of $setWindowFields that are no
// accumulators.
func WindowFunctions() []string {
	var names []string
	for _, w := range windowTable() {
		names = append(names, w.name)
	}
	slices.Sort(names)
	return names
}
