//go:build !bug_no_conflicts

package pebblekv

const plantNoConflicts = false
