//go:build bug_no_conflicts

package pebblekv

// plantNoConflicts gives a key to whoever asks for it. It is there to show that test/isolation
// would notice.
const plantNoConflicts = true
