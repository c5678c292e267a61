//go:build invariants

package pebblekv

const invariants = true
